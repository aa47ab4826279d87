"""Run windows through stretches where the pipeline forgets, each one checked before it is used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.arrays import Floats
from core.recompute.forgetting import (
    Forgetting,
    Proofs,
    Unit,
    differing,
    plan_stretches,
    proof_unit,
    told,
    window,
)
from core.recompute.recomputed import LASTING, Collected
from core.recompute.reference_frames import pending
from core.recompute.windows import CandleGrid, Frame

# Frames to run, the columns known so far → each frame once, with its rows or why it has none.
Dispatch = Callable[[Sequence[Frame], tuple[str, ...] | None], Iterator[tuple[Frame, Collected]]]

# Windows → what is known of some of them already, by position of the row.
Known = Callable[[Sequence[Frame]], Mapping[int, Collected]]


def run_windows(
    dispatch: Dispatch,
    grid: CandleGrid,
    frames: Sequence[Frame],
    proofs: Proofs,
    *,
    key: str,
    day: str,
    known: Known,
) -> Iterator[Collected]:
    """Rows of windows, from stretches where that is proven; equal to each window's own to the bit.

    Whether the pipeline forgets is tried on the first request that is long enough, and kept by
    `key` as of `day`; a proof that the budget cuts off goes on in a later request, with what is
    `known` by then. A row of a stretch that holds NaN or is not there is run as a window: only
    its own frame can tell whether it warms up. Where a check fails, that is kept before any other
    row is handed on, and every row that came from a stretch is run again as a window and follows
    a second time: the later one counts.
    """
    run = _Run(
        dispatch,
        grid,
        {frame.rows[0] for frame in frames},
        lambda why: proofs.put(key, Forgetting(False, why, day)),
    )
    proof, rest = proofs.get(key) or Forgetting(False), list(frames)
    if not proof.holds and not proof.why:
        unit = proof_unit(grid, frames, proof.trying)
        if unit is not None:
            trying = tuple(int(grid.opens[row]) for row in unit.stretch.rows)
            proofs.put(key, Forgetting(False, checked=day, trying=trying))
            yield from run.units([unit], (), known(unit.windows))
            proof = run.proof(day)
            if proof.holds or proof.why:
                proofs.put(key, proof)
            rest = [frame for frame in frames if frame.rows[0] not in unit.stretch.rows]
    if proof.holds:
        yield from run.units(*plan_stretches(grid, rest), {})
    else:
        run.again += rest
    if run.why:
        run.again += run.trusted
    again = {frame.rows[0] for frame in run.again}
    yield from run.windows([frame for frame in frames if frame.rows[0] in again])


def rows_of(batch: Collected, columns: Sequence[str]) -> dict[int, Floats] | None:
    """A batch's rows by candle open, columns in this order; None where it has other columns."""
    if set(batch.columns or ()) != set(columns):
        return None
    places = [list(batch.columns or ()).index(name) for name in columns]
    return {
        open_us: values[places] for open_us, values in zip(batch.opens, batch.values, strict=True)
    }


@dataclass
class _Open:
    """A unit under way: what has come of it, by first row and kind of each of its frames."""

    unit: Unit
    came: dict[tuple[int, bool], Collected] = field(default_factory=dict)

    def of(self, frame: Frame) -> Collected:
        return self.came[frame.rows[0], frame.is_stretch]

    @property
    def open_frames(self) -> list[Frame]:
        """What is not there yet."""
        return [f for f in self.unit.frames if (f.rows[0], f.is_stretch) not in self.came]


