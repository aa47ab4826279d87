"""Many rows a statement: every row arrives once, in its stored form, at any count."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from core.storage.engine import writer_engine
from core.storage.sql import insert_many

NUMBERS = sa.Table(
    "number",
    sa.MetaData(),
    sa.Column("place", sa.BigInteger, primary_key=True),
    *(sa.Column(f"value_{at}", sa.Double) for at in range(9)),
)
NAMES = tuple(column.name for column in NUMBERS.columns)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    engine = writer_engine(f"sqlite:///{tmp_path / 'numbers.db'}")
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
