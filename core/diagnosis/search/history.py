"""How many candles did the bot see? Searched by the values that it logged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Floats, Ints
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search
from core.features.ladder import lookback_ladder

_POINTS = 7  # of a span at once, the next is two of its six parts: fewer step over the count
_CANDIDATES = 3  # rungs narrowed in on, lookbacks tried: the nearest may lie in a false hollow
SEEN_COLUMN = "candles_seen"
_EXACT_DIGITS = -11.8  # digits end at -12; a median there is equal to the last digit
_START_PROBES = 40  # a history that grew for a twentieth of the window is voted for twice
_FINE_STEP = 20  # between rungs for one candle, whose distance is more rugged than a median
_FIRST_LOOK = 5  # candles without a vote: no history was growing
_KNOWN_SHARE = 0.5  # of features and of candles; below, the unknown ones decide


@dataclass(frozen=True, slots=True)
class FullHistory:
    """Every candle saw so many candles, none a history that was still growing."""

    bars: int

    def __call__(self, world: World) -> World:
        return replace(world, lookback_bars=self.bars, starts=())


def history_probes(search: Search, count: int) -> Ints:
    """Searched candles that differ, spread over the window; any where none does."""
    differences = search.differences(search.accepted, search.places)
    differing = (np.nan_to_num(differences) > search.floor[search.places]).any(axis=1)
    places = search.places[differing] if differing.any() else search.places
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).astype("int64")
    return np.asarray(places[np.unique(chosen)])


def effective_lookbacks(search: Search, probes: Ints, cause: str) -> list[int]:
    """The lookbacks at which the recomputed candles lie nearest to the logged ones, best first."""
    longest = _longest(search, probes)
    cost = _Costs(search, probes, cause)
    lookbacks = _searched(search, cost, lookback_ladder(longest), longest)
    return [bars for bars in lookbacks if bars != search.world.lookback_bars][:_CANDIDATES]


@dataclass(frozen=True, slots=True)
class HistoryStart:
    """From the candle `applies_from` (µs) on the bot's history began at `begins` (µs)."""

    applies_from: int
    begins: int


def history_starts(search: Search, cause: str) -> list[HistoryStart]:
    """When the bot's history began, where it was still growing.

    Each probed candle tells how many candles it saw. Counted back from it, candles of
    one growing history agree about its beginning, candles of a full one do not. A
    beginning counts when a candle matches it to the last digit, or two name it.
    """
    votes: Counter[int] = Counter()
    exact: set[int] = set()
    seen: list[tuple[int, int | None]] = []
    for number, place in enumerate(history_probes(search, _START_PROBES)):
        if number == _FIRST_LOOK and not exact and max(votes.values(), default=0) < 2:
            return []
        start = _start_of(search, int(place), sorted(exact), cause)
        seen.append((int(place), None if start is None else start.open))
        if start is not None:
            votes[start.open] += 1
            exact |= {start.open} if start.is_exact else set()
    counted = {open_us for open_us, count in votes.items() if count >= 2 or open_us in exact}
    return _in_order(search, [entry for entry in seen if entry[1] in counted or entry[1] is None])


def _in_order(search: Search, seen: list[tuple[int, int | None]]) -> list[HistoryStart]:
    """Each beginning with the candle from which it holds: after the widest hole before it."""
    starts: list[HistoryStart] = []
    opens = search.evidence.opens
    before, earlier = 0, None
    for place, begins in seen:
        if begins is not None and begins != earlier:
            steps = np.diff(opens[before : place + 1])
            is_hole = len(steps) > 0 and steps.max() > search.evidence.timeframe.length_us
            after = before + int(steps.argmax()) + 1 if is_hole else place
            first = before if not starts and before == 0 and not is_hole else after
            shift = search.world.shift_bars * search.evidence.timeframe.length_us
            starts.append(HistoryStart(max(int(opens[first]) + shift, begins), begins))
        before, earlier = place, begins
    return starts


@dataclass(frozen=True, slots=True)
class _Start:
    open: int
    is_exact: bool


def _start_of(search: Search, place: int, known: list[int], cause: str) -> _Start | None:
    """Where the history of one candle began; None where it was full already."""
    step = search.evidence.timeframe.length_us
    full = search.world.lookback_bars
    true_open = int(search.evidence.opens[place]) + search.world.shift_bars * step
    cost = _Costs(search, np.array([place]), cause)
    earlier = [start for start in known if start <= true_open]
    for start in earlier[-1:]:
        bars = (true_open - start) // step + 1
        if bars < full and cost.of(bars) <= _EXACT_DIGITS:
            return _Start(start, True)
    if cost.of(full) <= _EXACT_DIGITS:
        return None
    rungs = list(range(_FINE_STEP, full, _FINE_STEP))
    nearest = _searched(search, cost, rungs, full)[0]
    if nearest >= full:
        return None
    return _Start(true_open - (nearest - 1) * step, cost.is_exact())


