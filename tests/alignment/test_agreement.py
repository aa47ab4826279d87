"""Figures of a window of pairs and findings, each counted by hand from a few stored rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from core.alignment.agreement import agreement, matched
from core.alignment.day_block import roll_up
from core.alignment.writes import write_days
from core.diagnosis.reads import findings, newest_findings
from core.diagnosis.writes import store_diagnosis
from core.market import Side
from core.storage.tables import comparison, pair, series, signal
from core.times import to_us
from tests.stored_rows import new_bot, new_database

START = datetime(2025, 11, 3, 12, tzinfo=UTC)
# Differences of LONG on five candles; a tolerance of 0.1 and a threshold of 0.5 lie between.
PRODUCTION = [0.50, 0.60, 0.70, 0.80, 0.90]
BACKTEST = [0.50, 0.35, 0.95, 0.80, 0.85]


def candle(at: int) -> datetime:
    return START + at * timedelta(minutes=5)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    """Five LONG pairs; production has one candle more, the backtest spans the same five."""
    engine = new_database(tmp_path)
    bot_id = new_bot(engine)
    with engine.begin() as opened:
        opened.execute(comparison.insert().values(bot_id=bot_id, name="b", position=0, spec={}))
        for name, origin, backtest in (("emitted", "emitted", ""), ("b", "backtest", "b")):
            opened.execute(
                series.insert().values(bot_id=bot_id, origin=origin, comparison=backtest)
            )
            values = PRODUCTION if name == "emitted" else BACKTEST
            opened.execute(
                signal.insert(),
                [
                    {"series_id": 1 if name == "emitted" else 2, "side": "LONG",
                     "candle_open": candle(at), "probability": value}
                    for at, value in enumerate(values)
                ],
            )  # fmt: skip
        opened.execute(pair.insert(), [_pair(at) for at in range(5)])
        _store_day(opened)
        yield opened
    engine.dispose()


def _store_day(connection: sa.Connection) -> None:
    """The pairs' own day, as pairing keeps it beside them."""
    rows = pd.DataFrame([_pair(at) for at in range(5)]).rename(
        columns={"production": "probability_production", "backtest": "probability_backtest"}
    )
    (record,) = roll_up(rows, rows)
    write_days(
        connection,
        1,
        [to_us(record["day"].to_pydatetime())],
        [{**record, "comparison_id": 1, "day": to_us(record["day"].to_pydatetime())}],
    )


def _pair(at: int) -> dict[str, Any]:
    diff = PRODUCTION[at] - BACKTEST[at]
    return {
        "comparison_id": 1,
        "side": "LONG",
        "candle_open": candle(at),
        "production_origin": "emitted",
        "production": PRODUCTION[at],
        "backtest": BACKTEST[at],
        "diff": diff,
        "abs_diff": abs(diff),
        "is_aligned": abs(diff) <= 0.1,
        "flip": (PRODUCTION[at] >= 0.5) != (BACKTEST[at] >= 0.5),
        "decision_flip": None if at == 4 else at == 1,
    }


def test_figures_of_all_pairs_name_the_earliest_of_equal_worst_candles(
    connection: sa.Connection,
) -> None:
    found = agreement(connection, 1, 1, "b")[Side.LONG]
    assert (found["pairs"], found["matched_ratio"]) == (5, 1.0)
    assert found["mean_abs_diff"] == pytest.approx((0 + 0.25 + 0.25 + 0 + 0.05) / 5)
    assert found["max_abs_diff"] == 0.25
    assert found["max_at"] == candle(1)
    assert found["share_above_tolerance"] == 2 / 5
    assert (found["flips"], found["decision_flips"]) == (1, 1)


def test_a_window_holds_its_first_candle_and_not_its_last(connection: sa.Connection) -> None:
    found = agreement(connection, 1, 1, "b", candle(2), candle(4))[Side.LONG]
    assert (found["pairs"], found["max_at"]) == (2, candle(2))
    assert found["mean_abs_diff"] == pytest.approx(0.125)
    assert (found["share_above_tolerance"], found["flips"]) == (0.5, 0)


def test_a_side_without_pairs_is_not_known(connection: sa.Connection) -> None:
    found = agreement(connection, 1, 1, "b")[Side.SHORT]
    assert found["pairs"] == 0
    assert {
        found["matched_ratio"],
        found["mean_abs_diff"],
        found["max_abs_diff"],
        found["max_at"],
    } == {None}
    assert {found["share_above_tolerance"], found["flips"], found["decision_flips"]} == {None}


def test_a_candle_that_one_side_lacks_lowers_the_ratio(connection: sa.Connection) -> None:
    connection.execute(
        signal.delete().where(signal.c.series_id == 2, signal.c.candle_open == candle(2))
    )
    connection.execute(pair.delete().where(pair.c.candle_open == candle(2)))
    assert matched(connection, 1, 1, "b", Side.LONG) == 4 / 5
    assert matched(connection, 1, 1, "b", Side.LONG, candle(2), candle(3)) == 0.0


def test_emitted_and_replayed_signals_of_a_candle_count_once_as_production(
    connection: sa.Connection,
) -> None:
    connection.execute(series.insert().values(bot_id=1, origin="replay", comparison=""))
    connection.execute(
        signal.insert(),
        [
            {"series_id": 3, "side": "LONG", "candle_open": candle(at), "probability": 0.5}
            for at in (0, 1)
        ],
    )
    assert matched(connection, 1, 1, "b", Side.LONG) == 1.0
    # Of the replay itself: its span is the first two candles, both of which the bot emitted.
    connection.execute(comparison.insert().values(bot_id=1, name="replay", position=1, spec={}))
    connection.execute(
        pair.insert(), [{**_pair(at), "comparison_id": 2, "backtest": 0.5} for at in (0, 1)]
    )
    assert matched(connection, 1, 2, "replay", Side.LONG) == 1.0


def test_findings_are_those_of_diagnoses_that_touch_the_window(connection: sa.Connection) -> None:
    for day, cause, verdict in ((1, "lookback", "proven"), (2, "lookback", "refuted")):
        store_diagnosis(
            connection,
            1,
            comparison="b",
            from_=START + timedelta(days=day - 1),
            until=START + timedelta(days=day),
            made_at=START + timedelta(days=day, minutes=1),
            document={
                "findings": [
                    {
                        "cause": cause,
                        "verdict": verdict,
                        "sides": ["LONG"],
                        "parameters": {"lookback_bars": 300},
                        "same_as": [],
                    }
                ]
            },
            details={},
            trials=(),
            run_id=None,
        )
    later, earlier = findings(connection, 1)
    assert (later["verdict"], later["is_refuted"]) == ("refuted", False)
    assert (earlier["verdict"], earlier["is_refuted"]) == ("proven", True)
    assert (earlier["from"], earlier["until"]) == (START, START + timedelta(days=1))
    assert (earlier["sides"], earlier["parameters"]) == ('["LONG"]', '{"lookback_bars": 300}')
    noon = START + timedelta(days=1)
    assert [one["from"] for one in findings(connection, 1, from_=noon)] == [noon]
    assert [one["from"] for one in findings(connection, 1, until=noon)] == [START]
    assert findings(connection, 1, until=START) == []
    # What a later day refuted is no newest finding of the earlier one.
    assert newest_findings(connection, 1, "b", until=noon) == []
    assert [one["verdict"] for one in newest_findings(connection, 1, "b")] == ["refuted"]
