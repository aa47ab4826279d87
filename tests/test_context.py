from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from core.context import Context
from core.settings import BotSettings

KST = timezone(timedelta(hours=9))


@pytest.mark.parametrize("now", [datetime(2025, 11, 3), datetime(2025, 11, 3, tzinfo=KST)])  # noqa: DTZ001
def test_a_moment_that_is_not_utc_begins_no_step(now: datetime) -> None:
    engine = sa.create_engine("sqlite://")
    with pytest.raises(ValueError, match="now must be UTC"):
        Context(engine=engine, bot_id=1, bot=BotSettings(name="b"), now=now)
    engine.dispose()
