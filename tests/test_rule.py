import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rule import Decision, decide

USUAL = {
    "long_threshold": 0.7,
    "short_threshold": 0.7,
    "long_avg_return": 0.0041,
    "short_avg_return": 0.0047,
    "gate": 0.001,
}
PROBABILITY = st.floats(min_value=0, max_value=1)


@pytest.mark.parametrize(
    ("long", "short", "expected"),
    [
        (0.7, 0.0, Decision.LONG),  # at the threshold is in
        (0.69, 0.69, Decision.NONE),
        (0.0, 0.7, Decision.SHORT),  # 0.00329 > 0.001
        (0.69, 0.75, Decision.NONE),  # 0.003525 - 0.002829 = 0.000696: the gate holds it
        (0.5, 0.75, Decision.SHORT),  # 0.003525 - 0.00205 = 0.001475
        (0.9, 0.99, Decision.LONG),  # LONG comes first
        (np.nan, 0.9, Decision.UNKNOWN),
        (0.9, np.nan, Decision.UNKNOWN),
    ],
)
def test_the_rule_decides_one_candle(long: float, short: float, expected: Decision) -> None:
    assert decide(long, short, **USUAL) == expected


def test_exactly_the_gate_is_not_enough() -> None:
    constants = USUAL | {"long_avg_return": 0.0, "short_avg_return": 0.5, "gate": 0.375}
    assert decide(0.0, 0.75, **constants) == Decision.NONE
    assert decide(0.0, 0.7500001, **constants) == Decision.SHORT


@given(st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=20))
def test_many_candles_at_once_decide_as_each_alone(
    rows: list[tuple[float, float, float]],
) -> None:
    long, short, threshold = (np.array(column) for column in zip(*rows, strict=True))
    together = decide(long, short, **(USUAL | {"long_threshold": threshold}))
    alone = [decide(p, q, **(USUAL | {"long_threshold": t})) for p, q, t in rows]
    assert together.tolist() == [int(one) for one in alone]
