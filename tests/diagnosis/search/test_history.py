from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.search.history import (
    HistoryStart,
    distance,
    effective_lookbacks,
    history_probes,
    history_starts,
)
from core.diagnosis.search.search import Search
from core.settings import Mode
from tests.diagnosis.small_world import (
    FEATURES,
    LOOKBACK,
    OPENS,
    STEP,
    Recorder,
    candles,
    evidence_of,
    features,
    grown,
    recompute,
    search_of,
)

ROWS = candles()
LONG_LOOKBACK = 400


def _seen_by_all(bars: int) -> tuple[Search, Recorder]:
    recorder = Recorder()
    vectors = features(ROWS, lookback=bars)
    return search_of(evidence_of(vectors=vectors, recompute=recorder)), recorder


def _tried(bars: int) -> tuple[list[int], int]:
    """The lookbacks found in a bot's log that saw so many candles, and how many were tried."""
    search, recorder = _seen_by_all(bars)
    probes = history_probes(search, 6)
    recorder.lookbacks.clear()
    return effective_lookbacks(search, probes, "lookback"), len(set(recorder.lookbacks))


@pytest.mark.parametrize("bars", [16, 25, 79, 187, 205, 376, 421])
def test_a_lookback_between_two_rungs_is_found_to_the_candle(bars: int) -> None:
    assert _tried(bars)[0][0] == bars


def test_three_lookbacks_are_told_and_never_the_configured_one() -> None:
    found, _ = _tried(421)
    assert len(found) == 3
    assert 60 not in _tried(97)[0]


def test_narrowing_in_on_three_lookbacks_takes_52_re_runs() -> None:
    """Rungs included; with fewer or more points a span it takes at least 61."""
    tried = {bars: _tried(bars) for bars in (332, 338, 344)}
    assert all(found[0] == bars for bars, (found, _) in tried.items())
    assert sum(count for _, count in tried.values()) <= 52


def test_a_lookback_that_the_log_counts_itself_is_tried_first_hand() -> None:
    """A column of the log says how many candles the bot saw: no rung lies near."""
    search, _ = _seen_by_all(7)
    logged = search.evidence.logged
    assert logged is not None
    columns = (*logged.columns, "candles_seen")
    matrix = np.column_stack([logged.matrix, np.full(len(OPENS), 7.0)])
    told = replace(search.evidence, logged=FeatureRows(OPENS, columns, matrix))
    probes = history_probes(search, 6)
    assert effective_lookbacks(search_of(told), probes, "lookback")[0] == 7


def test_probes_are_candles_that_differ_spread_over_the_window() -> None:
    emitted = evidence_of().production.copy()
    emitted[100:120] += 0.1
    search = search_of(evidence_of(emitted))
    assert history_probes(search, 3).tolist() == [100, 103, 107]  # from 108 on held out
    assert len(history_probes(search_of(evidence_of()), 3)) == 3  # none differs: any


def _growing(*places: int, recorder: Recorder | None = None) -> Evidence:
    """A bot whose history of 400 candles began anew at these labels."""
    evidence = evidence_of(vectors=grown(*places, lookback=LONG_LOOKBACK))
    assert evidence.backtest is not None
    backtest = evidence.backtest.model_copy(update={"lookback_bars": LONG_LOOKBACK})
    return replace(evidence, backtest=backtest, recompute=recorder or evidence.recompute)


def test_a_growing_history_is_told_by_where_it_began() -> None:
    assert history_starts(search_of(_growing(0)), "warm_up") == [
        HistoryStart(applies_from=int(OPENS[0]), begins=int(OPENS[0]))
    ]


def test_forty_candles_are_asked_how_much_they_saw() -> None:
    recorder = Recorder()
    search = search_of(_growing(0, recorder=recorder))
    search.differences((), search.places)
    recorder.ends.clear()
    history_starts(search, "warm_up")
    assert recorder.candles == 40


def test_five_candles_that_name_no_beginning_end_the_search() -> None:
    recorder = Recorder()
    older = recompute("own:older", ROWS, OPENS, LOOKBACK, Mode.WINDOW).matrix
    search = search_of(evidence_of(vectors=older, recompute=recorder))
    search.differences((), search.places)
    recorder.ends.clear()
    assert history_starts(search, "warm_up") == []
    assert recorder.candles == 5


def _one_candle(seen: int, away: float = 0.0, recorder: Recorder | None = None) -> Search:
    """One candle alone saw fewer than 400, its values off by a relative difference."""
    evidence = _growing(recorder=recorder)
    assert evidence.logged is not None
    place = 3
    matrix = evidence.logged.matrix.copy()
    matrix[place] = features(ROWS, OPENS[[place]], lookback=seen)[0] * (1 + away)
    emitted = evidence.production.copy()
    emitted[place] += 0.1
    logged = FeatureRows(OPENS, FEATURES, matrix)
    return search_of(replace(evidence, logged=logged, production=emitted, emitted=emitted))


@pytest.mark.parametrize(("away", "count"), [(1.4e-12, 1), (1.8e-12, 0)])
def test_one_candle_alone_is_a_beginning_where_it_is_equal_to_the_last_digit(
    away: float, count: int
) -> None:
    starts = history_starts(_one_candle(41, away), "warm_up")
    assert [start.begins for start in starts] == [int(OPENS[3]) - 40 * STEP] * count


def test_rungs_for_one_candle_stand_twenty_candles_apart() -> None:
    recorder = Recorder()
    search = _one_candle(41, recorder=recorder)
    search.differences((), search.places)
    recorder.lookbacks.clear()
    history_starts(search, "warm_up")
    assert recorder.lookbacks[:19] == list(range(20, LONG_LOOKBACK, 20))


@pytest.mark.parametrize(("known", "is_told"), [(3, True), (2, False)])
def test_half_of_the_features_have_to_be_known(known: int, is_told: bool) -> None:
    vectors = features(ROWS)
    vectors[:, known:] = np.nan
    search = search_of(evidence_of(vectors=vectors))
    assert distance(search, (), search.places) == (pytest.approx(-12.0) if is_told else 0.0)


@pytest.mark.parametrize(("known", "is_told"), [(10, True), (9, False)])
def test_half_of_the_candles_have_to_be_known(known: int, is_told: bool) -> None:
    vectors = features(ROWS)
    search = search_of(evidence_of())
    places = search.places[:20]
    vectors[places[known:]] = np.nan
    told = search_of(evidence_of(search.evidence.production, vectors=vectors))
    assert distance(told, (), places) == (pytest.approx(-12.0) if is_told else 0.0)


def test_without_logged_features_the_signals_tell_the_distance() -> None:
    far = evidence_of().production + 0.01
    search = search_of(evidence_of(far, logged=None))
    assert distance(search, (), search.places) == pytest.approx(-2.0)
