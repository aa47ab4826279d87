"""What is read of the feature_log's tables, on a real file."""

from pathlib import Path

import sqlalchemy as sa

from core.feature_log import reads as stored_log
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import Plan
from tests.databases import database_url
from tests.seeded_window import OPENS, WORST


def test_a_line_that_cannot_be_read_says_why(seeded_connection: sa.Connection) -> None:
    line = stored_log.logged_line(seeded_connection, 1, WORST)
    assert line is not None
    assert line.text is None
    assert line.problem == "the file is no longer there"
    assert stored_log.logged_line(seeded_connection, 1, OPENS[30].to_pydatetime()) is None


def test_a_line_of_a_replaced_file_says_so(tmp_path: Path) -> None:
    log = tmp_path / "features.csv"
    log.write_bytes(b"x" * 5000)
    seed_database(tmp_path / "align.db", (Plan(days=0.1, file="unused"),)).dispose()
    from core.storage.engine import writer_engine

    engine = writer_engine(database_url(tmp_path / "align.db"))
    opened = Plan(days=0.1).opens[5].to_pydatetime()
    with engine.begin() as writing:
        writing.execute(sa.text("update log_file set path = :p, generation = 1"), {"p": str(log)})
        replaced = stored_log.logged_line(writing, 1, opened)
    engine.dispose()
    assert replaced is not None
    assert (replaced.text, replaced.problem) == (
        None,
        "the file was replaced since this row was read",
    )
