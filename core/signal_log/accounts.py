"""What became of each signal log: its lines, double writes and reference prices."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.signal_log.reads import double_writes
from core.signals.reads import STATUSES
from core.storage.sql import raw
from core.storage.tables import signal_line

_LINE = raw(signal_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLogAccount:
    """lines = matched + rejected + duplicates + conflicts.

    `doubles`: candles that were written at several times. `prices`: lines with a candle
    and a price; `prices_checked`: those whose close is known; `prices_matching`: those
    that are the close.
    """

    log: str
    lines: int
    matched: int
    rejected: int
    duplicates: int
    conflicts: int
    doubles: int
    prices: int
    prices_checked: int
    prices_matching: int


def signal_log_accounts(
    connection: sa.Connection, bot_id: int, logs: Sequence[str]
) -> tuple[SignalLogAccount, ...]:
    """The account of each of these logs, in their order; a log without a line has zeros."""
    counts = _counts(connection, bot_id)
    doubles = Counter(double_writes(connection, bot_id)["log"])
    return tuple(
        SignalLogAccount(log=log, doubles=doubles[log], **_account(counts[log])) for log in logs
    )


def _counts(connection: sa.Connection, bot_id: int) -> dict[str, list[Any]]:
    is_priced = _LINE.c.candle_open.is_not(None) & _LINE.c.price.is_not(None)
    query = (
        sa.select(
            _LINE.c.log,
            _LINE.c.status,
            sa.func.count().label("lines"),
            sa.func.count(sa.case((is_priced, 1))).label("prices"),
            sa.func.count(_LINE.c.is_price_match).label("checked"),
            sa.func.count(sa.case((_LINE.c.is_price_match.is_(True), 1))).label("matching"),
        )
        .where(_LINE.c.bot_id == bot_id)
        .group_by(_LINE.c.log, _LINE.c.status)
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.log].append(row)
    return found


def _account(rows: list[Any]) -> dict[str, int]:
    by_status = {row.status: row.lines for row in rows}
    return {
        "lines": sum(row.lines for row in rows),
        **{name: by_status.get(status, 0) for status, name in STATUSES.items()},
        "prices": sum(row.prices for row in rows),
        "prices_checked": sum(row.checked for row in rows),
        "prices_matching": sum(row.matching for row in rows),
    }
