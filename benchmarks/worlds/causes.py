"""Every cause of docs/diagnosis.md that can be built from its description."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.worlds.models import SIDES, Compute, make_bundle
from benchmarks.worlds.play import Play, unfinished
from benchmarks.worlds.world import Change

Draw = Callable[[np.random.Generator], Change]
PRICED = ("open", "high", "low", "close")


def label_clock(rng: np.random.Generator) -> Change:
    bars = round(float(rng.choice([1, 2, 3, 5.5, 8, 9, -4, -5])) * 12)

    in_signals = bool(rng.random() < 0.5)

    def write(play: Play) -> None:
        if in_signals and play.shape.signals in ("csv", "text"):
            play.shape = replace(play.shape, zone="Asia/Seoul", zone_told="UTC")
        else:
            play.label_bars = bars

    shift = {"shift_bars": (-bars, -108) if in_signals else -bars}
    return Change("label_clock", "label_clock", "labels", shift, writes=write)


def candle_offset(rng: np.random.Generator) -> Change:
    bars = int(rng.choice([1, 1, -1]))

    def write(play: Play) -> None:
        play.label_bars = bars

    return Change("candle_offset", "candle_offset", "labels", {"shift_bars": -bars}, writes=write)


def unreal_rows(rng: np.random.Generator) -> Change:
    bars, away = int(rng.integers(16, 50)), float(rng.choice([-0.04, 0.03, 0.08]))

    def hold(play: Play) -> None:
        first = play.setup.history + int(play.rng.integers(60, play.setup.logged - bars - 60))
        start = float(play.held["close"].iloc[first])
        line = np.round(np.linspace(start, start * (1 + away), bars + 1), 6)
        drawn = pd.DataFrame(index=play.held.index[first : first + bars])
        drawn["open"], drawn["close"] = line[:-1], line[1:]
        drawn["high"], drawn["low"] = drawn.max(axis=1), drawn[["open", "close"]].min(axis=1)
        play.newest = play.held.drop(columns="at").iloc[first : first + bars].assign(**drawn)

    return Change("unreal_rows", "unreal_rows", "rows", hold=hold)


def unclosed_candle(rng: np.random.Generator) -> Change:
    minutes = int(rng.integers(2, 5))

    def hold(play: Play) -> None:
        play.newest = unfinished(play, minutes)
        play.written_s = minutes * 60 - 300 + 0.5

    return Change("unclosed_candle", "unclosed_candle", "candles", hold=hold)


def partial_candle(rng: np.random.Generator) -> Change:
    every, minutes = int(rng.integers(6, 30)), int(rng.integers(1, 5))

    def hold(play: Play) -> None:
        stored = play.market.candles.copy()
        ends = stored.index[every::every]
        stored.loc[ends] = unfinished(play, minutes).loc[ends]
        play.sources = {"venue": stored, "fresh": play.market.candles}

    allowed = frozenset({"market_data"})
    return Change("partial_candle", "partial_candle", "candles", allowed=allowed, hold=hold)


def market_data(rng: np.random.Generator) -> Change:
    ticks = float(rng.choice([2, 6, 20]))

    def hold(play: Play) -> None:
        own = play.market.candles
        step = play.market.tick * ticks
        shift = np.round(play.rng.normal(0, 1, len(own))) * step
        moved = own.assign(**{name: (own[name] + shift).round(8) for name in PRICED})
        moved["volume"] = (own["volume"] * play.rng.uniform(0.4, 1.1, len(own))).round(3)
        play.sources = {"venue": own, "elsewhere": moved}
        play.held = moved.assign(at=play.held["at"])

    named = {"candles": ("elsewhere", "feature_log")}
    return Change("market_data", "market_data", "candles", named, hold=hold)


def missing_candles(rng: np.random.Generator) -> Change:
    holes, most = int(rng.integers(3, 7)), int(rng.integers(4, 20))

    def hold(play: Play) -> None:
        starts = play.rng.choice(play.places[30:-30:40], holes, replace=False)
        gone = {int(at) + i for at in starts for i in range(int(play.rng.integers(2, most)))}
        play.held = play.held[~play.held["at"].isin(gone)]

    return Change("missing_candles", "missing_candles", "candles", hold=hold)


def lookback(rng: np.random.Generator) -> Change:
    bars = int(rng.choice([55, 72, 96, 100, 117, 123, 144, 150, 200, 233, 250, 300]))

    def hold(play: Play) -> None:
        play.window = lambda at: bars

    return Change(f"lookback_{bars}", "lookback", "window", {"lookback_bars": bars}, hold=hold)


def warm_up(rng: np.random.Generator) -> Change:
    begun = int(rng.integers(50, 80))

    def hold(play: Play) -> None:
        full = play.setup.lookback_bars
        starts = np.array([play.places[0], play.places[len(play.places) // 2]])

        def window(at: int) -> int:
            since = at - int(starts[starts <= at][-1])
            return min(full, begun + since)

        play.window = window

    return Change("warm_up", "warm_up", "window", hold=hold)


def row_position(rng: np.random.Generator) -> Change:
    def hold(play: Play) -> None:
        play.backtest_mode = "frame"

    return Change("row_position", "row_position", "window", hold=hold)


EDITS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("1 / 14", "1 / 21"),),
    (("volume, 30", "volume, 50"), ("close, 48", "close, 60")),
    (("2 / 151", "2 / 101"),),
    (("% 86_400 / 3_600", "% 86_400 / 3_600 + 1"),),
)


def edited_trader(*edits: tuple[str, str]) -> tuple[Compute, str]:
    """The fast trader's code with texts replaced: what it computes, and its source."""
    text = (files("benchmarks.worlds.traders") / "quick.py").read_text()
    for old, new in edits:
        if old not in text:
            raise ValueError(f"the trader's code does not hold {old!r}")
        text = text.replace(old, new)
    module = ModuleType("features_new")
    exec(compile(text, "features_new.py", "exec"), module.__dict__)
    return module.compute, text


