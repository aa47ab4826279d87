"""Settings live in core/settings.py; the example of the contract is parsed whole."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.settings import RuleChanges, RuleSettings, config_path, load_settings

CONTRACT = """
database_url = "sqlite:///align.db"
display_zone = "Asia/Seoul"

[[bots]]
name = "btc-5m"
exchange = "bingx"
symbol = "BTC/USDT:USDT"
timeframe = "5m"
target_days = 7
success_target_ratio = 0.99
bundles = ["bundles/*"]
pipeline_path = ["."]
# replay_tolerance = 1e-6

[bots.feature_log]
paths = ["logs/production_features/features_*.csv", "scripts/production/logs/production_features/features_*.csv"]
candle_open = "time"
zone = "UTC"
logged_at = ["logged_at", "logged_at_utc"]
not_features = []

[[bots.signal_log]]
name = "text"
paths = ["bot_output.log"]
format = "text"
pattern = '''^(?P<logged_at>\\S+ \\S+) - INFO - \\[Candle (?P<label>\\d\\d:\\d\\d:\\d\\d) \\w+\\] Price: \\$(?P<price>[\\d,.]+) .* LONG: (?P<long>[\\d.]+) \\| SHORT: (?P<short>[\\d.]+)'''
label_zone = "Asia/Seoul"
logged_at_zone = "Asia/Seoul"

[[bots.deployments]]
bundle = "bundles/enhanced_20251024"
from = 2025-10-24T00:00:00Z
rule = { long_threshold = 0.85 }

[bots.rule]
long_threshold = 0.70
short_threshold = 0.70

[[bots.candles]]
name = "bingx"
paths = ["data/BTCUSDT_5m_*.csv"]
fetch = "bingx"

[[bots.backtests]]
name = "bingx-1440"
pipeline = "my_bot.features:compute"
lookback_bars = 1440
mode = "window"

