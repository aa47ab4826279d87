"""How far around a window is read, and which bundle and rule held on each candle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.bundle.deployments import live_bundle_at
from core.diagnosis.evidence.load_inputs import Margins, load_bundles, places_of_live, rules_of
from core.settings import BotSettings
from core.times import Timeframe, index_from_us, us_from_index
from tests.diagnosis.small import opens
from tests.recompute.recompute_world import make_bundle

FRAME = Timeframe.parse("5m")
BAR = timedelta(minutes=5)
FROM, UNTIL = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


def test_signals_are_read_a_week_of_bars_around_the_window() -> None:
    margins = Margins(FRAME, FROM, UNTIL)
    assert margins.wide_from == FROM - 2016 * BAR
    assert margins.wide_until == UNTIL + 2016 * BAR


def test_candles_reach_nine_thousand_bars_before_the_earliest_label() -> None:
    # 8,640 bars, thirty days of five minutes, are the longest lookback that is searched.
    margins = Margins(FRAME, FROM, UNTIL)
    assert margins.wide_from is not None and margins.history_from is not None
    assert margins.wide_from - margins.history_from == 9_000 * BAR


def test_an_open_window_reads_everything() -> None:
    margins = Margins(FRAME, None, None)
    assert (margins.wide_from, margins.wide_until, margins.history_from) == (None, None, None)
    assert margins.holds(opens(5)).all()


def test_a_window_holds_its_first_candle_and_not_its_end() -> None:
    margins = Margins(FRAME, FROM, UNTIL)
    around = opens(290, first=-1)
    assert (margins.inside(around) == opens(288)).all()


def _bot(folder: Path, **more: object) -> BotSettings:
    return BotSettings.model_validate(
        {
            "name": "bot",
            "bundles": [str(folder / "one")],
            "deployments": [
                {"bundle": str(folder / "one"), "since": "2026-03-02T01:00:00Z"},
                {"bundle": str(folder / "two"), "since": "2026-03-02T02:00:00Z"},
            ],
            **more,
        }
    )


def test_a_bundle_that_cannot_be_opened_becomes_a_sentence(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    loaded, problems = load_bundles(_bot(tmp_path))
    assert [path for path, _ in loaded] == [str(tmp_path / "one")]
    (problem,) = problems
    assert str(tmp_path / "two") in problem


def test_a_deployment_counts_from_the_candle_that_closes_at_its_time(tmp_path: Path) -> None:
    paths = [str(tmp_path / "one"), str(tmp_path / "two")]
    live = places_of_live(_bot(tmp_path), opens(30), paths)
    assert live is not None
    # one bar before 01:00 and 02:00, which are places 12 and 24
    assert live.tolist() == [-1] * 11 + [0] * 12 + [1] * 7
    at = index_from_us(opens(30))
    known = [live_bundle_at(_bot(tmp_path), moment.to_pydatetime()) for moment in at]
    assert [None if path is None else paths.index(str(path)) for path in known] == [
        None if place < 0 else place for place in live.tolist()
    ]
    unknown = places_of_live(_bot(tmp_path), opens(30), paths[:1])
    assert unknown is not None
    assert unknown.tolist() == [-1] * 11 + [0] * 12 + [-1] * 7


def test_a_backtest_decides_by_production_s_rule_but_for_what_it_states(tmp_path: Path) -> None:
    bot = _bot(
        tmp_path,
        backtests=[
            {
                "name": "b",
                "pipeline": "reference",
                "lookback_bars": 300,
                "rule": {"long_threshold": 0.66},
            }
        ],
    )
    rules = rules_of(bot, bot.backtests[0], opens(3))
    assert rules is not None
    mine, other = rules
    assert other["long_threshold"].tolist() == [0.66] * 3
    assert mine["long_threshold"].tolist() != [0.66] * 3
    assert np.array_equal(mine["short_threshold"], other["short_threshold"], equal_nan=True)
    assert rules_of(bot, None, opens(3)) is None
    assert len(us_from_index(FRAME.opens(FROM, FROM))) == 1
