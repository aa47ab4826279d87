"""What is read of the run table, on a real file."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import bots
from core.candles import reads as stored_candles
from core.storage import run_history
from core.storage.runs import Outcome
from tests.dashboard.seed import NOW
from tests.seeded_window import OPENS


def test_the_version_moves_with_finished_runs_alone(seeded_connection: sa.Connection) -> None:
    version = run_history.data_version(seeded_connection)
    assert version.startswith("6@")
    assert run_history.last_run_at(seeded_connection) is not None
    (state,) = bots.bot_states(seeded_connection)
    assert (state.first_candle, state.last_candle) == (OPENS[0], OPENS[-1])


def test_runs_are_told_by_step(seeded_connection: sa.Connection) -> None:
    steps = run_history.newest_by_step(seeded_connection, 1)
    assert steps[0].step == "features"
    assert steps[0].duration_s == pytest.approx(0.4)
    assert run_history.latest_runs(seeded_connection, outcomes=(Outcome.FAILED,)) == ()
    assert run_history.failed_steps(seeded_connection, 1, NOW - timedelta(days=1)) == ()
    assert stored_candles.revised_candles(seeded_connection, 1, NOW) == 0
    assert (run_history.database_size(seeded_connection) or 0) > 100_000