[[bots.backtests]]
name = "research"
signals = "exports/backtest_signals.csv"
features = "exports/backtest_features.csv"
candle_open = "timestamp"
zone = "UTC"
"""  # noqa: E501


def write(folder: Path, text: str) -> Path:
    file = folder / "align.toml"
    file.write_text(text)
    return file


def test_the_whole_example_is_understood(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CONTRACT))
    (bot,) = settings.bots
    assert settings.database_url == f"sqlite:///{tmp_path}/align.db"
    assert settings.display_zone == "Asia/Seoul"
    assert bot.comparisons == ("replay", "bingx-1440", "research")
    assert bot.frame.length_s == 300
    assert bot.feature_log is not None
    assert bot.feature_log.logged_at == ("logged_at", "logged_at_utc")
    assert bot.feature_log.paths[0] == f"{tmp_path}/logs/production_features/features_*.csv"
    assert bot.signal_log[0].paths == (f"{tmp_path}/bot_output.log",)
    assert bot.signal_log[0].label_zone == "Asia/Seoul"
    deployment = bot.deployments[0]
    assert deployment.since == datetime(2025, 10, 24, tzinfo=UTC)
    assert deployment.until is None
    assert bot.rule.override(deployment.rule).long_threshold == 0.85
    assert bot.rule.long_threshold == 0.70
    assert bot.backtests[0].tolerance == 0.1
    assert bot.backtests[0].time_limit_s == 120
    assert bot.backtests[0].gap_policy == "refuse"
    assert bot.backtests[1].is_imported
    assert bot.backtests[1].signals == f"{tmp_path}/exports/backtest_signals.csv"
    assert bot.pipeline_path == (str(tmp_path),)


def test_a_bot_needs_only_a_name(tmp_path: Path) -> None:
    (bot,) = load_settings(write(tmp_path, '[[bots]]\nname = "b"\n')).bots
    assert bot.comparisons == ()
    assert bot.target_days == 7
    assert bot.success_target_ratio == 0.99
    assert bot.feature_log is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("databse_url = 'x'", 'unknown key "databse_url"'),
        ('[[bots]]\nname = "b"\ntimefram = "5m"', 'unknown key "bots.0.timefram"'),
        (
            '[[bots]]\nname = "b"\n[bots.feature_log]\npaths = "x"\nzon = "UTC"',
            'unknown key "bots.0.feature_log.zon"',
        ),
        ('display_zone = "Asia/Soul"', 'unknown time zone "Asia/Soul"'),
        ('[[bots]]\nname = "b"\ntimeframe = "5x"', 'timeframe "5x" is not understood'),
        ('[[bots]]\nname = "b"\n[[bots]]\nname = "b"', "the name b stands twice"),
        (
            '[[bots]]\nname = "b"\n[[bots.deployments]]\nbundle = "x"\nfrom = 2025-10-24T00:00:00',
            "has no zone",
        ),
        ('[[bots]]\nname = "b"\n[[bots.backtests]]\nname = "replay"\nsignals = "s"', "replay"),
        ('[[bots]]\nname = "b"\n[[bots.backtests]]\nname = "x"', "either pipeline or signals"),
        (
            '[[bots]]\nname = "b"\n[[bots.backtests]]\nname = "x"\npipeline = "reference"',
            "needs lookback_bars",
        ),
        (
            '[[bots]]\nname = "b"\n[[bots.backtests]]\nname = "x"\nsignals = "s"\ncandles = "c"',
            'no candles named "c"',
        ),
        ('[[bots]]\nname = "b"\n[bots.rule]\nlong_threshold = 1.5', "long_threshold"),
        ('[[bots]]\nname = "b"\n[[bots.signal_log]]\nname = "t"\nformat = "text"', "pattern"),
        ('[[bots]]\nname = ""', "bots.0.name"),
        ('[[bots]]\nname = "b"\nreplay_tolerance = 1.5', "bots.0.replay_tolerance"),
        (
            '[[bots]]\nname = "b"\n[[bots.backtests]]\nname = "r"\nsignals = "s"\ntolerance = 1.5',
            "bots.0.backtests.0.tolerance",
        ),
        (
            '[[bots]]\nname = "b"\n[[bots.backtests]]\nname = ""\nsignals = "s"',
            "bots.0.backtests.0.name",
        ),
        ("[[bots]\n", "not valid TOML"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        (f'display_zone = "{"A" * 5000}"', "unknown time zone"),
        ('[[bots]]\nname = "b"\ntimeframe = "99999999999999999999d"', "of a year at most"),
        (f'[[bots]]\nname = "b"\ntimeframe = "{"9" * 5000}d"', "of a year at most"),
        ('[[bots]]\nname = "b"\ntimeframe = "²m"', "not understood"),
        (
            '[[bots]]\nname = "b"\n[[bots.deployments]]\nbundle = "x"\n'
            "from = 0001-01-01T00:00:00+09:00",
            "no time that a candle can have",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert named in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'database_url = ["postgresql+psycopg://u:S3CR3T@h/db"]',
        'database_url = { password = "S3CR3T" }',
        '[bots]\nname = "b"\napi_key = "S3CR3T"',
        '[[bots]]\nname = "b"\napi_key = "S3CR3T"',
        'display_zone = 5\n[[bots]]\nname = ["S3CR3T"]',
    ],
)
def test_a_mistake_repeats_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    assert "S3CR3T" not in str(caught.value)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.write_bytes(b'\xef\xbb\xbf[[bots]]\nname = "b"\n')
    assert [bot.name for bot in load_settings(file).bots] == ["b"]


def test_a_variable_that_is_no_json_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGN_BOTS", "{")
    with pytest.raises(ConfigError, match="ALIGN_ variable"):
        load_settings(write(tmp_path, ""))


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such configuration file; copy align\.example\.toml"):
        load_settings(tmp_path / "align.toml")


def test_overlapping_deployments_are_refused(tmp_path: Path) -> None:
    text = """
[[bots]]
name = "b"
[[bots.deployments]]
bundle = "late"
from = 2025-10-25T00:00:00Z
[[bots.deployments]]
bundle = "early"
from = 2025-10-24T00:00:00Z
until = 2025-10-26T00:00:00Z
"""
    with pytest.raises(ConfigError, match=r"deployments overlap: .*early.*late"):
        load_settings(write(tmp_path, text))


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN_DISPLAY_ZONE", "Europe/Berlin")
    monkeypatch.setenv("ALIGN_COLLECTOR__DELAY_S", "7")
    settings = load_settings(write(tmp_path, CONTRACT))
    assert settings.display_zone == "Europe/Berlin"
    assert settings.collector.delay_s == 7


def test_align_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, CONTRACT)
    monkeypatch.setenv("ALIGN_CONFIG", str(file))
    assert config_path() == file
    assert config_path(tmp_path / "other.toml") == tmp_path / "other.toml"


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CONTRACT))
    with pytest.raises(ValidationError, match="frozen"):
        settings.display_zone = "UTC"


def test_paths_of_other_databases_stay_as_written(tmp_path: Path) -> None:
    url = "postgresql+psycopg://trader:secret@host/align"
    settings = load_settings(write(tmp_path, f'database_url = "{url}"'))
    assert settings.database_url == url


def test_an_override_changes_only_what_it_sets() -> None:
    rule = RuleSettings(long_threshold=0.8, gate=0.002)
    changed = rule.override(RuleChanges(gate=0.0))
    assert (changed.long_threshold, changed.gate) == (0.8, 0.0)
    assert rule.override(None) is rule


def test_an_unknown_bot_names_the_known_ones(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CONTRACT))
    with pytest.raises(ConfigError, match=r'no bot named "eth".*known: btc-5m'):
        settings.bot("eth")
