"""Vectors of a world: computed once, carried forward, completed where nothing can be computed."""

from typing import Any

import numpy as np
import pytest

from core.arrays import Ints
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import CLOSE, CandleRows, FeatureRows
from core.diagnosis.lab.features import FeatureStore, completed, merged
from core.diagnosis.lab.patches import replaced
from core.diagnosis.lab.world import CandlePatch, NanPolicy, Source, World
from tests.diagnosis.small import compare, opens

COUNT = 60
CLOSES = np.arange(COUNT, dtype="float64") + 100


def _candles(closes: np.ndarray = CLOSES, first: int = 0) -> CandleRows:
    ones = np.ones(len(closes))
    return CandleRows(
        opens(len(closes), first), np.column_stack([closes, closes, closes, closes, ones])
    )


class Means:
    """The mean close of each candle's window; notes how many candles each call asks for."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: str,
        gap_policy: str,
    ) -> FeatureRows:
        self.calls.append(len(ends))
        places = np.searchsorted(candles.opens, ends)
        usable = places >= lookback_bars - 1
        means = [
            candles.values[place - lookback_bars + 1 : place + 1, CLOSE].mean()
            for place in places[usable]
        ]
        return FeatureRows(ends[usable], ("mean",), np.array(means).reshape(-1, 1))


def _evidence(recompute: Means | None = None, **fields: Any) -> Evidence:
    signals = np.full(COUNT, 0.5)
    common: dict[str, Any] = {"kind": Kind.RECOMPUTED, "candles": {"files": _candles()}}
    return compare(signals, signals, recompute=recompute, **common | fields)


def _world(**fields: Any) -> World:
    common: dict[str, Any] = {
        "source": Source.RECOMPUTED,
        "pipeline": "own:compute",
        "candles": "files",
        "lookback_bars": 3,
    }
    return World(**common | fields)


def test_a_candle_is_computed_once() -> None:
    means = Means()
    store = FeatureStore(_evidence(means))
    columns, matrix, found = store.vectors(_world(), opens(2, first=10))
    assert columns == ("mean",)
    assert matrix[:, 0].tolist() == [109.0, 110.0]  # of 108, 109, 110 and of 109, 110, 111
    assert found.tolist() == [True, True]
    store.vectors(_world(), opens(3, first=10))
    assert means.calls == [2, 1]


def test_another_lookback_is_another_world() -> None:
    means = Means()
    store = FeatureStore(_evidence(means))
    store.vectors(_world(), opens(1, first=10))
    assert store.vectors(_world(lookback_bars=1), opens(1, first=10))[1].tolist() == [[110.0]]
    assert means.calls == [1, 1]


def test_what_cannot_be_computed_is_not_tried_again() -> None:
    means = Means()
    store = FeatureStore(_evidence(means))
    for _ in range(2):
        _, matrix, found = store.vectors(_world(), opens(4))
        assert found.tolist() == [False, False, True, True]
        assert np.isnan(matrix[:2]).all()
    assert means.calls == [4]


def test_stored_rows_of_the_configured_world_are_not_computed() -> None:
    means, world = Means(), _world()
    stored = FeatureRows(opens(COUNT), ("mean",), CLOSES[:, None])
    store = FeatureStore(_evidence(means, recomputed=stored), world)
    assert store.vectors(world, opens(2, first=10))[1].tolist() == [[110.0], [111.0]]
    assert means.calls == []


def test_a_bot_that_has_just_started_sees_fewer_candles() -> None:
    started = _world(lookback_bars=4, starts=((int(opens(1, first=20)[0]), 1),))
    store = FeatureStore(_evidence(Means()))
    _, matrix, _ = store.vectors(started, opens(6, first=18))
    # whole windows before the start, then 1, 2, 3 and again 4 candles
    assert matrix[:, 0].tolist() == [116.5, 117.5, 120.0, 120.5, 121.0, 121.5]


def test_patches_and_rounding_alter_the_candles_of_a_world() -> None:
    other = _candles(np.array([500.0]), first=10)
    store = FeatureStore(_evidence(Means(), candles={"files": _candles(), "log": other}))
    patched = _world(lookback_bars=1, patches=(CandlePatch(replaced, "log"),))
    assert store.vectors(patched, opens(2, first=10))[1].tolist() == [[500.0], [111.0]]
    rough = _world(lookback_bars=1, candle_decimals=-1)
    assert store.vectors(rough, opens(2, first=10))[1].tolist() == [[110.0], [110.0]]


def test_a_last_row_of_another_source_stands_at_the_end_of_each_window() -> None:
    newest = _candles(CLOSES * 0 + 400.0)
    store = FeatureStore(
        _evidence(Means(), candles={"files": _candles()}, unfinished={"early": newest})
    )
    world = _world(newest="early")
    _, matrix, _ = store.vectors(world, opens(2, first=10))
    assert matrix[:, 0].tolist() == [(108 + 109 + 400) / 3, (109 + 110 + 400) / 3]


@pytest.mark.parametrize(("hole", "value"), [(48, 7.0), (49, np.nan)])
def test_a_value_is_carried_over_four_hours_at_most(hole: int, value: float) -> None:
    # The last value stands at place 0; the candles after it hold none.
    column = np.full((COUNT, 2), np.nan)
    column[:, 1] = 1.0
    column[0, 0] = 7.0
    logged = FeatureRows(opens(COUNT), ("a", "b"), column)
    store = FeatureStore(_evidence(logged=logged))
    carried = World(source=Source.LOGGED, nan_policy=NanPolicy.LAST)
    _, matrix, _ = store.vectors(carried, opens(1, first=hole))
    assert matrix[0].tolist() == pytest.approx([value, 1.0], nan_ok=True)
    plain = store.vectors(World(source=Source.LOGGED), opens(1, first=hole))[1]
    assert np.isnan(plain[0, 0])


def test_without_code_or_rows_there_are_no_vectors() -> None:
    store = FeatureStore(_evidence())
    for world in (_world(), World(source=Source.LOGGED), World(source=Source.IMPORTED)):
        columns, matrix, found = store.vectors(world, opens(3))
        assert columns == ()
        assert matrix.shape == (3, 0)
        assert not found.any()


def test_rows_are_merged_by_candle_and_by_the_name_of_their_columns() -> None:
    known = FeatureRows(opens(1, first=1), ("a", "b"), np.array([[1.0, 2.0]]))
    fresh = FeatureRows(opens(1), ("b", "a"), np.array([[4.0, 3.0]]))
    both = merged(known, fresh)
    assert both.columns == ("a", "b")
    assert both.matrix.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    nothing = FeatureRows(opens(0), (), np.empty((0, 0)))
    assert merged(None, fresh) is fresh
    assert merged(known, nothing).matrix.tolist() == [[1.0, 2.0]]


def test_candles_without_a_vector_get_a_row_of_nan() -> None:
    rows = FeatureRows(opens(1, first=1), ("a",), np.array([[1.0]]))
    whole = completed(rows, opens(3))
    assert (whole.opens == opens(3)).all()
    assert np.isnan(whole.matrix[[0, 2], 0]).all()
    assert completed(rows, rows.opens) is rows
