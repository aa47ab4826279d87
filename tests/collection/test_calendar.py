from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from core.collection.calendar import (
    CollectionOverview,
    Slot,
    delay_histogram,
    layout_spans,
    summarise_collection,
)
from core.times import Timeframe

FRAME = Timeframe.parse("5m")
FIRST = datetime(2025, 11, 3, 23, 50, tzinfo=UTC)


def rows(positions: list[int], delays_s: list[float | None]) -> pd.DataFrame:
    opens = [FIRST + FRAME.length * position for position in positions]
    logged = [
        None if delay is None else opened + FRAME.length + timedelta(seconds=delay)
        for opened, delay in zip(opens, delays_s, strict=True)
    ]
    return pd.DataFrame(
        {
            "candle_open": pd.DatetimeIndex(opens).as_unit("us"),
            "logged_at": pd.Series(
                pd.to_datetime(pd.Series(logged, dtype="object"), utc=True)
            ).dt.as_unit("us"),
            "is_recovered": [position == 1 for position in positions],
            "layout_id": [1 if position < 3 else 2 for position in positions],
        }
    )


def summarise(frame: pd.DataFrame, quarantined: Sequence[int] = ()) -> CollectionOverview:
    waiting = pd.DatetimeIndex(
        [FIRST + FRAME.length * position for position in quarantined], tz="UTC"
    ).as_unit("us")
    now = FIRST + FRAME.length * 10
    return summarise_collection(frame, waiting, FRAME, now=now, target_days=7)


def test_every_slot_says_what_became_of_its_candle() -> None:
    found = summarise(rows([0, 1, 3, 5], [2.0, 2.0, 61.0, None]), quarantined=[2])
    calendar = found.calendar
    assert [f"{day:%m-%d}" for day in calendar.days] == ["11-03", "11-04"]
    assert calendar.slots.shape == (2, 288)
    assert calendar.slots[0, -3] == Slot.OUTSIDE
    assert calendar.slots[0, -2:].tolist() == [Slot.LOGGED, Slot.RECOVERED]
    assert calendar.slots[1, :5].tolist() == [
        Slot.QUARANTINED, Slot.LATE, Slot.MISSING, Slot.LOGGED, Slot.OUTSIDE,
    ]  # fmt: skip
    assert calendar.slot_minutes == 5
    assert found.counts[Slot.MISSING] == 1
    assert found.missing == 2


def test_a_quarantined_line_of_a_stored_candle_is_a_logged_candle() -> None:
    found = summarise(rows([0, 1, 2], [1.0, 1.0, 1.0]), quarantined=[2, 9])
    assert found.calendar.slots[1, 0] == Slot.LOGGED


def test_layouts_are_runs_in_time() -> None:
    spans = layout_spans(rows([0, 1, 3, 5], [None] * 4))
    assert [(span.layout_id, span.rows) for span in spans] == [(1, 2), (2, 2)]
    assert spans[1].first == FIRST + FRAME.length * 3
    assert layout_spans(rows([], [])) == ()


def test_without_times_of_logging_there_is_no_delay() -> None:
    found = summarise(rows([0, 1], [None, None]))
    assert found.delays is None
    assert found.delay_bins.empty


def test_the_last_delay_bin_holds_everything_slower() -> None:
    bins = delay_histogram(np.array([1.0] * 999 + [500.0]))
    assert bins["count"].sum() == 1000
    assert bins["upper_s"].iloc[-1] == 500.0
