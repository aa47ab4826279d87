"""Rows in bulk: each arrives once, in its stored form, at any count and at any value."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.storage.engine import writer_engine
from core.storage.sql import (
    fetch_tuples,
    insert_many,
    int64_rows,
    raw,
    upsert,
    upsert_statement,
    within,
)
from core.storage.tables import pair_due, run
from core.times import to_us
from tests.databases import database_url

NUMBERS = sa.Table(
    "number",
    sa.MetaData(),
    sa.Column("place", sa.BigInteger, primary_key=True),
    *(sa.Column(f"value_{at}", sa.Double) for at in range(9)),
)
NAMES = tuple(column.name for column in NUMBERS.columns)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    engine = writer_engine(database_url(tmp_path / "numbers.db"))
    NUMBERS.metadata.create_all(engine)
    return engine


def _row(place: int) -> tuple[float, ...]:
    return (place, *(place + at / 10 for at in range(9)))


@pytest.mark.parametrize("count", [0, 1, 89, 90, 91, 180, 1000])
def test_every_row_arrives_whatever_their_count(engine: sa.Engine, count: int) -> None:
    rows = [_row(place) for place in range(count)]
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, rows)
        stored = connection.execute(sa.select(NUMBERS).order_by(NUMBERS.c.place)).all()
    assert [tuple(row) for row in stored] == rows


def test_a_row_of_the_same_key_is_replaced_only_where_asked(engine: sa.Engine) -> None:
    rows = [_row(place) for place in range(200)]
    later = [(place, *[0.0] * 9) for place in range(100, 300)]
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, rows)
        insert_many(connection, NUMBERS, NAMES, later, replace=True)
        zeros = sa.select(sa.func.count()).where(NUMBERS.c.value_0 == 0.0, NUMBERS.c.place > 0)
        assert connection.execute(zeros).scalar_one() == 200
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, rows)


@pytest.mark.sqlite("its driver takes values by their place")
def test_columns_in_an_order_that_the_statement_does_not_have_are_refused(
    engine: sa.Engine,
) -> None:
    with pytest.raises(ValueError, match="have to be named in the order"), engine.begin() as opened:
        insert_many(opened, NUMBERS, ("value_0", "place"), [(0.5, 1)])


def test_a_driver_that_takes_values_by_name_stores_the_same_rows(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'named.db'}", paramstyle="named")
    NUMBERS.metadata.create_all(engine)
    rows = [_row(place) for place in range(200)]
    later = [(place, *[0.0] * 9) for place in range(100, 300)]
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, rows)
        insert_many(connection, NUMBERS, NAMES, later, replace=True)
        stored = connection.execute(sa.select(NUMBERS).order_by(NUMBERS.c.place)).all()
    engine.dispose()
    assert [tuple(row) for row in stored] == rows[:100] + later


def test_a_row_wider_than_a_statement_still_arrives(tmp_path: Path) -> None:
    names = tuple(f"value_{at}" for at in range(950))
    wide = sa.Table("wide", sa.MetaData(), *(sa.Column(name, sa.BigInteger) for name in names))
    engine = writer_engine(database_url(tmp_path / "wide.db"))
    wide.metadata.create_all(engine)
    rows = [tuple(range(start, start + 950)) for start in (0, 7)]
    with engine.begin() as connection:
        insert_many(connection, wide, names, rows)
        assert fetch_tuples(connection, sa.select(wide)) == rows
    engine.dispose()


def test_the_largest_and_smallest_numbers_come_back_to_the_bit(engine: sa.Engine) -> None:
    floats = [sys.float_info.max, sys.float_info.min, 5e-324, -1e-300, 0.1, 2**53 + 2.0]
    places = [-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1]
    rows = [
        (place, value, float("inf"), float("-inf"), *[0.0] * 6)
        for place, value in zip(places, floats, strict=True)
    ]
    query = sa.select(NUMBERS).order_by(NUMBERS.c.place)
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, rows)
        assert fetch_tuples(connection, query) == rows
        opened = connection.execute(query.with_only_columns(NUMBERS.c.place))
        assert int64_rows(opened, 1)[:, 0].tolist() == places


def test_a_number_that_no_column_holds_is_refused_not_bent(engine: sa.Engine) -> None:
    refused = (OverflowError, sa.exc.DataError)  # by the driver of a file, by a server
    with pytest.raises(refused), engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, [_row(2**63)])
    with engine.connect() as connection:
        assert fetch_tuples(connection, sa.select(NUMBERS)) == []


def test_no_row_is_an_array_without_rows_of_the_same_width(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = int64_rows(connection.execute(sa.select(NUMBERS.c.place, NUMBERS.c.value_0)), 2)
    assert found.shape == (0, 2)
    assert found.dtype == "int64"


def test_an_upsert_changes_the_columns_given_and_leaves_the_others(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, [_row(1), _row(2)])
        upsert(connection, NUMBERS, [{"place": 2, "value_3": 9.0}, {"place": 5, "value_3": 8.0}])
        upsert(connection, NUMBERS, [{"place": 1, "value_3": 7.0}], keep_existing=True)
        upsert(connection, NUMBERS, [])
        columns = (NUMBERS.c.place, NUMBERS.c.value_2, NUMBERS.c.value_3)
        stored = fetch_tuples(connection, sa.select(*columns).order_by(NUMBERS.c.place))
    assert stored == [(1, 1.2, 1.3), (2, 2.2, 9.0), (5, None, 8.0)]


def test_a_table_of_keys_alone_takes_the_same_row_twice(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'keys.db'}")
    pair_due.metadata.create_all(engine)
    due = raw(pair_due)
    with engine.begin() as connection:
        for _ in range(2):
            upsert(connection, due, [{"comparison_id": 1, "day": 5}])
        assert fetch_tuples(connection, sa.select(due)) == [(1, 5)]
    engine.dispose()


def test_postgresql_replaces_a_row_by_the_same_rule() -> None:
    dialect = sa.make_url("postgresql+psycopg://").get_dialect()()
    text = str(upsert_statement(dialect, NUMBERS, ("place", "value_0")).compile(dialect=dialect))
    assert text.endswith("ON CONFLICT (place) DO UPDATE SET value_0 = excluded.value_0")


def test_the_raw_table_has_times_as_the_database_keeps_them() -> None:
    assert [column.name for column in raw(run).columns] == [column.name for column in run.columns]
    assert isinstance(raw(run).c.started_at.type, sa.BigInteger)
    assert [column.name for column in raw(pair_due).primary_key] == ["comparison_id", "day"]
    assert raw(run) is raw(run)


def test_a_window_includes_its_beginning_and_not_its_end(engine: sa.Engine) -> None:
    first, last = (datetime(2025, 11, day, tzinfo=UTC) for day in (3, 4))
    places = [to_us(first) - 1, to_us(first), to_us(last) - 1, to_us(last)]
    query = sa.select(NUMBERS.c.place).order_by(NUMBERS.c.place)
    with engine.begin() as connection:
        insert_many(connection, NUMBERS, NAMES, [_row(place) for place in places])
        found = [
            connection.scalars(within(query, NUMBERS.c.place, from_, until)).all()
            for from_, until in ((first, last), (None, last), (first, None), (None, None))
        ]
    assert found == [places[1:3], places[:3], places[1:], places]


def test_a_window_of_times_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        within(sa.select(NUMBERS.c.place), NUMBERS.c.place, datetime(2025, 11, 3), None)  # noqa: DTZ001
