"""Each fault leaves what a real installation would have: another log or configuration."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.settings import load_settings
from demo.bot import Journal, run_bot
from demo.bot_files import write_installation
from demo.decoys import CLEAN, HARMLESS, STRANGERS, Make, idle_lookback
from demo.faults import FAULTS, PAIRS, SIZES, inject
from demo.plan import Plan, clean_plan
from demo.simulation import World

pytestmark = pytest.mark.slow

# What is wrong is the backtest's configuration or its candles, not the bot.
BACKTEST_SIDE = {"lookback", "partial_candle", "pipeline_version", "threshold"}
CANDLES_ALONE = {"candle_label"}  # the bot and its backtest's settings are sound


def _plan(world: World, names: Sequence[str], size: int = 1) -> Plan:
    return inject(clean_plan(world), world, names, size=size, seed=4)


class Journals:
    """What the bot wrote with one fault; each is run once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[tuple[str, ...], tuple[Plan, Journal]] = {}

    def of(self, *names: str, size: int = 1) -> tuple[Plan, Journal]:
        key = (*names, str(size))
        if key not in self._kept:
            plan = _plan(self._world, names, size)
            self._kept[key] = plan, run_bot(self._world, plan)
        return self._kept[key]


@pytest.fixture(scope="module")
def journals(world: World) -> Journals:
    return Journals(world)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_what_the_bot_logs_or_what_the_backtest_is(
    world: World, journals: Journals, name: str
) -> None:
    clean = journals.of()[1].emitted
    plan, journal = journals.of(name)
    emitted = journal.emitted
    if name in BACKTEST_SIDE:
        assert emitted.equals(clean)
        assert plan.bot["backtests"] != clean_plan(world).bot["backtests"]
    elif name in CANDLES_ALONE:
        assert emitted.equals(clean)
        (path,) = plan.candle_files
        sound = clean_plan(world).candle_files[path]
        assert not plan.candle_files[path]["candle_open"].equals(sound["candle_open"])
    else:
        assert not emitted.equals(clean)


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"row_position", "nan_policy"}))
def test_a_fault_is_the_same_from_the_same_seed(
    world: World, journals: Journals, name: str
) -> None:
    first, second = journals.of(name)[1], run_bot(world, _plan(world, [name]))
    assert first.emitted.equals(second.emitted)
    np.testing.assert_array_equal(first.vectors.matrix, second.vectors.matrix)


@pytest.mark.parametrize("name", FAULTS)
def test_a_large_fault_is_another_than_a_small_one(
    world: World, journals: Journals, name: str
) -> None:
    small, large = (_plan(world, [name], size) for size in SIZES)
    differs = (
        small.bot != large.bot
        or small.code != large.code
        or not _stored(small).equals(_stored(large))
    )
    if not differs:
        one, other = (journals.of(name, size=size)[1].emitted for size in SIZES)
        differs = not one.equals(other)
    assert differs


def _stored(plan: Plan) -> pd.DataFrame:
    return plan.candle_files[list(plan.candle_files)[-1]]


@pytest.mark.parametrize("name", FAULTS)
def test_no_file_names_the_fault(
    world: World, journals: Journals, name: str, tmp_path: Path
) -> None:
    plan, journal = journals.of(name)
    write_installation(tmp_path / "bot", world, plan, journal)
    load_settings(tmp_path / "bot/align.toml")
    words = set(FAULTS) - {
        "bundle",
        "scaler",
        "lookback",
        "precision",
        "threshold",
    }
    for path in (tmp_path / "bot").rglob("*"):
        text = str(path.relative_to(tmp_path))
        if path.suffix in (".toml", ".py"):
            text += path.read_text()
        assert not [word for word in words if word in text]


@pytest.mark.parametrize("make", [*CLEAN, *STRANGERS, *HARMLESS], ids=lambda make: make.__name__)
def test_every_decoy_can_be_written(world: World, make: Make, tmp_path: Path) -> None:
    plan = make(world, np.random.default_rng(1))
    write_installation(tmp_path / "bot", world, plan, run_bot(world, plan))
    bot = load_settings(tmp_path / "bot/align.toml").bots[0]
    assert len(bot.signal_log) == len(plan.signal_logs)


def test_an_idle_lookback_really_changes_nothing(world: World) -> None:
    plan = idle_lookback(world, np.random.default_rng(1))
    short = run_bot(world, clean_plan(world)).emitted
    long = run_bot(world, plan).emitted
    half = run_bot(world, replace(plan, lookback_bars=plan.lookback_bars // 2)).emitted
    assert half.equals(long)
    assert not long.equals(short)


def test_pairs_are_of_known_faults_and_all_different() -> None:
    assert len({frozenset(pair) for pair in PAIRS}) == len(PAIRS) == 20
    assert {name for pair in PAIRS for name in pair} <= set(FAULTS)


@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_a_pair_can_be_injected(world: World, pair: tuple[str, str]) -> None:
    plan = _plan(world, pair)
    if plan.code:  # run_bot with code of its own is tried above, one by one
        assert plan.bot != clean_plan(world).bot
        return
    assert len(run_bot(world, plan).emitted) > 70


def test_an_unknown_fault_is_refused_with_the_known_names(world: World) -> None:
    with pytest.raises(KeyError, match="no fault named"):
        inject(clean_plan(world), world, ["gremlins"])


def test_every_fault_says_what_happens() -> None:
    assert all(len(fault.inject.__doc__ or "") > 30 for fault in FAULTS.values())
