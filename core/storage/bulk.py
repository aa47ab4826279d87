"""Tables with plain integer times, for rows by the hundred thousand.

`UtcDateTime` makes one Python datetime a value, which costs more than the
database does; a bulk write or read moves int64 microseconds instead.
"""

from functools import cache

import sqlalchemy as sa

from core.storage.tables import UtcDateTime


@cache
def raw(table: sa.Table) -> sa.Table:
    """The same table with every time column as stored microseconds (int)."""
    columns: list[sa.Column[int]] = [
        sa.Column(
            column.name,
            sa.BigInteger() if isinstance(column.type, UtcDateTime) else column.type,
            primary_key=column.primary_key,
        )
        for column in table.columns
    ]
    return sa.Table(table.name, sa.MetaData(), *columns)
