"""`make schema` and `make migration` write what leads to the tables, and no more than that."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from core.storage.migrations import autogenerate
from core.storage.schema_state import MIGRATIONS
from core.storage.tables import metadata


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's migrations, to write into."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(autogenerate, "MIGRATIONS", folder)
    return folder


def test_without_a_migration_the_first_one_makes_every_table(migrations: Path) -> None:
    for file in (migrations / "versions").glob("[0-9]*.py"):
        file.unlink()
    autogenerate.main("initial schema")
    (file,) = (migrations / "versions").glob("[0-9]*.py")
    assert file.name == "0001_initial_schema.py"
    engine = sa.create_engine(f"sqlite:///{migrations / 'made.db'}")
    config = Config()
    config.set_main_option("script_location", str(migrations))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_where_tables_and_migrations_agree_the_next_one_is_empty(migrations: Path) -> None:
    known = sorted((migrations / "versions").glob("[0-9]*.py"))
    autogenerate.main("nothing")
    made = sorted((migrations / "versions").glob("[0-9]*.py"))
    assert made[-1].name == f"{len(known) + 1:04d}_nothing.py"
    assert "op." not in made[-1].read_text().partition("def upgrade")[2]
