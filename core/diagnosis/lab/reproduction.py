"""Does re-running the backtest as configured give what is stored? Only then is it a base."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.arrays import Ints
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.lab.trial import base_world
from core.recompute.pipeline import REFERENCE

_CHECKED = 6  # candles spread over the stored ones: enough to see changed code, soon done
_FULL_RUN_S = 6.0  # a re-run of every chosen candle by a trader's own code; a search has dozens
_FEWEST_CANDLES = 144  # re-runs of the shortest trial: six blocks of each kind
_LONGEST_RUN_S = 180.0  # of the shortest trial, as long as anybody waits for one answer
_TRIES = 4  # the first calls also start the workers
_NO_START_S = 20.0  # no worker takes as long to start


def with_stored_features(
    evidence: Evidence,
    stored: FeatureRows | None,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Evidence:
    """The evidence with its stored features as a base, if a few re-run candles equal them.

    A stored backtest that its configuration no longer gives (changed code, revised
    candles) must not be the base of a trial: every change would look like a cure.
    `clock` gives seconds, by which the code is called slow.
    """
    if stored is None or evidence.recompute is None or evidence.source is None:
        return evidence
    known = np.intersect1d(stored.opens, evidence.opens)
    if len(known) == 0:
        return evidence
    seconds = _seconds_a_candle(evidence, known[len(known) // 2 :][:1], clock)
    if seconds * _FEWEST_CANDLES > _LONGEST_RUN_S:
        if isinstance(evidence.recompute, Recomputer):
            evidence.recompute.close()
        return replace(evidence, recompute=None, no_recompute=_too_slow(seconds))
    sample = known[np.unique(np.linspace(0, len(known) - 1, _CHECKED).astype("int64"))]
    again, seconds = _recomputed(evidence, sample, clock)
    evidence = replace(evidence, max_candles=_affordable(evidence, seconds))
    if len(again.opens) and _is_same(again, stored):
        return replace(evidence, recomputed=stored)
    return replace(evidence, problems=(*evidence.problems, _changed(evidence)))


def _seconds_a_candle(evidence: Evidence, opens: Ints, clock: Callable[[], float]) -> float:
    """The quickest of a few calls: the first ones also start the workers and their imports."""
    quickest = float("inf")
    for _ in range(_TRIES):
        quickest = min(quickest, _recomputed(evidence, opens, clock)[1])
        if quickest * _FEWEST_CANDLES <= _LONGEST_RUN_S or quickest > _NO_START_S:
            break
    return quickest


def _recomputed(
    evidence: Evidence, opens: Ints, clock: Callable[[], float]
) -> tuple[FeatureRows, float]:
    """These candles as the configuration gives them now, and seconds a candle."""
    if evidence.recompute is None or evidence.source is None:
        raise ValueError("nothing to recompute with")
    world = base_world(evidence)
    candles = evidence.candles[evidence.source]
    started = clock()
    rows = evidence.recompute(
        str(world.pipeline),
        candles,
        opens,
        world.lookback_bars,
        world.mode,
        world.gap_policy,
    )
    return rows, (clock() - started) / len(opens)


def _too_slow(seconds: float) -> str:
    return (
        f"the feature code takes {seconds:.0f} s a candle, so the {_FEWEST_CANDLES} re-runs of "
        "the shortest trial take too long; add a second backtest with the setting that you "
        "suspect, and compare both with production"
    )


def _affordable(evidence: Evidence, seconds_a_candle: float) -> int | None:
    if evidence.pipelines[0] == REFERENCE:
        return None
    most, steps = _FULL_RUN_S / max(seconds_a_candle, 1e-6), 0
    while _FEWEST_CANDLES * 2 ** (steps + 1) <= most:  # doublings: a busy moment changes nothing
        steps += 1
    return int(_FEWEST_CANDLES * 2**steps)


def _is_same(again: FeatureRows, stored: FeatureRows) -> bool:
    names = [name for name in again.columns if name in stored.columns]
    matrix, found = stored.at(again.opens)
    mine = again.matrix[:, [again.columns.index(name) for name in names]]
    theirs = matrix[:, [stored.columns.index(name) for name in names]]
    return bool(names) and bool(found.all()) and np.array_equal(mine, theirs, equal_nan=True)


def _changed(evidence: Evidence) -> str:
    return (
        f'Re-running "{evidence.comparison}" as configured does not give the stored features: '
        "its code or its candles changed since; the next cycles recompute it."
    )
