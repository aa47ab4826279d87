"""Feature logs → database: what is new in the bot's files, every line accounted for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from core.context import Context
from core.feature_log.batch import Batch
from core.feature_log.catalog import (
    LOG,
    Catalog,
    add_counts,
    add_layouts,
    add_profiles,
    drift_mark,
    read_catalog,
    set_drift_mark,
)
from core.feature_log.layout import Grammar
from core.feature_log.line_writes import has_drifted, read_drifted
from core.feature_log.placing import Placer
from core.feature_log.reader import LogReader
from core.settings import FeatureLogSettings
from core.storage.engine import snapshot
from core.tailing.files import LogFile, read_files, save_file
from core.tailing.follow import Source, follow
from core.tailing.precedence import Place
from core.times import from_us


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingest changed; counts are additions to the account.

    files: how many were looked at; problems: sentences about files that could
    not be read; replaced_candles: candle opens whose stored row is now another.
    """

    lines: int
    stored: int
    duplicates: int
    quarantined: int
    recovered: int
    files: int
    problems: tuple[str, ...]
    replaced_candles: tuple[datetime, ...]


def ingest_feature_logs(context: Context, log: FeatureLogSettings) -> IngestReport:
    """Read what is new in the bot's feature logs; its progress is told after each piece."""
    return _Ingest(context, Grammar(log, context.bot.frame)).run()


@dataclass(slots=True)
class _Ingest:
    """The sink of the files: everything that one ingest knows of the bot's feature logs."""

    context: Context
    grammar: Grammar
    catalog: Catalog = field(default_factory=Catalog)
    paths: dict[int, str] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)

    def run(self) -> IngestReport:
        with snapshot(self.context.engine) as connection:
            known = read_files(connection, self.context.bot_id, LOG)
            self.catalog = read_catalog(connection, self.context.bot_id)
        self.paths = {file.id: path for path, file in known.items()}
        self._forget_otherwise_read(known)
        source = Source(LOG, "[bots.feature_log]", self.grammar.log.paths)
        followed = follow(self.context, source, self)
        self._ask_drifted_again()
        count = self.totals.get
        return IngestReport(
            lines=count("lines", 0),
            stored=count("stored", 0),
            duplicates=count("duplicates", 0),
            quarantined=count("quarantined", 0),
            recovered=count("recovered", 0),
            files=followed.files,
            problems=followed.problems,
            replaced_candles=tuple(from_us(opened) for opened in sorted(self.replaced)),
        )

    def _forget_otherwise_read(self, known: dict[str, LogFile]) -> None:
        """Files that would be read otherwise now (other column names, zone) are read anew.

        What was read of a file that is gone stays as it was read.
        """
        now = self.grammar.fingerprint
        old = [
            file
            for path, file in known.items()
            if file.state.get("grammar", now) != now and Path(path).is_file()
        ]
        if not old:
            return
        with self.context.engine.begin() as connection:
            placer = self._placer(connection)
            placer.forget_files([file.id for file in old])
            for file in old:
                file.offset = file.line = file.waiting = 0
                file.state = {}
                save_file(connection, file)
            self._book(connection, placer)

    def reader(self, file: LogFile) -> LogReader:
        """Goes on where the file was left."""
        return LogReader(self.grammar, self.catalog.profiles, file.state.get("reader", {}))

    def keep(self, connection: sa.Connection, file: LogFile, batch: Batch) -> None:
        """The lines of one piece, and the account."""
        self.paths[file.id] = file.path
        file.state["grammar"] = self.grammar.fingerprint
        layouts = [*batch.headers, *(block.layout for block in batch.blocks)]
        add_layouts(connection, self.context.bot_id, self.catalog, layouts)
        add_profiles(connection, self.catalog, batch.profiles)
        placer = self._placer(connection)
        placer.place(batch, file.id, file.generation)
        self._book(connection, placer)

    def moved(self, connection: sa.Connection, file_ids: Sequence[int]) -> None:
        """Candles that several lines speak of, one of them in these files, are decided anew."""
        known = read_files(connection, self.context.bot_id, LOG)
        self.paths = {file.id: path for path, file in known.items()}
        placer = self._placer(connection)
        placer.resettle_files(list(file_ids))
        self._book(connection, placer)

    def _placer(self, connection: sa.Connection) -> Placer:
        return Placer(connection, self.context.bot_id, self.grammar, self.catalog, self.paths)

    def _book(self, connection: sa.Connection, placer: Placer) -> None:
        """Add what was placed to the accounts of the files."""
        ledger = placer.ledger
        ledger.note_changes()
        for file_id, counts in ledger.counts.items():
            add_counts(connection, file_id, counts)
            for name, number in counts.items():
                self.totals[name] = self.totals.get(name, 0) + number
        self.replaced |= ledger.replaced

    def _ask_drifted_again(self) -> None:
        """Drifted lines, once more, where layouts or what is known of them have changed."""
        mark = self._mark()
        with snapshot(self.context.engine) as connection:
            is_asked = drift_mark(connection, self.context.bot_id) == mark
            is_asked = is_asked or not has_drifted(connection, self.context.bot_id)
        after: Place | None = None
        while not is_asked:
            with self.context.engine.begin() as connection:
                lines = read_drifted(connection, self.context.bot_id, self.catalog.by_id(), after)
                placer = self._placer(connection)
                for line in lines:
                    placer.ask_again(line)
                    after = line.place
                self._book(connection, placer)
                if not lines:
                    set_drift_mark(connection, self.context.bot_id, mark)
                    is_asked = True

    def _mark(self) -> str:
        known = sorted(
            (layout.hash, profile.document()) for layout, profile in self.catalog.profiles.items()
        )
        text = json.dumps([self.grammar.fingerprint, known], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
