"""A tiny bot's files: a feature log of a random walk, and its align.toml."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.databases import database_url

FIRST = datetime(2025, 11, 3, tzinfo=UTC)


def write_log(file: Path, bars: int, *, first: datetime = FIRST, seed: int = 1) -> None:
    """Candles with three features; prices go on from candle to candle."""
    draw = Random(seed)
    close = 100_000.0
    lines = ["time,open,high,low,close,volume,f1,f2,f3"]
    for bar in range(bars):
        opened, close = close, round(close * (1 + draw.gauss(0, 0.001)), 1)
        at = int((first + timedelta(minutes=5 * bar)).timestamp() * 1000)
        high, low = max(opened, close) + 5, min(opened, close) - 5
        numbers = [opened, high, low, close, draw.random() * 100]
        numbers += [draw.random() for _ in range(3)]
        lines.append(",".join([str(at), *map(repr, numbers)]))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def write_config(folder: Path, *names: str, extra: str = "") -> Path:
    """align.toml for bots with a feature log each in folder/<name>/."""
    bots = [
        f'[[bots]]\nname = "{name}"\n[bots.feature_log]\npaths = ["{name}/features_*.csv"]\n{extra}'
        for name in names
    ]
    file = folder / "align.toml"
    url = database_url(folder / "align.db")
    file.write_text(f'database_url = "{url}"\n' + "\n".join(bots))
    return file
