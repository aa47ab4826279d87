"""Every signal log of a bot → stored lines and the 'emitted' signals that follow from them."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from core.context import Context
from core.settings import BotSettings, SignalFormat, SignalLogSettings
from core.signal_log.feature_columns import ColumnLog, column_step
from core.signal_log.log_files import FileLog, LogCounts
from core.signal_log.parsers import parser_for
from core.signal_log.reads import double_writes
from core.signal_log.writes import delete_log, place_log, settle
from core.storage.watermarks import forget_watermark, read_watermark, write_watermark
from core.times import from_us, iso_z

STEP = "signal_logs"
_READING = {"name", "paths"}  # what does not change how a line is read


@dataclass(frozen=True, slots=True)
class SignalIngestReport:
    """What reading the signal logs came to: new lines, rejected ones among them."""

    lines: int
    rejected: int
    candles: int
    doubles: int  # candles that got a line from two instances, found in this run
    files: int
    problems: tuple[str, ...]


def ingest_signal_logs(context: Context) -> SignalIngestReport:
    """Read what is new in every configured signal log.

    A log whose description in the configuration changed is read again; one that left
    it takes its signals along. Every transaction holds rows with the offset that they
    were read up to, so this may be killed anywhere. Raises ConfigError for a pattern
    that cannot be used.
    """
    bot = context.bot
    for log in bot.signal_log:
        if log.format is not SignalFormat.FEATURE_LOG:
            parser_for(log, bot.frame)
    with context.engine.begin() as connection:
        _follow_configuration(connection, context.bot_id, bot)
    counted = []
    for position, log in enumerate(bot.signal_log):
        counted.append((log, _reader(context, log, position).ingest()))
    doubles: list[str] = []
    with context.engine.connect() as connection:
        for log, counts in counted:
            doubles += _doubles(connection, context.bot_id, log.name, counts)
    return SignalIngestReport(
        lines=sum(counts.lines for _, counts in counted),
        rejected=sum(counts.rejected for _, counts in counted),
        candles=sum(len(counts.candle_opens) for _, counts in counted),
        doubles=len(doubles),
        files=sum(counts.files for _, counts in counted),
        problems=(*(text for _, counts in counted for text in counts.problems), *doubles),
    )


def _reader(context: Context, log: SignalLogSettings, position: int) -> FileLog | ColumnLog:
    if log.format is not SignalFormat.FEATURE_LOG:
        return FileLog(context, log, position)
    return ColumnLog(context, log, position, _has_own_label(context.bot, log))


def _has_own_label(bot: BotSettings, log: SignalLogSettings) -> bool:
    """Whether the log names a time column of its own; by default the row's candle counts."""
    if "candle_open" not in log.model_fields_set or bot.feature_log is None:
        return False
    return log.candle_open != bot.feature_log.candle_open


def _follow_configuration(connection: sa.Connection, bot_id: int, bot: BotSettings) -> None:
    """Forget logs that are described otherwise than when they were read, or no longer at all."""
    described = {log.name: _description(bot, log) for log in bot.signal_log}
    order = list(described)
    stored = read_watermark(connection, bot_id, STEP) or {"logs": {}, "order": []}
    if stored == {"logs": described, "order": order}:
        return
    touched: set[int] = set()
    for name, description in stored["logs"].items():
        if described.get(name) != description:
            touched |= delete_log(connection, bot_id, name)
            forget_watermark(connection, bot_id, column_step(name))
    for position, name in enumerate(order):
        touched |= place_log(connection, bot_id, name, position)
    settle(connection, bot_id, touched)
    write_watermark(connection, bot_id, STEP, {"logs": described, "order": order})


def _description(bot: BotSettings, log: SignalLogSettings) -> str:
    content = log.model_dump_json(exclude=_READING) + str(_has_own_label(bot, log))
    return hashlib.sha256(content.encode()).hexdigest()


def _doubles(connection: sa.Connection, bot_id: int, log: str, counts: LogCounts) -> list[str]:
    """A sentence for each candle of this run that was written twice at different times."""
    if not counts.candle_opens:
        return []
    first, last = from_us(min(counts.candle_opens)), from_us(max(counts.candle_opens))
    found = double_writes(connection, bot_id, log, first, last + timedelta(microseconds=1))
    return [
        f"signal log {log}: candle {iso_z(opened.to_pydatetime())} was written {lines} times, "
        f"{apart:.1f} s apart: two instances of the bot were running, or it was started again"
        for opened, lines, apart in zip(
            found["candle_open"], found["lines"], found["seconds_apart"], strict=True
        )
    ]
