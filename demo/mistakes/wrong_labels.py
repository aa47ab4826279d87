"""Mistakes in the rows of the signal log: when they say they were, and whether they were."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from demo.plan import SIGNAL_LOGS, Plan
from demo.simulation import World


def label_clock(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot's host wrote local time, the configuration reads it as UTC.

    Small: one hour (a host on CET in winter); large: nine hours (Seoul).
    """
    hours = (1, 9)[size]
    return _shifted(plan, round(hours * 3600 / world.timeframe.length_s), world)


def candle_offset(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """Signals are labelled with the candle before (small) or with the close time (large)."""
    return _shifted(plan, (-1, 1)[size], world)


def _shifted(plan: Plan, bars: int, world: World) -> Plan:
    step = bars * pd.Timedelta(world.timeframe.length)

    def relabel(emitted: pd.DataFrame) -> pd.DataFrame:
        return emitted.assign(candle_open=emitted["candle_open"] + step)

    return with_csv_log(replace(plan, emitted=(*plan.emitted, relabel)))


def with_csv_log(plan: Plan) -> Plan:
    """The same bot with a CSV signal log first, whose labels are its own."""
    if plan.signal_logs[0] == "csv":
        return plan
    logs: list[dict[str, Any]] = [SIGNAL_LOGS["csv"]]
    return replace(plan, signal_logs=("csv",)).configured(signal_log=logs)


def unreal_rows(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot was down; a script later drew a straight line through the hole in its log.

    Small: an eighth of the log, large: three eighths. Prices run linearly from
    the last real one to the next, probabilities too.
    """
    bars = len(world.positions)
    length = bars * (1, 3)[size] // 8
    start = int(generator.integers(bars // 8, bars - length - bars // 8))
    down = np.zeros(world.market.bars, dtype=bool)
    down[world.positions[start : start + length]] = True

    def draw_a_line(emitted: pd.DataFrame) -> pd.DataFrame:
        closes = world.opens + pd.Timedelta(world.timeframe.length)
        whole = emitted.set_index("candle_open").reindex(world.opens)
        numbers = whole[["long", "short", "price"]].interpolate()
        drawn = numbers.assign(
            price=numbers["price"].round(1),
            logged_at=whole["logged_at"].fillna(pd.Series(closes, index=world.opens)),
        )
        return drawn.rename_axis("candle_open").reset_index()

    return with_csv_log(
        replace(plan, is_down=either(plan.is_down, down), emitted=(*plan.emitted, draw_a_line))
    )


def either(first: Any, second: Any) -> Any:
    """True where one of two masks is; None counts as nowhere."""
    return second if first is None else first | second
