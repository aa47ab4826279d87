"""Which candles each recomputation sees, what is missing among them, and its content key."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Ints
from core.market import OHLCV
from core.settings import GapPolicy, Mode
from core.times import DAY_US, Timeframe, from_us, index_from_us, iso_z, us_from_index

_MODULUS = 1 << 128


class CandleGrid:
    """Closed candles of one source in order, with what windows over them need at once.

    A window's content is the sum of its candles' digests (each over time and
    numbers), so the key of any window costs one subtraction however long it is.
    """

    def __init__(self, opens: Ints, numbers: npt.NDArray[np.float64], timeframe: Timeframe) -> None:
        """`opens` (µs) rising, `numbers` candles × OHLCV; raises ValueError otherwise."""
        if (np.diff(opens) <= 0).any():
            raise ValueError("a candle stands twice; candles must be unique by candle_open")
        self.timeframe = timeframe
        self.opens = opens
        self.numbers = numbers
        self._sums: list[int] | None = None

    @classmethod
    def of(cls, candles: pd.DataFrame, timeframe: Timeframe) -> "CandleGrid":
        """From columns candle_open (UTC, unique) and OHLCV, in any order."""
        ordered = candles.sort_values("candle_open", kind="stable", ignore_index=True)
        numbers = ordered[list(OHLCV)].to_numpy(dtype="float64")
        return cls(us_from_index(ordered["candle_open"]), numbers, timeframe)

    def __len__(self) -> int:
        return len(self.opens)

    def positions(self, opens_us: Ints) -> Ints:
        """Where the candles stand, −1 where there is none."""
        if not len(self.opens):
            return np.full(len(opens_us), -1, dtype=np.int64)
        places = np.searchsorted(self.opens, opens_us)
        is_there = self.opens[np.minimum(places, len(self.opens) - 1)] == opens_us
        return np.where(is_there, places, -1)

    def missing(self, start: int, stop: int) -> int:
        """Candles of the timeframe's grid that lack between the candles start and stop − 1."""
        span = int(self.opens[stop - 1] - self.opens[start]) // self.timeframe.length_us + 1
        return span - (stop - start)

    def content(self, start: int, stop: int) -> str:
        """Identity of the candles start … stop − 1: times and numbers."""
        if self._sums is None:
            self._sums = _digest_sums(self.opens, self.numbers)
        return f"{(self._sums[stop] - self._sums[start]) % _MODULUS:032x}"


@dataclass(frozen=True, slots=True)
class Frame:
    """Candles start … stop − 1 of the grid, of which `rows` (positions in the grid) are wanted.

    is_stretch: it stands for the windows of its rows (core.recompute.forgetting).
    """

    start: int
    stop: int
    rows: tuple[int, ...]
    missing: int
    is_provisional: bool = False
    is_stretch: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Frames to compute, in the order asked for, and why other candles have none."""

    frames: list[Frame] = field(default_factory=list)
    reasons: list[tuple[int, str, str]] = field(default_factory=list)


def plan_frames(
    grid: CandleGrid,
    opens_us: Sequence[int] | Ints,
    *,
    lookback_bars: int,
    mode: Mode,
    gap_policy: GapPolicy,
    now_us: int,
) -> Plan:
    """The frame behind each wanted candle; never a shorter one than lookback_bars.

    window: the candle is the last of lookback_bars candles. frame: one frame a
    UTC day, from lookback_bars − 1 candles before its first candle to its last
    closed one, provisional until the day is over. A window counts candles that
    are there; the ones that lack between them are its gaps.
    """
    plan = Plan()
    places: list[int] = []
    wanted = np.asarray(opens_us, dtype=np.int64)
    for open_us, place in zip(wanted.tolist(), grid.positions(wanted).tolist(), strict=True):
        if place < 0:
            plan.reasons.append((open_us, "missing_candle", "the candle source lacks this candle"))
        else:
            places.append(place)
    if mode is Mode.WINDOW:
        spans = {place: (place - lookback_bars + 1, place + 1, [place]) for place in places}
    else:
        spans = _day_spans(grid, places, lookback_bars)
    for start, stop, rows in spans.values():
        refusal = _refusal(grid, start, stop, lookback_bars, gap_policy)
        if refusal is not None:
            plan.reasons.extend((int(grid.opens[row]), *refusal) for row in rows)
            continue
        day_end = (int(grid.opens[rows[0]]) // DAY_US + 1) * DAY_US
        plan.frames.append(
            Frame(
                start=start,
                stop=stop,
                rows=tuple(rows),
                missing=grid.missing(start, stop),
                is_provisional=mode is Mode.FRAME and now_us < day_end,
            )
        )
    return plan


def _day_spans(
    grid: CandleGrid, places: Sequence[int], lookback_bars: int
) -> dict[int, tuple[int, int, list[int]]]:
    """Start, stop and wanted rows of each day's frame, days in the order of their first candle."""
    spans: dict[int, tuple[int, int, list[int]]] = {}
    for place in places:
        day = int(grid.opens[place]) // DAY_US
        if day not in spans:
            first = int(np.searchsorted(grid.opens, day * DAY_US))
            stop = int(np.searchsorted(grid.opens, (day + 1) * DAY_US))
            spans[day] = (first - lookback_bars + 1, stop, [])
        spans[day][2].append(place)
    return spans


