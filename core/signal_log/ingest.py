"""Every signal log of a bot → stored lines and the 'emitted' signals that follow from them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from core.context import Context
from core.errors import LogFormatError
from core.settings import BotSettings, SignalFormat, SignalLogSettings
from core.signal_log.entry import Entry, LogCounts, Raw
from core.signal_log.feature_columns import ColumnLog, column_step
from core.signal_log.parsers import OutOfTime, parser_for
from core.signal_log.reads import double_writes
from core.signal_log.writes import (
    claim_lines,
    contested_opens,
    delete_log,
    file_log,
    insert_lines,
    place_log,
    settle,
)
from core.storage.engine import snapshot
from core.storage.watermarks import forget_watermark, read_watermark, write_watermark
from core.tailing.files import LogFile
from core.tailing.follow import Source, StoppedShort, follow
from core.tailing.precedence import Place
from core.tailing.stream import Chunk, LongLine
from core.times import Timeframe, from_us, iso_z

STEP = "signal_logs"
_READING = {"name", "paths"}  # what does not change how a line is read


@dataclass(frozen=True, slots=True)
class Entries:
    """What a piece of a file came to, and how far it went."""

    entries: list[Entry]
    offset: int
    line: int
    state: Mapping[str, object]
    waiting: int = 0  # every line of a signal log stands alone


class EntryReader:
    """Goes through one file of a signal log."""

    def __init__(self, log: SignalLogSettings, timeframe: Timeframe, file: LogFile) -> None:
        self._log, self._path, self._line = log, file.path, file.line
        self._parser = parser_for(log, timeframe, file.state.get("reader"))

    def read(self, piece: Chunk | LongLine) -> Entries:
        """The signals of a piece; raises LogFormatError where the log is another than described.

        Raises StoppedShort where the pattern takes too long.
        """
        if isinstance(piece, LongLine):
            return self._pass(piece)
        texts = piece.data[:-1].split(b"\n")
        lines = [Raw(number, text) for number, text in enumerate(texts, start=self._line + 1)]
        self._line += len(lines)
        try:
            entries = self._parser.parse(lines)
        except OutOfTime as error:
            self._line = lines[0].line + error.lines - 1
            read = sum(len(text) + 1 for text in texts[: error.lines])
            batch = self._entries(error.entries, piece.offset + read)
            raise StoppedShort(f"{self._path}: {error}", batch) from error
        except LogFormatError as error:
            raise LogFormatError(f"{self._path}: {error}") from error
        return self._entries(entries, piece.offset + len(piece.data))

    def finish(self) -> Entries:
        """Nothing waits."""
        raise AssertionError("no line of a signal log waits")

    def _pass(self, piece: LongLine) -> Entries:
        """A line beyond every signal's size: noise in a text log, rejected elsewhere."""
        self._line += 1
        reason = f"{piece.length} bytes in one line"
        rejected = [Entry(line=self._line, sha256=piece.sha256, reason=reason)]
        is_noise = self._log.format is SignalFormat.TEXT
        return self._entries([] if is_noise else rejected, piece.offset + piece.length + 1)

    def _entries(self, entries: list[Entry], offset: int) -> Entries:
        return Entries(entries, offset, self._line, dict(self._parser.state))


@dataclass(frozen=True)
class FileLog:
    """One signal log that has files of its own: the sink of these."""

    context: Context
    log: SignalLogSettings
    position: int  # in the configuration
    counts: LogCounts = field(default_factory=LogCounts)

    def ingest(self) -> LogCounts:
        """Read every file of the log as far as it goes."""
        section = f'[[bots.signal_log]] "{self.log.name}"'
        source = Source(file_log(self.log.name), section, self.log.paths)
        followed = follow(self.context, source, self)
        self.counts.files = followed.files
        self.counts.problems += followed.problems
        return self.counts

    def reader(self, file: LogFile) -> EntryReader:
        """Goes on where the file was left."""
        return EntryReader(self.log, self.context.bot.frame, file)

    def keep(self, connection: sa.Connection, file: LogFile, batch: Entries) -> None:
        """The lines of one piece, and the signals that now count.

        Lines that a replaced file no longer has stay, since the bot did emit them.
        """
        bot_id, name = self.context.bot_id, self.log.name
        entries, touched = batch.entries, set[int]()
        if file.generation:
            entries, touched = claim_lines(connection, bot_id, name, file, entries)
        places = [Place(file.id, file.generation, entry.line) for entry in entries]
        touched |= insert_lines(connection, bot_id, name, self.position, places, entries)
        settle(connection, bot_id, touched)
        self.counts.add(entries, touched, file.path)

    def moved(self, connection: sa.Connection, file_ids: Sequence[int]) -> None:
        """Candles that several lines speak of, one of them in these files, are decided anew."""
        bot_id = self.context.bot_id
        settle(connection, bot_id, contested_opens(connection, bot_id, file_ids))


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
    with snapshot(context.engine) as connection:
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
    doubles = double_writes(connection, bot_id, log, first, last + timedelta(microseconds=1))
    return [
        f"signal log {log}: candle {iso_z(opened.to_pydatetime())} was written {lines} times, "
        f"{apart:.1f} s apart: two instances of the bot were running, or it was started again"
        for opened, lines, apart in zip(
            doubles["candle_open"], doubles["lines"], doubles["seconds_apart"], strict=True
        )
    ]
