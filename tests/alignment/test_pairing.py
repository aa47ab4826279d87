"""Stored pairs follow the stored signals and the configuration, and nothing else."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from core.alignment.day_block import unpack_pairs
from core.alignment.pairing import pair_bot
from core.alignment.reads import read_pairs
from core.alignment.writes import ComparisonSpec
from core.bots import comparisons, ensure_bot
from core.context import Context
from core.market import Origin
from core.settings import BotSettings
from core.signals.due_days import due_days
from core.signals.writes import delete_signals, ensure_series, upsert_signals
from core.storage.engine import migrate, writer_engine
from core.storage.runs import recorded_run
from core.storage.tables import pair_day
from tests.databases import database_url
from tests.factories import signals

pytestmark = pytest.mark.slow

NOW = datetime(2025, 11, 7, tzinfo=UTC)
OPENS = pd.date_range("2025-11-03 23:00", periods=40, freq="5min").astype(str).tolist()
BOT: dict[str, Any] = {
    "name": "b",
    "signal_log": [{"name": "log", "format": "jsonl", "paths": "x"}],
    "backtests": [{"name": "research", "signals": "s.csv"}],
}


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(database_url(tmp_path / "align.db"))
    migrate(made)
    with made.begin() as connection:
        ensure_bot(connection, "b", "5m")
    return made


def bot(**changes: Any) -> BotSettings:
    return BotSettings.model_validate(BOT | changes)


def store(engine: sa.Engine, origin: Origin, frame: pd.DataFrame, name: str = "") -> None:
    with engine.begin() as connection:
        upsert_signals(connection, ensure_series(connection, 1, origin, name), frame, None)


def remove(engine: sa.Engine, origin: Origin, frame: pd.DataFrame, name: str = "") -> None:
    with engine.begin() as connection:
        delete_signals(connection, ensure_series(connection, 1, origin, name), frame)


def context_of(engine: sa.Engine, bot: BotSettings, run_id: int | None = None) -> Context:
    return Context(engine=engine, bot_id=1, bot=bot, now=NOW, run_id=run_id)


@pytest.mark.parametrize(("name", "tolerance"), [("", 0.1), ("c", -0.1), ("c", 1.1)])
def test_a_comparison_has_a_name_and_a_tolerance_that_is_a_probability(
    name: str, tolerance: float
) -> None:
    with pytest.raises(ValueError, match=r"needs a name|is no probability"):
        ComparisonSpec(name=name, tolerance=tolerance, spec={}, pairing="")


def pair(engine: sa.Engine, settings: BotSettings | None = None) -> tuple[int, int, int]:
    with recorded_run(engine, 1, "pair", NOW) as run:
        report = pair_bot(context_of(engine, settings or bot(), run.id))
    assert run.error is None
    return report.days, report.written, report.removed


def content(engine: sa.Engine) -> dict[str, tuple[pd.DataFrame, list[Any]]]:
    """Everything that pairing wrote, run ids aside."""
    with engine.connect() as connection:
        return {
            entry.name: (
                read_pairs(connection, entry.id).drop(columns="run_id"),
                [
                    tuple(row)[1:]
                    for row in connection.execute(
                        sa.select(pair_day)
                        .where(pair_day.c.comparison_id == entry.id)
                        .order_by(pair_day.c.day, pair_day.c.side)
                    )
                ],
            )
            for entry in comparisons(connection, 1)
        }


def assert_same_content(one: sa.Engine, other: sa.Engine) -> None:
    left, right = content(one), content(other)
    assert left.keys() == right.keys()
    for name in left:
        pd.testing.assert_frame_equal(left[name][0], right[name][0])
        assert left[name][1] == right[name][1]


def full(seed: int = 1) -> dict[tuple[Origin, str], pd.DataFrame]:
    draw = random.Random(seed)

    def some(opens: list[str]) -> pd.DataFrame:
        return signals(opens, [draw.random() for _ in opens], [draw.random() for _ in opens])

    return {
        (Origin.EMITTED, ""): some(OPENS[10:20]),
        (Origin.REPLAY, ""): some(OPENS[:30]),
        (Origin.BACKTEST, "research"): some(OPENS[5:]),
    }


def test_production_is_the_emitted_signal_where_there_is_one(engine: sa.Engine) -> None:
    store(engine, Origin.EMITTED, signals(OPENS[:1], [0.5], [0.1]))
    store(engine, Origin.REPLAY, signals(OPENS[:2], [0.4, 0.4], [0.1, 0.1]))
    store(engine, Origin.BACKTEST, signals(OPENS[:2], [0.3, 0.3], [0.1, 0.1]), "research")
    pair(engine)
    with engine.connect() as connection:
        replay, research = comparisons(connection, 1)
        pairs = read_pairs(connection, research.id)
        assert len(read_pairs(connection, replay.id)) == 2
    long = pairs[pairs["side"] == "LONG"]
    assert long["production_origin"].tolist() == ["emitted", "replay"]
    assert long["production"].tolist() == [0.5, 0.4]
    assert long["backtest"].tolist() == [0.3, 0.3]


def test_nothing_changed_nothing_done(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    days, written, _ = pair(engine)
    assert days == 4  # two comparisons, two UTC days
    assert written == 20 + 50
    assert pair(engine) == (0, 0, 0)


def test_the_same_signals_again_write_no_pair(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    store(engine, Origin.REPLAY, full()[(Origin.REPLAY, "")])
    assert pair(engine)[1:] == (0, 0)


def test_one_changed_signal_writes_its_pairs_alone(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    before = content(engine)["research"][0]
    store(engine, Origin.BACKTEST, signals(OPENS[25:26], [0.999]), "research")
    days, written, removed = pair(engine)
    assert (days, removed) == (1, 0)
    # LONG of that candle changed; SHORT carries the same candle's decision.
    assert 1 <= written <= 2
    after = content(engine)["research"][0]
    changed = before.compare(after)
    assert set(after.loc[changed.index, "candle_open"].astype(str).str[:16]) == {OPENS[25][:16]}


def test_content_does_not_depend_on_order_or_pieces(engine: sa.Engine, tmp_path: Path) -> None:
    other = writer_engine(database_url(tmp_path / "other.db"))
    migrate(other)
    with other.begin() as connection:
        ensure_bot(connection, "b", "5m")
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    draw = random.Random(7)
    pieces = [
        (origin, name, frame.iloc[[row]])
        for (origin, name), frame in full().items()
        for row in range(len(frame))
    ]
    draw.shuffle(pieces)
    for origin, name, piece in pieces:
        store(other, origin, piece, name)
        if draw.random() < 0.2:
            pair(other)
    pair(other)
    assert_same_content(engine, other)


def test_pairs_vanish_with_their_signals(engine: sa.Engine) -> None:
    frames = full()
    for (origin, name), frame in frames.items():
        store(engine, origin, frame, name)
    pair(engine)
    research = frames[(Origin.BACKTEST, "research")]
    remove(engine, Origin.BACKTEST, research, "research")
    _, _, removed = pair(engine)
    assert removed == 50
    with engine.connect() as connection:
        entry = comparisons(connection, 1)[1]
        assert read_pairs(connection, entry.id).empty
        days = read_days(connection, entry.id)
    assert days["pairs"].sum() == 0
    assert days["production_signals"].sum() == 60


def test_a_vanished_emitted_signal_falls_back_to_the_replay(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    remove(engine, Origin.EMITTED, full()[(Origin.EMITTED, "")])
    pair(engine)
    pairs = content(engine)["research"][0]
    assert set(pairs["production_origin"]) == {"replay"}
    assert content(engine)["replay"][0].empty


def test_another_tolerance_judges_every_pair_anew(engine: sa.Engine) -> None:
    store(engine, Origin.REPLAY, signals(OPENS[:2], [0.5, 0.5]))
    store(engine, Origin.BACKTEST, signals(OPENS[:2], [0.45, 0.2]), "research")
    pair(engine)
    assert content(engine)["research"][0]["is_aligned"].tolist() == [True, False]
    narrow = bot(backtests=[{"name": "research", "signals": "s.csv", "tolerance": 0.01}])
    assert pair(engine, narrow)[1] == 1
    assert content(engine)["research"][0]["is_aligned"].tolist() == [False, False]


def test_another_threshold_flips_anew(engine: sa.Engine) -> None:
    store(engine, Origin.REPLAY, signals(OPENS[:1], [0.72]))
    store(engine, Origin.BACKTEST, signals(OPENS[:1], [0.71]), "research")
    pair(engine)
    assert not content(engine)["research"][0]["flip"].any()
    pair(engine, bot(rule={"long_threshold": 0.715}))
    assert content(engine)["research"][0]["flip"].all()


def test_thresholds_follow_the_deployment_of_each_candle(engine: sa.Engine) -> None:
    at = ["2025-11-03 23:50", "2025-11-03 23:55", "2025-11-04 00:00"]
    store(engine, Origin.REPLAY, signals(at, [0.72] * 3))
    store(engine, Origin.BACKTEST, signals(at, [0.71] * 3), "research")
    deployments = [
        {"bundle": "one", "from": "2025-11-03T00:00:00Z"},
        {"bundle": "two", "from": "2025-11-04T00:00:00Z", "rule": {"long_threshold": 0.715}},
    ]
    pair(engine, bot(deployments=deployments))
    # The candle opened 23:55 is scored when it has closed, at 00:00.
    assert content(engine)["research"][0]["flip"].tolist() == [False, True, True]


def test_a_removed_comparison_loses_its_pairs_and_gets_them_back(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    before = content(engine)
    pair(engine, bot(backtests=[]))
    assert content(engine).keys() == {"replay"}
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(pair_day)) == 4
    store(engine, Origin.REPLAY, signals(OPENS[35:36], [0.5], [0.5]))
    pair(engine, bot(backtests=[]))
    pair(engine)
    after = content(engine)
    assert len(after["research"][0]) == len(before["research"][0]) + 2


def test_a_crash_between_chunks_loses_no_day(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = pd.date_range("2025-01-01", periods=6, freq="20D").astype(str).tolist()
    store(engine, Origin.REPLAY, signals(far, [0.5] * 6))
    store(engine, Origin.BACKTEST, signals(far, [0.4] * 6), "research")
    calls = []

    def cut_off(connection: sa.Connection, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write_days(connection, *arguments)

    from core.alignment import pairing
    from core.alignment.writes import write_days

    monkeypatch.setattr(pairing, "write_days", cut_off)
    with pytest.raises(KeyboardInterrupt):
        pair_bot(context_of(engine, bot()))
    monkeypatch.undo()
    with engine.connect() as connection:
        waiting = [due_days(connection, entry.id) for entry in comparisons(connection, 1)]
    assert sum(map(len, waiting)) > 0
    pair(engine)
    assert len(content(engine)["research"][0]) == 6


def read_days(connection: sa.Connection, comparison_id: int) -> pd.DataFrame:
    """The stored roll-ups of a comparison by day and side."""
    query = (
        sa.select(pair_day)
        .where(pair_day.c.comparison_id == comparison_id)
        .order_by(pair_day.c.day, pair_day.c.side)
    )
    rows = connection.execute(query).mappings().all()
    return pd.DataFrame([dict(row) for row in rows])


def test_roll_ups_say_what_the_pairs_say(engine: sa.Engine) -> None:
    for (origin, name), frame in full().items():
        store(engine, origin, frame, name)
    pair(engine)
    with engine.connect() as connection:
        entry = comparisons(connection, 1)[1]
        pairs, days = read_pairs(connection, entry.id), read_days(connection, entry.id)
    pairs = pairs.assign(day=pairs["candle_open"].dt.floor("D"))
    assert len(days) == 4
    for row in days.to_dict("records"):
        mine = pairs[(pairs["day"] == row["day"]) & (pairs["side"] == row["side"])]
        assert row["pairs"] == len(mine)
        assert row["above"] == (~mine["is_aligned"]).sum()
        block = unpack_pairs([(row["side"], row["block"])])
        for name in ("candle_open", "production", "backtest", "diff", "is_aligned", "flip"):
            assert block[name].tolist() == mine[name].tolist(), name


def test_days_with_one_origin_only_are_counted(engine: sa.Engine) -> None:
    store(engine, Origin.BACKTEST, signals(OPENS[:3], [0.5] * 3), "research")
    pair(engine)
    with engine.connect() as connection:
        days = read_days(connection, comparisons(connection, 1)[1].id)
    assert days["backtest_signals"].tolist() == [3]
    assert days["production_signals"].tolist() == [0]
    assert days["pairs"].tolist() == [0]
