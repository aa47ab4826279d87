"""The stored backtest is a base for trials only where re-running gives the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from core.arrays import Ints
from core.diagnosis.cause import needs_recomputation
from core.diagnosis.evidence.evidence import Kind
from core.diagnosis.evidence.rows import CLOSE, CandleRows, FeatureRows
from core.diagnosis.lab.reproduction import Reproduction, reproduce
from core.settings import BacktestSettings
from tests.diagnosis.small import compare, linear_bundle, opens

COUNT = 288
CANDLES = CandleRows(opens(COUNT), np.arange(COUNT * 5, dtype="float64").reshape(COUNT, 5))
STORED = FeatureRows(opens(COUNT), ("close_again",), CANDLES.values[:, [CLOSE]])
BACKTEST = BacktestSettings.model_validate(
    {"name": "b", "pipeline": "own:compute", "lookback_bars": 10}
)
BUNDLE = linear_bundle("own", ("close_again",), [1.0], [1.0])


@dataclass
class Code:
    """A trader's code that gives the close, and a clock of the CPU that its calls take."""

    seconds: Iterable[float] = ()  # a candle, call by call; the last one for all that follow
    factor: float = 1.0
    fails: bool = False
    calls: list[int] = field(default_factory=list)  # candles of each call
    now: float = 0.0

    def __post_init__(self) -> None:
        self._left: Iterator[float] = iter(self.seconds)
        self._pace = 0.0

    def clock(self) -> float:
        return self.now

    def __call__(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: str,
        gap_policy: str,
    ) -> FeatureRows:
        self._pace = next(self._left, self._pace)
        self.now += self._pace * len(ends)
        self.calls.append(len(ends))
        if self.fails:
            return FeatureRows(ends[:0], (), np.empty((0, 0)))
        return FeatureRows(ends, ("close_again",), candles.at(ends)[0][:, [CLOSE]] * self.factor)


def _checked(
    code: Code, pipeline: str = "own:compute", stored: FeatureRows | None = STORED
) -> Reproduction:
    backtest = BACKTEST.model_copy(update={"pipeline": pipeline})
    return reproduce(code, backtest, CANDLES, opens(COUNT), stored, clock=code.clock)


def test_rows_that_re_running_gives_again_are_the_base() -> None:
    found = _checked(Code())
    assert found.stored is STORED
    assert found.problems == ()


def test_single_candles_are_timed_and_six_over_the_window_are_compared() -> None:
    code = Code()
    _checked(code)
    assert code.calls == [1, 1, 1, 1, 6]


def test_rows_of_changed_code_are_no_base_and_that_is_said() -> None:
    found = _checked(Code(factor=1.0001))
    assert found.stored is None
    assert found.too_slow is None
    assert found.problems == (
        'Re-running "b" as configured does not give the stored features: '
        "its code or its candles changed since; the next cycles recompute it.",
    )


def test_a_candle_that_was_not_stored_so_is_noticed() -> None:
    matrix = STORED.matrix.copy()
    matrix[-1] += 1e-9
    changed = FeatureRows(STORED.opens, STORED.columns, matrix)
    assert _checked(Code(), stored=changed).stored is None


def test_features_of_other_names_are_no_base() -> None:
    renamed = FeatureRows(STORED.opens, ("another",), STORED.matrix)
    assert _checked(Code(), stored=renamed).stored is None


@pytest.mark.parametrize(("seconds", "is_tried"), [(1.25, True), (1.26, False)])
def test_144_re_runs_may_take_three_minutes(seconds: float, is_tried: bool) -> None:
    assert (_checked(Code((seconds,))).too_slow is None) is is_tried


def test_code_that_is_too_slow_for_trials_is_untestable_with_the_seconds() -> None:
    too_slow = _checked(Code((14.2,))).too_slow
    signals = np.full(COUNT, 0.5)
    evidence = compare(
        signals,
        signals,
        kind=Kind.RECOMPUTED,
        backtest=BACKTEST,
        bundles=(BUNDLE,),
        no_recompute=too_slow,
    )
    assert not evidence.can_recompute
    needs = needs_recomputation(evidence)
    assert needs is not None
    assert "takes 14 s a candle, so the 144 re-runs of the shortest trial take too long" in needs


@pytest.mark.parametrize(("slow_calls", "is_tried"), [(3, True), (4, False)])
def test_the_quickest_of_four_calls_counts_since_those_of_new_workers_compile(
    slow_calls: int, is_tried: bool
) -> None:
    assert (_checked(Code([2.0] * slow_calls + [0.1])).too_slow is None) is is_tried


def test_a_first_call_that_compiles_for_minutes_is_not_the_pace_of_the_code() -> None:
    found = _checked(Code([172.0, 0.0104]))
    assert found.too_slow is None
    assert found.stored is STORED
    assert found.max_candles == _checked(Code((0.0104,))).max_candles == 576


def test_code_that_fails_when_it_is_warm_is_not_called_again_to_be_timed() -> None:
    code = Code((120.0,), fails=True)  # each call is ended at its limit
    assert _checked(code).too_slow is not None
    assert code.calls == [1, 1]


@pytest.mark.parametrize(
    ("seconds", "candles"),
    [(1.0, 144), (0.0209, 144), (0.0208, 288), (0.0105, 288), (0.0104, 576), (0.0001, 36_864)],
)
def test_as_many_candles_as_six_seconds_suffice_for_are_searched_in_doublings(
    seconds: float, candles: int
) -> None:
    assert _checked(Code((seconds,))).max_candles == candles


def test_the_own_pipeline_is_quick_enough_for_every_candle() -> None:
    assert _checked(Code((1.0,)), "reference").max_candles is None


def test_without_stored_rows_nothing_is_asked() -> None:
    code = Code()
    nothing = FeatureRows(STORED.opens[:0], STORED.columns, np.empty((0, 1)))
    assert _checked(code, stored=nothing) == Reproduction()
    assert _checked(code, stored=None) == Reproduction()
    assert code.calls == []
