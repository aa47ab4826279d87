"""What became of the lines that the bot wrote about its signals."""

import streamlit as st

from core.signal_log.reads import SignalLogAccount
from dashboard import states
from dashboard.data import health_reads
from dashboard.format import count, plural
from dashboard.markup import Badge, Cell, Column, draw_table
from dashboard.shell import Screen

_COUNTS = ("lines", "matched", "rejected", "duplicates", "conflicts")


def draw_signal_logs(screen: Screen) -> None:
    """Every log: its lines, double writes, and whether its prices are those of their candles."""
    st.subheader("Signal logs", anchor=False)
    accounts = health_reads.signal_logs(screen.bot, screen.state.bot_id, screen.version)
    if not accounts:
        states.not_available("No log of emitted signals is read.", "Add [[bots.signal_log]].")
        return
    rows: list[list[Cell]] = [
        [
            account.log,
            *(count(getattr(account, name)) for name in _COUNTS),
            count(account.doubles),
            f"{count(account.prices_matching)} of {count(account.prices_checked)}",
            price_badge(account),
        ]
        for account in accounts
    ]
    columns = [
        Column("Log", "wrapany"),
        *(Column(name.capitalize(), "num") for name in _COUNTS),
        Column("Written twice", "num"),
        Column("Prices matching", "num"),
        Column("Labels"),
    ]
    draw_table(columns, rows, caption="What became of each signal log")
    st.caption(
        "A price belongs to one candle: prices that match say that the labels are right. "
        "Written twice: candles that two instances of the bot wrote, or one that started again."
    )


def price_badge(account: SignalLogAccount) -> Badge:
    """What the prices of a log say about its labels."""
    if not account.prices:
        return Badge("unknown", "No prices")
    if not account.prices_checked:
        return Badge("unknown", "Closes not known")
    wrong = account.prices_checked - account.prices_matching
    if wrong:
        return Badge("warn", f"{plural(wrong, 'price')} of another candle")
    return Badge("good", "Right candles")
