"""The dashboard's reads on a real file, against plain reads of the same rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from core import bots
from core.alignment import reads as stored_pairs
from core.alignment.agreement import matched
from core.alignment.reads import read_pairs
from core.bots import comparisons
from core.candles import reads as stored_candles
from core.collection import reads as stored_collection
from core.diagnosis import reads as stored_findings
from core.feature_log import reads as stored_log
from core.features import reads as stored_features
from core.market import Origin, Side
from core.recompute import coverage
from core.signals import reads as stored_signals
from core.signals.reads import read_series
from core.storage import run_history, tables
from core.storage.engine import reader_engine, writer_engine
from core.times import iso_z, us_from_index
from tests.dashboard.seed import BACKTEST, NOW, Plan, seed_database

PLAN = Plan(days=2)
OPENS = PLAN.opens
WORST = OPENS[200].to_pydatetime()


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    file = tmp_path_factory.mktemp("reads") / "align.db"
    seed_database(file, (PLAN,)).dispose()
    engine = reader_engine(f"sqlite:///{file}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """The backtest covers each third candle."""
    file = tmp_path_factory.mktemp("sampled") / "align.db"
    seed_database(file, (Plan(days=2, recomputed_every=3),)).dispose()
    engine = reader_engine(f"sqlite:///{file}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="module")
def comparison_id(connection: sa.Connection) -> int:
    return next(one.id for one in comparisons(connection, 1) if one.name == BACKTEST)


@pytest.mark.parametrize(
    ("from_", "until"),
    [
        (None, None),
        (OPENS[100].to_pydatetime(), OPENS[300].to_pydatetime()),
        (OPENS[-1].to_pydatetime(), None),
    ],
)
def test_blocks_give_the_pairs_that_rows_give(
    connection: sa.Connection, comparison_id: int, from_: datetime | None, until: datetime | None
) -> None:
    blocks = stored_pairs.window_pairs(connection, comparison_id, from_, until)
    rows = read_pairs(connection, comparison_id, from_, until)
    by = ["side", "candle_open"]
    left = blocks.astype({"side": "str"}).sort_values(by, ignore_index=True)
    right = rows.sort_values(by, ignore_index=True)
    for name in ("candle_open", "side", "production", "backtest", "is_aligned", "flip"):
        assert left[name].tolist() == right[name].tolist()
    assert left["decision_flip"].equals(right["decision_flip"])


def test_worst_pairs_are_those_beyond_the_tolerance_largest_first(
    connection: sa.Connection, comparison_id: int
) -> None:
    found = stored_pairs.worst_pairs(connection, 1, comparison_id)
    rows = read_pairs(connection, comparison_id)
    beyond = rows[~rows["is_aligned"]].sort_values("abs_diff", ascending=False)
    assert found["abs_diff"].tolist() == beyond["abs_diff"].tolist()
    assert (found["abs_diff"] > 0.1).all()
    one_side = stored_pairs.worst_pairs(connection, 1, comparison_id, sides=("LONG",), limit=1)
    assert one_side["side"].tolist() == ["LONG"]


def test_worst_pairs_use_the_partial_index(connection: sa.Connection, comparison_id: int) -> None:
    plan = connection.exec_driver_sql(
        "explain query plan select * from pair where comparison_id = ? and is_aligned is 0 "
        "order by abs_diff desc limit 5",
        (comparison_id,),
    ).all()
    assert "ix_pair_worst" in str(plan)


def test_explained_stretches_are_left_out(connection: sa.Connection, comparison_id: int) -> None:
    everything = stored_pairs.Explained(
        OPENS[0].to_pydatetime(), OPENS[-1].to_pydatetime() + timedelta(minutes=5), ("LONG",)
    )
    found = stored_pairs.worst_pairs(connection, 1, comparison_id, explained=(everything,))
    assert set(found["side"]) == {"SHORT"}


def test_flagged_candles_are_counted_once(connection: sa.Connection, comparison_id: int) -> None:
    found = stored_pairs.worst_pairs(connection, 1, comparison_id)
    assert stored_pairs.count_flagged(connection, comparison_id) == found["candle_open"].nunique()
    after = OPENS[-1].to_pydatetime() + timedelta(minutes=5)
    assert stored_pairs.count_flagged(connection, comparison_id, from_=after) == 0


def test_candles_are_counted_once_whatever_their_sides(
    connection: sa.Connection, comparison_id: int
) -> None:
    rows = read_pairs(connection, comparison_id)
    beyond = rows[~rows["is_aligned"]]
    found = stored_pairs.candle_counts(connection, comparison_id)
    assert found == (rows["candle_open"].nunique(), beyond["candle_open"].nunique())
    after = OPENS[-1].to_pydatetime() + timedelta(minutes=5)
    assert stored_pairs.candle_counts(connection, comparison_id, after) == (0, 0)


def test_collection_is_read_from_its_index_alone(connection: sa.Connection) -> None:
    rows = stored_collection.collection_frame(connection, 1)
    logged = np.delete(np.arange(len(OPENS)), list(PLAN.gaps))
    assert rows["candle_open"].tolist() == OPENS[logged].tolist()
    assert rows["is_recovered"].sum() == 5
    plan = connection.exec_driver_sql(
        "explain query plan select candle_open, logged_at, is_recovered, layout_id "
        "from feature_row where bot_id = 1 order by candle_open"
    ).all()
    assert "COVERING INDEX ix_feature_row_collection" in str(plan)


def test_quarantine_keeps_raw_text_and_reason(connection: sa.Connection) -> None:
    lines = stored_collection.quarantined_lines(connection, 1)
    assert [line["reason"] for line in lines] == ["conflict", "no_layout"]
    assert lines[0]["raw"] == PLAN.raw_line
    one = stored_collection.quarantined_lines(connection, 1, reason="no_layout")
    assert len(one) == 1
    assert dict(stored_collection.quarantine_reasons(connection, 1)) == {
        "conflict": 1,
        "no_layout": 1,
    }
    assert stored_collection.account(connection, 1)["quarantined"] == 2


def test_the_version_moves_with_finished_runs_alone(connection: sa.Connection) -> None:
    version = run_history.data_version(connection)
    assert version.startswith("6@")
    assert run_history.last_run_at(connection) is not None
    (state,) = bots.bot_states(connection)
    assert (state.first_candle, state.last_candle) == (OPENS[0], OPENS[-1])


def test_a_candle_names_origin_bundle_and_run_of_every_signal(connection: sa.Connection) -> None:
    found = stored_signals.signals_at(connection, 1, WORST)
    assert [one.origin for one in found][:4] == ["emitted", "emitted", "replay", "replay"]
    assert {one.bundle_name for one in found} == {"demo_20251024"}
    assert all(one.run_at is not None for one in found)
    assert stored_signals.absences_at(connection, 1, WORST) == ()
    pairs = stored_pairs.candle_pairs(connection, 1, WORST)
    assert len(pairs) == 6
    before, after = stored_log.neighbour_opens(connection, 1, OPENS[31].to_pydatetime())
    assert (before, after) == (OPENS[29].to_pydatetime(), OPENS[32].to_pydatetime())


def test_a_line_that_cannot_be_read_says_why(connection: sa.Connection) -> None:
    line = stored_log.logged_line(connection, 1, WORST)
    assert line is not None
    assert line.text is None
    assert line.problem == "the file is no longer there"
    assert stored_log.logged_line(connection, 1, OPENS[30].to_pydatetime()) is None


def test_vectors_of_single_candles_equal_what_was_stored(connection: sa.Connection) -> None:
    opens = us_from_index(OPENS[[5, 200, 300]])
    found = stored_features.logged_vectors(connection, 1, opens, not_features=("open",))
    assert found.index.tolist() == OPENS[[5, 200, 300]].tolist()
    assert "open" not in found.columns
    assert found["close"].notna().all()
    everything = stored_features.opens_in(connection, 1, None, None)
    assert len(everything) == len(OPENS) - len(PLAN.gaps)
    nothing = stored_features.backtest_vectors(connection, 1, BACKTEST, opens)
    assert nothing.empty


def test_findings_come_with_their_diagnosis(connection: sa.Connection) -> None:
    (newest,) = stored_findings.newest_by_comparison(connection, 1)
    assert [one.cause for one in newest.open_findings] == ["lookback"]
    covering = stored_findings.covering(connection, 1, BACKTEST, WORST)
    assert covering == newest
    assert stored_findings.covering(connection, 1, "replay", WORST) is None
    assert stored_findings.diagnoses(connection, 1, since=NOW) == ()
    assert stored_findings.trials(connection, newest.id) == []


def test_runs_are_told_by_step(connection: sa.Connection) -> None:
    steps = run_history.newest_by_step(connection, 1)
    assert steps[0].step == "features"
    assert steps[0].duration_s == pytest.approx(0.4)
    assert run_history.latest_runs(connection, outcomes=("failed",)) == ()
    assert run_history.failed_steps(connection, 1, NOW - timedelta(days=1)) == ()
    assert stored_candles.revised_candles(connection, 1, NOW) == 0
    assert (run_history.database_size(connection) or 0) > 100_000


def test_a_line_of_a_replaced_file_says_so(tmp_path: Path) -> None:
    log = tmp_path / "features.csv"
    log.write_bytes(b"x" * 5000)
    seed_database(tmp_path / "align.db", (Plan(days=0.1, file="unused"),)).dispose()
    from core.storage.engine import writer_engine

    engine = writer_engine(f"sqlite:///{tmp_path / 'align.db'}")
    opened = Plan(days=0.1).opens[5].to_pydatetime()
    with engine.begin() as writing:
        writing.execute(sa.text("update log_file set path = :p, generation = 1"), {"p": str(log)})
        replaced = stored_log.logged_line(writing, 1, opened)
    engine.dispose()
    assert replaced is not None
    assert (replaced.text, replaced.problem) == (
        None,
        "the file was replaced since this row was read",
    )


def test_frames_carry_utc(connection: sa.Connection, comparison_id: int) -> None:
    pairs = stored_pairs.window_pairs(connection, comparison_id)
    assert isinstance(pairs["candle_open"].dtype, pd.DatetimeTZDtype)
    assert str(pairs["candle_open"].dt.tz) == "UTC"


def test_coverage_of_a_window_counts_what_waits_in_it(tmp_path: Path) -> None:
    seed_database(tmp_path / "align.db", (Plan(days=2, gaps=(), recomputed_every=4),)).dispose()
    engine = reader_engine(f"sqlite:///{tmp_path / 'align.db'}")
    with engine.connect() as connection:
        whole = coverage.window_coverage(connection, 1, BACKTEST)
        part = coverage.window_coverage(
            connection, 1, BACKTEST, OPENS[1].to_pydatetime(), OPENS[9].to_pydatetime()
        )
        covered = coverage.window_coverage(
            connection, 1, BACKTEST, OPENS[4].to_pydatetime(), OPENS[5].to_pydatetime()
        )
        other = coverage.window_coverage(connection, 1, "recomputed-300")
    engine.dispose()
    assert whole is not None
    assert (whole.wanted, whole.covered, whole.pending) == (576, 144, 432)
    assert part is not None
    assert (part.wanted, part.covered, part.is_sample) == (8, 2, True)
    assert covered is not None
    assert (covered.covered_ratio, covered.is_sample) == (1.0, False)
    assert other is None


def test_explained_stretches_are_merged_and_leave_out_what_was_refuted(tmp_path: Path) -> None:
    seed_database(tmp_path / "align.db", (Plan(days=2, scope=(10, 20)),)).dispose()
    engine = writer_engine(f"sqlite:///{tmp_path / 'align.db'}")
    first, last = OPENS[10].to_pydatetime(), OPENS[20].to_pydatetime()
    with engine.begin() as connection:
        one = connection.execute(sa.select(tables.finding)).one()
        later = [
            {"from": iso_z(OPENS[15].to_pydatetime()), "last": iso_z(OPENS[30].to_pydatetime())}
        ]
        document = {**one.document, "sides": ["LONG"], "evidence": {"scope": later}}
        connection.execute(
            tables.finding.insert().values(
                diagnosis_id=one.diagnosis_id,
                position=9,
                cause="precision",
                verdict="proven",
                document=document,
            )
        )
        found = stored_findings.explained(connection, 1, BACKTEST)
        long_end = OPENS[30].to_pydatetime() + timedelta(microseconds=1)
        short_end = last + timedelta(microseconds=1)
        assert set(found) == {
            stored_pairs.Explained(first, long_end, ("LONG",)),
            stored_pairs.Explained(first, short_end, ("SHORT",)),
        }
        connection.execute(tables.finding.update().values(refuted_by_id=one.diagnosis_id))
        assert stored_findings.explained(connection, 1, BACKTEST) == ()
    engine.dispose()


@pytest.mark.parametrize(
    ("first", "last"),
    [(None, None), (0, 575), (17, 500), (290, 300), (300, 300), (288, 575), (1, 289)],
)
def test_the_matched_ratio_is_what_counting_gives(
    sampled: sa.Connection, first: int | None, last: int | None
) -> None:
    from_ = None if first is None else OPENS[first].to_pydatetime()
    until = None if last is None else OPENS[last].to_pydatetime()
    production, backtest = (
        read_series(sampled, 1, origin, name, from_, until).query("side == 'LONG'")
        for origin, name in ((Origin.EMITTED, ""), (Origin.BACKTEST, BACKTEST))
    )
    both = set(production["candle_open"]) & set(backtest["candle_open"])
    span = read_series(sampled, 1, Origin.BACKTEST, BACKTEST)["candle_open"]
    inside = production["candle_open"].between(span.min(), span.max())
    expected = len(both) / int(inside.sum()) if inside.any() else None
    comparison_id = next(one.id for one in comparisons(sampled, 1) if one.name == BACKTEST)
    assert matched(sampled, 1, comparison_id, BACKTEST, Side.LONG, from_, until) == expected
    assert expected is None or expected < 0.5


def test_judgements_of_a_window_are_those_of_its_pairs(
    connection: sa.Connection, comparison_id: int
) -> None:
    for first, last in ((None, None), (100, 300), (200, 201), (570, None), (3, 3)):
        from_ = None if first is None else OPENS[first].to_pydatetime()
        until = None if last is None else OPENS[last].to_pydatetime()
        pairs = stored_pairs.window_pairs(connection, comparison_id, from_, until)
        expected = (
            pairs["candle_open"].nunique(),
            pairs.loc[~pairs["is_aligned"], "candle_open"].nunique(),
        )
        assert stored_pairs.candle_counts(connection, comparison_id, from_, until) == expected
