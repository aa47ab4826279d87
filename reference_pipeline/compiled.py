"""How the kernels are compiled: plain IEEE arithmetic, machine code kept on disk.

No fastmath: the order of operations is part of a value. The error model is
NumPy's, since every division by what may be zero goes through `ratio`.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from reference_pipeline.kernel_cache import kernel_cache_folder

Floats = npt.NDArray[np.float64]
Kernel = TypeVar("Kernel", bound=Callable[..., object])


class Bars(NamedTuple):
    """The columns of one frame of candles: contiguous float64, all of one length, all finite."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def kernel(function: Kernel) -> Kernel:
    """Compile a function that only other kernels call."""
    return cast(Kernel, numba.njit(error_model="numpy")(function))


def entry_kernel(function: Kernel) -> Kernel:
    """Compile on the first call, or load what an earlier process compiled, callees included."""
    folder = kernel_cache_folder()
    if folder is None:
        return kernel(function)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        return cast(Kernel, numba.njit(error_model="numpy", cache=True)(function))
    finally:
        numba.config.CACHE_DIR = before
