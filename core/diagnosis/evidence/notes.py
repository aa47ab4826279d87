"""Facts about a comparison that are no cause but must be said plainly."""

from collections.abc import Iterator

import numpy as np

from core.alignment.pairs import REPLAY_FLOOR
from core.diagnosis.evidence.evidence import Evidence, Kind


def notes_of(evidence: Evidence) -> tuple[str, ...]:
    """Sentences about duplicates, two bots at once, coarse logs, twins, joins by position."""
    return (
        *evidence.problems,
        *_log_notes(evidence),
        *_coarse(evidence),
        *_twins(evidence),
        *_positions(evidence),
        *_sampled(evidence),
    )


def _sampled(evidence: Evidence) -> Iterator[str]:
    if evidence.max_candles is not None and evidence.max_candles < len(evidence.opens):
        yield (
            f"The feature code is slow: the search re-runs about {evidence.max_candles // 2:,} of "
            f"{len(evidence.opens):,} candles, spread over the window."
        )


def _log_notes(evidence: Evidence) -> Iterator[str]:
    account = evidence.account
    if account.double_writers:
        yield (
            f"Two instances of the bot wrote at once: {account.double_writers} "
            f"candle{'s' if account.double_writers != 1 else ''} got more than one line. "
            "The first line of each candle counts; stop the second instance."
        )
    if account.conflicts:
        yield (
            f"{account.conflicts} lines of the signal logs contradict an earlier line of the same "
            "candle; the first in the order of the configuration counts."
        )
    if account.duplicates:
        count = account.duplicates
        verb = (
            "lines of the signal logs repeat" if count != 1 else "line of the signal logs repeats"
        )
        yield f"{count:,} {verb} an earlier one."


def _coarse(evidence: Evidence) -> Iterator[str]:
    steps = evidence.production_step[np.isfinite(evidence.production_step)]
    if len(steps) == 0 or evidence.tolerance is None:
        return
    half = float(steps.max()) / 2
    if evidence.tolerance < half:
        yield (
            f"The log prints steps of {steps.max():g}, so differences up to {half:g} are rounding; "
            f"a tolerance of {evidence.tolerance:g} would call them differences. "
            "Print more digits, or leave replay_tolerance unset."
        )
    elif half > REPLAY_FLOOR and evidence.kind is not Kind.REPLAY:
        yield f"The log prints steps of {steps.max():g}: differences up to {half:g} count as equal."


def _twins(evidence: Evidence) -> Iterator[str]:
    """Byte-identical models under different names, and sides that share one."""
    uses: dict[str, list[str]] = {}
    for bundle in evidence.bundles:
        for side, model in bundle.sides.items():
            uses.setdefault(model.model_sha256, []).append(f"{bundle.name} {side}")
    for names in uses.values():
        if len(names) > 1:
            yield f"The same model, byte for byte, is {' and '.join(names)}."


_MIN_STRETCH = 24  # candles between two holes; fewer may be equal to their neighbours by chance


def _positions(evidence: Evidence) -> Iterator[str]:
    """A join by row number: after each missing candle the other side is one more row behind."""
    step = evidence.timeframe.length_us
    if evidence.kind is Kind.REPLAY or len(evidence.opens) < 3 * _MIN_STRETCH:
        return
    missing = np.cumsum(np.diff(evidence.opens, prepend=evidence.opens[0]) // step - 1)
    missing -= missing[0]
    if missing[-1] <= 0:
        return
    matches = 0
    tested = 0
    for count in np.unique(missing)[1:]:
        rows = np.flatnonzero(missing == count)
        if len(rows) < _MIN_STRETCH:
            continue
        tested += 1
        shifted, is_stored = evidence.stored.at(evidence.opens[rows] - int(count) * step)
        here = np.abs(evidence.production[rows] - evidence.other[rows])
        there = np.abs(evidence.production[rows] - shifted)
        known = np.isfinite(here) & np.isfinite(there)
        if is_stored.any() and known.any():
            reached, before = (gap[known] <= REPLAY_FLOOR for gap in (there, here))
            matches += bool(reached.mean() > 0.95 > before.mean())
    if tested and matches == tested:
        yield (
            "The other side was joined by row number: after each missing candle its rows lag by "
            "as many bars as are missing. Join by candle time."
        )
