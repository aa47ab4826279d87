"""The families that worlds are drawn from, and how a world of each is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from benchmarks.worlds.causes import CAUSES, IN_SETS
from benchmarks.worlds.market import KINDS
from benchmarks.worlds.nulls import LOUD, PRICES, QUIET, Draw
from benchmarks.worlds.play import Setup, Shape
from benchmarks.worlds.world import Change, World, drawn_shape, play_world

# Starts so that local clocks change inside the logged candles.
DST = {
    "Europe/Berlin": datetime(2026, 3, 28, 14, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 7, 20, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 2, tzinfo=UTC),
}
Family = Callable[[int], World]


def _setup(seed: int, rng: np.random.Generator) -> Setup:
    return Setup(
        seed=seed,
        kind=str(rng.choice(KINDS)),
        logged=int(rng.integers(300, 361)),
        setting=int(rng.integers(5)),
        lookback_bars=int(rng.choice([90, 120, 180])),
        start=datetime(2026, int(rng.integers(2, 10)), int(rng.integers(1, 27)), 6, 40, tzinfo=UTC),
    )


def _null(draws: Mapping[str, Draw], name: str, family: str, seed: int) -> World:
    rng = np.random.default_rng([seed, 11])
    setup = replace(_setup(seed, rng), imported=family != "null loud")
    shape = drawn_shape(rng)
    if family == "null price":
        shape = replace(shape, with_price=True)
    if name in ("two_symbols", "duplicated_rows"):
        shape = replace(shape, signals="columns", with_price=True, with_candles=True)
    if name == "all_trees":
        setup = replace(setup, setting=1 + seed % 2)  # those that stopped early
    if name in ("source_by_close", "volume_revised", "frozen_bot"):
        shape = replace(shape, with_candles=True, with_logged_at=True)
    return play_world(family, setup, shape, [draws[name](rng)])


def null_price(seed: int) -> World:
    """Signals equal to the bit; the price column is no close."""
    return _null(PRICES, list(PRICES)[seed % len(PRICES)], "null price", seed)


def null_quiet(seed: int) -> World:
    """Nothing differs: sound bots, frozen feeds, two symbols, lines written twice."""
    return _null(QUIET, list(QUIET)[seed % len(QUIET)], "null quiet", seed)


def null_loud(seed: int) -> World:
    """Something differs for a reason outside the list."""
    return _null(LOUD, list(LOUD)[seed % len(LOUD)], "null loud", seed)


def null_shapes(seed: int) -> World:
    """Sound bots with few candles, clocks that change, no price, and markets that stand."""
    rng = np.random.default_rng([seed, 13])
    setup = replace(_setup(seed, rng), imported=True)
    shape = drawn_shape(rng)
    kind = ("few", "dst", "priceless", "slow")[seed % 4]
    if kind == "few":
        setup = replace(setup, logged=int(rng.integers(10, 70)))
    if kind == "dst":
        zone = list(DST)[seed // 4 % len(DST)]
        setup = replace(setup, start=DST[zone])
        shape = replace(shape, signals=str(rng.choice(["csv", "text"])), zone=zone, with_price=True)
    if kind == "priceless":
        shape = replace(shape, with_price=False, with_candles=False)
    if kind == "slow":
        setup = replace(setup, kind=str(rng.choice(["slow", "flat"])))
        shape = replace(shape, with_price=True)
    return play_world("null shapes", setup, shape, [Change(kind)])


def _caused(names: tuple[str, ...], family: str, seed: int, *, imported: bool = False) -> World:
    """A world with these causes; drawn again until each of them moves signals."""
    for attempt in range(8):
        rng = np.random.default_rng([seed, 17, attempt])
        setup, shape = _setup(seed, rng), drawn_shape(rng)
        # What is re-run costs most.
        setup = replace(setup, logged=int(rng.integers(216, 271)), imported=imported)
        setup, shape = _fitting(names, setup, shape, rng)
        changes = [CAUSES[name](rng) for name in names]
        world = play_world(family, setup, shape, changes)
        if names == ("threshold",) or all(_moves(world, change) for change in changes):
            return world
    return world


def _fitting(
    names: tuple[str, ...], setup: Setup, shape: Shape, rng: np.random.Generator
) -> tuple[Setup, Shape]:
    """What a cause needs in order to show at all."""
    if "nan_policy" in names:
        setup = replace(setup, kind="slow")
    if "scaler" in names:
        setup = replace(setup, setting=int(rng.integers(4)))
    if {"label_clock", "candle_offset", "unreal_rows"} & set(names):
        # A wrong clock has to be found without prices too.
        is_priced = names != ("label_clock",) or bool(rng.random() < 0.7)
        shape = replace(shape, with_price=is_priced, with_candles=True)
    if {"unclosed_candle", "market_data"} & set(names):
        shape = replace(shape, with_candles=True, with_logged_at=True)
    if {"stale_features", "precision", "nan_policy"} & set(names):
        shape = replace(shape, decimals=None)
    return setup, shape


def _moves(world: World, change: Change) -> bool:
    """Whether at least 24 candles' signals would be others without this change."""
    if change.axis == "labels":
        return True
    if change.name == "row_position" or change.cause == "partial_candle":
        return True  # on the backtest's side, which is not played here
    others = [other for other in world.changes if other is not change]
    without = play_world("", world.setup, world.play.shape, others).play.signals
    both = world.play.signals.index.intersection(without.index)
    apart = (world.play.signals.loc[both] - without.loc[both]).abs().max(axis=1)
    return int((apart > 1e-4).sum()) >= 24


