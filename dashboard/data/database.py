"""Where everything is read from: the configuration, the database, and its version.

Every cached read of this package takes `version` (see `data_version`), which names the
database and its newest change; `ttl` is a backstop only.
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import streamlit as st

from core import bots
from core.errors import StorageError
from core.regular_file import stamp
from core.settings import Settings, config_path, load_settings
from core.storage import run_history
from core.storage.address import database_address
from core.storage.engine import reader_engine
from core.storage.schema_state import SchemaState, schema_state


def settings() -> Settings:
    """The configuration; read again when its file changes."""
    file = config_path()
    return _settings(str(file), tuple(stamp(file.stat())) if file.is_file() else ())


@st.cache_resource(max_entries=4, show_spinner=False)
def _settings(file: str, file_stamp: tuple[int, ...]) -> Settings:
    return load_settings(Path(file))


def shown_path(path: str) -> str:
    """A file as the configuration would name it: relative to its folder where it lies in there."""
    folder = config_path().parent
    for start in (folder, folder.resolve()):
        if Path(path).is_relative_to(start):
            return str(Path(path).relative_to(start))
    return path


def engine() -> sa.Engine:
    """The read-only engine; a new one when the database file was replaced."""
    url = settings().database_url
    return _engine(url, _identity(url))


@st.cache_resource(max_entries=4, show_spinner=False)
def _engine(url: str, file_identity: str) -> sa.Engine:
    return reader_engine(url)


def _identity(url: str) -> str:
    """Which file stands behind a SQLite address: device and inode; other databases: nothing."""
    file = database_file(url)
    if file is None or not file.exists():
        return ""
    status = file.stat()
    return f"{status.st_dev}:{status.st_ino}"


def database_file(url: str) -> Path | None:
    """The SQLite file of a database address; None for another kind of database."""
    parsed = database_address(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def database_problem() -> SchemaState | None:
    """Why the database cannot be read; None when all is well."""
    try:
        with engine().connect() as connection:
            state = schema_state(connection)
    except StorageError:
        return SchemaState.MISSING
    return None if state is SchemaState.CURRENT else state


def data_version() -> str:
    """Names the database and its newest change; asked anew on every drawing."""
    url = settings().database_url
    with engine().connect() as connection:
        return f"{url}|{_identity(url)}|{run_history.data_version(connection)}"


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def bot_states(version: str) -> tuple[bots.BotState, ...]:
    """Every stored bot with its first and last candle."""
    with engine().connect() as connection:
        return bots.bot_states(connection)


def last_run_at() -> datetime | None:
    """When the collector last showed a sign of life; never cached."""
    with engine().connect() as connection:
        return run_history.last_run_at(connection)
