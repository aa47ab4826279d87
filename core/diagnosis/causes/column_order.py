"""column_order: the model's inputs arrived in another order than the model was trained with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, InputOrder, World, change
from core.diagnosis.search.search import Search

CODE = "column_order"
_MAX_ROTATION = 3  # an index, a time, a label before the features: more columns are rare
_WORDS = {
    "alphabetical": "in alphabetical order",
    "log": "in the order of the log's columns",
    "reversed": "in reverse order",
}


@dataclass(frozen=True, slots=True)
class Ordered:
    """The model's inputs arrive in this order."""

    order: InputOrder

    def __call__(self, world: World) -> World:
        return replace(world, order=self.order)


def alphabetical(features: tuple[str, ...], log_columns: tuple[str, ...]) -> tuple[str, ...]:
    """By name."""
    return tuple(sorted(features))


def as_logged(features: tuple[str, ...], log_columns: tuple[str, ...]) -> tuple[str, ...] | None:
    """As the log's columns stand; None where it lacks one."""
    if not set(features) <= set(log_columns):
        return None
    where = {name: place for place, name in reversed(list(enumerate(log_columns)))}
    return tuple(sorted(features, key=lambda name: where[name]))


def backwards(features: tuple[str, ...], log_columns: tuple[str, ...]) -> tuple[str, ...]:
    """The last one first."""
    return features[::-1]


@dataclass(frozen=True, slots=True)
class Rotated:
    """So many places to the left, negative to the right."""

    places: int

    def __call__(self, features: tuple[str, ...], log_columns: tuple[str, ...]) -> tuple[str, ...]:
        return (*features[self.places :], *features[: self.places])


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Two neighbours exchanged: what a column moved by hand leaves behind."""

    first: int

    def __call__(self, features: tuple[str, ...], log_columns: tuple[str, ...]) -> tuple[str, ...]:
        names = list(features)
        names[self.first : self.first + 2] = names[self.first : self.first + 2][::-1]
        return tuple(names)


def _propose(search: Search) -> Iterator[Change]:
    for text, order in (*_named(), *_rotations(), *_neighbours(search)):
        yield change(CODE, Ordered(order), {"order": text})


def _named() -> Iterator[tuple[str, InputOrder]]:
    yield "alphabetical", alphabetical
    yield "log", as_logged
    yield "reversed", backwards


def _rotations() -> Iterator[tuple[str, InputOrder]]:
    for places in range(1, _MAX_ROTATION + 1):
        yield f"rotated:{places}", Rotated(places)
        yield f"rotated:{-places}", Rotated(-places)


def _neighbours(search: Search) -> Iterator[tuple[str, InputOrder]]:
    longest = max(len(m.features) for b in search.evidence.bundles for m in b.sides.values())
    shortest = min(len(m.features) for b in search.evidence.bundles for m in b.sides.values())
    if longest == shortest or search.is_model_path:
        for place in range(shortest - 1):
            yield f"exchanged:{place},{place + 1}", Exchanged(place)


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
