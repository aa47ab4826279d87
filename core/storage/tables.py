"""Every table of the database, in one file.

Times are UTC and stored as whole microseconds since 1970 (`UtcDateTime`), so
that SQLite cannot drop an offset and a column reads back as datetime64[us].
Feature vectors are one float64 blob a candle (`layout` says which column is
which), so logged numbers come back bit for bit.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.foreign_text import storable
from core.times import from_us, to_us

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time, stored as microseconds since 1970 UTC; refuses naive times."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else to_us(value)

    def process_result_value(self, value: Any | None, dialect: Any) -> datetime | None:
        return None if value is None else from_us(int(value))


class Text(sa.types.TypeDecorator[str]):
    """Text that sorts by code point everywhere, without NULs and lone surrogates (`storable`).

    A server sorts by its own language unless told otherwise, and the order of file names
    decides which line of a candle counts.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        is_server = dialect.name == "postgresql"
        return dialect.type_descriptor(sa.Text(collation="C") if is_server else sa.Text())

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return value if value is None else storable(value)


class Double(sa.types.TypeDecorator[float]):
    """A float64 as SQLite keeps it, on a server as well: NaN is null, and zero has no sign."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Any) -> float | None:
        return None if value is None else stored_number(value)


def stored_number(value: float) -> float | None:
    return None if value != value else value + 0.0  # -0.0 becomes 0.0


Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, primary_key=True)


def _ref(name: str, target: str, **kwargs: Any) -> sa.Column[int]:
    return sa.Column(name, Id, sa.ForeignKey(target), **kwargs)


bot = sa.Table(
    "bot",
    metadata,
    _id(),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("timeframe", Text, nullable=False),
)

# One execution of one step of the cycle; results point to their run.
run = sa.Table(
    "run",
    metadata,
    _id(),
    _ref("bot_id", "bot.id"),
    sa.Column("step", Text, nullable=False),  # ingest, replay, recompute, pair, diagnose, ...
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("outcome", Text, nullable=False),  # running, done, failed, interrupted
    sa.Column("is_idle", sa.Boolean, nullable=False, default=False),  # nothing points to it
    sa.Column("error", Text),  # one sentence
    sa.Column("traceback", Text),
    sa.Column("details", sa.JSON, nullable=False, default=dict),  # counts, hashes, versions
)

# A sequence of column names; rows and vectors point to the layout that describes them.
layout = sa.Table(
    "layout",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("kind", Text, nullable=False),  # feature_log, backtest
    sa.Column("hash", Text, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("profile", sa.JSON),  # what the columns held in rows under their own header
    sa.UniqueConstraint("bot_id", "kind", "hash"),
)

# A file that was read: how far, and the account of its lines.
log_file = sa.Table(
    "log_file",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("log", Text, nullable=False),  # feature_log, or the name of a signal log
    sa.Column("path", Text, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),  # bytes read, whole lines only
    sa.Column("line", sa.BigInteger, nullable=False),  # physical lines read
    sa.Column(
        "generation", sa.Integer, nullable=False, default=0, server_default="0"
    ),  # times it was replaced
    sa.Column("lines", sa.BigInteger, nullable=False, default=0),
    sa.Column("stored", sa.BigInteger, nullable=False, default=0),
    sa.Column("duplicates", sa.BigInteger, nullable=False, default=0),
    sa.Column("quarantined", sa.BigInteger, nullable=False, default=0),
    sa.Column("recovered", sa.BigInteger, nullable=False, default=0),
    # Whole lines behind `offset`, held back until an open quoted field ends.
    sa.Column("waiting", sa.BigInteger, nullable=False, default=0),
    sa.Column("state", sa.JSON, nullable=False, default=dict),  # what the reader needs to go on
    sa.Column("problem", Text),  # why the file could not be read, as a sentence
    sa.Column("read_at", UtcDateTime),
    sa.UniqueConstraint("bot_id", "log", "path"),
)

# One logged candle. `vector` holds a float64 for every column of the layout (NaN where a
# text stands). A rowid table: in a clustered one a vector spills over into pages of its own.
feature_row = sa.Table(
    "feature_row",
    metadata,
    _ref("bot_id", "bot.id", primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("row_hash", sa.LargeBinary, nullable=False),  # equal: same values, same columns
    _ref("layout_id", "layout.id", nullable=False),
    _ref("file_id", "log_file.id", nullable=False),
    # Times the file's content had been replaced before this line was read.
    sa.Column("generation", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("is_recovered", sa.Boolean, nullable=False, default=False),
    sa.Column("logged_at", UtcDateTime),
    sa.Column("open", Double),
    sa.Column("high", Double),
    sa.Column("low", Double),
    sa.Column("close", Double),
    sa.Column("volume", Double),
    sa.Column("texts", sa.JSON),  # position in the layout -> text, for what is no number
    sa.Column("vector", sa.LargeBinary, nullable=False),
    # When rows came, without reading a single vector.
    sa.Index(
        "ix_feature_row_collection",
        "bot_id",
        "candle_open",
        "logged_at",
        "is_recovered",
        "layout_id",
    ),
)

# Spans of candle opens (stored µs) at which something is new, was replaced or went.
changed_span = sa.Table(
    "changed_span",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("subject", Text, nullable=False),  # feature_row, signal, candle
    sa.Column("first_open", sa.BigInteger, nullable=False),
    sa.Column("last_open", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# A line that says again what is stored for its candle.
duplicate_line = sa.Table(
    "duplicate_line",
    metadata,
    _ref("file_id", "log_file.id", primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("candle_open", UtcDateTime, nullable=False),
    sa.Column("row_hash", sa.LargeBinary, nullable=False),
    _ref("layout_id", "layout.id", nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("is_recovered", sa.Boolean, nullable=False),
    sa.Index("ix_duplicate_line_candle", "bot_id", "candle_open"),
    sqlite_with_rowid=False,
)

# A line that could not be stored, with the reason; nothing is lost.
quarantine = sa.Table(
    "quarantine",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    _ref("file_id", "log_file.id", nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("reason", Text, nullable=False),  # a code: no_layout, ambiguous, conflict, ...
    sa.Column("detail", Text, nullable=False),  # one sentence with value and remedy
    sa.Column("candle_open", UtcDateTime),
    sa.Column("raw", sa.LargeBinary),  # up to 1 MB
    sa.Column("sha256", Text, nullable=False),
    # Of a conflict: how its row reads, so that it can take the place of another.
    _ref("layout_id", "layout.id"),
    sa.Column("row_hash", sa.LargeBinary),
    sa.Column("is_recovered", sa.Boolean),
    sa.UniqueConstraint("file_id", "generation", "line"),
    sa.Index("ix_quarantine_candle", "bot_id", "candle_open"),
)

# A line that its file's header does not describe, whatever became of it: asked again
# whenever more is known of the bot's layouts.
drifted_line = sa.Table(
    "drifted_line",
    metadata,
    _ref("file_id", "log_file.id", primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),  # zlib
    _ref("header_id", "layout.id"),  # header in force above it
    sa.Column("reason", Text, nullable=False),  # why it does not stand under that header
    sa.Column("detail", Text, nullable=False),
    sa.Column("before", sa.JSON),  # the readable line before it
    _ref("layout_id", "layout.id"),  # the one that fits
    sa.Column("candle_open", UtcDateTime),
    sa.Column("row_hash", sa.LargeBinary),
)

# A line of a signal log that the bot emitted; `status`: used, duplicate, conflict, rejected.
signal_line = sa.Table(
    "signal_line",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("log", Text, nullable=False),
    _ref("file_id", "log_file.id", nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, default=0),  # of the file's content
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("position", sa.Integer, nullable=False, default=0),  # of its log in the configuration
    sa.Column("row_open", UtcDateTime),  # of the feature row that it stands in
    sa.Column("candle_open", UtcDateTime),
    sa.Column("logged_at", UtcDateTime),
    sa.Column("long", Double),
    sa.Column("short", Double),
    sa.Column("price", Double),
    sa.Column("long_step", Double),  # value of the last printed digit; null: full precision
    sa.Column("short_step", Double),
    sa.Column("price_step", Double),
    # Whether the price is the close of its candle; null: no price, or a close not known yet.
    sa.Column("is_price_match", sa.Boolean),
    sa.Column("status", Text, nullable=False),
    sa.Column("reason", Text),
    sa.Column("raw", Text),
    sa.Column("sha256", Text, nullable=False),
    sa.Index("ix_signal_line_candle", "bot_id", "log", "candle_open"),
    sa.Index("ix_signal_line_row", "bot_id", "log", "row_open"),
)
# Prices that are still to be compared, without reading the others.
_IS_UNCHECKED = sa.and_(
    signal_line.c.price.is_not(None),
    signal_line.c.candle_open.is_not(None),
    signal_line.c.is_price_match.is_(None),
)
sa.Index(
    "ix_signal_line_price",
    signal_line.c.bot_id,
    sqlite_where=_IS_UNCHECKED,
    postgresql_where=_IS_UNCHECKED,
)

# A bundle that was loaded once, by content.
bundle = sa.Table(
    "bundle",
    metadata,
    _id(),
    sa.Column("hash", Text, nullable=False, unique=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("path", Text, nullable=False),
    sa.Column("manifest", sa.JSON, nullable=False),
)

# Where a signal comes from: one row an origin, and one a backtest.
series = sa.Table(
    "series",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("origin", Text, nullable=False),  # emitted, replay, backtest
    sa.Column("comparison", Text, nullable=False, default=""),  # name of the backtest, else ""
    sa.UniqueConstraint("bot_id", "origin", "comparison"),
)

# A model's probability for one side on one closed candle.
signal = sa.Table(
    "signal",
    metadata,
    _ref("series_id", "series.id", primary_key=True),
    sa.Column("side", Text, primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("probability", Double, nullable=False),
    sa.Column("step", Double),  # value of the last printed digit; null: full precision
    sa.Column("price", Double),
    sa.Column("price_step", Double),
    _ref("bundle_id", "bundle.id"),
    _ref("run_id", "run.id"),
    sqlite_with_rowid=False,
)

# Why a candle of a series has no signal; side "" speaks of both.
signal_absence = sa.Table(
    "signal_absence",
    metadata,
    _ref("series_id", "series.id", primary_key=True),
    sa.Column("side", Text, primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("reason", Text, nullable=False),  # a code: missing_feature, warm_up, gap, ...
    sa.Column("detail", Text, nullable=False),
    _ref("run_id", "run.id"),
    sqlite_with_rowid=False,
)

# Candles by source; a changed candle keeps its earlier revisions.
candle_source = sa.Table(
    "candle_source",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("state", sa.JSON, nullable=False, default=dict),  # last pull, problem, watermark
    sa.UniqueConstraint("bot_id", "name"),
)

candle = sa.Table(
    "candle",
    metadata,
    _ref("source_id", "candle_source.id", primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("open", Double, nullable=False),
    sa.Column("high", Double, nullable=False),
    sa.Column("low", Double, nullable=False),
    sa.Column("close", Double, nullable=False),
    sa.Column("volume", Double, nullable=False),
    sa.Column("origin", Text, nullable=False),  # file name or exchange
    sa.Column("revision", sa.Integer, nullable=False, default=0),
    sqlite_with_rowid=False,
)

candle_revision = sa.Table(
    "candle_revision",
    metadata,
    _id(),
    _ref("source_id", "candle_source.id", nullable=False),
    sa.Column("candle_open", UtcDateTime, nullable=False),
    sa.Column("open", Double, nullable=False),
    sa.Column("high", Double, nullable=False),
    sa.Column("low", Double, nullable=False),
    sa.Column("close", Double, nullable=False),
    sa.Column("volume", Double, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("is_unfinished", sa.Boolean, nullable=False),
    sa.Column("sha256", Text, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("source_id", "candle_open", "sha256", "origin"),
)

# Features of the backtest side, recomputed or imported. A rowid table, as feature_row.
backtest_row = sa.Table(
    "backtest_row",
    metadata,
    _ref("series_id", "series.id", primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    _ref("layout_id", "layout.id", nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    # Packed bits, one a column: no value in the whole frame up to this candle. Null: none.
    sa.Column("warming", sa.LargeBinary),
    sa.Column("content_key", Text, nullable=False),  # pipeline, candles, lookback, mode
    sa.Column("is_provisional", sa.Boolean, nullable=False, default=False),
    _ref("run_id", "run.id"),
)

# How far a recomputed backtest covers a UTC day, so that a cycle looks at changed days only.
backtest_day = sa.Table(
    "backtest_day",
    metadata,
    _ref("series_id", "series.id", primary_key=True),
    sa.Column("day", UtcDateTime, primary_key=True),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("covered", sa.Integer, nullable=False),
    sa.Column("absent", sa.JSON, nullable=False),  # candles without a row, by reason
    sa.Column("provisional", sa.Integer, nullable=False),
    sa.Column("with_gaps", sa.Integer, nullable=False),
    sa.Column("is_settled", sa.Boolean, nullable=False),  # nothing waits or is to be tried again
    sqlite_with_rowid=False,
)

# Recomputed vectors by content, so that nothing is computed twice.
vector_cache = sa.Table(
    "vector_cache",
    metadata,
    sa.Column("content_key", Text, primary_key=True),
    _ref("layout_id", "layout.id"),
    sa.Column("vector", sa.LargeBinary),
    sa.Column("warming", sa.LargeBinary),
    sa.Column("reason", Text),  # why there is no vector
    sa.Column("detail", Text),
    sa.Column("used_at", UtcDateTime, nullable=False),
    sa.Index("ix_vector_cache_used", "used_at"),
)

comparison = sa.Table(
    "comparison",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # order in the configuration
    sa.Column("tolerance", Double),
    sa.Column("spec", sa.JSON, nullable=False),  # pipeline, lookback_bars, mode, ...
    sa.Column("pairing", Text),  # hash of tolerance and rules that its pairs were made with
    sa.Column("is_configured", sa.Boolean, nullable=False, default=True),
    sa.UniqueConstraint("bot_id", "name"),
)

# Production and other side of one comparison on one candle and side.
pair = sa.Table(
    "pair",
    metadata,
    _ref("comparison_id", "comparison.id", primary_key=True),
    sa.Column("side", Text, primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("production_origin", Text, nullable=False),
    sa.Column("production", Double, nullable=False),
    sa.Column("backtest", Double, nullable=False),
    sa.Column("diff", Double, nullable=False),
    sa.Column("abs_diff", Double, nullable=False),
    sa.Column("is_aligned", sa.Boolean, nullable=False),
    sa.Column("flip", sa.Boolean, nullable=False),
    sa.Column("decision_flip", sa.Boolean),  # null where one side's LONG or SHORT is missing
    _ref("run_id", "run.id"),
    sqlite_with_rowid=False,
)
# The worst candles of a comparison without reading the aligned ones.
sa.Index(
    "ix_pair_worst",
    pair.c.comparison_id,
    pair.c.abs_diff.desc(),
    sqlite_where=pair.c.is_aligned.is_(False),
    postgresql_where=sa.text("is_aligned is false"),  # as text: migrations are made on SQLite
)

# Pairs rolled up by UTC day, so that a year is read in milliseconds. A day with
# signals of one origin only has a row too, with 0 pairs.
pair_day = sa.Table(
    "pair_day",
    metadata,
    _ref("comparison_id", "comparison.id", primary_key=True),
    sa.Column("side", Text, primary_key=True),
    sa.Column("day", UtcDateTime, primary_key=True),
    sa.Column("production_signals", sa.Integer, nullable=False),
    sa.Column("backtest_signals", sa.Integer, nullable=False),
    sa.Column("pairs", sa.Integer, nullable=False),
    sa.Column("above", sa.Integer, nullable=False),  # beyond the tolerance
    sa.Column("block", sa.LargeBinary, nullable=False),  # the day's pairs, see day_block.py
    sqlite_with_rowid=False,
)

# UTC days of a comparison whose signals changed since they were paired.
pair_due = sa.Table(
    "pair_due",
    metadata,
    _ref("comparison_id", "comparison.id", primary_key=True),
    sa.Column("day", UtcDateTime, primary_key=True),
    sqlite_with_rowid=False,
)

# One diagnosis of one window; findings and trials belong to it.
diagnosis = sa.Table(
    "diagnosis",
    metadata,
    _id(),
    _ref("bot_id", "bot.id", nullable=False),
    sa.Column("comparison", Text, nullable=False),
    sa.Column("from_open", UtcDateTime, nullable=False),
    sa.Column("until_open", UtcDateTime, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # the diagnose --json document
    sa.Column("details", sa.JSON, nullable=False, default=dict),  # waterfall, split, attribution
    _ref("run_id", "run.id"),
)

finding = sa.Table(
    "finding",
    metadata,
    _id(),
    _ref("diagnosis_id", "diagnosis.id", nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("cause", Text, nullable=False),
    sa.Column("verdict", Text, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # as in diagnose --json
    _ref("refuted_by_id", "diagnosis.id"),  # the later diagnosis that took it back
)

trial = sa.Table(
    "trial",
    metadata,
    _id(),
    _ref("diagnosis_id", "diagnosis.id", nullable=False),
    sa.Column("cause", Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # parameters, before, after, held out
)

# What a reader wrote beside a candle; the dashboard's only writes.
annotation = sa.Table(
    "annotation",
    metadata,
    _ref("bot_id", "bot.id", primary_key=True),
    sa.Column("candle_open", UtcDateTime, primary_key=True),
    sa.Column("is_reviewed", sa.Boolean, nullable=False),
    sa.Column("note", Text, nullable=False, default=""),
    sa.Column("written_at", UtcDateTime, nullable=False),
)

# How far a step has come, where the data itself cannot tell.
watermark = sa.Table(
    "watermark",
    metadata,
    _ref("bot_id", "bot.id", primary_key=True),
    sa.Column("step", Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)
