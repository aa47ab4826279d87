"""Whatever the trader's code does, the collector goes on and the reason is kept."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import PipelineError
from core.recompute.compute import Request
from core.recompute.pipeline import load_pipeline
from core.recompute.recompute import Recomputed, recompute_features
from core.recompute.worker_pool import WorkerPool
from core.settings import Mode
from core.times import Timeframe
from tests.recompute.recompute_world import NOW, make_candles, write_pipeline

pytestmark = pytest.mark.slow

CANDLES = make_candles(30)
BARS = 20
NAMES = itertools.count()
# Fails on the candles whose window starts with the seventh or eighth candle.
SOME = "candles['timestamp'].iloc[0].minute in (30, 35)"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, time_limit_s=3, memory_limit_mb=1500)
    yield pool
    pool.kill()


def run(
    folder: Path,
    pool: WorkerPool,
    body: str,
    mode: Mode = Mode.WINDOW,
    candles: pd.DataFrame = CANDLES,
) -> Recomputed:
    """Recompute the last eleven candles with a pipeline of this body (module code before it)."""
    before, _, inside = body.rpartition("---\n")
    name = f"trader_{next(NAMES)}"
    lines = [f"    {line}" for line in inside.strip().splitlines()]
    source = "\n".join([before, "def compute(candles):", *lines, ""])
    write_pipeline(folder, source, name)
    return recompute_features(
        Request(
            pipeline=load_pipeline(f"{name}:compute", [folder]),
            lookback_bars=BARS,
            mode=mode,
            timeframe=Timeframe.parse("5m"),
            time_limit_s=3,
        ),
        candles,
        pd.DatetimeIndex(candles["candle_open"].iloc[19:]),
        now=NOW,
        executor=pool,
    )


FINE = "return candles.assign(x=candles['close'] * 2)"


def test_sound_pipeline_is_computed(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(tmp_path, pool, FINE)
    assert result.features["x"].tolist() == (CANDLES["close"].iloc[19:] * 2).tolist()
    assert result.reasons.empty


@pytest.mark.parametrize(
    ("failure", "reason", "detail"),
    [
        ("raise ValueError('no volume')", "pipeline_failed", "ValueError: no volume"),
        ("import sys; sys.exit(3)", "pipeline_failed", "SystemExit: 3"),
        ("import os; os._exit(7)", "worker_died", "exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "worker_died", "SIGSEGV"),
        ("while True: pass", "time_limit", "no answer within 3 s"),
        ("import time; time.sleep(60)", "time_limit", "raise time_limit_s"),
        ("x = bytearray(4 << 30)", "memory", "memory_limit_mb"),
        ("candles = candles.iloc[:-1]", "no_row", "dropped this candle's row"),
        ("candles = candles.assign(other=1.0)", "other_columns", "with other"),
        ("candles = candles.drop(columns='low')", "other_columns", "without low"),
        ("candles = candles.assign(low='low')", "other_columns", "without low"),
    ],
)
def test_failure_of_some_candles_is_their_reason(
    tmp_path: Path, pool: WorkerPool, failure: str, reason: str, detail: str
) -> None:
    result = run(tmp_path, pool, f"if {SOME}:\n    {failure}\n{FINE}")
    assert result.reasons["reason"].tolist() == [reason] * 2
    assert all(detail in text for text in result.reasons["detail"])
    assert result.reasons["candle_open"].tolist() == CANDLES["candle_open"].iloc[25:27].tolist()
    assert len(result.features) == 9


def test_traceback_of_the_first_failure_is_kept(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(tmp_path, pool, f"if {SOME}:\n    raise ValueError('no volume')\n{FINE}")
    assert result.traceback is not None
    assert "raise ValueError('no volume')" in result.traceback


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import not_installed\n---\npass", "cannot be loaded: ModuleNotFoundError"),
        ("raise RuntimeError('no key')\n---\npass", "cannot be loaded: RuntimeError: no key"),
        ("import sys\nsys.exit(1)\n---\npass", "cannot be loaded: SystemExit: 1"),
        ("def broken(:\n---\npass", "cannot be loaded: SyntaxError"),
        ("return None", "returned NoneType, not a DataFrame"),
        ("return candles['close']", "returned Series, not a DataFrame"),
        ("return (lambda: candles)", "returned function, not a DataFrame"),
        (
            "return candles[['close']].tail(5).reset_index(drop=True)",
            "returned 5 rows for 20 candles without saying which candle each belongs to",
        ),
        (
            "import pandas as pd\nreturn pd.concat([candles, candles], axis=1)[['close', 'open']]",
            "returned the column close, open more than once",
        ),
        (
            "return candles[['close']].set_axis(list('abcdefghijklmnopqrst'))",
            "that names no candle",
        ),
        (
            "return candles[['close']].set_axis(range(100, 120))",
            "returned the index label 100, which no candle of its frame has",
        ),
        (
            "return candles[['close']].set_axis([0] * 20)",
            "returned the index label 0 more than once",
        ),
        (
            "import pandas as pd\n"
            "return candles.assign(timestamp=candles['timestamp'] + pd.Timedelta('1min'))",
            "which no candle of its frame has",
        ),
        ("candles['close'] = 1.0\nreturn candles", "changes the candles it is given in place"),
        (
            "candles.dropna(inplace=True)\ncandles.drop(index=0, inplace=True)\nreturn candles",
            "changes the candles it is given in place",
        ),
        ("raise ValueError('always')", "frames: ValueError: always"),
        ("import os; os._exit(1)", "failed on each of the first"),
    ],
)
def test_unusable_pipeline_refuses_the_run_with_one_sentence(
    tmp_path: Path, pool: WorkerPool, body: str, sentence: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        run(tmp_path, pool, body)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refused_run_carries_the_traders_traceback(tmp_path: Path, pool: WorkerPool) -> None:
    with pytest.raises(PipelineError) as caught:
        run(tmp_path, pool, "raise ValueError('always')")
    assert "raise ValueError('always')" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "body",
    [
        "return candles.assign(x=candles['close'] * 2).dropna().tail(7)",
        "return candles.set_index('timestamp').assign(x=lambda f: f['close'] * 2).tail(7)",
        "return candles.assign(x=candles['close'] * 2).tail(7).reset_index(drop=True)",
        "return candles.assign(x=candles['close'] * 2).iloc[::-1]",
        "candles['x'] = candles['close'] * 2\nreturn candles",
        "candles.set_index('timestamp', inplace=True)\n"
        "return candles.assign(x=candles['close'] * 2)",
        "candles = candles.assign(timestamp=candles['timestamp'].dt.tz_localize(None))\n"
        "return candles.assign(x=candles['close'] * 2).tail(3).reset_index(drop=True)",
    ],
)
def test_rows_are_matched_by_index_or_time(tmp_path: Path, pool: WorkerPool, body: str) -> None:
    result = run(tmp_path, pool, body)
    assert result.features["x"].tolist() == (CANDLES["close"].iloc[19:] * 2).tolist()


def test_values_that_are_no_plain_numbers(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(
        tmp_path,
        pool,
        """import numpy as np
