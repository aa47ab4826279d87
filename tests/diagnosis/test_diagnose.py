"""The collector's diagnosis: once for what is new, kept with its findings."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.context import Context
from core.diagnosis.diagnose import diagnose, diagnose_bot
from core.diagnosis.finding import Verdict
from core.diagnosis.reads import diagnoses
from core.diagnosis.writes import store_diagnosis
from core.errors import ConfigError
from core.storage.tables import pair
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, NOW, Plan
from tests.diagnosis.test_load import BOT

# Twenty candles of the day are far off in the backtest; no bundle is known, so no cause can be
# tested by a re-run.
PLAN = Plan(days=1, flagged=tuple(range(100, 120)), findings=())
ONLY = BOT.model_copy(update={"backtests": (BOT.backtests[0],)})


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return seed_database(tmp_path / "align.db", (PLAN,))


def _context(engine: sa.Engine) -> Context:
    return Context(engine=engine, bot_id=1, bot=ONLY, now=NOW)


def test_a_window_that_crosses_its_tolerance_is_diagnosed_once(engine: sa.Engine) -> None:
    first = diagnose_bot(_context(engine))
    assert (first.diagnosed, first.proven, first.refuted_again) == (1, (), 0)
    again = diagnose_bot(_context(engine))
    assert again.diagnosed == 0
    with engine.connect() as connection:
        (kept,) = diagnoses(connection, 1)
    assert kept.comparison == BACKTEST
    assert kept.made_at == NOW
    assert (kept.from_open, kept.until_open) == (
        PLAN.opens[0].to_pydatetime(),
        PLAN.opens[-1].to_pydatetime() + (PLAN.opens[1] - PLAN.opens[0]).to_pytimedelta(),
    )
    assert kept.document["initial"]["candles"] == 284
    assert kept.findings
    assert all(finding.verdict != Verdict.PROVEN for finding in kept.findings)
    assert [f.document["summary"] for f in kept.findings] == [
        f["summary"] for f in kept.document["findings"]
    ]


def test_an_aligned_day_is_left_alone(tmp_path: Path) -> None:
    quiet = seed_database(tmp_path / "quiet.db", (replace(PLAN, flagged=(100,)),))
    assert diagnose_bot(_context(quiet)).diagnosed == 0


def test_changed_pairs_replace_the_diagnosis_of_their_window(engine: sa.Engine) -> None:
    diagnose_bot(_context(engine))
    with engine.begin() as connection:
        connection.execute(pair.update().values(abs_diff=pair.c.abs_diff + 0.001))
    assert diagnose_bot(_context(engine)).diagnosed == 1
    with engine.connect() as connection:
        assert len(diagnoses(connection, 1)) == 1


def test_a_diagnosis_on_demand_keeps_nothing(engine: sa.Engine) -> None:
    first = PLAN.opens[50].to_pydatetime()
    made = diagnose(engine, 1, ONLY, comparison=BACKTEST, from_=first, until=None, now=NOW)
    assert made.from_ == first
    assert made.initial["candles"] == 235  # 238 from then on, three of them not logged
    assert made.unexplained_ratio == 1.0
    with engine.connect() as connection:
        assert diagnoses(connection, 1) == ()
        same = diagnose(connection, 1, ONLY, comparison=BACKTEST, from_=first, until=None, now=NOW)
    assert same.document() == made.document()


def test_what_a_diagnosis_refutes_again_is_counted(engine: sa.Engine) -> None:
    earlier = {"cause": "sides_swapped", "verdict": "proven", "summary": "once"}
    day = PLAN.opens[0].to_pydatetime()
    with engine.begin() as connection:
        store_diagnosis(
            connection,
            1,
            comparison=BACKTEST,
            from_=day,
            until=day,
            made_at=day,
            document={"findings": [earlier]},
            details={},
            trials=(),
            run_id=None,
        )
    report = diagnose_bot(_context(engine))
    with engine.connect() as connection:
        newest, first = diagnoses(connection, 1)
    is_refuted = any(
        (f.cause, f.verdict) == ("sides_swapped", Verdict.REFUTED) for f in newest.findings
    )
    assert is_refuted
    assert report.refuted_again == 1
    assert first.findings[0].refuted_by == newest.id


def test_a_comparison_that_is_not_configured_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(ConfigError, match="no comparison named"):
        diagnose(engine, 1, ONLY, comparison="other", from_=None, until=None, now=NOW)
