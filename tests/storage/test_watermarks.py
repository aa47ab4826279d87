"""How far a step has come: kept a bot and a step, and only with the rows that it speaks of."""

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.storage.watermarks import forget_watermark, read_watermark, write_watermark


@pytest.fixture
def bots(engine: sa.Engine) -> tuple[int, int]:
    with engine.begin() as connection:
        return ensure_bot(connection, "a", "5m"), ensure_bot(connection, "b", "5m")


def test_a_step_that_never_ran_has_kept_nothing(connection: sa.Connection) -> None:
    assert read_watermark(connection, 1, "pair") is None


@pytest.mark.parametrize("value", [0, "", False, [], {}, {"seen": 2**53 + 1, "part": [1.5, None]}])
def test_what_a_step_keeps_reads_back_as_it_was(
    engine: sa.Engine, bots: tuple[int, int], value: object
) -> None:
    with engine.begin() as connection:
        write_watermark(connection, bots[0], "pair", value)
    with engine.connect() as connection:
        read = read_watermark(connection, bots[0], "pair")
    assert (read, type(read)) == (value, type(value))


def test_the_latest_word_counts_and_other_bots_and_steps_keep_theirs(
    engine: sa.Engine, bots: tuple[int, int]
) -> None:
    mine, other = bots
    with engine.begin() as connection:
        for bot, step, value in ((mine, "pair", 1), (other, "pair", 2), (mine, "replay", 3)):
            write_watermark(connection, bot, step, value)
        write_watermark(connection, mine, "pair", 4)
        assert read_watermark(connection, mine, "pair") == 4
        forget_watermark(connection, mine, "pair")
        kept = [(bot, step) for bot in bots for step in ("pair", "replay")]
        read = [read_watermark(connection, bot, step) for bot, step in kept]
    assert read == [None, 3, 2, None]


def test_a_watermark_goes_back_with_the_rows_that_it_speaks_of(
    engine: sa.Engine, bots: tuple[int, int]
) -> None:
    with engine.begin() as connection:
        write_watermark(connection, bots[0], "pair", "before")
    with pytest.raises(RuntimeError), engine.begin() as connection:
        write_watermark(connection, bots[0], "pair", "after")
        raise RuntimeError
    with engine.connect() as connection:
        assert read_watermark(connection, bots[0], "pair") == "before"


def test_a_bot_that_is_not_stored_keeps_nothing(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        write_watermark(connection, 99, "pair", 1)
