from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from core.bundle.deployments import (
    ALL_OPENS,
    LiveOpens,
    deployment_spans,
    live_bundle_at,
    live_bundles,
    rule_at,
)
from core.settings import BotSettings
from tests.bundle.conftest import make_bundle


def bot(**more: object) -> BotSettings:
    return BotSettings.model_validate({"name": "btc", **more})


def at(text: str) -> datetime:
    return pd.Timestamp(text, tz="UTC").to_pydatetime()


TWO: list[dict[str, object]] = [
    {"bundle": "/b/new", "from": "2025-11-04T12:00:00Z", "rule": {"long_threshold": 0.8}},
    {"bundle": "/b/old", "from": "2025-11-01T00:00:00Z"},
]


def test_a_candle_belongs_to_what_was_live_when_it_closed() -> None:
    settings = bot(deployments=TWO)
    assert live_bundle_at(settings, at("2025-11-04 11:50")) == Path("/b/old")
    assert live_bundle_at(settings, at("2025-11-04 11:55")) == Path("/b/new")
    assert live_bundle_at(settings, at("2025-10-31 23:55")) == Path("/b/old")
    assert live_bundle_at(settings, at("2025-10-31 23:50")) is None


def test_an_open_end_reaches_to_the_next_deployment_and_a_set_end_counts() -> None:
    first, second = deployment_spans(bot(deployments=TWO))
    assert (first.until, second.until) == (second.since, None)
    ended = bot(deployments=[{**TWO[1], "until": "2025-11-02T00:00:00Z"}])
    assert live_bundle_at(ended, at("2025-11-01 23:50")) == Path("/b/old")
    assert live_bundle_at(ended, at("2025-11-01 23:55")) is None


def test_a_span_holds_its_first_candle_and_not_its_end() -> None:
    opens = np.array([9, 10, 19, 20])
    assert LiveOpens(10, 20).hold(opens).tolist() == [False, True, True, False]
    assert ALL_OPENS.hold(opens).all()


def test_rules_follow_their_deployment() -> None:
    opens = pd.DatetimeIndex(["2025-11-04 11:50", "2025-11-04 11:55"], tz="UTC")
    rules = rule_at(bot(deployments=TWO, rule={"short_threshold": 0.6}), opens)
    assert rules["long_threshold"].tolist() == [0.7, 0.8]
    assert rules["short_threshold"].tolist() == [0.6, 0.6]
    assert rules.index.name == "candle_open"


def test_the_only_known_bundle_is_live_always(
    tmp_path: Path, classifier: XGBClassifier, scaler: StandardScaler
) -> None:
    make_bundle(tmp_path / "bundles" / "a", classifier, scaler)
    settings = bot(bundles=[str(tmp_path / "bundles" / "*")])
    assert live_bundle_at(settings, at("1999-01-01")) == tmp_path / "bundles" / "a"
    make_bundle(tmp_path / "bundles" / "copy", classifier, scaler)
    assert live_bundles(settings).problem is None  # the same content under two names


def test_of_several_bundles_none_is_assumed_to_be_live(
    tmp_path: Path, classifier: XGBClassifier, scaler: StandardScaler
) -> None:
    make_bundle(tmp_path / "bundles" / "a", classifier, scaler)
    other = type(scaler)().fit([[0.0] * 4, [2.0] * 4])
    make_bundle(tmp_path / "bundles" / "b", classifier, other)
    live = live_bundles(bot(bundles=[str(tmp_path / "bundles" / "*")]))
    assert live.spans == ()
    assert live.problem is not None
    assert "2 bundles are known (a, b) and no [[bots.deployments]] says" in live.problem


@pytest.mark.parametrize("bundles", [[], ["/nowhere/*"]])
def test_without_a_bundle_the_reason_is_said(bundles: list[str]) -> None:
    assert live_bundles(bot(bundles=bundles)).problem == (
        "no bundle is configured: name one in bundles or in [[bots.deployments]]"
    )
