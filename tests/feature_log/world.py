"""Small feature logs with every flaw of real ones, and a database's content to compare."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from core.bots import ensure_bot
from core.context import Context
from core.feature_log.ingest import IngestReport, ingest_feature_logs
from core.settings import BotSettings, FeatureLogSettings
from core.storage.engine import writer_engine
from core.storage.tables import duplicate_line, feature_row, layout, log_file, quarantine
from core.times import Timeframe
from tests.databases import migrated_url

FRAME = Timeframe.parse("5m")
FIRST_MS = 1_762_128_000_000  # 2025-11-03 00:00 UTC
STEP_MS = 300_000
NOW = datetime(2025, 11, 7, tzinfo=UTC)

OLD = ("time", "open", "high", "low", "close", "volume", "timestamp", "sma", "rsi", "logged_at")
NEW = (*OLD[:8], "atr", "rsi", "regime", "logged_at")
OTHER = (*OLD[:6], "rsi", "timestamp", "logged_at", "sma")  # as wide as OLD


def utc_text(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def cells(bar: int, columns: tuple[str, ...] = OLD, **changed: object) -> list[str]:
    """The fields of one row; a walk whose candles join one another."""
    opened = 100 + np.sin(bar / 7)
    close = 100 + np.sin((bar + 1) / 7)
    ms = FIRST_MS + bar * STEP_MS
    values: dict[str, object] = {
        "time": ms,
        "open": opened,
        "high": max(opened, close) + 0.1,
        "low": min(opened, close) - 0.1,
        "close": close,
        "volume": 5.0 + bar % 3,
        "timestamp": utc_text(ms),
        "sma": close + 0.01,
        "rsi": 30.0 + bar % 40,
        "atr": 0.001 * bar,
        "regime": "bull" if bar % 2 else "bear",
        "logged_at": utc_text(ms + STEP_MS + 7000),
    }
    values.update(changed)
    return [_text(values[name]) for name in columns]


def _text(value: object) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)


def row(bar: int, columns: tuple[str, ...] = OLD, **changed: object) -> str:
    return ",".join(cells(bar, columns, **changed)) + "\n"


def header(columns: tuple[str, ...] = OLD) -> str:
    return ",".join(columns) + "\n"


def rows(first: int, last: int, columns: tuple[str, ...] = OLD) -> str:
    return "".join(row(bar, columns) for bar in range(first, last))


@dataclass
class Bench:
    """A database, a bot and a folder of logs."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    bot_id: int = 0
    database: str = "align.db"

    def __post_init__(self) -> None:
        self.engine = writer_engine(migrated_url(self.folder / self.database))
        with self.engine.begin() as connection:
            self.bot_id = ensure_bot(connection, "bot", "5m")

    @property
    def log(self) -> FeatureLogSettings:
        defaults = {"paths": (str(self.folder / "*.csv*"),), "logged_at": ("logged_at",)}
        return FeatureLogSettings(**(defaults | self.settings))

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def append(self, name: str, content: str | bytes) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def ingest(self, *, check: bool = True) -> IngestReport:
        bot = BotSettings(name="bot", timeframe=FRAME.text, feature_log=self.log)
        context = Context(engine=self.engine, bot_id=self.bot_id, bot=bot, now=NOW)
        report = ingest_feature_logs(context, self.log)
        if check:
            self.check()
        return report

    def account(self) -> tuple[int, int, int, int, int]:
        """lines, stored, duplicates, quarantined, recovered."""
        account: tuple[int, int, int, int, int] = content(self.engine)["account"]
        return account

    def reasons(self) -> list[str]:
        return [line[3] for line in content(self.engine)["quarantine"]]

    def check(self) -> None:
        """The accounts of the files are what the tables hold."""
        with self.engine.connect() as connection:
            for file in connection.execute(sa.select(log_file)):
                held = [
                    connection.execute(
                        sa.select(sa.func.count())
                        .select_from(table)
                        .where(table.c.file_id == file.id, *more)
                    ).scalar_one()
                    for table, more in (
                        (feature_row, ()),
                        (duplicate_line, ()),
                        (quarantine, ()),
                        (feature_row, (feature_row.c.is_recovered,)),
                    )
                ]
                account = [file.stored, file.duplicates, file.quarantined, file.recovered]
                assert account == held, file.path
                assert file.lines == sum(held[:3]), file.path


