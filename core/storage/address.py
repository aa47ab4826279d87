"""database_url, read the same way everywhere; refused where nothing can be kept under it."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ConfigError, StorageError
from core.foreign_text import cut_short
from core.masking import mask_secrets

_REMEDY = 'write "sqlite:///align.db" or "postgresql+psycopg://user:password@host:5432/name"'


class AddressError(ConfigError, StorageError):
    """No database can be reached under this address, whatever state it is in."""


def database_address(url: str) -> sa.URL:
    """The parsed address of a SQLite file or of a PostgreSQL server.

    Raises AddressError that shows the address without its secrets.
    """
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError):  # their sentences may quote a part of the password
        raise AddressError(f"{_shown(url)} is no address of a database; {_REMEDY}") from None
    if "\0" in url or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise AddressError(f"{_shown(url)} is no database that Align knows; {_REMEDY}")
    if parsed.get_backend_name() == "sqlite":
        _check_file(url, parsed)
    _check_driver(url, parsed)
    return parsed


def _shown(url: str) -> str:
    return f'database_url "{cut_short(mask_secrets(url), 200)}"'


def _check_file(url: str, parsed: sa.URL) -> None:
    if parsed.database in (None, "", ":memory:"):
        raise AddressError(
            f"{_shown(url)} keeps everything in memory, where it is lost at the end; "
            'name a file, e.g. "sqlite:///align.db"'
        )
    try:
        Path(str(parsed.database)).resolve()
    except (OSError, RuntimeError):  # the latter by Python below 3.13
        raise AddressError(
            f"{parsed.database}: a symbolic link that leads to itself; remove it or change "
            "database_url"
        ) from None


def _check_driver(url: str, parsed: sa.URL) -> None:
    try:
        dialect = parsed.get_dialect()
        driver = dialect.import_dbapi()
    except (SQLAlchemyError, ImportError) as error:
        raise AddressError(
            f"{_shown(url)} cannot be used: {cut_short(str(error))}; {_REMEDY} "
            "(pip install -r requirements-postgres.txt)"
        ) from error
    if driver.__name__ == "psycopg":
        _, options = dialect().create_connect_args(parsed)
        try:
            driver.conninfo.make_conninfo(**options)
        except driver.Error as error:  # names an unknown option, not its value
            raise AddressError(f"{_shown(url)}: {str(error).strip()}; correct it") from None
