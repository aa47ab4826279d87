"""Types that mean the same in a SQLite file and on a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.storage.sql import insert_many, json_text, raw, upsert
from core.storage.tables import Double, Text, bot, candle, candle_source, layout, metadata
from tests.stored_rows import new_bot, new_database


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = new_database(tmp_path)
    new_bot(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def test_text_sorts_by_code_point(connection: sa.Connection) -> None:
    names = ["b-2", "B", "a", "b_1", "Z", "é", "b 3"]
    connection.execute(sa.delete(bot))
    connection.execute(sa.insert(bot), [{"name": name, "timeframe": "5m"} for name in names])
    assert connection.scalars(sa.select(bot.c.name).order_by(bot.c.name)).all() == sorted(names)
    above = sa.select(bot.c.name).where(bot.c.name > "Z").order_by(bot.c.name)
    assert connection.scalars(above).all() == ["a", "b 3", "b-2", "b_1", "é"]


def test_a_nul_in_a_text_is_shown_as_a_sign(connection: sa.Connection) -> None:
    connection.execute(sa.insert(bot).values(name="a\0b", timeframe="5m"))
    assert connection.scalars(sa.select(bot.c.name).order_by(bot.c.id)).all()[-1] == "a␀b"


def test_no_text_and_no_document_holds_what_cannot_be_shown(connection: sa.Connection) -> None:
    connection.execute(sa.insert(bot).values(name="bad \ud800", timeframe="5m"))
    assert connection.scalars(sa.select(bot.c.name).order_by(bot.c.id)).all()[-1] == "bad \\ud800"
    state = {"a\0": ["b\udcff", {"c": "🐢\0"}], "n": 1.5}
    connection.execute(sa.insert(candle_source).values(bot_id=1, name="x", state=state))
    kept = connection.scalar(sa.select(candle_source.c.state))
    assert kept == {"a\0": ["b\\xff", {"c": "🐢\0"}], "n": 1.5}


def _price(connection: sa.Connection, number: float) -> dict[str, object]:
    source = sa.insert(candle_source).values(bot_id=1, name="x", state={})
    number_of = connection.execute(source.returning(candle_source.c.id)).scalar_one()
    names = ("open", "high", "low", "close")
    row = dict.fromkeys(names, 1.5) | {"volume": number, "origin": "x", "revision": 0}
    return {"source_id": number_of, "candle_open": 300_000_000, **row}


@pytest.mark.parametrize("way", ["upsert", "insert_many"])
def test_nan_is_no_number_that_is_stored(connection: sa.Connection, way: str) -> None:
    row = _price(connection, float("nan"))
    table = raw(candle)
    with pytest.raises(sa.exc.IntegrityError):
        if way == "upsert":
            upsert(connection, table, [row])
        else:
            insert_many(connection, table, tuple(row), [tuple(row.values())])


@pytest.mark.parametrize("way", ["upsert", "insert_many"])
@pytest.mark.parametrize("number", [-0.0, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, float("inf")])
def test_numbers_come_back_to_the_bit_and_zero_without_a_sign(
    connection: sa.Connection, number: float, way: str
) -> None:
    row = _price(connection, number)
    table = raw(candle)
    if way == "upsert":
        upsert(connection, table, [row])
    else:
        insert_many(connection, table, tuple(row), [tuple(row.values())])
    assert repr(connection.scalar(sa.select(candle.c.volume))) == repr(number + 0.0)


def test_json_is_read_as_it_was_written(connection: sa.Connection) -> None:
    """Seen: a server's driver decodes JSON by itself, and `export features` decoded it again."""
    written = {"b": [1, 2.5, None], "a": "x\0é"}
    values = {"bot_id": 1, "kind": "k", "hash": "h", "columns": ["a"], "profile": written}
    connection.execute(sa.insert(layout).values(**values))
    assert connection.scalar(sa.select(layout.c.profile)) == written
    text = connection.scalar(sa.select(json_text(layout.c.columns)))
    assert text == '["a"]'
    assert connection.scalar(sa.select(json_text(raw(layout).c.columns))) == '["a"]'


def test_every_text_and_number_is_of_these_types() -> None:
    plain = [
        str(column)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (sa.String, sa.Float))
        and not isinstance(column.type, (Text, Double))
    ]
    assert plain == []
