"""`python -m collector.health`: exit 0 when every bot's steps succeed lately, as the data says."""

import sys
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.now import utc_now
from core.errors import AlignError
from core.settings import BotSettings, load_settings
from core.storage.engine import reader_engine
from core.storage.runs import Outcome
from core.storage.tables import bot as bot_table
from core.storage.tables import run

# A cycle may recompute within its budget: two candles alone would cry wolf.
_SLACK = timedelta(minutes=15)


def main() -> int:
    """0 healthy; 1 not, with one sentence on standard error."""
    try:
        settings = load_settings()
        with reader_engine(settings.database_url).connect() as connection:
            late = [bot.name for bot in settings.bots if is_late(connection, bot, utc_now())]
    except (AlignError, sa.exc.SQLAlchemyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if late:
        sys.stderr.write(f"no step succeeded lately: {', '.join(late)}\n")
    return 1 if late else 0


def is_late(connection: sa.Connection, configured: BotSettings, now: datetime) -> bool:
    """Whether no step of this bot succeeded within two candles and some slack."""
    newest = connection.scalar(
        sa.select(sa.func.max(run.c.finished_at))
        .join(bot_table, bot_table.c.id == run.c.bot_id)
        .where(bot_table.c.name == configured.name, run.c.outcome == Outcome.DONE)
    )
    return newest is None or now - newest > 2 * configured.frame.length + _SLACK


if __name__ == "__main__":
    sys.exit(main())