return candles[["timestamp"]].assign(
    nan=np.nan, inf=np.inf, flag=candles["close"] > 0, count=7, text="up",
    mixed=[None, 1.5] * 10, late=candles["close"].rolling(21).mean(),
    soon=candles["close"].rolling(20).mean(), numeral="1.5",
    hole=candles["close"].where(candles.index != 19), kind=candles["close"].astype("category"),
)""",
    )
    assert result.texts == ("kind", "numeral", "text")
    row, warming = result.features.iloc[0], result.warming.iloc[0]
    assert (row["inf"], row["flag"], row["count"], row["mixed"]) == (np.inf, 1.0, 7.0, 1.5)
    assert row[["nan", "late", "hole"]].isna().all()
    assert warming[warming].index.tolist() == ["nan", "late"]  # the hole had values before


def test_printing_and_output_harm_nothing(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(
        tmp_path,
        pool,
        "import sys, os\nprint('x' * 100000)\nos.write(1, b'noise')\n"
        "sys.stderr.write('noise')\nsys.stdin.read()\n" + FINE,
    )
    assert len(result.features) == 11


def test_each_frame_is_fresh_whatever_the_code_keeps(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(
        tmp_path,
        pool,
        "KEPT = []\n---\nKEPT.append(candles)\n"
        "for old in KEPT[:-1]:\n    old.loc[:, 'close'] = -1.0\n" + FINE,
    )
    assert result.features["x"].tolist() == (CANDLES["close"].iloc[19:] * 2).tolist()


def test_frame_is_as_documented(tmp_path: Path, pool: WorkerPool) -> None:
    result = run(
        tmp_path,
        pool,
        """import pandas as pd
assert list(candles.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
assert str(candles["timestamp"].dtype) == "datetime64[us, UTC]"
assert isinstance(candles.index, pd.RangeIndex) and len(candles) == 20
assert (candles.dtypes.iloc[1:] == "float64").all()
"""
        + FINE,
    )
    assert result.reasons.empty


def test_package_of_the_name_core_is_the_traders(tmp_path: Path, pool: WorkerPool) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "indicators.py").write_text("FACTOR = 2\n")
    result = run(
        tmp_path,
        pool,
        "from core.indicators import FACTOR\n---\n"
        "return candles.assign(x=candles['close'] * FACTOR)",
    )
    assert len(result.features) == 11


def test_children_of_a_killed_worker_end_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    pool = WorkerPool(1, time_limit_s=2)
    body = (
        f"import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\nchild.wait()"
    )
    with pytest.raises(PipelineError, match="no answer within 2 s"):
        run(tmp_path, pool, body)
    pool.kill()
    status = Path(f"/proc/{mark.read_text()}/stat")
    for _ in range(50):
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("a child of the pipeline outlived its worker")


def test_a_failure_that_cannot_be_stored_is_told_and_cut(tmp_path: Path, pool: WorkerPool) -> None:
    """Seen: one lone surrogate in an exception failed the whole recomputation."""
    body = rf"if {SOME}: raise ValueError('bad \ud800' + 'x' * 100_000)" "\nreturn candles"
    detail = run(tmp_path, pool, body).reasons["detail"].iloc[0]
    assert detail.startswith("ValueError: bad \\ud800xxx")
    assert len(detail) < 600
