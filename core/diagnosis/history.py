"""How many candles did the bot see? Searched by the values that it logged."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.diagnosis.rows import Floats
from core.diagnosis.search import Places, Search
from core.diagnosis.world import Change, change

_LADDER = (50, 100, 150, 200, 250, 300, 400, 500, 600, 720, 800, 900, 1000, 1200, 1440, 1500) + (
    1800,
    2000,
    2016,
    2400,
    2880,
    3600,
    4320,
    5000,
    5760,
    7200,
    8640,
)
_POINTS = 7
_CANDIDATES = 2
SEEN_COLUMN = "candles_seen"
_EXACT_DIGITS = -11.8
_START_PROBES = 28
_FIRST_LOOK = 5


def history_probes(search: Search, count: int) -> Places:
    """Searched candles that differ, spread over the window; any where none does."""
    differences = search.differences(search.accepted, search.places)
    differing = (np.nan_to_num(differences) > search.floor[search.places]).any(axis=1)
    places = search.places[differing] if differing.any() else search.places
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).astype("int64")
    return np.asarray(places[np.unique(chosen)])


def effective_lookbacks(search: Search, probes: Places, cause: str) -> list[int]:
    """The lookbacks at which the recomputed candles lie nearest to the logged ones, best first."""
    current = search.world.lookback_bars
    longest = _longest(search, probes)
    known = [bars for bars in _favourites(search, probes) if bars <= longest]
    cost = _Costs(search, probes, cause)
    ladder = sorted({bars for bars in _LADDER if bars <= longest} | set(known) | {current})
    best = cost.nearest(ladder)
    for start in best[:_CANDIDATES]:
        _narrow(cost, ladder, start, longest)
    found = [bars for bars in cost.nearest(list(cost.known)) if bars != current]
    return found[:_CANDIDATES]


def history_starts(search: Search, cause: str) -> list[int]:
    """Opens of the candles at which the bot's history began, where it was still growing.

    Each probed candle tells how many candles it saw; counted back from it, candles of
    one growing history agree about its beginning, candles of a full one do not.
    """
    first_look = _starts_of(search, history_probes(search, _FIRST_LOOK), cause)
    if not first_look:
        return []
    starts = Counter(_starts_of(search, history_probes(search, _START_PROBES), cause))
    return sorted(start for start, votes in starts.items() if votes >= 2)


def _starts_of(search: Search, probes: Places, cause: str) -> list[int]:
    step = search.evidence.timeframe.length_us
    full = search.world.lookback_bars
    starts = []
    for place in probes:
        found = effective_lookbacks(search, np.array([place]), cause)
        if found and found[0] < full:
            true_open = int(search.evidence.opens[place]) + search.world.shift_bars * step
            starts.append(true_open - (found[0] - 1) * step)
    return starts


def _favourites(search: Search, probes: Places) -> list[int]:
    """Lookbacks that somebody wrote down: other backtests, and the log's own count."""
    bars = [entry.lookback_bars for entry in search.evidence.bot.backtests if entry.lookback_bars]
    names, logged = search.logged_vectors(probes)
    if SEEN_COLUMN in names:
        seen = logged[:, names.index(SEEN_COLUMN)]
        bars += [int(value) for value in np.unique(seen[np.isfinite(seen)])[:3]]
    return bars


def _longest(search: Search, probes: Places) -> int:
    """The longest window that all probes have."""
    rows = search.evidence.candles[str(search.world.candles)]
    step = search.evidence.timeframe.length_us
    first = int(search.evidence.opens[probes].min()) + search.world.shift_bars * step
    return max(1, int(np.searchsorted(rows.opens, first, side="right")))


class _Costs:
    """Distance to the logged values by lookback, each computed once."""

    def __init__(self, search: Search, probes: Places, cause: str) -> None:
        self._search, self._probes, self._cause = search, probes, cause
        self.known: dict[int, float] = {}

    def of(self, bars: int) -> float:
        if bars not in self.known:
            entry = change(self._cause, {"lookback_bars": bars, "starts": ()})
            self.known[bars] = distance(self._search, (*self._search.accepted, entry), self._probes)
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


def distance(search: Search, changes: Sequence[Change], places: Places) -> float:
    """How far re-run candles lie from production's: mean digits of agreement, lower is nearer.

    By the logged features where there are any (10 ** distance is their typical scaled
    difference), by the probabilities otherwise.
    """
    log_names, logged = search.logged_vectors(places)
    names, mine = search.lab.features(changes, places)
    shared = [name for name in search.used_features() if name in names and name in log_names]
    if not shared:
        left = np.abs(search.target[places] - search.lab.probabilities(changes, places))
        known = np.isfinite(left)
        return _digits(left[known]) if known.mean() > 0.5 else 0.0
    theirs = logged[:, [log_names.index(name) for name in shared]]
    ours = mine[:, [names.index(name) for name in shared]]
    known = np.isfinite(ours) & np.isfinite(theirs)
    if known.mean() < 0.5:
        return 0.0
    scale = np.maximum(np.nanmax(np.abs(theirs), axis=0), 1e-12)
    return _digits((np.abs(ours - theirs) / scale)[known])


def _digits(differences: Floats) -> float:
    return float(np.mean(np.log10(np.clip(differences, 1e-12, 1.0))))
