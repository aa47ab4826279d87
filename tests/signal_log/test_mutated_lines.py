"""No line of a signal log vanishes, whatever stands in it; none stops the others."""

import csv
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.context import Context
from core.line_pattern import compile_pattern
from core.settings import BotSettings
from core.signal_log.ingest import ingest_signal_logs
from core.signals.reads import signals_account
from core.storage.tables import signal_line
from tests.mutated_lines import mutate_until_enough, mutated, wanted_lines
from tests.stored_rows import new_bot, new_database

FIRST = datetime(2025, 10, 24, tzinfo=UTC)
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d)\] "
    r"LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+) \| Price: \$(?P<price>[\d.,]+)"
)
HEADER = "timestamp,logged_at,long,short,price\n"
Values = tuple[str, str, float, float, float]


def _rows(bars: int) -> Iterator[Values]:
    chance = random.Random(1)
    for bar in range(bars):
        opened = FIRST + timedelta(minutes=5 * bar)
        logged = opened + timedelta(minutes=5, seconds=7)
        price = 100_000 + chance.randint(-900, 900) / 10
        stamps = f"{opened:%Y-%m-%d %H:%M:%S}", f"{logged:%Y-%m-%d %H:%M:%S}"
        yield *stamps, round(chance.random(), 4), round(chance.random(), 4), price


def _text(bars: int) -> str:
    return "starting\n" + "".join(
        f"{logged} - INFO - [Candle {opened[11:16]}] LONG: {long:.4f} | SHORT: {short:.4f} "
        f"| Price: ${price:,.1f}\n" + ("heartbeat\n" if opened.endswith("00:00") else "")
        for opened, logged, long, short, price in _rows(bars)
    )


def _csv(bars: int) -> str:
    return HEADER + "".join(",".join(map(str, row)) + "\n" for row in _rows(bars)) + HEADER


def _jsonl(bars: int) -> str:
    names = HEADER.strip().split(",")
    lines = [json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in _rows(bars)]
    return '{"started": true}\n' + "".join(lines)


def _is_text_signal(line: bytes) -> bool:
    """A match, or what the pattern says of lines that only look like one."""
    text = line.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r")
    return bool(re.search(PATTERN, text)) or compile_pattern(PATTERN).looks_like_a_signal(text)


def _is_csv_row(line: bytes) -> bool:
    """A header that was damaged beyond recognition is one as well."""
    text = line.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r")
    cells = [] if "\r" in text else [cell.strip() for cell in next(csv.reader([text]), [])]
    is_header = "timestamp" in cells and not {"long", "short"}.isdisjoint(cells)
    return bool(text.strip()) and ("\0" in text or not is_header)


def _is_json_signal(line: bytes) -> bool:
    text = line.decode("utf-8", "replace").lstrip("\ufeff").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return bool(text)
    return not isinstance(found, dict) or "long" in found or "short" in found


KINDS: dict[str, tuple[Callable[[int], str], Callable[[bytes], bool], dict[str, str]]] = {
    "text": (_text, _is_text_signal, {"pattern": PATTERN}),
    "csv": (_csv, _is_csv_row, {"logged_at": "logged_at"}),
    "jsonl": (_jsonl, _is_json_signal, {"logged_at": "logged_at"}),
}


@pytest.mark.parametrize("form", KINDS)
def test_every_line_of_a_mutated_log_is_named(tmp_path: Path, form: str) -> None:
    assert (
        mutate_until_enough(tmp_path, lambda folder, chance: _account_for(folder, form, chance))
        >= wanted_lines()
    )


def _account_for(folder: Path, form: str, chance: random.Random) -> int:
    """One mutated log that grows in pieces; returns how many lines were mutated."""
    write, is_line, more = KINDS[form]
    written, count = mutated(write(chance.choice((40, 600))), chance)
    path = folder / "s.log"
    log = {"name": form, "format": form, "paths": str(path), **more}
    engine = new_database(folder)
    bot_id = new_bot(engine)
    bot = BotSettings.model_validate({"name": "btc-5m", "signal_log": [log]})
    now = FIRST + timedelta(days=30)
    context = Context(engine=engine, bot_id=bot_id, bot=bot, now=now)
    cuts = [*sorted(chance.sample(range(len(written)), 2)), len(written)]
    for start, end in zip([0, *cuts], cuts, strict=False):
        with path.open("ab") as file:
            file.write(written[start:end])
        report = ingest_signal_logs(context)
        assert not [said for said in report.problems if re.match(r"\S+s\.log: ", said)]
    expected = [number for number, line in _numbered(written) if is_line(line)]
    assert _named(engine) == expected
    with engine.connect() as connection:
        account = signals_account(connection, bot_id)
    assert account["lines"] == len(expected)
    engine.dispose()
    return count


def _numbered(written: bytes) -> list[tuple[int, bytes]]:
    return list(enumerate(written.split(b"\n")[:-1], start=1))


def _named(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(signal_line.c.line)))
