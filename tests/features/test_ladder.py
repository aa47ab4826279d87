from core.features.ladder import USUAL_BARS, lookback_ladder


def test_the_ladder_rises_without_a_rung_twice() -> None:
    assert list(USUAL_BARS) == sorted(set(USUAL_BARS))
    assert lookback_ladder(9_000) == USUAL_BARS
    assert lookback_ladder(9_000, [600, 600]) == tuple(sorted({*USUAL_BARS, 450, 3000}))


def test_no_rung_is_longer_than_the_history() -> None:
    assert max(lookback_ladder(1000, [600])) == 1000
    assert lookback_ladder(49) == ()
    assert lookback_ladder(5, [4]) == (1, 2, 3, 4)


def test_steps_stand_around_each_configured_lookback() -> None:
    assert {175, 350, 525, 700, 1050, 1400, 2100, 3500} <= set(lookback_ladder(9_000, [700]))


def test_a_short_ladder_has_the_configured_ones_half_and_twice() -> None:
    assert lookback_ladder(2000, [600], is_short=True) == (300, 600, 1200)
    assert lookback_ladder(1000, [600], is_short=True) == (300, 600)
    assert lookback_ladder(2000, is_short=True) == ()
