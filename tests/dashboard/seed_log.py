"""The seeded feature log: its rows, the account of its file, and what waits in quarantine."""

import hashlib

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.storage import tables
from core.storage.sql import raw
from core.times import us_from_index
from tests.dashboard.seed_plan import FRAME, Plan
from tests.stored_rows import ensure_layout, insert


def store_log(
    connection: sa.Connection,
    bot_id: int,
    plan: Plan,
    chosen: np.random.Generator,
    opens: pd.DatetimeIndex,
    prices: pd.DataFrame,
) -> None:
    """Rows at these candle opens with their prices; features are drawn."""
    names = [*prices.columns, *(f"{plan.feature_prefix}_{at}" for at in range(plan.features))]
    matrix = np.hstack([prices.to_numpy(), chosen.normal(0, 1, (len(opens), plan.features))])
    delay_us = (chosen.gamma(4, 1.2, len(opens)) * 1e6 + FRAME.length_us).astype("int64")
    layout_id = ensure_layout(connection, bot_id, names)
    quarantined = len(plan.quarantined)
    file = {
        "bot_id": bot_id, "log": "feature_log", "path": f"/logs/{plan.file}", "offset": 1000,
        "line": len(opens) + 1, "lines": len(opens) + quarantined,
        "stored": len(opens), "quarantined": quarantined, "recovered": min(5, len(opens)),
        "read_at": plan.now,
    }  # fmt: skip
    file_id = insert(connection, tables.log_file, file)
    rows = [
        {
            "bot_id": bot_id,
            "candle_open": opened,
            "layout_id": layout_id,
            "vector": matrix[number].tobytes(),
            "logged_at": opened + delay,
            **dict(zip(prices.columns, matrix[number, :5].tolist(), strict=True)),
            "file_id": file_id,
            "generation": 0,
            "line": number + 2,
            "offset": 100 * number,
            "length": 99,
            "row_hash": hashlib.sha256(str(opened).encode()).digest(),
            "is_recovered": number < 5,
        }
        for number, (opened, delay) in enumerate(
            zip(us_from_index(opens).tolist(), delay_us.tolist(), strict=True)
        )
    ]
    connection.execute(sa.insert(raw(tables.feature_row)), rows)
    _quarantine(connection, bot_id, file_id, plan, opens)


def _quarantine(
    connection: sa.Connection, bot_id: int, file_id: int, plan: Plan, opens: pd.DatetimeIndex
) -> None:
    raw_line = plan.raw_line.encode()
    rows = [
        {
            "bot_id": bot_id,
            "file_id": file_id,
            "line": 500 + number,
            "offset": 5,
            "length": len(raw_line),
            "reason": reason,
            "detail": "Row of 3 fields fits no known layout.",
            "candle_open": opens[10].to_pydatetime() if len(opens) > 10 else None,
            "raw": raw_line,
            "sha256": hashlib.sha256(raw_line).hexdigest(),
        }
        for number, reason in enumerate(plan.quarantined)
    ]
    insert(connection, tables.quarantine, *rows)
