from core.diagnosis.waterfall import waterfall_steps


def test_levels_become_steps_that_end_at_the_rest() -> None:
    steps = waterfall_steps(
        [
            {"cause": None, "mean_abs_diff": 0.5},
            {"cause": "lookback", "mean_abs_diff": 0.125},
            {"cause": "precision", "mean_abs_diff": 0.0},
        ]
    )
    assert steps["kind"].tolist() == ["initial", "cause", "cause", "rest"]
    assert steps["change"].tolist() == [0.5, -0.375, -0.125, 0.0]
    assert steps["level"].tolist() == [0.5, 0.125, 0.0, 0.0]


def test_without_a_cause_or_with_an_unknown_level_there_is_no_waterfall() -> None:
    assert waterfall_steps([]).empty
    assert waterfall_steps([{"cause": None, "mean_abs_diff": 0.5}]).empty
    unknown: list[dict[str, object]] = [
        {"cause": None, "mean_abs_diff": 0.5},
        {"cause": "bundle", "mean_abs_diff": None},
    ]
    assert waterfall_steps(unknown).empty