def pipeline_version(rng: np.random.Generator) -> Change:
    """The backtest runs the old file, the bot the new one beside it."""
    edits = EDITS[int(rng.integers(len(EDITS)))]

    def hold(play: Play) -> None:
        play.bot_compute, text = edited_trader(*edits)
        play.files["features_new.py"] = text

    return Change("pipeline_version", "pipeline_version", "code", hold=hold)


def _used(play: Play) -> list[str]:
    """Features that weigh most in either model, most first."""
    gains: dict[str, float] = {}
    for side in SIDES:
        model = play.live[side]
        for name, gain in zip(model.features, model.model.feature_importances_, strict=True):
            gains[name] = gains.get(name, 0.0) + float(gain)
    return sorted(gains, key=lambda name: -gains[name])


def column_collision(rng: np.random.Generator) -> Change:
    pick, constant = int(rng.integers(4)), bool(rng.random() < 0.5)

    def features(play: Play) -> None:
        used = _used(play)
        value = 0.0 if constant else play.features[used[-1 - pick]]
        play.features = play.features.assign(**{used[pick]: value})

    name = "column_constant" if constant else "column_collision"
    return Change(name, "column_collision", "columns", features=features)


def column_order(rng: np.random.Generator) -> Change:
    kind = str(rng.choice(["alphabet", "reversed", "rotated", "exchanged", "logged"]))

    def inputs(play: Play) -> None:
        for side in SIDES:
            names = list(play.inputs[side].columns)
            given = _reordered(kind, names, list(play.features.columns))
            play.inputs[side] = play.inputs[side][given].set_axis(names, axis=1)

    return Change(f"column_order_{kind}", "column_order", "inputs", inputs=inputs)


def _reordered(kind: str, names: list[str], logged: list[str]) -> list[str]:
    if kind == "alphabet":
        return sorted(names)
    if kind == "reversed":
        return names[::-1]
    if kind == "rotated":
        return names[1:] + names[:1]
    if kind == "logged":
        return sorted(names, key=logged.index)
    return [names[1], names[0], *names[2:]]


def missing_features(rng: np.random.Generator) -> Change:
    count, to_mean = int(rng.integers(1, 4)), bool(rng.random() < 0.5)

    def inputs(play: Play) -> None:
        for name in _used(play)[:count]:
            for side in SIDES:
                model = play.live[side]
                if name in model.features:
                    mean = model.offset[model.features.index(name)]
                    is_mean = to_mean and model.scaler == "standard"
                    play.inputs[side] = play.inputs[side].assign(**{name: mean if is_mean else 0.0})

    return Change("missing_features", "missing_features", "inputs", inputs=inputs)


