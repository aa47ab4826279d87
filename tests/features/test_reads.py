"""What is read of the features's tables, on a real file."""

import sqlalchemy as sa

from core.features import reads as stored_features
from core.times import us_from_index
from tests.dashboard.seed_plan import BACKTEST
from tests.seeded_window import OPENS, PLAN


def test_vectors_of_single_candles_equal_what_was_stored(seeded_connection: sa.Connection) -> None:
    opens = us_from_index(OPENS[[5, 200, 300]])
    found = stored_features.logged_vectors(seeded_connection, 1, opens, not_features=("open",))
    assert found.index.tolist() == OPENS[[5, 200, 300]].tolist()
    assert "open" not in found.columns
    assert found["close"].notna().all()
    everything = stored_features.opens_in(seeded_connection, 1, None, None)
    assert len(everything) == len(OPENS) - len(PLAN.gaps)
    nothing = stored_features.backtest_vectors(seeded_connection, 1, BACKTEST, opens)
    assert nothing.empty
