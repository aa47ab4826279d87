"""missing_features: inputs that were filled, dropped or swallowed on the way to the model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Floats, Ints
from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, ColumnEdit, Edited, World, change
from core.diagnosis.search.search import Search

CODE = "missing_features"
_MAX_FEATURES = 6  # more of them, and some set fits any difference
_PROBES = 48  # half of them: every set is scored with each feature
_MAX_EXCHANGES = 4  # a turn scores up to seven bases with each feature; most sets need none
_BETTER = 0.01  # relative; below, an exchange is not worth a further turn
_EXACT = 1e-4  # in log-odds; finer than float32 tells at a probability of 0.999
_FILLS: tuple[tuple[str, float | None], ...] = (("0", 0.0), ("the mean", None))


def _propose(search: Search) -> Iterator[Change]:
    if _has_exact_zeros(search):
        yield change(CODE, _swallowed, {"fill": "probability 0"})
    for words, value in _FILLS:
        yield from _searched(search, words, value)


def _swallowed(world: World) -> World:
    """A candle whose row lacks an input has the probability 0."""
    return replace(world, zero_when_missing=True)


def _has_exact_zeros(search: Search) -> bool:
    return bool((search.target[search.places] == 0.0).any())


def _searched(search: Search, words: str, value: float | None) -> Iterator[Change]:
    """A set of filled features: a sparse fit of what each alone does, then exchanges.

    A greedy search alone fails where two filled features cancel each other.
    """
    places = search.probes[:: max(1, len(search.probes) // _PROBES)]
    names = search.used_features()
    filler = _Filler(search, names, words, value, places)
    chosen, rest = _sparse_start(search, filler, places)
    for _ in range(_MAX_EXCHANGES):
        if rest <= _EXACT:
            break
        neighbour, reached = filler.best_neighbour(chosen)
        if not neighbour or reached >= rest * (1 - _BETTER):
            break
        chosen, rest = neighbour, reached
    if chosen:
        yield _filled(chosen, words, value)


@dataclass(frozen=True, slots=True)
class _Filler:
    """What is left of the difference, in log-odds, when features are filled beside a set."""

    search: Search
    names: tuple[str, ...]
    words: str
    value: float | None
    places: Ints

    def scored(self, chosen: tuple[str, ...]) -> Floats:
        """Names × candles × sides: this set and one name more."""
        mine = [_filled(chosen, self.words, self.value)] if chosen else []
        beside = (*self.search.accepted, *mine)
        return self.search.lab.filled(beside, self.names, self.value, self.places)

    def left(self, chosen: tuple[str, ...]) -> Floats:
        return _left(self.search, self.scored(chosen), self.places)

    def best_neighbour(self, chosen: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
        """The best set with one feature more, one less, or one exchanged."""
        bases = [chosen, *(tuple(n for n in chosen if n != gone) for gone in chosen)]
        best: tuple[tuple[str, ...], float] = ((), np.inf)
        for base in bases:
            rests = self.left(base)
            for name, reached in zip(self.names, rests, strict=True):
                if len(base) < _MAX_FEATURES and reached < best[1]:
                    best = (tuple(sorted({*base, name})), float(reached))
        return best


def _sparse_start(search: Search, filler: _Filler, places: Ints) -> tuple[tuple[str, ...], float]:
    """The features with the largest non-negative weights: as many of them as fit best."""
    from scipy.optimize import nnls

    now = _log_odds(search.lab.probabilities(search.accepted, places))
    effects = (_log_odds(filler.scored(())) - now).reshape(len(filler.names), -1)
    wanted = (_log_odds(search.target[places]) - now).reshape(-1)
    known = np.isfinite(wanted) & np.isfinite(effects).all(axis=0)
    if not known.any():
        return (), np.inf
    weights, _ = nnls(effects[:, known].T, wanted[known])
    ranked = [int(place) for place in np.argsort(-weights) if weights[place] > 0][:_MAX_FEATURES]
    best: tuple[tuple[str, ...], float] = ((), np.inf)
    for count in range(1, len(ranked) + 1):
        *base, last = ranked[:count]
        rests = filler.left(tuple(sorted(filler.names[place] for place in base)))
        if rests[last] < best[1]:
            names = tuple(sorted(filler.names[place] for place in ranked[:count]))
            best = (names, float(rests[last]))
    return best


def _left(search: Search, tried: Floats, places: Ints) -> Floats:
    """Mean difference of log-odds left by each variant: there, features add up best."""
    differences = np.abs(_log_odds(tried) - _log_odds(search.target[places]))
    known = np.isfinite(differences)
    counts = known.sum(axis=(1, 2))
    sums = np.where(known, differences, 0.0).sum(axis=(1, 2))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def _log_odds(probabilities: Floats) -> Floats:
    inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def _filled(names: tuple[str, ...], words: str, value: float | None) -> Change:
    ordered = tuple(sorted(names))
    edits = tuple(ColumnEdit(name, value=value) for name in ordered)
    return change(CODE, Edited(edits), {"features": list(ordered), "fill": words})


def _say(entry: Change, evidence: Evidence) -> Saying:
    if entry.values["fill"] == "probability 0":
        return Saying(
            "production wrote a probability of exactly 0 where an input was missing",
            "writing 0 for candles whose row lacks an input",
            "Let the bot log and skip such candles instead of swallowing the error.",
        )
    names = entry.values["features"]
    fill = entry.values["fill"]
    return Saying(
        f"production's model got {fill} in place of {_listed(names)}",
        f"scoring with {fill} there",
        "Look up why the bot does not find "
        + ("this feature" if len(names) == 1 else "these features")
        + " by name, and refuse to score when an input is missing.",
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


CAUSE = Cause(
    code=CODE,
    noun="a missing feature that was filled",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_scoring=True,
    is_costly=True,
    least_gain=0.3,
)