def nan_policy(rng: np.random.Generator) -> Change:
    kind = str(rng.choice(["zero", "minus", "last", "mean"]))

    def inputs(play: Play) -> None:
        for side in SIDES:
            model, rows = play.live[side], play.inputs[side]
            is_known = model.scaler == "standard"  # whose offset is the mean
            means = dict(zip(model.features, model.offset, strict=True)) if is_known else 0.0
            fills: dict[str, Any] = {"zero": 0.0, "minus": -1.0, "mean": means}
            filled = rows.ffill() if kind == "last" else rows.fillna(fills[kind])
            play.inputs[side] = filled

    return Change(f"nan_{kind}", "nan_policy", "inputs", inputs=inputs)


def precision(rng: np.random.Generator) -> Change:
    decimals = int(rng.integers(2, 5))

    def inputs(play: Play) -> None:
        play.inputs = {side: rows.round(decimals) for side, rows in play.inputs.items()}

    return Change(
        f"precision_{decimals}", "precision", "inputs", {"decimals": decimals}, inputs=inputs
    )


def stale_features(rng: np.random.Generator) -> Change:
    lag, logged = int(rng.choice([1, 1, 2, 3, 6, 12])), bool(rng.random() < 0.4)

    def features(play: Play) -> None:
        if logged:
            play.features = play.features.shift(lag).bfill()

    def inputs(play: Play) -> None:
        if not logged:
            play.inputs = {side: rows.shift(lag).bfill() for side, rows in play.inputs.items()}

    return Change(
        f"stale_{lag}",
        "stale_features",
        "inputs",
        {"lag_bars": lag},
        features=features,
        inputs=inputs,
    )


def bundle(rng: np.random.Generator) -> Change:
    at = float(rng.choice([0.0, 0.4, 0.6]))

    def hold(play: Play) -> None:
        older = make_bundle((play.setup.setting + 1) % 5, play.setup.seed % 4 + 4)
        play.bundles = {"live": play.live, "older": older}

    def signals(play: Play) -> None:
        older = play.bundles["older"]
        since = play.setup.history + int(play.setup.logged * at)
        said = pd.DataFrame(
            {side: older[side].score(play.features) for side in SIDES}, index=play.places
        )
        play.signals = pd.concat([play.signals[play.signals.index < since], said.loc[since:]])

    return Change(
        "bundle",
        "bundle",
        "models",
        {"bundle": ("older", "bundles/older")},
        hold=hold,
        signals=signals,
    )


def sides_swapped(rng: np.random.Generator) -> Change:
    def signals(play: Play) -> None:
        play.signals = play.signals[list(SIDES[::-1])].set_axis(list(SIDES), axis=1)

    return Change("sides_swapped", "sides_swapped", "models", signals=signals)


def scaler(rng: np.random.Generator) -> Change:
    def signals(play: Play) -> None:
        raw = {
            side: play.live[side].raw_score(play.inputs[side].to_numpy(dtype=float))
            for side in SIDES
        }
        play.signals = pd.DataFrame(raw, index=play.places)

    return Change("scaler", "scaler", "models", signals=signals)


def threshold(rng: np.random.Generator) -> Change:
    own, other = float(rng.choice([0.55, 0.6, 0.7])), float(rng.choice([0.3, 0.4, 0.5]))

    def hold(play: Play) -> None:
        play.rule = {"long_threshold": own, "short_threshold": own}
        play.backtest_rule = {"long_threshold": other, "short_threshold": other}

    return Change("threshold", "threshold", "rule", hold=hold)


CAUSES: Mapping[str, Draw] = {
    draw.__name__: draw
    for draw in (
        label_clock,
        candle_offset,
        unreal_rows,
        unclosed_candle,
        partial_candle,
        market_data,
        missing_candles,
        lookback,
        warm_up,
        row_position,
        pipeline_version,
        column_collision,
        column_order,
        missing_features,
        nan_policy,
        precision,
        stale_features,
        bundle,
        sides_swapped,
        scaler,
        threshold,
    )
}
# Left out of sets: threshold speaks of decisions, and is only a cause where signals agree.
IN_SETS = tuple(name for name in CAUSES if name != "threshold")