@dataclass
class _Run:
    """One request: columns so far, and what has to be run as windows after all."""

    dispatch: Dispatch
    grid: CandleGrid
    asked: set[int]  # rows that are to be handed on
    break_proof: Callable[[str], None]
    columns: tuple[str, ...] | None = None
    why: str = ""  # a check failed
    failed: str = ""  # a longer frame gave no row at all
    is_unclear: bool = False  # something could not be compared
    is_cut_off: bool = False  # the budget ended inside a unit
    again: list[Frame] = field(default_factory=list)
    trusted: list[Frame] = field(default_factory=list)  # windows whose rows came from stretches

    def windows(self, frames: Sequence[Frame]) -> Iterator[Collected]:
        if frames:
            for _, batch in self.dispatch(frames, self.columns):
                yield batch

    def units(
        self, units: Sequence[Unit], others: Sequence[Frame], known: Mapping[int, Collected]
    ) -> Iterator[Collected]:
        """Stretches with what is run beside them, then the other windows; each as it is ready."""
        opened = [_Open(unit) for unit in units]
        by_row = {row: open_run for open_run in opened for row in open_run.unit.stretch.rows}
        for row, batch in known.items():
            by_row[row].came[row, False] = batch
            self.columns = self.columns or batch.columns
        frames = [part for open_run in opened for part in open_run.open_frames]
        if not frames and not others:
            return
        for frame, batch in self.dispatch([*frames, *others], self.columns):
            if not frame.is_stretch:
                self.columns = self.columns or batch.columns
                if frame.rows[0] in self.asked:
                    yield batch
            if (open_run := by_row.get(frame.rows[0])) is not None:
                open_run.came[frame.rows[0], frame.is_stretch] = batch
                if not open_run.open_frames:
                    yield from self._joined(open_run)

    def _joined(self, opened: _Open) -> Iterator[Collected]:
        """The other rows of a stretch, where what was run beside it says that they are right."""
        unit = opened.unit
        checked = {frame.rows[0] for frame in unit.windows}
        rest = [
            window(unit.windows[0], row)
            for row in unit.stretch.rows
            if row not in checked and row in self.asked
        ]
        if any(map(_is_pending, opened.came.values())):
            self.is_cut_off = True
            yield pending(self.grid, rest)
            return
        rows = self._rows(opened.of(unit.stretch))
        if not self._bears_out(opened, rows):
            self.again += rest
            self.is_unclear = True
            return
        batch = Collected(columns=self.columns)
        for frame in rest:
            open_us = int(self.grid.opens[frame.rows[0]])
            values = rows.get(open_us)
            if values is None or np.isnan(values).any():
                self.again.append(frame)
                continue
            batch.add(open_us, values, np.zeros(len(values), dtype=bool), unit.stretch)
            self.trusted.append(frame)
        yield batch

    def _rows(self, longer: Collected) -> dict[int, Floats]:
        """A longer frame's rows by candle open, columns as the windows have them; else none."""
        if not longer.opens:
            self.failed = self.failed or longer.reasons[0][2]
            return {}
        rows = rows_of(longer, self.columns or ())
        if rows is None:
            self.failed = self.failed or "it has other columns"
        return rows or {}

    def _bears_out(self, opened: _Open, rows: dict[int, Floats]) -> bool:
        """Whether everything could be held against the stretch, and all is equal to the bit."""
        unit, alone = opened.unit, Collected()
        for frame in unit.windows:
            alone.merge(opened.of(frame))
        half = self._rows(opened.of(unit.half))
        lasting = [open_us for open_us, reason, _ in alone.reasons if reason in LASTING]
        if not rows or not half or len(alone.opens) + len(lasting) < len(unit.windows):
            return False
        shorter: dict[int, Floats] = dict(zip(alone.opens, alone.values, strict=True))
        second = {int(self.grid.opens[row]) for row in unit.half.rows}
        why = ""
        if any(open_us in rows for open_us in lasting):
            why = "a window fails where a longer frame does not"
        elif not shorter.keys() <= rows.keys() or half.keys() != second & rows.keys():
            why = "a longer frame lacks rows that a shorter one has, or has more"
        else:
            names = self._differing(rows, half) | self._differing(rows, shorter)
            why = told(sorted(names))
        if why and not self.why:
            self.why = why
            self.break_proof(why)
        return bool(shorter) and not self.why

    def _differing(self, rows: dict[int, Floats], shorter: dict[int, Floats]) -> set[str]:
        """Columns in which rows of shorter frames are not the stretch's."""
        if not shorter:
            return set()
        ours = np.array([rows[open_us] for open_us in shorter])
        return set(differing(self.columns or (), ours, np.array(list(shorter.values()))))

    def proof(self, day: str) -> Forgetting:
        """What the one unit that was run proves; undecided where the budget cut it off."""
        if self.why or self.failed:
            return Forgetting(False, self.why or f"a longer frame fails: {self.failed}", day)
        if self.is_cut_off:
            return Forgetting(False)
        if self.is_unclear or len(self.again) > len(self.trusted):
            return Forgetting(False, "most of its rows cannot be compared", day)
        return Forgetting(True, checked=day)


def _is_pending(batch: Collected) -> bool:
    return not batch.opens and any(reason == "pending" for _, reason, _ in batch.reasons)
