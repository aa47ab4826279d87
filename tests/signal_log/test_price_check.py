from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.candles.writes import ensure_source, store_candles
from core.context import Context
from core.settings import BotSettings
from core.signal_log.ingest import ingest_signal_logs
from core.signal_log.price_check import PriceReport, check_prices, matches_close
from core.signal_log.reads import SignalLogAccount, signal_log_accounts
from core.storage.sql import raw
from core.storage.tables import candle, candle_source
from core.times import index_from_us
from tests.stored_rows import FIVE, new_bot, new_database, opens, store_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = "2025-10-24T00:00:00Z"
BOT = BotSettings.model_validate(
    {"name": "btc-5m", "signal_log": [{"name": "columns", "format": "feature_log"}]}
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = new_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def bot_id(engine: sa.Engine) -> int:
    return new_bot(engine)


def context_of(engine: sa.Engine, bot_id: int, bot: BotSettings = BOT) -> Context:
    return Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW)


def read(engine: sa.Engine, bot_id: int, bot: BotSettings = BOT) -> None:
    ingest_signal_logs(context_of(engine, bot_id, bot))


def prices(engine: sa.Engine, bot_id: int, log: str = "columns") -> tuple[int, int, int]:
    with engine.connect() as connection:
        (found,) = signal_log_accounts(connection, bot_id, [log])
    return found.prices, found.prices_checked, found.prices_matching


def logged(engine: sa.Engine, bot_id: int, closes: list[float], price: float = 100.5) -> None:
    rows = np.array([[0, close, 0.5, price] for close in closes])
    columns = ("time", "close", "long", "price")
    store_rows(engine, bot_id, columns, opens(FIRST, len(closes)), rows)


def add_source(engine: sa.Engine, bot_id: int, name: str, closes: dict[int, float]) -> None:
    first = int(opens(FIRST, 1)[0])
    with engine.begin() as connection:
        source_id = connection.execute(
            sa.insert(candle_source).values(bot_id=bot_id, name=name).returning(candle_source.c.id)
        ).scalar_one()
        connection.execute(
            sa.insert(raw(candle)),
            [
                {
                    "source_id": source_id,
                    "candle_open": first + bar * FIVE.length_us,
                    **dict.fromkeys(("open", "high", "low", "volume"), close),
                    "close": close,
                    "origin": "a.csv",
                    "revision": 0,
                }
                for bar, close in closes.items()
            ],
        )


def test_prices_are_compared_with_the_closes_that_the_bot_logged(
    engine: sa.Engine, bot_id: int
) -> None:
    logged(engine, bot_id, [100.5, 101.0, np.nan])
    read(engine, bot_id)
    assert prices(engine, bot_id) == (3, 0, 0)
    assert check_prices(context_of(engine, bot_id)) == PriceReport(checked=2, matching=1)
    assert prices(engine, bot_id) == (3, 2, 1)
    assert check_prices(context_of(engine, bot_id)) == PriceReport(checked=0, matching=0)


def test_a_close_that_becomes_known_later_is_compared_then(engine: sa.Engine, bot_id: int) -> None:
    logged(engine, bot_id, [np.nan, np.nan, 100.5])
    read(engine, bot_id)
    check_prices(context_of(engine, bot_id))
    add_source(engine, bot_id, "first", {1: 100.5, 2: 7.0})  # the bot's own close goes first
    add_source(engine, bot_id, "second", {0: 99.0, 1: 7.0})
    assert check_prices(context_of(engine, bot_id)) == PriceReport(checked=2, matching=1)
    assert prices(engine, bot_id) == (3, 3, 2)


def test_a_row_that_was_replaced_is_compared_again(tmp_path: Path, engine: sa.Engine) -> None:
    bot_id = new_bot(engine)
    file = tmp_path / "signals.csv"
    file.write_text(f"candle_open,long,price\n{FIRST},0.5,100.5\n")
    log = {"name": "csv", "format": "csv", "paths": str(file), "candle_open": "candle_open"}
    bot = BotSettings.model_validate({"name": "btc-5m", "signal_log": [log]})
    logged(engine, bot_id, [100.5])
    read(engine, bot_id, bot)
    check_prices(context_of(engine, bot_id, bot))
    assert prices(engine, bot_id, "csv") == (1, 1, 1)
    logged(engine, bot_id, [100.6])
    assert check_prices(context_of(engine, bot_id, bot)) == PriceReport(checked=1, matching=0)
    assert prices(engine, bot_id, "csv") == (1, 1, 0)


def test_candles_of_another_bot_say_nothing(engine: sa.Engine, bot_id: int) -> None:
    logged(engine, bot_id, [np.nan])
    read(engine, bot_id)
    with engine.begin() as connection:
        other_id = ensure_bot(connection, "other-bot", "5m")
    add_source(engine, other_id, "other", {0: 100.5})
    assert check_prices(context_of(engine, bot_id)) == PriceReport(checked=0, matching=0)


def test_a_log_without_a_line_has_an_account_of_zeros(engine: sa.Engine, bot_id: int) -> None:
    with engine.connect() as connection:
        (found,) = signal_log_accounts(connection, bot_id, ["nothing"])
    assert found == SignalLogAccount(
        log="nothing", lines=0, matched=0, rejected=0, duplicates=0, conflicts=0, doubles=0,
        prices=0, prices_checked=0, prices_matching=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("price", "step", "close", "matches"),
    [
        (100.5, np.nan, 100.5, True),
        (100.5, np.nan, 100.5000001, False),
        (100.5, 0.1, 100.549, True),
        (100.5, 0.1, 100.55, True),
        (100.5, 0.1, 100.56, False),
        (111_000.0, 1.0, 111_000.5, True),
    ],
)
def test_a_price_is_the_close_at_the_digits_that_were_printed(
    price: float, step: float, close: float, matches: bool
) -> None:
    frame = pd.DataFrame({"price": [price], "price_step": [step], "close": [close]})
    assert matches_close(frame).tolist() == [matches]


@pytest.mark.sqlite("its query plan")
def test_pending_prices_are_found_by_their_own_index(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "explain query plan select id from signal_line where bot_id = 1 and price is not null "
            "and candle_open is not null and is_price_match is null"
        ).all()
    assert "ix_signal_line_price" in str(plan)


def test_a_price_is_compared_again_when_its_candle_is_revised(
    engine: sa.Engine, bot_id: int
) -> None:
    logged(engine, bot_id, [np.nan, np.nan])
    read(engine, bot_id)
    with engine.begin() as connection:
        source_id = ensure_source(connection, bot_id, "exchange")
    for close, expected in ((90.0, (2, 2, 0)), (100.5, (2, 2, 2))):
        with engine.begin() as connection:
            pull = pd.DataFrame({"candle_open": index_from_us(opens(FIRST, 2))})
            pull = pull.assign(open=95.0, high=110.0, low=80.0, close=close, volume=close)
            store_candles(connection, source_id, pull, origin=f"{close}.csv", now=NOW)
        check_prices(context_of(engine, bot_id))
        assert prices(engine, bot_id) == expected
    assert check_prices(context_of(engine, bot_id)).checked == 0
