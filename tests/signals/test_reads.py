"""What is read of the signals's tables, on a real file."""

from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.alignment import reads as stored_pairs
from core.feature_log import reads as stored_log
from core.market import SIDES, Origin, Side
from core.scoring.live_bundle import absence_frame
from core.signals import reads as stored_signals
from core.signals.writes import ensure_series, upsert_absences
from core.times import from_us
from tests.seeded_window import OPENS, WORST
from tests.stored_rows import new_bot, new_database, opens


def test_a_candle_names_origin_bundle_and_run_of_every_signal(
    seeded_connection: sa.Connection,
) -> None:
    found = stored_signals.signals_at(seeded_connection, 1, WORST)
    assert [one.origin for one in found][:4] == ["emitted", "emitted", "replay", "replay"]
    assert {one.bundle_name for one in found} == {"demo_20251024"}
    assert all(one.run_at is not None for one in found)
    assert {type(one.origin) for one in found} == {Origin}
    assert {one.side for one in found} == set(SIDES)
    assert stored_signals.absences_at(seeded_connection, 1, WORST) == ()
    pairs = stored_pairs.candle_pairs(seeded_connection, 1, WORST)
    assert len(pairs) == 6
    before, after = stored_log.neighbour_opens(seeded_connection, 1, OPENS[31].to_pydatetime())
    assert (before, after) == (OPENS[29].to_pydatetime(), OPENS[32].to_pydatetime())


def test_the_digits_of_a_day_count_and_not_those_of_one_value() -> None:
    opened = pd.to_datetime(
        ["2025-11-03T00:00Z", "2025-11-03T00:05Z", "2025-11-03T23:55Z", "2025-11-04T00:00Z"]
    )
    steps = [0.001, 0.0001, np.nan, 0.1]
    frame = stored_signals.with_log_steps(pd.DataFrame({"candle_open": opened, "step": steps}))
    assert frame["step"].fillna(0).tolist() == [0.0001, 0.0001, 0.0, 0.1]


def test_why_a_candle_has_no_signal_of_a_side_or_of_both(tmp_path: Path) -> None:
    engine = new_database(tmp_path)
    bot_id, (open_us,) = new_bot(engine), opens("2025-11-03T00:00:00Z", 1)
    with engine.begin() as connection:
        replay = ensure_series(connection, bot_id, Origin.REPLAY)
        for side, reason in (("", "no_live_bundle"), (Side.LONG, "infinite_feature")):
            frame = absence_frame([open_us], side, reason, "why")
            upsert_absences(connection, replay, frame, None)
        stored = stored_signals.absences_at(connection, bot_id, from_us(int(open_us)))
    engine.dispose()
    assert [(absence.origin, absence.side, absence.reason) for absence in stored] == [
        (Origin.REPLAY, None, "no_live_bundle"),
        (Origin.REPLAY, Side.LONG, "infinite_feature"),
    ]
