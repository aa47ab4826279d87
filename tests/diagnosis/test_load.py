"""Everything stored that speaks of one comparison in one window."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.load import load_evidence
from core.errors import ConfigError
from core.settings import BotSettings, GapPolicy, Mode
from core.times import to_us, us_from_index
from tests.dashboard.seed_plan import BACKTEST
from tests.recompute.recompute_world import make_bundle, write_pipeline
from tests.seeded_window import OPENS, PLAN

OPENS_US = us_from_index(OPENS)
LOGGED = np.delete(OPENS_US, PLAN.gaps)
BOT = BotSettings.model_validate(
    {
        "name": "btc-5m",
        "exchange": "simulated",
        "symbol": "BTC/USDT:USDT",
        "feature_log": {"paths": ["logs/*.csv"], "logged_at": "logged_at"},
        "signal_log": [{"name": "columns", "format": "feature_log"}],
        "candles": [{"name": "simulated", "paths": ["candles.csv"]}],
        "backtests": [
            {"name": BACKTEST, "pipeline": "reference", "lookback_bars": 600, "tolerance": 0.2},
            {"name": "recomputed-300", "signals": "signals.csv"},
        ],
    }
)


def _load(
    connection: sa.Connection,
    comparison: str,
    first: int | None = None,
    stop: int | None = None,
    bot: BotSettings = BOT,
) -> Evidence:
    return load_evidence(
        connection,
        1,
        bot,
        comparison=comparison,
        from_=None if first is None else OPENS[first].to_pydatetime(),
        until=None if stop is None else OPENS[stop].to_pydatetime(),
    )


def test_the_window_holds_every_candle_of_production(seeded_connection: sa.Connection) -> None:
    evidence = _load(seeded_connection, BACKTEST)
    assert (evidence.opens == LOGGED).all()
    assert evidence.production.shape == (len(LOGGED), 2)
    assert (evidence.production == evidence.emitted).all()
    assert (evidence.emitted == evidence.replay).all()
    apart = np.abs(evidence.production - evidence.other)
    far = np.flatnonzero(np.isin(LOGGED, OPENS_US[list(PLAN.flagged)]))
    assert (apart[far] > 0.2).all()
    assert np.median(apart) < 0.02


def test_a_part_of_the_log_has_margins_for_labels_and_history(
    seeded_connection: sa.Connection,
) -> None:
    evidence = _load(seeded_connection, BACKTEST, 100, 200)
    assert (evidence.opens == OPENS_US[100:200]).all()
    assert evidence.logged is not None
    assert len(evidence.logged.opens) == len(LOGGED)
    assert len(evidence.stored.opens) == len(LOGGED)
    assert len(evidence.candles["simulated"].opens) == len(OPENS)


@pytest.mark.parametrize(
    ("comparison", "kind", "tolerance"),
    [
        ("replay", Kind.REPLAY, None),
        (BACKTEST, Kind.RECOMPUTED, 0.2),
        ("recomputed-300", Kind.IMPORTED, 0.1),
    ],
)
def test_a_comparison_is_told_by_its_settings(
    seeded_connection: sa.Connection, comparison: str, kind: Kind, tolerance: float | None
) -> None:
    evidence = _load(seeded_connection, comparison)
    assert evidence.kind is kind
    assert evidence.tolerance == tolerance
    assert evidence.comparison == comparison
    assert (evidence.recompute is not None) is (kind is Kind.RECOMPUTED)


def test_a_recomputed_backtest_brings_its_source_and_pipelines(
    seeded_connection: sa.Connection,
) -> None:
    evidence = _load(seeded_connection, BACKTEST)
    assert evidence.source == "simulated"
    assert evidence.pipelines == ("reference",)
    assert set(evidence.candles) == {"simulated", "feature_log"}
    assert not evidence.can_recompute  # no bundle is known


def test_a_source_without_candles_cannot_be_recomputed_from(
    seeded_connection: sa.Connection,
) -> None:
    elsewhere = BOT.model_dump() | {"candles": [{"name": "other", "paths": ["other.csv"]}]}
    evidence = _load(seeded_connection, BACKTEST, bot=BotSettings.model_validate(elsewhere))
    assert evidence.source == "other"
    assert evidence.recompute is None


def test_logged_rows_know_when_they_were_written(seeded_connection: sa.Connection) -> None:
    evidence = _load(seeded_connection, BACKTEST)
    assert evidence.logged is not None and evidence.logged_at is not None
    assert len(evidence.logged.columns) == 5 + PLAN.features
    delay_s = (evidence.logged_at - evidence.logged.opens) / 1e6
    assert delay_s.min() > 300  # after the close of a candle of five minutes
    assert delay_s.max() < 330


def test_without_prices_in_the_signal_log_the_feature_log_s_closes_speak_of_labels(
    seeded_connection: sa.Connection,
) -> None:
    evidence = _load(seeded_connection, BACKTEST, 100, 200)
    assert evidence.prices is not None
    assert evidence.prices.log == "feature_log"
    assert (evidence.prices.opens == OPENS_US[100:200]).all()
    closes = evidence.candles["simulated"].at(evidence.prices.opens)[0][:, 3]
    assert (evidence.prices.prices == closes).all()


def test_deployments_and_layouts_are_edges(seeded_connection: sa.Connection) -> None:
    since = OPENS[50].to_pydatetime()
    deployed = BOT.model_dump() | {
        "deployments": [{"bundle": "bundles/missing", "since": since.isoformat()}]
    }
    evidence = _load(seeded_connection, BACKTEST, bot=BotSettings.model_validate(deployed))
    # The first layout begins with the log; a deployment with the candle that closes then.
    assert evidence.edges == (int(OPENS_US[0]), to_us(since) - 300_000_000)
    assert len(evidence.problems) == 1
    assert "missing" in evidence.problems[0]
    assert evidence.bundles == ()


def test_a_comparison_that_is_not_configured_is_refused_with_those_that_are(
    seeded_connection: sa.Connection,
) -> None:
    with pytest.raises(ConfigError, match=f"known: replay, {BACKTEST}, recomputed-300"):
        _load(seeded_connection, "recomputed-900")


def test_a_backtest_s_own_bundle_is_found_among_the_known(
    seeded_connection: sa.Connection, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "one")
    make_bundle(tmp_path / "two", seed=2)
    paths = [str(tmp_path / "one"), str(tmp_path / "two")]
    backtest = {"name": BACKTEST, "pipeline": "reference", "lookback_bars": 600, "bundle": paths[1]}
    table = BOT.model_dump() | {"bundles": paths, "backtests": [backtest]}
    evidence = _load(seeded_connection, BACKTEST, bot=BotSettings.model_validate(table))
    assert len(evidence.bundles) == 2
    assert evidence.backtest_bundle is not None
    assert str(evidence.bundles[evidence.backtest_bundle].path) == paths[1]
    assert evidence.can_recompute


def test_a_call_of_a_trader_s_code_may_take_as_long_as_its_backtest_says(
    seeded_connection: sa.Connection, tmp_path: Path
) -> None:
    write_pipeline(
        tmp_path,
        """
        import time

        def compute(candles):
            time.sleep(20)
            return candles.assign(twice=2 * candles["close"])
        """,
        "slow_features",
    )
    backtest = {
        "name": BACKTEST,
        "pipeline": "slow_features:compute",
        "lookback_bars": 10,
        "time_limit_s": 0.5,
    }
    table = BOT.model_dump() | {"pipeline_path": [str(tmp_path)], "backtests": [backtest]}
    evidence = _load(seeded_connection, BACKTEST, bot=BotSettings.model_validate(table))
    recompute, candles = evidence.recompute, evidence.candles["simulated"]
    assert isinstance(recompute, Recomputer)
    try:
        rows = recompute(
            "slow_features:compute", candles, OPENS_US[20:21], 10, Mode.WINDOW, GapPolicy.REFUSE
        )
    finally:
        recompute.close()
    assert len(rows.opens) == 0  # without the limit it would have come
