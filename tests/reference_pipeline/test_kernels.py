"""The kernels as plain Python: what numba makes of them must be what they say."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import numba
import numpy as np
import pandas as pd
import pytest

from reference_pipeline.pipeline import compute, compute_windows
from tests.random_candles import COLUMNS, random_candles

PACKAGE = "reference_pipeline"
NOT_COMPILED = f"{PACKAGE}.features"
MARKETS: dict[str, Callable[[], pd.DataFrame]] = {
    "fine prices": lambda: random_candles(230, seed=1, tick=0.1),
    "equal prices": lambda: random_candles(230, seed=2, tick=100.0),
    "no trade": lambda: pd.DataFrame({name: np.zeros(60) for name in COLUMNS}),
    "one candle": lambda: random_candles(1, seed=3),
}


@contextmanager
def plain_python(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel modules imported anew without compilation; the compiled ones come back."""
    compiled = _take_modules()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(numba.config, "DISABLE_JIT", True)
            yield
    finally:
        _take_modules()
        sys.modules.update(compiled)
        for name, module in compiled.items():
            setattr(sys.modules[PACKAGE], name.rpartition(".")[2], module)


def _take_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names if name != NOT_COMPILED}


@pytest.mark.parametrize("market", MARKETS)
def test_compiled_kernels_give_the_bits_of_plain_python(
    market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = MARKETS[market]()
    half = len(candles) // 2
    frame, window = compute(candles), compute_windows(candles, [half], half + 1)
    with plain_python(monkeypatch):
        assert not hasattr(importlib.import_module(f"{PACKAGE}.frame_rows").fill_rows, "py_func")
        pd.testing.assert_frame_equal(compute(candles), frame, check_exact=True)
        np.testing.assert_array_equal(compute_windows(candles, [half], half + 1), window)
    assert hasattr(importlib.import_module(f"{PACKAGE}.frame_rows").fill_rows, "py_func")
