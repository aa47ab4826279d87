"""The state of every bot as one JSON document: `status --json`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.alignment.agreement import agreement
from core.bots import bot_id, comparisons
from core.collection.completeness import collection, daily_counts, gaps
from core.diagnosis.reads import newest_findings
from core.feature_log.reads import ingestion_account, logged_opens
from core.settings import BotSettings, Settings
from core.signals.reads import signals_account
from core.times import iso_z

_NOTHING = -1  # the id of no stored row: every read of it is empty


def status_document(
    connection: sa.Connection,
    settings: Settings,
    *,
    now: datetime,
    bot: str | None = None,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """What is stored of every configured bot (or of one), for JSON: None is "not known".

    The window bounds candle opens: `from_` inclusive, `until` exclusive; the accounts
    of ingestion and signals speak of everything read. Raises ConfigError for a bot
    that is not configured.
    """
    bots = settings.bots if bot is None else (settings.bot(bot),)
    return {
        "bots": [
            bot_status(connection, chosen, now=now, from_=from_, until=until) for chosen in bots
        ]
    }


def bot_status(
    connection: sa.Connection,
    bot: BotSettings,
    *,
    now: datetime,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """The entry of one bot; a bot that nothing is stored of has the same keys."""
    stored = bot_id(connection, bot.name)
    number = _NOTHING if stored is None else stored
    return {
        "name": bot.name,
        "collection": _collection(connection, number, bot, now, from_, until),
        "ingestion": _ingestion(connection, number, bot),
        "signals": _signals(connection, number, bot),
        "alignment": _alignment(connection, number, bot, from_, until),
        "findings": _findings(connection, number, bot, from_, until),
    }


def _collection(
    connection: sa.Connection,
    number: int,
    bot: BotSettings,
    now: datetime,
    from_: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    logged = logged_opens(connection, number, from_, until)
    figures = collection(logged, bot.frame, now=now, target_days=bot.target_days, until=until)
    return {
        "first_candle": _time(figures.first_candle),
        "last_candle": _time(figures.last_candle),
        "expected": figures.expected,
        "logged": figures.logged,
        "success_ratio": figures.success_ratio,
        "silent_bars": figures.silent_bars,
        "target_rows": figures.target_rows,
        "days": [
            {
                "day": f"{row['day']:%Y-%m-%d}",
                "expected": row["expected"],
                "logged": row["logged"],
                "success_ratio": row["success_ratio"],
            }
            for row in daily_counts(logged, bot.frame).to_dict("records")
        ],
        "gaps": [
            {"from": _time(gap["from"]), "until": _time(gap["until"]), "missing": gap["missing"]}
            for gap in gaps(logged, bot.frame).to_dict("records")
        ],
    }


def _ingestion(connection: sa.Connection, number: int, bot: BotSettings) -> dict[str, int | None]:
    keys = ("lines", "stored", "duplicates", "quarantined", "waiting", "recovered")
    if bot.feature_log is None:
        return dict.fromkeys(keys)
    account = ingestion_account(connection, number)
    return {key: int(account[key]) for key in keys}


def _signals(connection: sa.Connection, number: int, bot: BotSettings) -> dict[str, int | None]:
    keys = ("lines", "matched", "rejected", "duplicates", "conflicts")
    if not bot.signal_log:
        return dict.fromkeys(keys)
    account = signals_account(connection, number)
    return {key: int(account[key]) for key in keys}


def _alignment(
    connection: sa.Connection,
    number: int,
    bot: BotSettings,
    from_: datetime | None,
    until: datetime | None,
) -> list[dict[str, Any]]:
    stored = {entry.name: entry.id for entry in comparisons(connection, number)}
    entries = []
    for name in bot.comparisons:
        by_side = agreement(connection, number, stored.get(name, _NOTHING), name, from_, until)
        entries += [
            {"comparison": name, "side": str(side), **_shown(figures)}
            for side, figures in by_side.items()
        ]
    return entries


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that the document has, as JSON keeps them."""
    return {
        "pairs": figures["pairs"],
        "matched_ratio": figures["matched_ratio"],
        "mean_abs_diff": figures["mean_abs_diff"],
        "max_abs_diff": figures["max_abs_diff"],
        "max_at": _time(figures["max_at"]),
        "share_above_tolerance": figures["share_above_tolerance"],
        "flips": figures["flips"],
        "decision_flips": figures["decision_flips"],
    }


def _findings(
    connection: sa.Connection,
    number: int,
    bot: BotSettings,
    from_: datetime | None,
    until: datetime | None,
) -> list[dict[str, Any]]:
    return [
        {"comparison": name, **document}
        for name in bot.comparisons
        for document in newest_findings(connection, number, name, from_, until)
    ]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso_z(moment)