def _refusal(
    grid: CandleGrid, start: int, stop: int, lookback_bars: int, gap_policy: GapPolicy
) -> tuple[str, str] | None:
    """Why candles start … stop − 1 make no frame: a code and a sentence; None where they do."""
    if start < 0:
        return (
            "too_little_history",
            f"{lookback_bars + start} of {lookback_bars} candles are there, the first is of "
            f"{iso_z(from_us(int(grid.opens[0])))}; give more candles or a shorter lookback_bars",
        )
    missing = grid.missing(start, stop)
    if missing and gap_policy is GapPolicy.REFUSE:
        return (
            "gap",
            f"{missing} candles are missing between {iso_z(from_us(int(grid.opens[start])))} and "
            f'{iso_z(from_us(int(grid.opens[stop - 1])))}; fill them or set gap_policy = "allow"',
        )
    return None


def content_key(
    pipeline_hash: str, timeframe: Timeframe, mode: Mode, lookback_bars: int, content: str, row: int
) -> str:
    """Identity of one recomputed row: same key, same numbers (row: candle open in µs)."""
    text = f"{pipeline_hash} {timeframe.length_s} {mode} {lookback_bars} {content} {row}"
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def proof_key(pipeline_hash: str, timeframe: Timeframe, mode: Mode, lookback_bars: int) -> str:
    """What is known about a pipeline's forgetting is known of these together."""
    return f"{pipeline_hash} {timeframe.length_s} {mode} {lookback_bars}"


def stretch_key(key: str) -> str:
    """The key of a row that came from a stretch: good for as long as the pipeline's proof holds."""
    return f"{key}+stretch"


def _digest_sums(opens: Ints, numbers: npt.NDArray[np.float64]) -> list[int]:
    """Running sums (mod 2^128) of one digest a candle; sums[i] covers the candles before i."""
    block = np.empty((len(opens), 6), dtype="<f8")
    block[:, 0] = opens.astype("<i8").view("<f8")
    block[:, 1:] = numbers
    raw = block.tobytes()
    sums, total = [0], 0
    for at in range(0, len(raw), 48):
        digest = hashlib.blake2b(raw[at : at + 48], digest_size=16).digest()
        total = (total + int.from_bytes(digest, "little")) % _MODULUS
        sums.append(total)
    return sums


def as_index(opens_us: Sequence[int] | Ints) -> pd.DatetimeIndex:
    """Stored times as the index of every recomputed frame."""
    return index_from_us(np.asarray(opens_us, dtype=np.int64)).rename("candle_open")
