"""Run a feature function on windows of altered candles, in memory.

Nothing is stored: a trial's candles exist nowhere else. The reference pipeline
runs here, a trader's own code in spawned workers that may be ended.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats, Ints
from core.diagnosis.evidence.rows import CandleRows, FeatureRows, locate
from core.market import OHLCV
from core.settings import Mode
from core.times import DAY_US, index_from_us

REFERENCE = "reference"
Frame = tuple[int, int, Ints]  # first place, last place + 1, places wanted


class Recomputer:
    """The Recompute of an evidence; `executor` is made when a trader's code is first called."""

    def __init__(
        self,
        pipeline_path: Sequence[str],
        make_executor: Callable[[], Executor] | None = None,
        max_calls: int = 20_000,
    ) -> None:
        self._pipeline_path = tuple(pipeline_path)
        self._make_executor = make_executor
        self._executor: Executor | None = None
        self.calls_left = max_calls
        self.failures: dict[str, str] = {}  # pipeline → first sentence

    def __call__(
        self, pipeline: str, candles: CandleRows, ends: Ints, lookback_bars: int, mode: Mode
    ) -> FeatureRows:
        """Vectors of the candles `ends`; those without their whole window are left out."""
        frames = (
            _day_frames(candles, ends, lookback_bars)
            if mode is Mode.FRAME
            else _window_frames(candles, ends, lookback_bars)
        )
        if pipeline == REFERENCE:
            if mode is Mode.WINDOW:
                return _reference_windows(candles, frames, lookback_bars)
            return _joined(candles, [(frame, _reference_frame(candles, frame)) for frame in frames])
        return self._traders(pipeline, candles, frames)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None

    def _traders(self, pipeline: str, candles: CandleRows, frames: list[Frame]) -> FeatureRows:
        from core.recompute.frame_task import run_frame

        if self._make_executor is None or pipeline in self.failures:
            return _joined(candles, [])
        if self._executor is None:
            self._executor = self._make_executor()
        frames = frames[: max(self.calls_left, 0)]
        self.calls_left -= len(frames)
        futures = [
            self._executor.submit(run_frame, self._task(pipeline, candles, frame))
            for frame in frames
        ]
        answers = [future.result() for future in futures]
        self._note_failure(pipeline, answers)
        return _joined(candles, zip(frames, map(_vectors, answers), strict=True))

    def _task(self, pipeline: str, candles: CandleRows, frame: Frame) -> dict[str, Any]:
        first, stop, rows = frame
        return {
            "spec": pipeline,
            "pipeline_path": self._pipeline_path,
            "opens": candles.opens[first:stop],
            "numbers": candles.values[first:stop],
            "rows": rows - first,
        }

    def _note_failure(self, pipeline: str, answers: list[dict[str, Any]]) -> None:
        refused = [answer["refused"] for answer in answers if "refused" in answer]
        failed = [answer["failed"][1] for answer in answers if "failed" in answer]
        if refused:
            self.failures[pipeline] = str(refused[0])
        elif failed and len(failed) == len(answers):
            self.failures[pipeline] = f"pipeline {pipeline} fails on every frame: {failed[0]}"


def _window_frames(candles: CandleRows, ends: Ints, lookback_bars: int) -> list[Frame]:
    places, found = locate(candles.opens, ends)
    usable = places[found & (places >= lookback_bars - 1)]
    return [(int(place) - lookback_bars + 1, int(place) + 1, np.array([place])) for place in usable]


def _day_frames(candles: CandleRows, ends: Ints, lookback_bars: int) -> list[Frame]:
    """One frame a UTC day: lookback − 1 candles before its first, up to its last."""
    frames = []
    days = candles.opens // DAY_US
    for day in np.unique(ends // DAY_US):
        inside = np.flatnonzero(days == day)
        places, found = locate(candles.opens, ends[ends // DAY_US == day])
        if len(inside) == 0 or inside[0] < lookback_bars - 1 or not found.any():
            continue
        frames.append((int(inside[0]) - lookback_bars + 1, int(inside[-1]) + 1, places[found]))
    return frames


def _reference_windows(candles: CandleRows, frames: list[Frame], lookback_bars: int) -> FeatureRows:
    from reference_pipeline.pipeline import FEATURES, compute_windows

    ends = np.array([stop - 1 for _, stop, _ in frames], dtype="int64")
    if len(ends) == 0:
        return FeatureRows(np.empty(0, dtype="int64"), (), np.empty((0, 0)))
    begin = min(first for first, _, _ in frames)
    seen = pd.DataFrame(candles.values[begin : ends.max() + 1], columns=list(OHLCV))
    matrix = compute_windows(seen, ends - begin, lookback_bars)
    return _complete_rows(candles.opens[ends], FEATURES, matrix)


def _reference_frame(candles: CandleRows, frame: Frame) -> tuple[tuple[str, ...], Floats, Flags]:
    from reference_pipeline.pipeline import FEATURES, compute

    first, stop, rows = frame
    piece = CandleRows(candles.opens[first:stop], candles.values[first:stop])
    matrix = compute(_pipeline_frame(piece)).to_numpy("float64")[rows - first]
    return FEATURES, matrix, np.ones(len(rows), dtype=bool)


def _pipeline_frame(candles: CandleRows) -> Any:
    from core.recompute.frame_task import make_frame

    return make_frame(candles.opens, candles.values)


def _vectors(answer: dict[str, Any]) -> tuple[tuple[str, ...], Floats, Flags]:
    """Columns, rows and which rows are usable, of one worker's answer."""
    if "matrix" not in answer:
        return (), np.empty((0, 0)), np.zeros(0, dtype=bool)
    keep = [k for k, name in enumerate(answer["columns"]) if name not in answer["texts"]]
    columns = tuple(answer["columns"][k] for k in keep)
    matrix = np.asarray(answer["matrix"], dtype="float64")[:, keep]
    return columns, matrix, np.asarray(answer["found"], dtype=bool)


def _joined(
    candles: CandleRows,
    pieces: Iterable[tuple[Frame, tuple[tuple[str, ...], Floats, Flags]]],
) -> FeatureRows:
    columns: tuple[str, ...] = ()
    opens, rows = [], []
    for (_, _, places), (names, matrix, usable) in pieces:
        if not names or (columns and names != columns):
            continue
        columns = names
        opens.append(candles.opens[places][usable])
        rows.append(matrix[usable])
    if not opens:
        return FeatureRows(np.empty(0, dtype="int64"), (), np.empty((0, 0)))
    return _complete_rows(np.concatenate(opens), columns, np.concatenate(rows))


def _complete_rows(opens: Ints, columns: tuple[str, ...], matrix: Floats) -> FeatureRows:
    order = np.argsort(opens, kind="stable")
    return FeatureRows(opens[order], columns, matrix[order])


def shown_time(open_us: int) -> str:
    """A candle open as a reader sees it, UTC."""
    return str(index_from_us([open_us])[0].strftime("%Y-%m-%d %H:%M UTC"))
