"""missing_features: inputs that were filled, dropped or swallowed on the way to the model."""

from collections.abc import Iterator

import numpy as np

from core.diagnosis.causes.cause import Cause, Saying, needs_features
from core.diagnosis.evidence import Evidence
from core.diagnosis.search import Search
from core.diagnosis.world import Change, ColumnEdit, change

CODE = "missing_features"
_MAX_FEATURES = 8
_PROBES = 32
_FILLS: tuple[tuple[str, float | None], ...] = (("0", 0.0), ("the mean", None))


def _propose(search: Search) -> Iterator[Change]:
    if _has_exact_zeros(search):
        yield change(CODE, {"zero_when_missing": True}, {"fill": "probability 0"})
    for words, value in _FILLS:
        yield from _greedily(search, words, value)


def _has_exact_zeros(search: Search) -> bool:
    return bool((search.target[search.places] == 0.0).any())


def _greedily(search: Search, words: str, value: float | None) -> Iterator[Change]:
    """The one feature whose filling helps most, then the next beside it, while it helps."""
    chosen: list[str] = []
    names = list(search.used_features())
    places = search.probes[:: max(1, len(search.probes) // _PROBES)]
    left = search.fit(None, places).mean
    while names and left > 0 and len(chosen) < _MAX_FEATURES:
        beside = (*search.accepted, *([_filled(tuple(chosen), words, value)] if chosen else []))
        tried = search.lab.filled(beside, names, value, places)
        differences = np.abs(tried - search.target[places])
        known = np.isfinite(differences)
        sums = np.where(known, differences, 0.0).sum(axis=(1, 2))
        means = sums / np.maximum(known.sum(axis=(1, 2)), 1)
        best = int(np.argmin(means))
        if not known[best].any() or means[best] >= left * (1 - 1e-6):
            return
        left = float(means[best])
        chosen.append(names.pop(best))
        yield _filled(tuple(chosen), words, value)


def _filled(names: tuple[str, ...], words: str, value: float | None) -> Change:
    ordered = tuple(sorted(names))
    edits = tuple(ColumnEdit(name, value=value) for name in ordered)
    return change(CODE, {"edits": edits}, {"features": list(ordered), "fill": words})


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
)
