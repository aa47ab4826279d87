"""Who beside the prices can say which candle a row belongs to, and what each of them says.

A price equals a neighbour's close by chance or by habit (a column that holds the open, a coarse
mark price, a source labelled by its close). So a shift that the prices point to is believed only
where nothing that knows of it independently contradicts, and something bears it out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.arrays import Flags, Floats, Ints
from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.evidence import Evidence, Kind, PriceRows, half_step
from core.diagnosis.evidence.label_zones import zone_of_shift
from core.diagnosis.evidence.prices import FULL_PRECISION, matches_at
from core.diagnosis.evidence.rows import CLOSE, HIGH, LOW, OPEN
from core.settings import SignalFormat
from core.times import from_us

MIN_SPEAKING = 8  # candles or rows; of fewer no witness can speak
_CLEARLY_NEARER = 0.25  # of the other distance: signals alike for hours are nearer by chance
_CLEARLY_MORE = 0.05  # of all signals: as many are equal by chance at any label of a coarse log
_MOST = 0.9  # of the rows: what nearly all of them say
_FEW = 0.1  # of the rows: what hardly any of them says
_COLLIDING = 0.25  # of moved labels; the end of a summer time moves an hour onto another one
_CLOCK_SLACK_US = 5_000_000  # by which a host's clock may be behind the exchange's


SIGNALS = "signals"


class Says(StrEnum):
    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one witness says of a claimed shift."""

    witness: str
    says: Says
    words: str  # half a sentence that begins with the witness

    def document(self) -> dict[str, str]:
        return {"witness": self.witness, "says": self.says, "words": self.words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Prices of these rows equal the closes of `source` so many bars away from their labels."""

    rows: PriceRows
    stretch: Flags  # per row: inside the claimed stretch
    shift_bars: int
    source: str

    @property
    def labels(self) -> Ints:
        return np.asarray(self.rows.opens[self.stretch])


def testimonies(evidence: Evidence, claim: Claim) -> tuple[Testimony, ...]:
    """What every witness that can speak says of the claim."""
    asked = (_signals, _time_of_writing, _logged_candle, _other_column, _sources, _neighbours)
    return tuple(said for ask in asked for said in ask(evidence, claim))


def is_of_zone(evidence: Evidence, claim: Claim) -> bool:
    """Whether a zone explains the claimed shift."""
    labels = claim.labels
    if len(labels) == 0:
        return False
    moment = from_us(int(labels[len(labels) // 2]))
    shift = claim.shift_bars * evidence.timeframe.length
    return zone_of_shift(evidence.account.label_zone, moment, shift) is not None


def _signals(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """The other side at the labels as they are, and at the claimed ones."""
    if evidence.kind is Kind.REPLAY and _is_of_feature_log(evidence, claim.rows.log):
        return  # both sides come from the same row, whatever its label
    step = evidence.timeframe.length_us
    places = np.flatnonzero(np.isin(evidence.opens, claim.labels))
    opens, mine = evidence.opens[places], evidence.production[places]
    here = _distances(mine, evidence.stored.at(opens)[0])
    there = _distances(mine, evidence.stored.at(opens + claim.shift_bars * step)[0])
    both = np.isfinite(here) & np.isfinite(there)
    if both.any(axis=1).sum() < MIN_SPEAKING:
        return
    floor = evidence.floor[places]
    equal_here = int((here <= floor)[both].sum())
    equal_there = int((there <= floor)[both].sum())
    far, near = float(here[both].mean()), float(there[both].mean())
    count = int(both.sum())
    if equal_here - equal_there > _CLEARLY_MORE * count or far < _CLEARLY_NEARER * near:
        yield Testimony(
            SIGNALS,
            Says.CONTRADICTS,
            f"the signals agree at the labels as they are ({equal_here} of {count} are equal, the "
            f"mean difference is {far:.4f}) and not {claim.shift_bars:+d} bars away "
            f"({equal_there} equal, {near:.4f})",
        )
    elif equal_there - equal_here > _CLEARLY_MORE * count or near < _CLEARLY_NEARER * far:
        yield Testimony(
            SIGNALS,
            Says.SUPPORTS,
            f"the signals agree {claim.shift_bars:+d} bars away ({equal_there} of {count} are "
            f"equal, the mean difference is {near:.4f}) and not at the labels as they are "
            f"({equal_here} equal, {far:.4f})",
        )


def _distances(mine: Floats, other: Floats) -> Floats:
    return np.asarray(np.abs(mine - other))


def _time_of_writing(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """A row is written after its candle has closed and, by a live bot, before the next has."""
    here = in_time(evidence, claim.rows, claim.stretch, 0)
    there = in_time(evidence, claim.rows, claim.stretch, claim.shift_bars)
    if here is None or there is None:
        return
    if here >= _MOST and there <= _FEW and not is_of_zone(evidence, claim):
        # The clock of writing may be read in the same wrong zone: of those it cannot speak.
        yield Testimony(
            "time of writing",
            Says.CONTRADICTS,
            f"{here * 100:.0f} % of the rows were written within a bar after the close of the "
            f"candle they are labelled with, {there * 100:.0f} % after that of the claimed one",
        )
    elif there >= _MOST and here <= _FEW:
        yield Testimony(
            "time of writing",
            Says.SUPPORTS,
            f"{there * 100:.0f} % of the rows were written within a bar after the close of the "
            f"claimed candle, {here * 100:.0f} % after that of the one they are labelled with",
        )


def in_time(evidence: Evidence, rows: PriceRows, stretch: Flags, shift_bars: int) -> float | None:
    """Share of rows written within a bar after their candle's close; None where unknown."""
    if rows.written is None:
        return None
    written, step = rows.written[stretch], evidence.timeframe.length_us
    known = written > 0
    if known.sum() < max(MIN_SPEAKING, len(written) / 2):
        return None
    delay = written[known] - (rows.opens[stretch][known] + (shift_bars + 1) * step)
    return float(((delay >= -_CLOCK_SLACK_US) & (delay < step)).mean())


def _logged_candle(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """Open, high and low that stand in the same row as the price."""
    own = evidence.candles.get(FEATURE_LOG)
    if own is None or not _is_of_feature_log(evidence, claim.rows.log):
        return
    candles, step = evidence.candles[claim.source], evidence.timeframe.length_us
    mine, _ = own.at(claim.labels)
    here = _same_candle(mine, candles.at(claim.labels)[0])
    there = _same_candle(mine, candles.at(claim.labels + claim.shift_bars * step)[0])
    if here is None or there is None:
        return
    if here >= _MOST > there:
        yield Testimony(
            "logged candle",
            Says.CONTRADICTS,
            f"open, high and low in the same rows are those of the labelled candle in "
            f"{here * 100:.0f} %",
        )
    elif there >= _MOST > here:
        yield Testimony(
            "logged candle",
            Says.SUPPORTS,
            f"open, high and low in the same rows are those of the claimed candle in "
            f"{there * 100:.0f} %",
        )


def _same_candle(mine: Floats, other: Floats) -> float | None:
    """Share of rows whose open, high and low are equal; None where too few are known."""
    columns = [OPEN, HIGH, LOW]
    known = np.isfinite(mine[:, columns]).all(axis=1) & np.isfinite(other[:, columns]).all(axis=1)
    if known.sum() < MIN_SPEAKING:
        return None
    is_near = np.abs(mine - other)[known][:, columns] <= FULL_PRECISION * np.abs(
        other[known][:, columns]
    )
    return float(is_near.all(axis=1).mean())


def _other_column(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """The price column may hold the open, the high or the low of the labelled candle."""
    claimed = _share(evidence, claim, claim.source, CLOSE, claim.shift_bars)
    for column, name in ((OPEN, "open"), (HIGH, "high"), (LOW, "low")):
        share = _share(evidence, claim, claim.source, column, 0)
        if share is not None and claimed is not None and share > claimed:
            yield Testimony(
                f"{name} of the labelled candle",
                Says.CONTRADICTS,
                f"the prices are the {name} of the candle they are labelled with in "
                f"{share * 100:.0f} % of the rows, the claimed close in {claimed * 100:.0f} %",
            )


def _sources(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """Other sources of candles, each at the label and at the claimed candle."""
    for name in evidence.candles:
        if name in (claim.source, FEATURE_LOG):
            continue
        here = _share(evidence, claim, name, CLOSE, 0)
        there = _share(evidence, claim, name, CLOSE, claim.shift_bars)
        if here is not None and here >= _MOST and (there is None or there < _MOST):
            yield Testimony(
                f'source "{name}"',
                Says.CONTRADICTS,
                f'the prices are the closes of the labelled candles in "{name}" in '
                f"{here * 100:.0f} % of the rows",
            )
        elif there is not None and there >= _MOST and (here is None or here < _MOST):
            yield Testimony(
                f'source "{name}"',
                Says.SUPPORTS,
                f'"{name}" has the same closes {claim.shift_bars:+d} bars away in '
                f"{there * 100:.0f} % of the rows",
            )


def _share(
    evidence: Evidence, claim: Claim, source: str, column: int, shift_bars: int
) -> float | None:
    """Share of the claimed rows whose price is a column of a source's candle."""
    opens = claim.labels + shift_bars * evidence.timeframe.length_us
    values = evidence.candles[source].at(opens)[0][:, column]
    known = np.isfinite(values)
    if known.sum() < MIN_SPEAKING:
        return None
    prices, steps = claim.rows.prices[claim.stretch], claim.rows.steps[claim.stretch]
    widest = np.fmax(half_step(steps), np.abs(prices) * FULL_PRECISION)
    return float((np.abs(prices - values) <= widest)[known].mean())


def _neighbours(evidence: Evidence, claim: Claim) -> Iterator[Testimony]:
    """Rows of a stretch cannot belong to candles that other rows of the log already have."""
    moved = claim.labels + claim.shift_bars * evidence.timeframe.length_us
    settled = ~claim.stretch & matches_at(claim.rows, evidence.candles[claim.source])
    taken = np.isin(moved, claim.rows.opens[settled])
    if len(moved) and taken.mean() > _COLLIDING:
        yield Testimony(
            "neighbouring labels",
            Says.CONTRADICTS,
            f"{taken.mean() * 100:.0f} % of the rows would belong to candles that other rows of "
            "the log already have",
        )


def _is_of_feature_log(evidence: Evidence, log: str) -> bool:
    """Whether the prices stand in the rows that the features stand in."""
    return log == FEATURE_LOG or any(
        entry.name == log and entry.format is SignalFormat.FEATURE_LOG
        for entry in evidence.bot.signal_log
    )
