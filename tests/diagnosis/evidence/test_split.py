import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Kind
from core.diagnosis.evidence.split import split_difference
from tests.diagnosis.small import both, compare

EMITTED, REPLAY, BACKTEST = [0.9, 0.8, 0.7], [0.8, 0.8, np.nan], [0.5, 0.6, 0.7]


def test_the_parts_of_a_difference_add_up_and_keep_their_signs() -> None:
    split = split_difference(compare(EMITTED, BACKTEST, replay=both(REPLAY)))
    assert split is not None
    assert split.model_path[:2, 0] == pytest.approx([0.1, 0.0])
    assert split.feature_path[:2, 0] == pytest.approx([0.3, 0.2])
    assert split.whole[:2] == pytest.approx((split.model_path + split.feature_path)[:2])


def test_means_are_taken_over_candles_where_every_part_is_known() -> None:
    split = split_difference(compare(EMITTED, BACKTEST, replay=both(REPLAY)))
    assert split is not None
    told = split.document()
    assert told["missing"] is None
    assert told["sides"]["SHORT"] == {
        "candles": 2,
        "mean_abs_difference": pytest.approx(0.3),
        "mean_abs_model_path": pytest.approx(0.05),
        "mean_abs_feature_path": pytest.approx(0.25),
    }


def test_what_is_missing_is_said() -> None:
    without_replay = split_difference(compare(EMITTED, BACKTEST))
    assert without_replay is not None
    assert "no replay of the logged features is stored" in str(without_replay.document()["missing"])
    assert without_replay.document()["sides"]["LONG"]["mean_abs_model_path"] is None
    unknown = [np.nan] * 3
    without_pair = split_difference(compare(unknown, BACKTEST, replay=both(REPLAY)))
    assert without_pair is not None
    assert "no emitted signal meets a backtest signal" in str(without_pair.document()["missing"])


def test_a_replay_comparison_is_one_part() -> None:
    assert split_difference(compare(EMITTED, REPLAY, kind=Kind.REPLAY)) is None
