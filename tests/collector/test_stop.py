import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.stop import Stop, Stopped
from core.storage.engine import writer_engine
from tests.databases import database_url


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(database_url(tmp_path / "align.db"))
    with made.begin() as connection:
        connection.exec_driver_sql("create table t (x integer)")
    return made


def count(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from t").scalar_one())


def test_an_open_transaction_is_finished_and_the_next_refused(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = {}
    monkeypatch.setattr(
        signal, "signal", lambda number, handler: handlers.update({number: handler})
    )
    stop = Stop()
    stop.watch(engine)
    stop.install(interrupts=True)
    with engine.begin() as connection:
        handlers[signal.SIGTERM](signal.SIGTERM, None)  # inside a transaction: no interruption
        connection.exec_driver_sql("insert into t values (1)")
    assert stop.is_idle
    with pytest.raises(Stopped), engine.begin() as connection:
        connection.exec_driver_sql("insert into t values (2)")
    stop.is_requested = False
    assert count(engine) == 1


def test_between_transactions_the_work_is_interrupted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers = {}
    monkeypatch.setattr(
        signal, "signal", lambda number, handler: handlers.update({number: handler})
    )
    stop = Stop()
    stop.install(interrupts=True)
    with pytest.raises(Stopped):
        handlers[signal.SIGINT](signal.SIGINT, None)
    assert stop.is_requested


def test_a_rolled_back_transaction_counts_as_ended(engine: sa.Engine) -> None:
    stop = Stop()
    stop.watch(engine)
    with pytest.raises(RuntimeError), engine.begin():
        assert not stop.is_idle
        raise RuntimeError
    assert stop.is_idle
