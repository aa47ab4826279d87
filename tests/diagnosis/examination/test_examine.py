"""An examination: what is left out of it, which path it looks at, what it accepts."""

from typing import Any

import numpy as np

from core.arrays import Floats
from core.diagnosis.causes.catalogue import CAUSES
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.examination.examine import examine
from core.diagnosis.examination.examine import testable as able
from tests.diagnosis.small import cause_of, compare, linear_bundle, opens

COUNT = 288
RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(COUNT, 2))
OWN = linear_bundle("own", ("a", "b"), [1.0, 0.5], [-1.0, 0.5])
OTHER = linear_bundle("other", ("a", "b"), [0.5, -1.0], [0.5, 1.0])


def _signals(rows: Floats, bundle: Any = OWN) -> Floats:
    return np.column_stack([model.score(rows) for model in bundle.sides.values()])


def _scored(emitted: Floats, imported: Floats, **fields: Any) -> Evidence:
    """An imported backtest with its features, beside a bot that logs its own."""
    labels = opens(COUNT)
    common: dict[str, Any] = {
        "logged": FeatureRows(labels, ("a", "b"), ROWS),
        "imported": FeatureRows(labels, ("a", "b"), imported),
        "replay": _signals(ROWS),
        "bundles": (OWN, OTHER),
        "live": np.zeros(COUNT, dtype="int64"),
    }
    return compare(emitted, _signals(imported), **common | fields)


def test_equal_signals_need_no_search() -> None:
    found = examine(_scored(_signals(ROWS), ROWS))
    assert not found.differs
    assert found.accepted == ()
    assert found.trials == []


def test_a_difference_of_one_candle_is_a_difference() -> None:
    emitted = _signals(ROWS)
    emitted[7, 1] += 2e-6
    assert examine(compare(emitted, _signals(ROWS))).differs


def test_what_lies_within_the_printed_digits_is_none() -> None:
    signals = _signals(ROWS)
    steps = np.full((COUNT, 2), 0.01)
    assert not examine(compare(np.round(signals, 2), signals, production_step=steps)).differs


def test_another_bundle_in_production_is_found_on_the_model_path() -> None:
    found = examine(_scored(_signals(ROWS, OTHER), ROWS))
    assert found.differs
    assert [(entry.cause, entry.values) for entry in found.accepted] == [
        ("bundle", {"bundle": "other"})
    ]
    assert found.feature_path_agrees
    assert not found.model_path_agrees
    assert found.search.accepted == found.accepted


def test_other_features_in_the_backtest_leave_the_model_path_in_agreement() -> None:
    found = examine(_scored(_signals(ROWS), np.round(ROWS, 1)))
    assert found.differs
    assert found.model_path_agrees
    assert not found.feature_path_agrees


def test_a_path_without_a_replay_is_not_said_to_agree() -> None:
    unknown = np.full((COUNT, 2), np.nan)
    found = examine(_scored(_signals(ROWS, OTHER), ROWS, replay=unknown))
    assert not found.model_path_agrees
    assert not found.feature_path_agrees


def test_slow_code_is_re_run_on_few_candles_and_on_four_times_as_many_held_out_ones() -> None:
    signals = np.full(2_880, 0.5)
    found = examine(compare(signals, signals + 0.1, max_candles=144))
    blocks = found.search.blocks
    assert blocks.is_search.sum() == 72  # half of the 144 are searched
    assert blocks.is_held_out.sum() == 288


def test_a_long_window_is_searched_on_three_thousand_candles() -> None:
    signals = np.full(14_400, 0.5)
    blocks = examine(compare(signals, signals + 0.1)).search.blocks
    assert blocks.is_search.sum() == 62 * 48  # whole blocks
    assert blocks.is_held_out.sum() == 7_200
    short = np.full(5_760, 0.5)
    whole = examine(compare(short, short + 0.1)).search.blocks
    assert (whole.is_search | whole.is_held_out).all()


def test_causes_that_the_inputs_cannot_decide_are_not_tried() -> None:
    evidence = compare(np.full(COUNT, 0.5), np.full(COUNT, 0.6))
    mine, other = cause_of("lookback"), cause_of("bundle", needs=lambda evidence: "a bundle")
    assert able(evidence, (mine, other)) == [mine]
    found = examine(evidence)
    assert found.tested <= {cause.code for cause in CAUSES if cause.needs(evidence) is None}


def test_rows_that_are_taken_out_are_gone_from_every_array() -> None:
    gate = np.arange(COUNT, dtype="float64")
    evidence = _scored(_signals(ROWS), ROWS, rules=({"gate": gate}, {"gate": gate + 1}))
    left = evidence.without(evidence.opens[10:20])
    assert len(left.opens) == COUNT - 10
    assert not np.isin(left.opens, evidence.opens[10:20]).any()
    for values in (left.production, left.emitted, left.replay, left.other, left.other_step):
        assert len(values) == COUNT - 10
    assert left.production[10].tolist() == evidence.production[20].tolist()
    assert left.live is not None and len(left.live) == COUNT - 10
    assert len(left.production_step) == COUNT - 10
    assert left.rules is not None
    assert [rule["gate"][10] for rule in left.rules] == [20.0, 21.0]
    assert [len(rule["gate"]) for rule in left.rules] == [COUNT - 10, COUNT - 10]
    assert len(evidence.opens) == COUNT


def test_an_unknown_deployment_stays_unknown_without_some_rows() -> None:
    evidence = _scored(_signals(ROWS), ROWS, live=None)
    assert evidence.without(evidence.opens[:1]).live is None
