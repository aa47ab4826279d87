"""A pipeline that forgets: one frame over a stretch of candles gives the rows of all its windows.

A row forgets when it depends on no candle before its window, on no later one, and neither on the
frame's length nor on its own place in it. That is tried, never assumed: a stretch is run beside
windows among its rows and beside its own second half, and every column has to be equal to the bit.
A proof is kept by pipeline hash, timeframe, mode and lookback; each stretch that is run on it
brings checks of its own along, each day brings more (core.recompute.spot_check), and the first
value that differs ends it for good.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import sqlalchemy as sa

from core.arrays import Floats
from core.recompute.windows import CandleGrid, Frame
from core.storage.engine import snapshot
from core.storage.watermarks import read_watermark, write_watermark

# About a day of 5-minute candles and no divisor of one, so that what is checked walks through it.
STRETCH_BARS = 271
# Of a proof: nearly every third row. Where a sum of pandas had gone astray on 3 to 7 of 271 rows
# (two markets of 1,355 rows), 24 windows saw none of them and 96 did each time.
PROOF_WINDOWS = 96
_LEAST_PROOF_ROWS = 2 * PROOF_WINDOWS  # of a stretch: below, the proof is most of the windows
# Of each stretch: with its two longer frames 4 % of the calls that its windows would take.
CHECK_WINDOWS = 8
LEAST_ROWS = 16  # of a stretch: below, its checks are most of the windows
_STEP = "forgetting"
_KEPT = 200  # the newest proofs; a pipeline has one a lookback that is tried
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What was found about a pipeline at one lookback; `why` it does not forget, else empty.

    checked: the UTC day on which stored rows were last held against it. trying: candle opens
    (µs) of the stretch whose proof was begun and is not over.
    """

    holds: bool
    why: str = ""
    checked: str = ""
    trying: tuple[int, ...] = ()


class Proofs(Protocol):
    """What is known about forgetting, by `Request.proof_key`."""

    def get(self, key: str) -> Forgetting | None: ...

    def put(self, key: str, found: Forgetting) -> None: ...


@dataclass(frozen=True, slots=True)
class StoredProofs:
    """Proofs in the database, kept a bot."""

    engine: sa.Engine
    bot_id: int

    def get(self, key: str) -> Forgetting | None:
        with snapshot(self.engine) as connection:
            return read_proofs(connection, self.bot_id).get(key)

    def put(self, key: str, found: Forgetting) -> None:
        with self.engine.begin() as connection:
            kept = read_proofs(connection, self.bot_id)
            kept.pop(key, None)
            # One that broke outlasts all that hold: rows that rest on it may be cached still.
            ordered = sorted([*kept.items(), (key, found)], key=lambda entry: not entry[1].holds)
            newest = ordered[-_KEPT:]
            value = [[name, asdict(proof)] for name, proof in newest]
            write_watermark(connection, self.bot_id, _STEP, value)


def read_proofs(connection: sa.Connection, bot_id: int) -> dict[str, Forgetting]:
    """What is kept about a bot's pipelines, by key, the oldest first."""
    stored: Any = read_watermark(connection, bot_id, _STEP) or []
    return {key: Forgetting(**{**proof, "trying": tuple(proof["trying"])}) for key, proof in stored}


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch, and what is run beside it: its second half alone, and windows among its rows."""

    stretch: Frame
    half: Frame
    windows: tuple[Frame, ...]

    @classmethod
    def of(cls, group: Sequence[Frame], checks: int) -> "Unit":
        """Of windows beside each other; `checks` of them, spread, the last one among them.

        The last one has most candles before its window. Where the others stand changes
        from stretch to stretch, and so does the time of day.
        """
        last = len(group) - 1
        spread = np.linspace(0, last, checks, endpoint=False)
        shift = group[0].start % max(1, len(group) // checks)
        places = {*np.minimum(spread.astype("int64") + shift, last).tolist(), last}
        return cls(
            stretch=merged(group),
            half=merged(group[len(group) // 2 :]),
            windows=tuple(group[place] for place in sorted(places)),
        )

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Everything to run, windows first."""
        return (*self.windows, self.stretch, self.half)


def proof_unit(grid: CandleGrid, frames: Sequence[Frame], trying: Sequence[int]) -> Unit | None:
    """The stretch that is tried, or the first one that is long enough; None where none is.

    trying: candle opens of one that was begun before.
    """
    places = grid.positions(np.array(trying, dtype=np.int64))
    if len(places) and places[0] >= 0 and (np.diff(places) > 0).all():
        whole = [window(frames[0], int(row)) for row in places]
        if whole[0].start >= 0 and not grid.missing(whole[0].start, whole[-1].stop):
            return Unit.of(whole, PROOF_WINDOWS)
    place = {frame.rows[0]: number for number, frame in enumerate(frames)}
    long = [group for group in grouped(grid, frames) if len(group) >= _LEAST_PROOF_ROWS]
    first = min(long, key=lambda group: min(place[f.rows[0]] for f in group), default=None)
    return None if first is None else Unit.of(first, PROOF_WINDOWS)


def window(like: Frame, row: int) -> Frame:
    """The window of another row, as long as this one."""
    return Frame(start=row + 1 - (like.stop - like.start), stop=row + 1, rows=(row,), missing=0)


def plan_stretches(
    grid: CandleGrid, frames: Sequence[Frame]
) -> tuple[tuple[Unit, ...], tuple[Frame, ...]]:
    """Windows merged into stretches, each with what it is checked by, and the other windows.

    Both in the order of `frames`, a stretch in the place of the first of its windows. Windows
    that lack candles stay alone, and so do few windows beside each other.
    """
    units: list[Unit] = []
    taken: set[int] = set()
    for group in grouped(grid, frames):
        if len(group) >= LEAST_ROWS:
            units.append(Unit.of(group, -(-len(group) * CHECK_WINDOWS // STRETCH_BARS)))
            taken |= {frame.start for frame in group}
    place = {frame.rows[0]: number for number, frame in enumerate(frames)}
    units.sort(key=lambda unit: min(place[row] for row in unit.stretch.rows))
    return tuple(units), tuple(frame for frame in frames if frame.start not in taken)


def grouped(grid: CandleGrid, frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Windows whose candles follow one another without a hole, over STRETCH_BARS rows at most."""
    group: list[Frame] = []
    for frame in sorted((f for f in frames if f.missing == 0), key=lambda f: f.start):
        if group and (
            frame.start - group[0].start >= STRETCH_BARS or grid.missing(group[0].start, frame.stop)
        ):
            yield group
            group = []
        group.append(frame)
    if group:
        yield group


def merged(windows: Sequence[Frame]) -> Frame:
    """The stretch over windows that follow one another."""
    return Frame(
        start=windows[0].start,
        stop=windows[-1].stop,
        rows=tuple(frame.rows[0] for frame in windows),
        missing=0,
        is_stretch=True,
    )


def differing(columns: Sequence[str], ours: Floats, windows: Floats) -> list[str]:
    """Columns of which rows of a stretch (rows × columns) are not equal to the windows' bits."""
    same = (ours.view("u8") == windows.view("u8")) | (np.isnan(ours) & np.isnan(windows))
    return [name for name, equal in zip(columns, same.all(axis=0), strict=True) if not equal]


def told(names: Sequence[str]) -> str:
    """Why a pipeline does not forget, by the columns that differ; empty without any."""
    if not names:
        return ""
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{shown}{more}: another value in a longer frame than in a shorter one"
