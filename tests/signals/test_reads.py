"""What is read of the signals's tables, on a real file."""

import sqlalchemy as sa

from core.alignment import reads as stored_pairs
from core.feature_log import reads as stored_log
from core.signals import reads as stored_signals
from tests.seeded_window import OPENS, WORST


def test_a_candle_names_origin_bundle_and_run_of_every_signal(
    seeded_connection: sa.Connection,
) -> None:
    found = stored_signals.signals_at(seeded_connection, 1, WORST)
    assert [one.origin for one in found][:4] == ["emitted", "emitted", "replay", "replay"]
    assert {one.bundle_name for one in found} == {"demo_20251024"}
    assert all(one.run_at is not None for one in found)
    assert stored_signals.absences_at(seeded_connection, 1, WORST) == ()
    pairs = stored_pairs.candle_pairs(seeded_connection, 1, WORST)
    assert len(pairs) == 6
    before, after = stored_log.neighbour_opens(seeded_connection, 1, OPENS[31].to_pydatetime())
    assert (before, after) == (OPENS[29].to_pydatetime(), OPENS[32].to_pydatetime())
