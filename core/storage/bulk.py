"""Tables with plain integer times, for rows by the hundred thousand.

`UtcDateTime` makes one Python datetime a value, which costs more than the
database does; a bulk write or read moves int64 microseconds instead.
"""

import itertools
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
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


def int64_rows(result: sa.CursorResult[Any], columns: int) -> npt.NDArray[np.int64]:
    """All rows of a query whose every column is a whole number, as rows × columns.

    Read from the driver's own cursor: a Row object for each would cost twice the time.
    """
    rows = result.cursor.fetchall() if result.cursor is not None else []
    flat = np.fromiter(itertools.chain.from_iterable(rows), dtype="int64")
    return flat.reshape(-1, columns)
