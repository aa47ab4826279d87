"""Does re-running the backtest as configured give what is stored? Only then is it a base."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.arrays import Ints
from core.diagnosis.evidence.evidence import Recompute
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.recompute.pipeline import REFERENCE
from core.settings import BacktestSettings

_CHECKED = 6  # candles spread over the stored ones: enough to see changed code, soon done
_FULL_RUN_S = 6.0  # CPU of re-running every chosen candle by own code; a search has dozens
_FEWEST_CANDLES = 144  # re-runs of the shortest trial: six blocks of each kind
_LONGEST_RUN_S = 180.0  # CPU of the shortest trial, as long as anybody waits for one answer
_TRIES = 4  # the first call of a worker also compiles, and fills caches

_Rerun = Callable[[Ints], FeatureRows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Whether a backtest can be re-run, and what its stored features are worth."""

    stored: FeatureRows | None = None  # where re-running gives the same
    too_slow: str | None = None  # why nothing is re-run, a sentence
    max_candles: int | None = None  # that can be re-run in good time
    problems: tuple[str, ...] = ()


def reproduce(
    recompute: Recompute,
    backtest: BacktestSettings,
    candles: CandleRows,
    opens: Ints,
    stored: FeatureRows | None,
    *,
    clock: Callable[[], float],
) -> Reproduction:
    """Re-run a few of the candles `opens` as configured, and hold them against what is stored.

    A stored backtest that its configuration no longer gives (changed code, revised
    candles) must not be the base of a trial: every change would look like a cure.
    `clock` gives the CPU seconds that calls have taken so far, by which the code is
    called slow: the wall clock of a busy machine would give other answers.
    """
    known = np.empty(0, dtype="int64") if stored is None else np.intersect1d(stored.opens, opens)
    if stored is None or len(known) == 0:
        return Reproduction()

    def again(ends: Ints) -> FeatureRows:
        return recompute(
            str(backtest.pipeline),
            candles,
            ends,
            backtest.lookback_bars or 0,
            backtest.mode,
            backtest.gap_policy,
        )

    seconds = _seconds_a_candle(again, _spread(known, _TRIES), clock)
    if seconds * _FEWEST_CANDLES > _LONGEST_RUN_S:
        return Reproduction(too_slow=_too_slow(seconds))
    rows = again(np.unique(_spread(known, _CHECKED)))
    most = None if backtest.pipeline == REFERENCE else _affordable(seconds)
    if len(rows.opens) and _is_same(rows, stored):
        return Reproduction(stored=stored, max_candles=most)
    return Reproduction(max_candles=most, problems=(_changed(backtest.name),))


def _spread(opens: Ints, count: int) -> Ints:
    return np.asarray(opens[np.linspace(0, len(opens) - 1, count).astype("int64")])


def _seconds_a_candle(again: _Rerun, opens: Ints, clock: Callable[[], float]) -> float:
    """The quickest of single calls, without those after one that fails when it is warm."""
    quickest = float("inf")
    for place in range(len(opens)):
        started = clock()
        rows = again(opens[place : place + 1])
        quickest = min(quickest, clock() - started)
        if place and len(rows.opens) == 0:
            break
    return quickest


def _too_slow(seconds: float) -> str:
    return (
        f"the feature code takes {seconds:.0f} s a candle, so the {_FEWEST_CANDLES} re-runs of "
        "the shortest trial take too long; add a second backtest with the setting that you "
        "suspect, and compare both with production"
    )


def _affordable(seconds_a_candle: float) -> int:
    most, steps = _FULL_RUN_S / max(seconds_a_candle, 1e-6), 0
    while _FEWEST_CANDLES * 2 ** (steps + 1) <= most:  # doublings: a busy moment changes nothing
        steps += 1
    return int(_FEWEST_CANDLES * 2**steps)


def _is_same(again: FeatureRows, stored: FeatureRows) -> bool:
    names = [name for name in again.columns if name in stored.columns]
    matrix, is_stored = stored.at(again.opens)
    mine = again.matrix[:, [again.columns.index(name) for name in names]]
    theirs = matrix[:, [stored.columns.index(name) for name in names]]
    return bool(names) and bool(is_stored.all()) and np.array_equal(mine, theirs, equal_nan=True)


def _changed(name: str) -> str:
    return (
        f'Re-running "{name}" as configured does not give the stored features: '
        "its code or its candles changed since; the next cycles recompute it."
    )