def _searched(search: Search, cost: "_Costs", rungs: Sequence[int], longest: int) -> list[int]:
    """Lookbacks by distance after narrowing in on the best rungs."""
    known = [bars for bars in _favourites(search, cost.probes) if bars <= longest]
    ladder = sorted({*rungs, *known, min(longest, search.world.lookback_bars)})
    for start in cost.nearest(ladder)[:_CANDIDATES]:
        _narrow(cost, ladder, start, longest)
    return cost.nearest(list(cost.known))


def _favourites(search: Search, probes: Ints) -> list[int]:
    """Lookbacks that somebody wrote down: other backtests, and the log's own count."""
    bars = [entry.lookback_bars for entry in search.evidence.bot.backtests if entry.lookback_bars]
    names, logged = search.logged_vectors(probes)
    if SEEN_COLUMN in names:
        seen = logged[:, names.index(SEEN_COLUMN)]
        bars += [int(value) for value in np.unique(seen[np.isfinite(seen)])[:3]]
    return bars


def _longest(search: Search, probes: Ints) -> int:
    """The longest window that all probes have."""
    rows = search.evidence.candles[str(search.world.candles)]
    step = search.evidence.timeframe.length_us
    first = int(search.evidence.opens[probes].min()) + search.world.shift_bars * step
    return max(1, int(np.searchsorted(rows.opens, first, side="right")))


class _Costs:
    """Distance to the logged values by lookback, each computed once."""

    def __init__(self, search: Search, probes: Ints, cause: str) -> None:
        self._search, self.probes, self._cause = search, probes, cause
        self.known: dict[int, float] = {}

    def of(self, bars: int) -> float:
        if bars not in self.known:
            entry = change(self._cause, FullHistory(bars))
            self.known[bars] = distance(self._search, (*self._search.accepted, entry), self.probes)
        return self.known[bars]

    def nearest(self, bars: Sequence[int]) -> list[int]:
        """Nearest first; of equals the roundest."""
        return sorted(bars, key=lambda count: (self.of(count), -_roundness(count), count))

    def is_exact(self) -> bool:
        return min(self.known.values(), default=0.0) <= _EXACT_DIGITS


def _narrow(cost: _Costs, ladder: list[int], start: int, longest: int) -> None:
    """Halve in on the best count between the neighbours of a ladder's rung."""
    place = ladder.index(start)
    low = ladder[place - 1] if place else 1
    high = ladder[place + 1] if place + 1 < len(ladder) else min(longest, 2 * start)
    while high - low > 1 and not cost.is_exact():
        points = sorted({round(value) for value in np.linspace(low, high, _POINTS)})
        best = cost.nearest(points)[0]
        at = points.index(best)
        new = (points[max(at - 1, 0)], points[min(at + 1, len(points) - 1)])
        if new == (low, high):
            break
        low, high = new


def _roundness(count: int) -> int:
    return max((unit for unit in (1000, 500, 100, 50, 10, 1) if count % unit == 0), default=1)


def distance(search: Search, changes: Sequence[Change], places: Ints) -> float:
    """How far re-run candles lie from production's: mean digits of agreement, lower is nearer.

    By the logged features where there are any (10 ** distance is their typical scaled
    difference), by the probabilities otherwise.
    """
    log_names, logged = search.logged_vectors(places)
    names, mine = search.lab.features(changes, places)
    shared = [name for name in search.used_features() if name in names and name in log_names]
    if not shared:
        distances = np.abs(search.target[places] - search.lab.probabilities(changes, places))
        return _typical_digits(distances)
    theirs = logged[:, [log_names.index(name) for name in shared]]
    ours = mine[:, [names.index(name) for name in shared]]
    scale = np.maximum(np.nanmax(np.abs(theirs), axis=0, initial=0.0), 1e-12)
    return _typical_digits(np.abs(ours - theirs) / scale)


def _typical_digits(differences: Floats) -> float:
    """Median over candles of the mean logarithm; 0 where half of the candles are unknown.

    The median keeps a few candles with a trouble of their own from hiding an exact match.
    """
    known = np.isfinite(differences)
    counts = known.sum(axis=1)
    is_telling = counts >= _KNOWN_SHARE * differences.shape[1]
    if is_telling.mean() < _KNOWN_SHARE:
        return 0.0
    digits = np.log10(np.clip(np.where(known, differences, 1.0), 1e-12, 1.0))
    means = np.where(known, digits, 0.0).sum(axis=1)[is_telling] / counts[is_telling]
    return float(np.median(means))
