from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.arrays import Floats
from core.bundle.load import Bundle
from core.diagnosis.causes.nan_policy import CAUSE
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Verdict
from core.settings import Mode
from tests.diagnosis.small_world import (
    FEATURES,
    LONG,
    LOOKBACK,
    MAY,
    OPENS,
    SHORT,
    beside,
    candles,
    evidence_of,
    features,
    make_bundle,
    needed,
    proven,
    recompute,
    score,
    search_of,
)

VOLUME = FEATURES.index("volume")
HOLES = recompute("own:holes", candles(), OPENS, LOOKBACK, Mode.WINDOW).matrix
EMPTY = np.isnan(HOLES[:, VOLUME])


def _evidence(emitted: Floats, bundle: Bundle = MAY) -> Evidence:
    """The backtest's volume is empty on each seventh candle, and goes to the model as it is."""
    evidence = evidence_of(emitted, vectors=HOLES, bundles=(bundle,), pipelines=("own:holes",))
    assert evidence.backtest is not None
    other = score(HOLES, bundle)
    return replace(
        evidence,
        backtest=evidence.backtest.model_copy(update={"pipeline": "own:holes"}),
        other=other,
        stored=FeatureRows(OPENS, ("LONG", "SHORT"), other),
    )


def _filled(value: Any) -> Floats:
    matrix = HOLES.copy()
    matrix[EMPTY, VOLUME] = value
    return matrix


def _mean() -> float:
    offset = next(iter(MAY.sides.values())).scaler.offset
    assert offset is not None
    return offset[VOLUME]


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        ("zero", 0.0),
        ("minus_one", -1.0),
        ("last", features(candles(), OPENS - 300_000_000)[EMPTY, VOLUME]),
    ],
)
def test_what_the_bot_filled_in_is_named(policy: str, value: Any) -> None:
    finding = proven(_evidence(score(_filled(value))))["nan_policy"]
    assert finding.parameters == {"policy": policy}
    assert "where a feature has no value" in finding.summary.lower()


def test_the_mean_is_what_a_model_behind_no_scaler_takes_for_nothing() -> None:
    """An empty input adds nothing to a linear model, and the scaler's mean neither."""
    assert proven(_evidence(score(_filled(_mean())))) == {}


def test_without_an_empty_value_there_is_nothing_to_fill() -> None:
    assert beside("pipeline")["nan_policy"].verdict is Verdict.UNTESTABLE
    assert beside("pipeline")["nan_policy"].summary.startswith("Not tried: ")


def test_an_empty_column_that_no_model_takes_is_not_filled() -> None:
    names = tuple(name for name in FEATURES if name != "volume")
    kept = [place for place, name in enumerate(FEATURES) if name != "volume"]
    bundle = make_bundle("few", (LONG.of(kept), SHORT.of(kept)), names=names)
    search = search_of(_evidence(score(HOLES, MAY), bundle))
    assert list(CAUSE.propose(search)) == []
    assert len(list(CAUSE.propose(search_of(_evidence(score(HOLES)))))) == 4


def test_empty_values_need_features() -> None:
    assert "list the models" in str(needed("nan_policy", evidence_of(bundles=())))
