"""What a cause may look at while it searches: search blocks only, and re-runs of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Flags, Floats, Ints
from core.diagnosis.evidence.blocks import Blocks
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.prices import PriceCheck
from core.diagnosis.lab.trial import Laboratory
from core.diagnosis.lab.world import Change, World, altered
from core.market import SIDES

PROBES = 96  # tried first: a change is re-run on all candles only where it helps here
_CLEARLY_BETTER = 1e-9  # relative: the order of a sum, no difference


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a change does on some candles: what is left of the difference."""

    mean: float  # mean absolute difference left; cells that cannot be computed keep theirs
    repaired: float  # share of the differing candles that are equal now
    made_equal: int = 0  # signals that differed and are equal now, of either side


@dataclass(frozen=True, kw_only=True)
class Search:
    """One round: what is accepted so far, what differs still, and where to look.

    `target` is what the other side should have said (candles × sides), `floor` the
    largest difference called equal, `places` the searched candles, `probes` a few of
    them that differ most, for quick trials.
    """

    lab: Laboratory
    blocks: Blocks
    target: Floats
    floor: Floats
    places: Ints
    probes: Ints
    accepted: tuple[Change, ...] = ()
    price_check: PriceCheck | None = None
    log_shift_bars: int = 0  # from labels to the candles of the feature log
    is_model_path: bool = False  # the features are the logged ones: only their scoring differs

    @property
    def evidence(self) -> Evidence:
        return self.lab.evidence

    @property
    def world(self) -> World:
        """The other side with everything accepted so far, scopes left aside."""
        return altered(self.lab.base, self.accepted)

    def differences(self, changes: Sequence[Change], places: Ints) -> Floats:
        """|target − re-run| with exactly these changes."""
        return np.asarray(np.abs(self.target[places] - self.lab.probabilities(changes, places)))

    def fit(self, change: Change | None, places: Ints | None = None) -> Fit:
        """The difference left when this change joins the accepted ones."""
        rows = self.probes if places is None else places
        before = self.differences(self.accepted, rows)
        after = before if change is None else self.differences(self.with_change(change), rows)
        return measure(before, after, self.floor[rows])

    def with_change(self, change: Change) -> tuple[Change, ...]:
        """The accepted changes and this one, which takes the place of its own cause's."""
        return (*(entry for entry in self.accepted if not replaces(change, entry)), change)

    def best(self, changes: Iterable[Change], *, is_sided: bool = False) -> Change | None:
        """The change that leaves least on the probes; None where none leaves less than now.

        `is_sided`: each change is taken for the sides that it does not make worse, so that
        what is wrong on one side alone is not outweighed by the other.
        """
        best, least = None, self.fit(None).mean
        for proposed in changes:
            entry = by_side(self, proposed, self.probes) if is_sided else proposed
            mean = self.fit(entry).mean
            if mean < least * (1 - _CLEARLY_BETTER):
                best, least = entry, mean
        return best

    def logged_vectors(self, places: Ints) -> tuple[tuple[str, ...], Floats]:
        """What production logged for these searched candles (columns, values)."""
        logged = self.evidence.logged
        if logged is None:
            return (), np.full((len(places), 0), np.nan)
        return logged.columns, logged.at(self.log_opens(places))[0]

    def log_opens(self, places: Ints) -> Ints:
        """The candle opens under which the feature log keeps these labels' candles."""
        step = self.evidence.timeframe.length_us
        bars = self.evidence.label_shift(places, self.log_shift_bars)
        return np.asarray(self.evidence.opens[places] + bars * step)

    def used_features(self) -> tuple[str, ...]:
        """Names that any known live model takes, in their order."""
        live = self.evidence.live
        numbers = [] if live is None else [int(n) for n in np.unique(live) if n >= 0]
        if self.lab.base.bundle is not None:
            numbers.append(self.lab.base.bundle)
        names: dict[str, None] = {}
        for number in numbers:
            for model in self.evidence.bundles[number].sides.values():
                names.update(dict.fromkeys(model.features))
        return tuple(names)


def measure(before: Floats, after: Floats, floor: Floats) -> Fit:
    """Fit of differences after against before; a cell that became unknown keeps its difference."""
    known = np.isfinite(before)
    lasting = np.where(np.isfinite(after), after, before)
    mean = float(lasting[known].mean()) if known.any() else 0.0
    differed = (known & (before > floor)).any(axis=1)
    differs = (known & ~(after <= floor)).any(axis=1)
    repaired = float((differed & ~differs).sum() / differed.sum()) if differed.any() else 0.0
    made_equal = int((known & (before > floor) & (after <= floor)).sum())
    return Fit(mean, repaired, made_equal)


def replaces(change: Change, earlier: Change) -> bool:
    """Whether a change of the same cause stands instead of an earlier one, not beside it."""
    if change.cause != earlier.cause or not set(change.sides) & set(earlier.sides):
        return False
    if not change.scope.ranges or not earlier.scope.ranges:
        return True
    return any(
        first <= other_last and other_first <= last
        for first, last in change.scope.ranges
        for other_first, other_last in earlier.scope.ranges
    )


def choose_probes(differences: Floats, floor: Floats, places: Ints, count: int) -> Ints:
    """Two thirds of the candles that differ most, spread, and one third of all, evenly."""
    size = np.nan_to_num(differences, nan=0.0).max(axis=1, initial=0.0)
    differing = np.flatnonzero((np.nan_to_num(differences, nan=0.0) > floor).any(axis=1))
    strongest = differing[np.argsort(-size[differing], kind="stable")[: 2 * count]]
    strongest = np.sort(strongest)[:: max(1, len(strongest) // max(1, 2 * count // 3))]
    even = np.linspace(0, len(places) - 1, min(len(places), count // 3)).astype("int64")
    return np.asarray(places[np.union1d(strongest, even)])


def by_side(search: Search, change: Change, places: Ints) -> Change:
    """The change for the sides that it does not make worse."""
    before = search.differences(search.accepted, places)
    after = search.differences(search.with_change(change), places)
    both = np.isfinite(before) & np.isfinite(after)
    sides = []
    for side, name in enumerate(SIDES):
        rows: Flags = both[:, side]
        if not rows.any():
            continue
        was, now = before[rows, side].mean(), after[rows, side].mean()
        if now <= max(was, search.floor[places][rows, side].mean()):
            sides.append(name)
    kept = tuple(name for name in change.sides if name in sides)
    return replace(change, sides=kept) if kept else change