def one(seed: int) -> World:
    names = list(CAUSES)
    return _caused((names[seed % len(names)],), "one cause", seed)


# Causes that stored vectors show: nothing is recomputed, the backtest is a file.
STORED = tuple(
    name
    for name in IN_SETS
    if CAUSES[name](np.random.default_rng(0)).axis in ("labels", "inputs", "models")
)


def stored(seed: int) -> World:
    """One or two causes beside a backtest that was imported."""
    rng = np.random.default_rng([seed, 29])
    names: tuple[str, ...] = (STORED[seed % len(STORED)],)
    other = str(rng.choice(STORED))
    axes = {CAUSES[name](np.random.default_rng(0)).axis for name in (*names, other)}
    if seed // len(STORED) % 2 and len(axes) == 2:
        names = (*names, other)
    return _caused(names, "stored vectors", seed, imported=True)


def _set_of(count: int, family: str) -> Family:
    def draw(seed: int) -> World:
        rng = np.random.default_rng([seed, 19, count])
        while True:
            names = tuple(str(name) for name in rng.choice(IN_SETS, count, replace=False))
            axes = {CAUSES[name](np.random.default_rng(0)).axis for name in names}
            if len(axes) == count:
                return _caused(names, family, seed)

    return draw


# What has to be found although the feature code is slow: by stored vectors, and the lookback.
SLOW_CAUSES = ("lookback", "bundle", "missing_features", "column_order", "sides_swapped")


def slow_code(seed: int) -> World:
    """A cause behind feature code of some 12 ms a frame, or of one second."""
    rng = np.random.default_rng([seed, 23])
    name = SLOW_CAUSES[seed // 2 % len(SLOW_CAUSES)]
    setup = replace(_setup(seed, rng), lookback_bars=90)
    slow = {"logged": 144, "busy_s": 1.0} if seed % 2 else {"trader": "plain"}
    setup = replace(setup, **slow)
    change = CAUSES[name](rng)
    return play_world("slow code", setup, drawn_shape(rng), [change])


def twice(seed: int) -> World:
    """The same world twice, the second time on a busy machine: equal documents."""
    return replace(one(seed), family="twice", is_asked_twice=True)


FAMILIES: Mapping[str, Family] = {
    "null-price": null_price,
    "null-quiet": null_quiet,
    "null-loud": null_loud,
    "null-shapes": null_shapes,
    "stored": stored,
    "one": one,
    "pairs": _set_of(2, "two causes"),
    "slow": slow_code,
    "twice": twice,
    "triples": _set_of(3, "three causes"),
}
