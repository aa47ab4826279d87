"""How far the data of each stored bot goes."""

import sqlalchemy as sa

from core.bots import bot_states
from tests.seeded_window import OPENS


def test_a_bot_reaches_from_its_first_logged_candle_to_its_last(
    seeded_connection: sa.Connection,
) -> None:
    (state,) = bot_states(seeded_connection)
    assert (state.first_candle, state.last_candle) == (OPENS[0], OPENS[-1])
