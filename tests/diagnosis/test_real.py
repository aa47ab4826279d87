"""A real bot's logs: what can be proven there, what cannot, and what is said about it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.bots import bot_id
from core.bundle.convert import SideFiles, convert_model
from core.cycle import configured_steps, run_cycle
from core.diagnosis.diagnose import diagnose
from core.settings import load_settings
from core.storage.engine import migrate, writer_engine
from tests.real import REAL, needs_real
from tests.real_workspace import LIVE, PATTERN, convert_bundle

pytestmark = [needs_real, pytest.mark.slow]
NOW = datetime(2025, 11, 8, tzinfo=UTC)
NEW_SHORT = "short_entry_with_new_features_20251104_213043"
CANDLES = f"""
[[bots.candles]]
name = "bingx"
paths = ["{REAL}/candles/*.csv"]
"""


def _diagnosed(config: Path, comparison: str) -> dict[str, Any]:
    settings = load_settings(config)
    bot = settings.bots[0]
    engine = writer_engine(settings.database_url)
    migrate(engine)
    steps = [step for step in configured_steps(bot) if step.name != "diagnose"]
    assert not run_cycle(engine, bot, clock=lambda: NOW, steps=steps).is_failed
    with engine.connect() as connection:
        number = bot_id(connection, bot.name)
        assert number is not None
        found = diagnose(
            connection, number, bot, comparison=comparison, from_=None, until=None, now=NOW
        )
    engine.dispose()
    return found.document()


@pytest.fixture(scope="module")
def against_500(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("real")
    convert_bundle(folder)
    convert_model(folder / "bundles" / NEW_SHORT, short=SideFiles(REAL / "models" / NEW_SHORT))
    logs = [f"{REAL}/feature_logs/{place}/features_*.csv" for place in ("main", "other_cwd")]
    (folder / "align.toml").write_text(
        f"""
[[bots]]
name = "btc-5m"
bundles = ["bundles/*"]
[bots.feature_log]
paths = {logs}
logged_at = ["logged_at", "logged_at_utc"]
[[bots.deployments]]
bundle = "bundles/{LIVE}"
from = 2025-10-24T00:00:00Z
{CANDLES}
[[bots.backtests]]
name = "500"
signals = "{REAL}/recomputed/signals_500.csv"
features = "{REAL}/recomputed/features_500.csv"
"""
    )
    yield _diagnosed(folder / "align.toml", "500")


def _verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {finding["cause"]: finding["verdict"] for finding in document["findings"]}


def test_lookback_is_not_claimed_without_a_pipeline(against_500: dict[str, Any]) -> None:
    verdicts = _verdicts(against_500)
    assert verdicts["lookback"] == "untestable"
    assert "proven" not in verdicts.values()
    (lookback,) = [f for f in against_500["findings"] if f["cause"] == "lookback"]
    assert "pipeline and lookback_bars" in lookback["summary"]
    assert against_500["unexplained_ratio"] == pytest.approx(1.0)


def test_the_features_that_carry_the_difference_are_named(against_500: dict[str, Any]) -> None:
    sides = {entry["side"]: entry for entry in against_500["attribution"]}
    assert sides["LONG"]["smallest_set"] == ["vwap_band_position", "atr_200", "rsi_200"]
    assert sides["LONG"]["features"][0]["feature"] == "vwap_band_position"
    assert sides["LONG"]["features"][0]["feature"] in sides["LONG"]["shap_top"]
    assert "vwap_band_position" in against_500["summary"]


def test_which_bundle_was_live_is_answered_with_what_can_be_known(
    against_500: dict[str, Any],
) -> None:
    identity = against_500["identity"]
    excluded = {e["bundle"]: e["excluded"] for e in identity["bundles"] if e["excluded"]}
    assert list(excluded) == [NEW_SHORT]
    assert excluded[NEW_SHORT]["before"] == "2025-11-04T15:35:00Z"
    assert excluded[NEW_SHORT]["feature_count"] == 10
    assert "cannot be known" in identity["summary"]


def _text_log(folder: Path, zone: str) -> dict[str, Any]:
    (folder / "align.toml").write_text(
        f"""
[[bots]]
name = "btc-5m"
[[bots.signal_log]]
name = "text"
paths = ["{REAL}/signal_log/bot_output.log"]
format = "text"
pattern = '''{PATTERN}'''
label_zone = "{zone}"
logged_at_zone = "{zone}"
{CANDLES}
"""
    )
    return _diagnosed(folder / "align.toml", "replay")


def test_a_log_read_in_the_wrong_zone_is_proven_by_its_prices_alone(tmp_path: Path) -> None:
    document = _text_log(tmp_path, "UTC")
    first = document["findings"][0]
    assert (first["cause"], first["verdict"]) == ("label_clock", "proven")
    assert first["parameters"] == {"shift_bars": -108}
    assert first["evidence"]["price_rows"] == first["evidence"]["price_matches"] == 46
    assert first["evidence"]["price_matches_as_configured"] == 0
    assert first["residual_mean_abs_diff"] is None
    assert first["explained_ratio"] is None
    assert document["unexplained_ratio"] is None
    assert "Asia/Seoul" in first["summary"]
    assert any("Two instances" in note for note in document["notes"])


def test_a_log_read_in_the_right_zone_has_no_such_finding(tmp_path: Path) -> None:
    document = _text_log(tmp_path, "Asia/Seoul")
    assert "proven" not in _verdicts(document).values()
