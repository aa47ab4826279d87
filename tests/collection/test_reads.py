"""What is read of the collection's tables, on a real file."""

import numpy as np
import pytest
import sqlalchemy as sa

from core.collection import reads as stored_collection
from core.feature_log.reads import ingestion_account
from tests.seeded_window import OPENS, PLAN


def test_a_row_is_told_by_its_times_and_whether_it_was_recovered(
    seeded_connection: sa.Connection,
) -> None:
    rows = stored_collection.collection_frame(seeded_connection, 1)
    logged = np.delete(np.arange(len(OPENS)), list(PLAN.gaps))
    assert rows["candle_open"].tolist() == OPENS[logged].tolist()
    assert rows["is_recovered"].sum() == 5


@pytest.mark.sqlite("its query plan")
def test_collection_is_read_from_its_index_alone(seeded_connection: sa.Connection) -> None:
    plan = seeded_connection.exec_driver_sql(
        "explain query plan select candle_open, logged_at, is_recovered, layout_id "
        "from feature_row where bot_id = 1 order by candle_open"
    ).all()
    assert "COVERING INDEX ix_feature_row_collection" in str(plan)


def test_quarantine_keeps_raw_text_and_reason(seeded_connection: sa.Connection) -> None:
    lines = stored_collection.quarantined_lines(seeded_connection, 1)
    assert [line["reason"] for line in lines] == ["conflict", "no_layout"]
    assert lines[0]["raw"] == PLAN.raw_line
    one = stored_collection.quarantined_lines(seeded_connection, 1, reason="no_layout")
    assert len(one) == 1
    assert dict(stored_collection.quarantine_reasons(seeded_connection, 1)) == {
        "conflict": 1,
        "no_layout": 1,
    }
    assert ingestion_account(seeded_connection, 1)["quarantined"] == 2
