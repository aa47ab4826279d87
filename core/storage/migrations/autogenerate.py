"""Write the migration from the newest revision to tables.py (`make migration M="what changes"`)."""

import sys

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from core.storage.schema_state import MIGRATIONS


def main(message: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message=message, autogenerate=True, rev_id=_next_revision())


def _next_revision() -> str:
    numbers = [int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9]*.py")]
    return f"{max(numbers, default=0) + 1:04d}"


if __name__ == "__main__":
    main(sys.argv[1])
