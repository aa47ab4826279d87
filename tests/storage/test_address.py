"""What stands under database_url, before anything is opened."""

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import ConfigError, StorageError
from core.storage.address import database_address
from core.storage.engine import migrate, snapshot, writer_engine
from core.storage.failures import shown_place
from core.storage.tables import candle_source


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql+psycopg://u:S3CR3T@h:notaport/db", "is no address of a database"),
        ("x@@://:::", "is no address of a database"),
        ("", "is no address of a database"),
        ("foo://u:S3CR3T@h/db", "no database that Align knows"),
        ("mysql://u:S3CR3T@h/db", "no database that Align knows"),
        ("sqlite:///a\0b", "no database that Align knows"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite+aiosqlite:///align.db", "cannot be used"),
        ("postgresql+psycopg://h/db?passwd=S3CR3T", "passwd"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence(url: str, sentence: str) -> None:
    if "passwd" in url:
        pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match=sentence) as caught:
        database_address(url)
    assert "S3CR3T" not in str(caught.value)
    assert (
        'write "sqlite:///' in str(caught.value)
        or "correct it" in str(caught.value)
        or ("name a file" in str(caught.value))
    )


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "align.db").symlink_to("align.db")
    with pytest.raises(ConfigError, match=r"align\.db: a symbolic link that leads to itself"):
        database_address(f"sqlite:///{tmp_path / 'align.db'}")


def test_a_password_among_the_parameters_is_never_shown() -> None:
    url = sa.make_url("postgresql+psycopg://127.0.0.1:1/db?user=u&password=S3CR3T")
    assert "S3CR3T" not in shown_place(url)
    assert "127.0.0.1:1/db" in shown_place(url)


def test_a_database_that_something_else_changed_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "align.db"
    engine = writer_engine(f"sqlite:///{file}")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("insert into bot (name, timeframe) values ('b', '5m')"))
        state = {"a": 1}
        connection.execute(sa.insert(candle_source).values(bot_id=1, name="x", state=state))
        assert json.loads(connection.scalar(sa.text("select state from candle_source"))) == state
    broken = sqlite3.connect(file)
    broken.execute("update candle_source set state = '{\"a\": '")
    broken.execute("drop table feature_row")
    broken.commit()
    broken.close()
    with snapshot(engine) as connection:
        with pytest.raises(StorageError, match=r"align\.db: a stored document is no JSON"):
            connection.scalar(sa.select(candle_source.c.state))
        with pytest.raises(StorageError, match=r"the table feature_row is missing; .*put back"):
            connection.execute(sa.text("select * from feature_row"))
    engine.dispose()
