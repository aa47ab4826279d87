"""No row of a candle file vanishes, whatever stands in it; none stops the others."""

import io
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from core.candles.candle_files import CandlePull, read_candle_file
from core.candles.ingest import ingest_candles
from core.context import Context
from core.errors import CandleError
from core.settings import BotSettings
from core.storage.tables import candle, candle_revision
from core.times import Timeframe
from tests.candles.factories import make_candles, write_csv
from tests.mutated_lines import mutate_until_enough, mutated, wanted_lines
from tests.stored_rows import new_bot, new_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = ["open", "high", "low", "close", "volume"]


def test_every_line_of_a_mutated_file_is_a_candle_or_named(tmp_path: Path) -> None:
    assert mutate_until_enough(tmp_path, _account_for) >= wanted_lines()


def _account_for(folder: Path, chance: random.Random) -> int:
    """One mutated file, read and stored; returns how many lines were mutated."""
    path = write_csv(folder / "a.csv", make_candles(chance.choice((20, 300))))
    written, count = mutated(path.read_text(), chance)
    path.write_bytes(written)
    try:
        pull = read_candle_file(
            path, timeframe=Timeframe.parse("5m"), candle_open=None, zone="UTC", now=NOW
        )
    except CandleError as error:
        assert "s apart" in str(error)  # so little is left that it looks like another timeframe
        return 0
    # A carriage return ends a line as well.
    lines = list(io.StringIO(written.decode("utf-8", "replace"), newline=""))[1:]
    filled = [line for line in lines if line.strip(' ,"\t\r\n')]
    assert len(pull.candles) + len(pull.not_closed) + bad_rows(pull) == len(filled)
    _check_stored(folder, path, pull)
    return count


def bad_rows(pull: CandlePull) -> int:
    """Rows left out: those that a sentence names, and those that the last one counts."""
    more = re.search(r"and (\d+) more rows", pull.problems[-1]) if pull.problems else None
    return len(pull.problems) if more is None else len(pull.problems) - 1 + int(more.group(1))


def _check_stored(folder: Path, path: Path, pull: CandlePull) -> None:
    """Every version of every candle is current or kept."""
    engine = new_database(folder)
    bot = BotSettings.model_validate(
        {"name": "btc-5m", "candles": [{"name": "files", "paths": [str(path)]}]}
    )
    report = ingest_candles(Context(engine=engine, bot_id=new_bot(engine), bot=bot, now=NOW))
    assert report.problems == pull.problems
    with engine.connect() as connection:
        stored = {
            tuple(row)
            for table in (candle, candle_revision)
            for row in connection.execute(
                sa.select(table.c.candle_open, *(table.c[name] for name in NUMBERS))
            )
        }
    engine.dispose()
    read = pd.concat([pull.candles, pull.not_closed])
    assert {
        (opened.to_pydatetime(), *numbers)
        for opened, *numbers in read[["candle_open", *NUMBERS]].itertuples(index=False)
    } == stored
