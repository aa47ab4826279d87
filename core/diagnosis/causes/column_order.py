"""column_order: the model's inputs arrived in another order than the model was trained with."""

from collections.abc import Iterator

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, change
from core.diagnosis.search.search import Search

CODE = "column_order"
_NAMED = ("alphabetical", "log", "reversed")
_MAX_ROTATION = 3  # an index, a time, a label before the features: more columns are rare
_WORDS = {
    "alphabetical": "in alphabetical order",
    "log": "in the order of the log's columns",
    "reversed": "in reverse order",
}


def _propose(search: Search) -> Iterator[Change]:
    for order in (*_NAMED, *_rotations(), *_neighbours(search)):
        yield change(CODE, {"order": order}, {"order": order})


def _rotations() -> Iterator[str]:
    for places in range(1, _MAX_ROTATION + 1):
        yield f"rotated:{places}"
        yield f"rotated:{-places}"


def _neighbours(search: Search) -> Iterator[str]:
    """Two neighbours exchanged: what a column moved by hand leaves behind."""
    longest = max(len(m.features) for b in search.evidence.bundles for m in b.sides.values())
    shortest = min(len(m.features) for b in search.evidence.bundles for m in b.sides.values())
    if longest == shortest or search.is_model_path:
        for place in range(shortest - 1):
            yield f"exchanged:{place},{place + 1}"


def _say(entry: Change, evidence: Evidence) -> Saying:
    order = str(entry.values["order"])
    rule, _, detail = order.partition(":")
    if rule == "exchanged":
        first, second = (int(place) + 1 for place in detail.split(","))
        words = f"with inputs {first} and {second} exchanged"
    elif rule == "rotated":
        words = f"rotated by {detail} places"
    else:
        words = _WORDS[rule]
    return Saying(
        f"the features reached production's model {words}",
        f"scoring {words}" if rule == "exchanged" else f"scoring with the inputs {words}",
        "Select the columns by the bundle's feature list, in its order, before scaling.",
    )


CAUSE = Cause(
    code=CODE,
    noun="another order of the inputs",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_scoring=True,
)
