"""Pair what changed: one code path for replayed, imported and recomputed comparisons.

Signals that change mark their UTC day as due. Pairing recomputes due days and
writes only what differs, so that the stored pairs depend on the signals and the
configuration alone, whatever the order in which they came.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.alignment.day_block import roll_up
from core.alignment.pairs import KEYS, judge_pairs, pair_signals, replay_tolerance
from core.alignment.reads import PairKey, PairValues, stored_pairs
from core.alignment.writes import ComparisonSpec, store_comparisons, write_days, write_pairs
from core.bundle.deployments import rule_at
from core.context import Context
from core.market import REPLAY, Origin
from core.settings import BotSettings, RuleChanges
from core.signals.due_days import due_days
from core.signals.reads import production_signals, read_series, with_log_steps
from core.times import DAY_US, from_us, to_us, us_from_index

_CHUNK_DAYS = 31


@dataclass(frozen=True, slots=True)
class PairingReport:
    """What a pairing run did: days looked at, pairs written (new or changed), pairs removed."""

    days: int
    written: int
    removed: int


def pair_bot(context: Context) -> PairingReport:
    """Bring the pairs of every configured comparison up to date.

    Each chunk of days is one transaction, so that it may be killed anywhere. Raises
    ConfigError where the bot's rules cannot be told.
    """
    with context.engine.begin() as connection:
        ids = store_comparisons(connection, context.bot_id, comparison_specs(context.bot))
        waiting = {name: due_days(connection, number) for name, number in ids.items()}
    days = written = removed = 0
    for name, number in ids.items():
        for chunk in _chunks(waiting[name]):
            with context.engine.begin() as connection:
                changed, gone = _pair_days(connection, context, name, number, chunk)
            days, written, removed = days + len(chunk), written + changed, removed + gone
    return PairingReport(days, written, removed)


def comparison_specs(bot: BotSettings) -> list[ComparisonSpec]:
    """The configured comparisons in order: replay where there is a signal log, then backtests."""
    rules = {
        "rule": bot.rule.model_dump(mode="json"),
        "deployments": [
            entry.model_dump(mode="json", include={"since", "until", "rule"}, exclude_unset=True)
            for entry in bot.deployments
        ],
        "timeframe": bot.timeframe,
    }
    specs = []
    if REPLAY in bot.comparisons:
        specs.append(_spec(REPLAY, bot.replay_tolerance, {}, rules, None))
    for backtest in bot.backtests:
        described = backtest.model_dump(mode="json", exclude={"name"}, exclude_none=True)
        specs.append(_spec(backtest.name, backtest.tolerance, described, rules, backtest.rule))
    return specs


def _spec(
    name: str,
    tolerance: float | None,
    described: dict[str, Any],
    rules: dict[str, Any],
    changes: RuleChanges | None,
) -> ComparisonSpec:
    own = None if changes is None else changes.model_dump(mode="json", exclude_unset=True)
    judged_by = json.dumps({**rules, "tolerance": tolerance, "own_rule": own}, sort_keys=True)
    pairing = hashlib.sha256(judged_by.encode()).hexdigest()
    return ComparisonSpec(name=name, tolerance=tolerance, spec=described, pairing=pairing)


def _chunks(days: Sequence[int]) -> Iterator[list[int]]:
    """Runs of due days, none longer than _CHUNK_DAYS from its first day to its last."""
    chunk: list[int] = []
    for day in days:
        if chunk and day - chunk[0] >= _CHUNK_DAYS * DAY_US:
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk


def _pair_days(
    connection: sa.Connection, context: Context, name: str, comparison_id: int, days: list[int]
) -> tuple[int, int]:
    """Pair these days anew; returns how many pairs were written and removed."""
    window = from_us(days[0]), from_us(days[-1] + DAY_US)
    paired, pairs = (
        _on_days(frame, days) for frame in _computed(connection, context, name, window)
    )
    stored = {
        key: values
        for key, values in stored_pairs(connection, comparison_id, *window).items()
        if key[0] // DAY_US * DAY_US in days
    }
    computed = _by_key(pairs)
    changed = [key for key, values in computed.items() if stored.get(key) != values]
    vanished = [key for key in stored if key not in computed]
    write_pairs(
        connection,
        comparison_id,
        [_record(comparison_id, context.run_id, key, computed[key]) for key in changed],
        vanished,
    )
    write_days(connection, comparison_id, days, _day_records(paired, pairs, comparison_id))
    return len(changed), len(vanished)


def _computed(
    connection: sa.Connection, context: Context, name: str, window: tuple[datetime, datetime]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    bot, bot_id = context.bot, context.bot_id
    tolerance: float | pd.Series | None
    if name == REPLAY:
        production = with_log_steps(read_series(connection, bot_id, Origin.EMITTED, "", *window))
        production = production.assign(production_origin=str(Origin.EMITTED))
        other = read_series(connection, bot_id, Origin.REPLAY, "", *window)
        backtest, tolerance = None, bot.replay_tolerance
    else:
        production = with_log_steps(production_signals(connection, bot_id, *window))
        other = read_series(connection, bot_id, Origin.BACKTEST, name, *window)
        backtest = next(entry for entry in bot.backtests if entry.name == name)
        tolerance = backtest.tolerance
    paired = pair_signals(production[[*KEYS, "probability", "production_origin", "step"]], other)
    if tolerance is None:
        tolerance = replay_tolerance(paired["step"])
    live = rule_at(bot, pd.DatetimeIndex(paired["candle_open"].unique()))
    own = live if backtest is None else _overridden(live, backtest.rule)
    return paired, judge_pairs(paired, tolerance=tolerance, live_rule=live, backtest_rule=own)


def _overridden(live: pd.DataFrame, changes: RuleChanges | None) -> pd.DataFrame:
    """The rule that a backtest decides by: the live one with its own constants."""
    own = {} if changes is None else changes.model_dump(exclude_none=True)
    return live.assign(**{name: value for name, value in own.items() if name in live.columns})


def _on_days(frame: pd.DataFrame, days: list[int]) -> pd.DataFrame:
    if days[-1] - days[0] == (len(days) - 1) * DAY_US:
        return frame
    opened = us_from_index(frame["candle_open"])
    return frame[pd.Index(opened // DAY_US * DAY_US).isin(days)].reset_index(drop=True)


def _by_key(pairs: pd.DataFrame) -> dict[PairKey, PairValues]:
    """The pairs as `stored_pairs` returns them."""
    decided = pairs["decision_flip"]
    keys = zip(us_from_index(pairs["candle_open"]).tolist(), map(str, pairs["side"]), strict=True)
    values = zip(
        map(str, pairs["production_origin"]),
        pairs["probability_production"].tolist(),
        pairs["probability_backtest"].tolist(),
        pairs["is_aligned"].tolist(),
        pairs["flip"].tolist(),
        decided.astype(object).where(decided.notna(), None).tolist(),
        strict=True,
    )
    return dict(zip(keys, values, strict=True))


def _record(
    comparison_id: int, run_id: int | None, key: PairKey, values: PairValues
) -> dict[str, Any]:
    production_origin, production, backtest, is_aligned, flip, decision_flip = values
    return {
        "comparison_id": comparison_id,
        "candle_open": key[0],
        "side": key[1],
        "production_origin": production_origin,
        "production": production,
        "backtest": backtest,
        "diff": production - backtest,
        "abs_diff": abs(production - backtest),
        "is_aligned": is_aligned,
        "flip": flip,
        "decision_flip": decision_flip,
        "run_id": run_id,
    }


def _day_records(
    paired: pd.DataFrame, pairs: pd.DataFrame, comparison_id: int
) -> list[dict[str, Any]]:
    return [
        {
            **record,
            "comparison_id": comparison_id,
            "day": to_us(record["day"].to_pydatetime()),
        }
        for record in roll_up(paired, pairs)
    ]
