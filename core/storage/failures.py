"""What a database refused, in one sentence: never its statement, never a value of a row."""

import json
import re
import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from core.errors import StorageError
from core.foreign_text import cut_short
from core.masking import mask_secrets

_ANEW = (
    "something else changed the database: put back a copy, or move it away and let the collector "
    "read the logs again"
)
_LACKING = re.compile(r"no such (table|column): (\S+)")

# SQLite's primary result codes, and what to do about each.
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, nothing that was stored is lost",
    sqlite3.SQLITE_READONLY: "it can only be read; make the file and its folder writable",
    sqlite3.SQLITE_PERM: "access is refused; make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; is the path a file, and may it be written?",
    sqlite3.SQLITE_NOTADB: "this file is no SQLite database; move it away or change database_url",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away and let the collector read the"
    " logs again, or put back a copy",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written; is it full, or gone?",
    sqlite3.SQLITE_BUSY: "another process holds it; stop what else writes to this file",
    sqlite3.SQLITE_LOCKED: "another process holds it; stop what else writes to this file",
}

# The same by PostgreSQL's codes (SQLSTATE); who cannot connect gets no code, but a clear sentence.
_SERVER_REMEDIES: dict[str | None, str] = {
    "25006": "it can only be read; is it a standby?",
    "42501": "access is refused; let the user of database_url own the database",
    "55P03": "another process holds it; stop what else writes to this database",
    "42P01": f"a table is missing; {_ANEW}",
    "42703": f"a column is missing; {_ANEW}",
    "53100": "the server's disk is full; make room, nothing that was stored is lost",
}


def speak_in_sentences(engine: Engine) -> None:
    """Raise StorageError with one sentence where the database itself fails.

    A broken rule of the schema (IntegrityError) and a wrong statement stay what they
    are: they are faults of this program.
    """
    shown = shown_place(engine.url)

    @event.listens_for(engine, "handle_error")
    def _say(context: ExceptionContext) -> None:
        if context.is_pre_ping:  # the pool itself replaces a connection that a restart has cut
            return
        sentence = failure_sentence(context.original_exception, context.sqlalchemy_exception)
        if sentence is not None:
            raise StorageError(f"{shown}: {sentence}") from None


def failure_sentence(original: BaseException, wrapped: Exception | None = None) -> str | None:
    """The sentence for a failure of the database or its server; None for any other error."""
    if isinstance(original, sqlite3.Error) and not isinstance(original, sqlite3.IntegrityError):
        code = getattr(original, "sqlite_errorcode", 0) & 0xFF  # the primary of an extended code
        if lacking := _LACKING.match(str(original)):
            return f"the {lacking[1]} {lacking[2]} is missing; {_ANEW}"
        return _REMEDIES.get(code)
    if remedy := _SERVER_REMEDIES.get(getattr(original, "sqlstate", None)):
        return remedy
    if isinstance(wrapped, (OperationalError, InterfaceError)) and not isinstance(
        wrapped, IntegrityError
    ):
        return f"the database server refused: {_first_line(original)}"
    return None


def read_document(shown: str, text: str | bytes) -> Any:
    """A stored JSON text; raises StorageError where it is none. shown: the database's place."""
    try:
        return json.loads(text)
    except ValueError:
        raise StorageError(f"{shown}: a stored document is no JSON; {_ANEW}") from None


def without_statement(error: SQLAlchemyError) -> str:
    """The first line of what the driver said; statements stay out of logs and pages."""
    return _first_line(getattr(error, "orig", None) or error)


def shown_place(url: URL) -> str:
    """The file, or the server's address without its password."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return mask_secrets(url.render_as_string(hide_password=True))


def _first_line(error: BaseException) -> str:
    return cut_short((str(error).strip() or type(error).__name__).splitlines()[0])
