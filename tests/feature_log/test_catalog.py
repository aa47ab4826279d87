"""Orders that nothing but the content decides, whatever was written last."""

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from core.feature_log.catalog import (
    LOG,
    Catalog,
    add_layouts,
    read_catalog,
)
from core.feature_log.layout import Layout
from core.storage.tables import layout
from core.tailing.files import add_file, read_files, save_file
from tests.feature_log.world import Bench

PATHS = ["/logs/B.csv", "/logs/a b.csv", "/logs/a-b.csv", "/logs/a.csv", "/logs/a_b.csv"]


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """A server gives rows in the order in which they were last changed, and sorts by language."""
    bench = Bench(tmp_path)
    with bench.engine.begin() as connection:
        files = [add_file(connection, bench.bot_id, LOG, path) for path in reversed(PATHS)]
        for file in (files[2], files[0]):
            save_file(connection, replace(file, problem="gone"))
        connection.exec_driver_sql("analyze")  # what is known to be small is not read by an index
        assert list(read_files(connection, bench.bot_id, LOG)) == PATHS == sorted(PATHS)


def test_layouts_come_in_the_same_order_after_one_of_them_learned(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    layouts = [Layout(("time", name)) for name in "abcde"]
    with bench.engine.begin() as connection:
        add_layouts(connection, bench.bot_id, Catalog(), layouts)
        before = list(read_catalog(connection, bench.bot_id).ids)
        first = sa.select(sa.func.min(layout.c.id)).scalar_subquery()
        connection.execute(sa.update(layout).where(layout.c.id == first).values(kind=LOG))
        connection.exec_driver_sql("analyze")  # what is known to be small is not read by an index
        assert list(read_catalog(connection, bench.bot_id).ids) == before