def content(engine: sa.Engine) -> dict[str, Any]:
    """Everything stored of feature logs but ids, read times and how files were read."""
    f, r, d, q, y = log_file.c, feature_row.c, duplicate_line.c, quarantine.c, layout.c
    with engine.connect() as connection:

        def found(*columns: Any, join: sa.Table, order: tuple[Any, ...]) -> list[tuple[Any, ...]]:
            query = sa.select(*columns).join(log_file, f.id == join.c.file_id)
            if join is not quarantine:
                query = query.join(layout, y.id == join.c.layout_id)
            return [tuple(row) for row in connection.execute(query.order_by(*order))]

        return {
            "rows": found(
                f.path,
                *(r.line, r.offset, r.length, r.candle_open, r.row_hash, r.is_recovered),
                *(r.logged_at, r.open, r.close, r.volume, r.texts, r.vector, y.columns),
                join=feature_row,
                order=(r.candle_open,),
            ),
            "duplicates": found(
                *(f.path, d.line, d.offset, d.candle_open, d.row_hash, y.columns),
                join=duplicate_line,
                order=(f.path, d.line),
            ),
            "quarantine": found(
                *(f.path, q.line, q.offset, q.reason, q.detail, q.candle_open, q.raw, q.sha256),
                join=quarantine,
                order=(f.path, q.line),
            ),
            "layouts": sorted(connection.scalars(sa.select(y.columns))),
            "profiles": sorted(map(str, connection.execute(sa.select(y.columns, y.profile)))),
            "account": tuple(
                connection.execute(
                    sa.select(
                        *(
                            sa.func.coalesce(sa.func.sum(f[name]), 0)
                            for name in (
                                "lines",
                                "stored",
                                "duplicates",
                                "quarantined",
                                "recovered",
                            )
                        )
                    )
                ).one()
            ),
        }


def flawed_logs(seed: int = 0) -> dict[str, bytes]:
    """Files in which everything goes wrong that does go wrong."""
    chance = random.Random(seed)
    text = row(61, NEW).rstrip("\n").split(",")
    text[10] = '"bull, they said\nand ""meant"" it"'
    return {
        # the layout changes inside, the header stays; one line is half a line, one is blank
        "a.csv": (
            header() + rows(0, 30) + rows(30, 50, NEW) + "17621,1\n\n" + rows(50, 54, NEW)
        ).encode(),
        # the header of the other layout comes with another file, and its own repeated in the middle
        "b.csv": (
            b"\xef\xbb\xbf"
            + (header(NEW) + rows(54, 60, NEW) + header(OLD) + rows(60, 61)).encode()
            + (header(NEW) + ",".join(text) + "\n" + rows(62, 90, NEW))
            .replace("\n", "\r\n")
            .encode()
        ),
        # candles again: the same, and different ones
        "c.csv": (
            header()
            + rows(10, 14)
            + row(14, rsi=1.5)
            + row(14, rsi=1.5)
            + row(15, rsi=-0.0)
            + rows(16, 18)
            + row(20, rsi=float("nan"))
            + row(20)
        ).encode(),
        # before a.csv in no order but this one: it takes a.csv's place for these candles
        "a.a.csv": (header() + row(5, rsi=2.5) + row(6) + rows(31, 33, NEW)).encode(),
        # no header at all; no text; nonsense; and as wide as another layout
        "d.csv": (
            (rows(100, 103, NEW)).encode()
            + b"\xff\xfe,1,2\n"
            + b"\0\0\0"
            + row(103).encode()
            + row(104, high=1.0).encode()
            + row(105, time=5).encode()
            + rows(106, 108, OTHER).encode()
            + b"," * 9
            + b"\n"
            + ",".join(chance.choices("abc", k=10)).encode()
            + b"\n"
        ),
        "e.csv": (header(OTHER) + rows(110, 115, OTHER)).encode(),
        "f.csv": (header() + rows(115, 118) + row(119)[:-20]).encode(),
    }
