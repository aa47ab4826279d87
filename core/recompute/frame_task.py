"""What a worker does with one frame of candles: call the trader's function, check, cut out rows.

Runs in worker processes, of this machine or of a cluster. It imports nothing of
Align and speaks in plain tuples, dicts and arrays, so that a trader's own
package of any name (`core` too) can be loaded beside it.
"""

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

OHLCV = ("open", "high", "low", "close", "volume")
TIME = "timestamp"
_MIXED_SHOWN = 5

# The contract between Align and a pipeline; part of a pipeline's identity.
FRAME_CONTRACT = 1

_OWN_PACKAGES = ("core", "collector", "dashboard", "demo")
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_LOADED: dict[tuple[str, tuple[str, ...]], Callable[..., Any]] = {}


class RefusedError(Exception):
    """The pipeline returned something that no candle of the run can be read from."""


def make_frame(opens_us: npt.NDArray[np.int64], numbers: npt.NDArray[np.float64]) -> pd.DataFrame:
    """A fresh frame as a pipeline gets it: timestamp (candle open, UTC), OHLCV, RangeIndex."""
    times = pd.DatetimeIndex(opens_us.astype("datetime64[us]")).tz_localize("UTC")
    frame = pd.DataFrame(np.array(numbers, dtype="float64", copy=True), columns=list(OHLCV))
    frame.insert(0, TIME, times)
    return frame


def run_frame(task: Mapping[str, Any]) -> dict[str, Any]:
    """Run the pipeline on one frame; never raises what the trader's code raised.

    task: spec "module:function", pipeline_path, opens (µs), numbers (n × 5),
    rows (positions whose values are wanted). Answer: opens (µs of those rows: whose
    values these are), columns, texts (columns left out because they hold no numbers),
    matrix (rows × columns, NaN where absent), found (bool a row), warming (bool, no value
    up to that row), cpu_s (processor seconds of the call, its children's included); or
    refused (a sentence for the whole run); or failed (reason and sentence for this
    frame); both with traceback.
    """
    try:
        function = _load(task["spec"], tuple(task["pipeline_path"]))
    except BaseException as error:  # also sys.exit at import
        return {"refused": _cannot_load(task["spec"], error), "traceback": traceback.format_exc()}
    frame = make_frame(task["opens"], task["numbers"])
    started = _cpu_s()
    try:
        result = function(frame)
    except MemoryError:
        return {
            "failed": ("memory", "the pipeline needs more memory than memory_limit_mb"),
            "traceback": traceback.format_exc(),
        }
    except BaseException as error:  # sys.exit of the trader's code must not end the worker
        return {"failed": ("pipeline_failed", _shown(error)), "traceback": traceback.format_exc()}
    cpu_s = _cpu_s() - started
    try:
        _check_untouched(frame, task["opens"], task["numbers"])
        rows = np.asarray(task["rows"], dtype=np.int64)
        cut = cut_rows(result, task["opens"], rows)
        return {"opens": task["opens"][rows], "cpu_s": cpu_s, **cut}
    except RefusedError as error:
        return {"refused": f"pipeline {task['spec']} {error}", "traceback": ""}
    except Exception as error:  # a result whose own methods fail
        return {
            "refused": f"pipeline {task['spec']} returned a result that cannot be read: "
            f"{_shown(error)}",
            "traceback": traceback.format_exc(),
        }


def _cpu_s() -> float:
    """Processor seconds of this process and of the children that it waited for."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def cut_rows(
    result: Any, opens_us: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """The wanted rows of a returned frame as float64; raises RefusedError with half a sentence."""
    if not isinstance(result, pd.DataFrame):
        raise RefusedError(
            f"returned {type(result).__name__}, not a DataFrame; return a row of features a candle"
        )
    places = match_rows(result, opens_us)[rows]
    columns = [name for name in result.columns if name != TIME]
    names = [str(name) for name in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RefusedError(
            f"returned the column {', '.join(twice[:_MIXED_SHOWN])} more than once; "
            "give each feature one column"
        )
    numeric = {str(name): _numbers(result[name]) for name in columns}
    kept = {name: values for name, values in numeric.items() if values is not None}
    is_inside = places >= 0
    matrix = np.full((len(rows), len(kept)), np.nan)
    warming = np.zeros((len(rows), len(kept)), dtype=bool)
    for k, values in enumerate(kept.values()):
        matrix[is_inside, k] = values[places[is_inside]]
        has_value = ~np.isnan(values)
        first = int(np.argmax(has_value)) if has_value.any() else len(values)
        warming[is_inside, k] = places[is_inside] < first
    return {
        "columns": tuple(kept),
        "texts": tuple(name for name, values in numeric.items() if values is None),
        "matrix": matrix,
        "found": is_inside,
        "warming": warming,
    }


def match_rows(result: pd.DataFrame, opens_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each candle of the frame its row in the result, −1 where it has none.

    By a DatetimeIndex, else by the timestamp column, else by index labels of
    the frame. Fewer rows under a fresh index could belong to any candle, so
    they are refused instead of guessed.
    """
    times = _times(result)
    if times is not None:
        return _match(times, opens_us, "candle time")
    labels = result.index
    count = len(opens_us)
    is_fresh = isinstance(labels, pd.RangeIndex) and labels.start == 0 and labels.step == 1
    if is_fresh and len(labels) == count:
        return np.arange(count)
    if is_fresh:
        raise RefusedError(
            f"returned {len(labels)} rows for {count} candles without saying which candle each "
            "belongs to; keep the index or the timestamp column"
        )
    if labels.nlevels == 1 and pd.api.types.is_integer_dtype(labels.dtype):
        return _match(labels.to_numpy("int64"), np.arange(count), "index label")
    raise RefusedError(
        f"returned an index of {labels.dtype} that names no candle; "
        "keep the index or the timestamp column of the frame"
    )


