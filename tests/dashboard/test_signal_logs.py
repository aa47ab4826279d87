"""What Health says about the logs that the bot wrote its signals to."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.signal_log.reads import SignalLogAccount
from core.storage.engine import writer_engine
from core.storage.tables import signal_line
from dashboard.sections.signal_logs import price_badge
from tests.dashboard.conftest import View, words
from tests.dashboard.seed_plan import NOW, Plan
from tests.databases import database_url


def account(prices: int, checked: int, matching: int) -> SignalLogAccount:
    return SignalLogAccount(
        log="text", lines=5, matched=3, rejected=1, duplicates=1, conflicts=0, doubles=1,
        prices=prices, prices_checked=checked, prices_matching=matching,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (account(0, 0, 0), "No prices"),
        (account(4, 0, 0), "Closes not known"),
        (account(4, 3, 3), "Right candles"),
        (account(4, 3, 2), "1 price of another candle"),
        (account(4, 4, 0), "4 prices of another candle"),
    ],
)
def test_prices_say_whether_labels_are_right(found: SignalLogAccount, word: str) -> None:
    assert price_badge(found).word == word


def add_lines(file: Path, plan: Plan) -> None:
    """Two candles: one written twice 0.4 s apart with prices that match, one with a wrong price."""
    engine = writer_engine(database_url(file))
    first, second = (opened.to_pydatetime() for opened in plan.opens[:2])
    lines = [
        (first, 0.0, "used", True),
        (first, 0.4, "duplicate", True),
        (second, 0.0, "used", False),
        (None, 0.0, "rejected", None),
    ]
    with engine.begin() as connection:
        for number, (opened, delay_s, status, is_match) in enumerate(lines):
            values = {
                "bot_id": 1, "file_id": 1, "log": "columns", "line": number, "sha256": str(number),
                "candle_open": opened, "logged_at": NOW + timedelta(seconds=delay_s),
                "price": None if is_match is None else 100.0, "is_price_match": is_match,
                "status": status,
            }  # fmt: skip
            connection.execute(sa.insert(signal_line).values(**values))
    engine.dispose()


def test_health_shows_lines_double_writes_and_prices(view: View, seed: Callable[..., Path]) -> None:
    plan = Plan(days=0.5)
    config = seed(plan)
    add_lines(config.parent / "align.db", plan)
    app = view("health", config)
    assert not app.exception
    (table,) = [
        element.proto.body
        for element in app.get("html")
        if "What became of each signal log" in element.proto.body
    ]
    cells = [part.split("</td>")[0].rpartition(">")[2] for part in table.split("<td")[1:]]
    assert cells[:8] == ["columns", "4", "2", "1", "1", "0", "1", "2 of 3"]
    assert "1 price of another candle" in words(app)


def test_a_bot_without_signal_logs_is_told_how_to_get_one(
    view: View, seed: Callable[..., Path]
) -> None:
    page = words(view("health", seed(Plan(days=0.5, comparisons=("recomputed-600",)))))
    assert "No log of emitted signals is read." in page
    assert "[[bots.signal_log]]" in page
