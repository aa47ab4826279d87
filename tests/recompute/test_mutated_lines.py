"""No line of an exported file vanishes, whatever stands in it; none stops the others."""

import io
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from core.context import Context
from core.recompute.imported import import_backtest
from core.settings import BotSettings
from core.storage.tables import backtest_row, signal
from tests.mutated_lines import mutate_until_enough, mutated, wanted_lines
from tests.stored_rows import new_bot, new_database

FIRST = datetime(2025, 11, 3, tzinfo=UTC)
NOW = FIRST + timedelta(days=30)


def test_every_line_of_mutated_exports_is_stored_or_named(tmp_path: Path) -> None:
    assert mutate_until_enough(tmp_path, _account_for) >= wanted_lines()


def _account_for(folder: Path, chance: random.Random) -> int:
    """Signals and features, read and stored; returns how many lines were mutated."""
    bars = chance.choice((20, 300))
    files, filled, mutations = {}, {}, 0
    for kind, columns in (("signals", "long,short"), ("features", "sma,rsi")):
        written, count = mutated(_export(bars, columns, chance), chance)
        files[kind] = folder / f"{kind}.csv"
        files[kind].write_bytes(written)
        lines = list(io.StringIO(written.decode("utf-8-sig", "replace"), newline=""))[1:]
        filled[kind] = sum(bool(line.strip()) for line in lines)
        mutations += count
    backtest = {"name": "export", **{kind: str(path) for kind, path in files.items()}}
    bot = BotSettings.model_validate({"name": "btc-5m", "backtests": [backtest]})
    engine = new_database(folder)
    context = Context(engine=engine, bot_id=new_bot(engine), bot=bot, now=NOW)
    report = import_backtest(context, bot.backtests[0])
    with engine.connect() as connection:
        opens = sa.select(sa.func.count(sa.distinct(signal.c.candle_open)))
        rows = sa.select(sa.func.count()).select_from(backtest_row)
        stored = connection.scalars(opens).one() + connection.scalars(rows).one()
    engine.dispose()
    assert stored + report.bad_lines == sum(filled.values())
    return mutations


def _export(bars: int, columns: str, chance: random.Random) -> str:
    lines = [f"timestamp,{columns}"]
    for bar in range(bars):
        opened = FIRST + timedelta(minutes=5 * bar)
        lines.append(f"{opened:%Y-%m-%d %H:%M:%S},{chance.random()!r},{chance.random()!r}")
    return "\n".join(lines) + "\n"
