"""The cases of the diagnosis exam: what is wrong in each, and what a right answer is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np

from demo.decoys import CLEAN, HARMLESS, STRANGERS
from demo.faults import FAULTS, PAIRS, SIZES, inject
from demo.plan import Plan, clean_plan
from demo.simulation import World, make_world

SEEDS = (101, 102, 103, 104, 105)  # not used while building
SHORT_SEEDS = (201,)
DAYS = 2
_FIRST_OPEN = datetime(2026, 3, 2, tzinfo=UTC)
_MAKERS = {make.__name__: make for make in (*CLEAN, *STRANGERS, *HARMLESS)}


class Kind(StrEnum):
    FAULT = "fault"
    PAIR = "pair"
    CLEAN = "clean"
    DECOY = "decoy"


@dataclass(frozen=True, slots=True)
class Case:
    """One installation to judge; `causes` are at work in it, none in clean bots and decoys."""

    kind: Kind
    name: str
    seed: int
    size: int = 1
    causes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        size = f" {('small', 'large')[self.size]}" if self.causes else ""
        return f"{self.name}{size} (seed {self.seed})"


def all_cases(seeds: Sequence[int] = SEEDS) -> list[Case]:
    """Every fault at every size and seed, the pairs, the clean bots, the decoys; by seed."""
    cases = []
    for number, seed in enumerate(seeds):
        cases += [Case(Kind.FAULT, name, seed, size, (name,)) for name in FAULTS for size in SIZES]
        share = PAIRS[number :: len(seeds)]
        cases += [Case(Kind.PAIR, " + ".join(pair), seed, 1, pair) for pair in share]
        cases += [Case(Kind.CLEAN, make.__name__, seed) for make in CLEAN]
        cases += [Case(Kind.DECOY, make.__name__, seed) for make in (*STRANGERS, *HARMLESS)]
    return cases


def short_cases(seeds: Sequence[int] = SHORT_SEEDS) -> list[Case]:
    """Each fault once, alternately small and large, two pairs, and a few of the rest."""
    cases = []
    for seed in seeds:
        cases += [
            Case(Kind.FAULT, name, seed, number % 2, (name,)) for number, name in enumerate(FAULTS)
        ]
        cases += [Case(Kind.PAIR, " + ".join(pair), seed, 1, pair) for pair in PAIRS[:2]]
        cases += [Case(Kind.CLEAN, make.__name__, seed) for make in CLEAN[:2]]
        decoys = (STRANGERS[0], STRANGERS[1], HARMLESS[0])
        cases += [Case(Kind.DECOY, make.__name__, seed) for make in decoys]
    return cases


def case_world(seed: int) -> World:
    """The market and the models that all cases of a seed share; histories differ by seed."""
    last = _FIRST_OPEN + timedelta(days=DAYS, minutes=-5)
    return make_world(seed, _FIRST_OPEN, last, lookback_bars=(400, 600, 500, 720)[seed % 4])


def case_plan(case: Case, world: World) -> Plan:
    """The installation of a case."""
    generator = np.random.default_rng([case.seed, 9])
    if case.kind in (Kind.CLEAN, Kind.DECOY):
        return _MAKERS[case.name](world, generator)
    logs = ("csv",) if case.seed % 2 else ("feature_log",)
    plan = clean_plan(world, signal_logs=logs)
    return inject(plan, world, case.causes, size=case.size, seed=case.seed)


def true_parameters(case: Case, world: World) -> dict[str, dict[str, Any]]:
    """What a proven finding of these causes has to say, where a parameter is named."""
    known: dict[str, dict[str, Any]] = {
        "label_clock": {"shift_bars": (-12, -108)[case.size]},
        "candle_offset": {"shift_bars": (1, -1)[case.size]},
        "lookback": {"lookback_bars": world.lookback_bars},
        "precision": {"decimals": (3, 2)[case.size]},
        "stale_features": {"lag_bars": (1, 3)[case.size]},
        "market_data": {"candles": "venue"},
        "candle_label": {"shift_bars": (-1, -12)[case.size]},
    }
    return {cause: known[cause] for cause in case.causes if cause in known}
