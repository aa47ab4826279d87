"""Feature logs → database: what is new in the bot's files, every line accounted for.

Each piece of a file is one transaction together with how far the file was read,
so the work may be stopped anywhere and started again. Reading with its digests,
parsing and writing each run in a thread of their own; reading and parsing hold
Python's lock for moments only.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.context import Context, Progress
from core.errors import LogFormatError
from core.feature_log import catalog as files
from core.feature_log.catalog import Catalog
from core.feature_log.kept_lines import Place
from core.feature_log.layout import Grammar
from core.feature_log.line_writes import has_drifted, read_drifted
from core.feature_log.placing import Placer
from core.feature_log.reader import LogReader
from core.feature_log.rows import Batch
from core.settings import FeatureLogSettings
from core.tailing.fingerprint import BLOCK, Fingerprint
from core.tailing.prefetch import prefetch
from core.tailing.stream import Chunk, ContentChanged, LongLine, open_after, whole_lines
from core.tailing.survey import Change, Finding, LogFile, Survey, survey
from core.times import from_us, to_us

PIECE = BLOCK  # bytes of a file in one transaction


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
    grammar = Grammar(log, context.bot.frame)
    return _Ingest(context.engine, context.bot_id, grammar, context.progress).run(context.now)


@dataclass(slots=True)
class _Ingest:
    engine: sa.Engine
    bot_id: int
    grammar: Grammar
    progress: Progress | None
    catalog: Catalog = field(default_factory=Catalog)
    paths: dict[int, str] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)

    def run(self, now: datetime) -> IngestReport:
        with self.engine.connect() as connection:
            known = files.read_files(connection, self.bot_id)
            self.catalog = files.read_catalog(connection, self.bot_id)
        self.paths = {file.id: path for path, file in known.items()}
        self._forget_otherwise_read(known)
        found = survey(self.grammar.log.paths, known)
        self._rename(found)
        looked_at = [file.id for file in found.unchanged]
        looked_at += [self._read(finding, found.problems) for finding in found.to_read]
        self._ask_drifted_again()
        with self.engine.begin() as connection:
            files.mark_looked_at(connection, looked_at, to_us(now))
        count = self.totals.get
        return IngestReport(
            lines=count("lines", 0),
            stored=count("stored", 0),
            duplicates=count("duplicates", 0),
            quarantined=count("quarantined", 0),
            recovered=count("recovered", 0),
            files=len(looked_at),
            problems=tuple(found.problems.values()),
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
        with self.engine.begin() as connection:
            placer = self._placer(connection)
            placer.forget_files([file.id for file in old])
            for file in old:
                file.offset = file.line = 0
                file.state = {}
                files.save_file(connection, file)
            self._book(connection, placer)

    def _rename(self, found: Survey) -> None:
        """Records follow their content to its new path; contested candles are decided anew."""
        if not found.renamed:
            return
        with self.engine.begin() as connection:
            files.rename_files(connection, found.renamed)
            self.paths.update(found.renamed)
            placer = self._placer(connection)
            placer.resettle_files(list(found.renamed))
            self._book(connection, placer)
        for finding in found.to_read:
            if finding.file is not None:
                finding.file.path = finding.path

    def _read(self, finding: Finding, problems: dict[str, str]) -> int:
        """One file; what goes wrong with it is a sentence and keeps no other from being read."""
        file = finding.file or self._begin(finding)
        if finding.change is Change.REPLACED:
            file.generation += 1
            file.offset = file.line = 0
            file.state = {"looks": file.state.get("looks", 0)}
        path = Path(finding.path)
        file.problem = None
        try:
            content = Fingerprint.from_document(file.state.get("content"))
            with closing(prefetch(lambda: self._batches(path, file, content))) as batches:
                for batch, document in batches:
                    self._keep(file, batch, document)
                    if self.progress is not None:
                        self.progress(file.path, file.offset, finding.stat[0])
        except FileNotFoundError:
            file.problem = f"{path}: vanished while it was read"
        except ContentChanged:
            file.problem = f"{path}: replaced while it was read; the next cycle reads it anew"
        except OSError as error:
            file.problem = f"{path}: cannot be read: {error.strerror or error}"
        except LogFormatError as error:
            file.problem = str(error)
        if file.problem is None:
            file.state["stat"] = finding.stat
        else:
            problems[file.path] = file.problem
        file.state["looks"] = int(file.state.get("looks", 0)) + 1
        with self.engine.begin() as connection:
            files.save_file(connection, file)
        return file.id

    def _begin(self, finding: Finding) -> LogFile:
        with self.engine.begin() as connection:
            file = files.add_file(connection, self.bot_id, finding.path)
        self.paths[file.id] = file.path
        return file

    def _batches(
        self, path: Path, file: LogFile, content: Fingerprint
    ) -> Iterator[tuple[Batch, dict[str, Any]]]:
        """Parsed pieces of a file, with the content that they complete."""
        reader = LogReader(self.grammar, self.catalog.profiles, file.state.get("reader", {}))
        with closing(prefetch(lambda: _pieces(path, file, content), ahead=1)) as pieces:
            for piece, document in pieces:
                yield reader.read(piece), document

    def _keep(self, file: LogFile, batch: Batch, content: dict[str, Any]) -> None:
        """One piece: its lines, the account and how far the file was read, in one transaction."""
        with self.engine.begin() as connection:
            found = [*batch.headers, *(block.layout for block in batch.blocks)]
            files.add_layouts(connection, self.bot_id, self.catalog, found)
            files.add_profiles(connection, self.catalog, batch.profiles)
            placer = self._placer(connection)
            placer.place(batch, file.id, file.generation)
            file.offset, file.line = batch.offset, batch.line
            file.state = {
                "grammar": self.grammar.fingerprint,
                "reader": batch.state,
                "content": content,
                "looks": file.state.get("looks", 0),
            }
            files.save_file(connection, file)
            self._book(connection, placer)

    def _placer(self, connection: sa.Connection) -> Placer:
        return Placer(connection, self.bot_id, self.grammar, self.catalog, self.paths)

    def _book(self, connection: sa.Connection, placer: Placer) -> None:
        """Add what was placed to the accounts of the files."""
        ledger = placer.ledger
        ledger.note_changes()
        for file_id, counts in ledger.counts.items():
            files.add_counts(connection, file_id, counts)
            for name, number in counts.items():
                self.totals[name] = self.totals.get(name, 0) + number
        self.replaced |= ledger.replaced

    def _ask_drifted_again(self) -> None:
        """Drifted lines, once more, where layouts or what is known of them have changed."""
        mark = self._mark()
        with self.engine.connect() as connection:
            is_asked = files.drift_mark(connection, self.bot_id) == mark
            is_asked = is_asked or not has_drifted(connection, self.bot_id)
        after: Place | None = None
        while not is_asked:
            with self.engine.begin() as connection:
                lines = read_drifted(connection, self.bot_id, self.catalog.by_id(), after)
                placer = self._placer(connection)
                for line in lines:
                    placer.ask_again(line)
                    after = line.place
                self._book(connection, placer)
                if not lines:
                    files.set_drift_mark(connection, self.bot_id, mark)
                    is_asked = True

    def _mark(self) -> str:
        known = sorted(
            (layout.hash, profile.document()) for layout, profile in self.catalog.profiles.items()
        )
        text = json.dumps([self.grammar.fingerprint, known], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _pieces(
    path: Path, file: LogFile, content: Fingerprint
) -> Iterator[tuple[Chunk | LongLine, dict[str, Any]]]:
    """Pieces of what is new in a file, with the content that they complete."""
    looks = int(file.state.get("looks", 0))
    stream = open_after(path, content, file.offset, whole=False, turn=looks)
    try:
        for piece in whole_lines(stream, file.offset, content, PIECE):
            yield piece, content.document()
    finally:
        stream.close()
