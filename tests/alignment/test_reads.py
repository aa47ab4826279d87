"""Stored pairs, against plain reads of the same rows."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
import sqlalchemy as sa

from core.alignment import reads as stored_pairs
from core.alignment.agreement import matched
from core.alignment.reads import read_pairs
from core.bots import comparisons
from core.market import Origin, Side
from core.signals.reads import read_series
from tests.dashboard.seed_plan import BACKTEST
from tests.seeded_window import OPENS


@pytest.mark.parametrize(
    ("from_", "until"),
    [
        (None, None),
        (OPENS[100].to_pydatetime(), OPENS[300].to_pydatetime()),
        (OPENS[-1].to_pydatetime(), None),
    ],
)
def test_blocks_give_the_pairs_that_rows_give(
    seeded_connection: sa.Connection,
    seeded_comparison: int,
    from_: datetime | None,
    until: datetime | None,
) -> None:
    blocks = stored_pairs.window_pairs(seeded_connection, seeded_comparison, from_, until)
    rows = read_pairs(seeded_connection, seeded_comparison, from_, until)
    by = ["side", "candle_open"]
    left = blocks.astype({"side": "str"}).sort_values(by, ignore_index=True)
    right = rows.sort_values(by, ignore_index=True)
    for name in ("candle_open", "side", "production", "backtest", "is_aligned", "flip"):
        assert left[name].tolist() == right[name].tolist()
    assert left["decision_flip"].equals(right["decision_flip"])


def test_worst_pairs_are_those_beyond_the_tolerance_largest_first(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    found = stored_pairs.worst_pairs(seeded_connection, 1, seeded_comparison)
    rows = read_pairs(seeded_connection, seeded_comparison)
    beyond = rows[~rows["is_aligned"]].sort_values("abs_diff", ascending=False)
    assert found["abs_diff"].tolist() == beyond["abs_diff"].tolist()
    assert (found["abs_diff"] > 0.1).all()
    one_side = stored_pairs.worst_pairs(
        seeded_connection,
        1,
        seeded_comparison,
        stored_pairs.WorstFilter(sides=(Side.LONG,)),
        limit=1,
    )
    assert one_side["side"].tolist() == ["LONG"]


@pytest.mark.sqlite("its query plan")
def test_worst_pairs_use_the_partial_index(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    plan = seeded_connection.exec_driver_sql(
        "explain query plan select * from pair where comparison_id = ? and is_aligned is 0 "
        "order by abs_diff desc limit 5",
        (seeded_comparison,),
    ).all()
    assert "ix_pair_worst" in str(plan)


def test_explained_stretches_are_left_out(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    everything = stored_pairs.Explained(
        OPENS[0].to_pydatetime(), OPENS[-1].to_pydatetime() + timedelta(minutes=5), (Side.LONG,)
    )
    found = stored_pairs.worst_pairs(
        seeded_connection, 1, seeded_comparison, stored_pairs.WorstFilter(explained=(everything,))
    )
    assert set(found["side"]) == {"SHORT"}


def test_a_stretch_without_a_candle_explains_nothing_and_is_refused() -> None:
    with pytest.raises(ValueError, match="is empty"):
        stored_pairs.Explained(OPENS[1].to_pydatetime(), OPENS[1].to_pydatetime(), (Side.LONG,))


def test_flagged_candles_are_counted_once(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    found = stored_pairs.worst_pairs(seeded_connection, 1, seeded_comparison)
    assert (
        stored_pairs.count_flagged(seeded_connection, seeded_comparison)
        == found["candle_open"].nunique()
    )
    after = OPENS[-1].to_pydatetime() + timedelta(minutes=5)
    assert stored_pairs.count_flagged(seeded_connection, seeded_comparison, from_=after) == 0


def test_candles_are_counted_once_whatever_their_sides(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    rows = read_pairs(seeded_connection, seeded_comparison)
    beyond = rows[~rows["is_aligned"]]
    found = stored_pairs.candle_counts(seeded_connection, seeded_comparison)
    assert found == (rows["candle_open"].nunique(), beyond["candle_open"].nunique())
    after = OPENS[-1].to_pydatetime() + timedelta(minutes=5)
    assert stored_pairs.candle_counts(seeded_connection, seeded_comparison, after) == (0, 0)


def test_frames_carry_utc(seeded_connection: sa.Connection, seeded_comparison: int) -> None:
    pairs = stored_pairs.window_pairs(seeded_connection, seeded_comparison)
    assert isinstance(pairs["candle_open"].dtype, pd.DatetimeTZDtype)
    assert str(pairs["candle_open"].dt.tz) == "UTC"


@pytest.mark.parametrize(
    ("first", "last"),
    [(None, None), (0, 575), (17, 500), (290, 300), (300, 300), (288, 575), (1, 289)],
)
def test_the_matched_ratio_is_what_counting_gives(
    sampled_connection: sa.Connection, first: int | None, last: int | None
) -> None:
    from_ = None if first is None else OPENS[first].to_pydatetime()
    until = None if last is None else OPENS[last].to_pydatetime()
    production, backtest = (
        read_series(sampled_connection, 1, origin, name, from_, until).query("side == 'LONG'")
        for origin, name in ((Origin.EMITTED, ""), (Origin.BACKTEST, BACKTEST))
    )
    both = set(production["candle_open"]) & set(backtest["candle_open"])
    span = read_series(sampled_connection, 1, Origin.BACKTEST, BACKTEST)["candle_open"]
    inside = production["candle_open"].between(span.min(), span.max())
    expected = len(both) / int(inside.sum()) if inside.any() else None
    seeded_comparison = next(
        one.id for one in comparisons(sampled_connection, 1) if one.name == BACKTEST
    )
    assert (
        matched(sampled_connection, 1, seeded_comparison, BACKTEST, Side.LONG, from_, until)
        == expected
    )
    assert expected is None or expected < 0.5


def test_judgements_of_a_window_are_those_of_its_pairs(
    seeded_connection: sa.Connection, seeded_comparison: int
) -> None:
    for first, last in ((None, None), (100, 300), (200, 201), (570, None), (3, 3)):
        from_ = None if first is None else OPENS[first].to_pydatetime()
        until = None if last is None else OPENS[last].to_pydatetime()
        pairs = stored_pairs.window_pairs(seeded_connection, seeded_comparison, from_, until)
        expected = (
            pairs["candle_open"].nunique(),
            pairs.loc[~pairs["is_aligned"], "candle_open"].nunique(),
        )
        assert (
            stored_pairs.candle_counts(seeded_connection, seeded_comparison, from_, until)
            == expected
        )