def _times(result: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """Times of the rows in µs, where the result carries them."""
    values: Any = None
    if isinstance(result.index, pd.DatetimeIndex):
        values = result.index
    elif list(result.columns).count(TIME) == 1 and pd.api.types.is_datetime64_any_dtype(
        result[TIME]
    ):
        values = pd.DatetimeIndex(result[TIME])
    if values is None:
        return None
    aware = values.tz_localize("UTC") if values.tz is None else values.tz_convert("UTC")
    return np.asarray(aware.as_unit("us").asi8, dtype="int64")


def _match(
    keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], kind: str
) -> npt.NDArray[np.int64]:
    index = pd.Index(keys)
    if not index.is_unique:
        raise RefusedError(
            f"returned the {kind} {index[index.duplicated()][0]} more than once; "
            "return one row a candle"
        )
    strangers = ~index.isin(wanted)
    if strangers.any():
        raise RefusedError(
            f"returned the {kind} {index[strangers][0]}, which no candle of its frame has; "
            "keep the index or the timestamp column of the frame"
        )
    return np.asarray(index.get_indexer(pd.Index(wanted)), dtype=np.int64)


def _numbers(values: pd.Series) -> npt.NDArray[np.float64] | None:
    """The column as float64, None where it holds text, times or other things."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        if pd.api.types.is_complex_dtype(values):
            return None
        return values.to_numpy(dtype="float64", na_value=np.nan)
    if values.dtype != object:
        return None
    cells = values.to_numpy()
    if not all(cell is None or isinstance(cell, (int, float, np.number)) for cell in cells):
        return None
    return np.array([np.nan if cell is None else float(cell) for cell in cells])


def _check_untouched(
    frame: pd.DataFrame, opens_us: npt.NDArray[np.int64], numbers: npt.NDArray[np.float64]
) -> None:
    """Raise RefusedError when the candles that were handed over were changed in place."""
    changed = [
        name
        for k, name in enumerate(OHLCV)
        if name not in frame.columns
        or len(frame) != len(opens_us)
        or not np.array_equal(frame[name].to_numpy(), numbers[:, k])
    ]
    if changed:
        raise RefusedError(
            f"changes the candles it is given in place ({', '.join(changed)}); "
            "work on a copy: candles = candles.copy()"
        )


def _load(spec: str, pipeline_path: Sequence[str]) -> Callable[..., Any]:
    """The trader's function, imported once a process."""
    key = spec, tuple(pipeline_path)
    if key not in _LOADED:
        module_name, _, attribute = spec.partition(":")
        _give_way(pipeline_path)
        loaded: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            loaded = getattr(loaded, part)
        if not callable(loaded):
            raise TypeError(f"{attribute} is {type(loaded).__name__}, no function")
        _LOADED[key] = loaded
    return _LOADED[key]


def _give_way(pipeline_path: Sequence[str]) -> None:
    """Put the trader's folders first; where they have a package of our name, ours is forgotten."""
    folders = [os.path.abspath(folder) for folder in pipeline_path]
    sys.path[:] = folders + [entry for entry in sys.path if entry not in folders]
    sys.dont_write_bytecode = True
    for name in _OWN_PACKAGES:
        if _ROOT not in folders and any(
            os.path.exists(os.path.join(folder, name)) for folder in folders
        ):
            # A package without __init__.py would lose against ours wherever it stands.
            sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _ROOT]
            for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
                del sys.modules[loaded]
    importlib.invalidate_caches()


def _cannot_load(spec: str, error: BaseException) -> str:
    return (
        f"pipeline {spec} cannot be loaded: {_shown(error)}; correct pipeline or pipeline_path, "
        "and install what it imports beside Align"
    )


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
