"""An align.toml for a real bot's files, written into a test's own folder."""

from pathlib import Path

from core.bundle.convert import SideFiles, convert_model
from tests.databases import database_url
from tests.real import REAL

LIVE = "enhanced_20251024_012445"
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d:\d\d) \w+\] "
    r"Price: \$(?P<price>[\d,.]+) .* LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+)"
)
BACKTESTS = (500, 999, 1440, 7200)


def convert_bundle(folder: Path, name: str = LIVE) -> Path:
    """The bundle of both sides' models of this name."""
    return convert_model(
        folder / "bundles" / name,
        long=SideFiles(REAL / "models" / f"long_entry_{name}"),
        short=SideFiles(REAL / "models" / f"short_entry_{name}"),
    )


def write_workspace(folder: Path, *, signal_log: bool = False) -> Path:
    """align.toml for the real feature logs, one live bundle and four imported backtests."""
    convert_bundle(folder)
    logs = [f"{REAL}/feature_logs/{place}/features_*.csv" for place in ("main", "other_cwd")]
    text = f"""
database_url = "{database_url(folder / "align.db")}"
display_zone = "Asia/Seoul"

[[bots]]
name = "btc-5m"
timeframe = "5m"
bundles = ["bundles/*"]

[bots.feature_log]
paths = {logs}
logged_at = ["logged_at", "logged_at_utc"]
not_features = ["logged_at_kst"]
"""
    if signal_log:
        text += f"""
[[bots.signal_log]]
name = "text"
paths = ["{REAL}/signal_log/bot_output.log"]
format = "text"
pattern = '''{PATTERN}'''
label_zone = "Asia/Seoul"
logged_at_zone = "Asia/Seoul"

[[bots.candles]]
name = "exchange"
paths = ["{REAL}/candles/*.csv"]
"""
    text += """
[[bots.deployments]]
bundle = "bundles/enhanced_20251024_012445"
from = 2025-10-24T00:00:00Z
"""
    for lookback in BACKTESTS:
        text += f"""
[[bots.backtests]]
name = "bars-{lookback}"
signals = "{REAL}/recomputed/signals_{lookback}.csv"
"""
    text = text.replace(
        'signals_500.csv"', f'signals_500.csv"\nfeatures = "{REAL}/recomputed/features_500.csv"'
    )
    file = folder / "align.toml"
    file.write_text(text.replace("['", '["').replace("', '", '", "').replace("']", '"]'))
    return file
