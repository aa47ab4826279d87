"""Which bundle gave the emitted signals? Replay the logged features through every known one."""

from typing import Any

import numpy as np

from core.arrays import Flags
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.trial import Laboratory
from core.diagnosis.lab.world import Change, Source, World
from core.market import SIDES
from core.times import from_us, iso_z

_SHOWN_FEATURES = 20  # named; their count tells how many there are
_SHORTEST_SPAN = 3  # two candles may agree with a wrong bundle by chance, at printed digits
_NEARLY_ALL = 0.95  # of the emitted candles of a side; a few lines may be out of place


def identify_bundles(evidence: Evidence, labels: tuple[Change, ...]) -> dict[str, Any] | None:
    """Candle by candle, which bundles reproduce the emitted signals; None without features."""
    if evidence.logged is None or not evidence.bundles or len(evidence.opens) == 0:
        return None
    by_side = [_equal(evidence, labels, number) for number in range(len(evidence.bundles))]
    asked: Flags = np.isfinite(evidence.emitted)
    matching = np.column_stack(
        [asked.any(axis=1) & (equal | ~asked).all(axis=1) for equal in by_side]
    )
    is_emitted: Flags = np.asarray(np.isfinite(evidence.emitted).any(axis=1))
    entries = [
        _entry(evidence, number, matching[:, number], by_side[number], is_emitted)
        for number in range(len(evidence.bundles))
    ]
    spans = _spans(evidence, matching, is_emitted) if is_emitted.any() else []
    return {
        "emitted_candles": int(is_emitted.sum()),
        "bundles": entries,
        "spans": spans,
        "summary": _sentence(evidence, entries, spans),
    }


def _equal(evidence: Evidence, labels: tuple[Change, ...], number: int) -> Flags:
    """Candles × sides: this bundle gives the emitted signal within the floor.

    A side that the bundle lacks is not held against it.
    """
    lab = Laboratory(evidence, World(source=Source.LOGGED, bundle=number))
    scored = lab.probabilities(labels, np.arange(len(evidence.opens)))
    equal = np.abs(evidence.emitted - scored) <= evidence.emitted_floor
    absent = [side not in evidence.bundles[number].sides for side in SIDES]
    return np.asarray(equal | np.array(absent)[None, :])


def _entry(
    evidence: Evidence, number: int, matching: Flags, by_side: Flags, is_emitted: Flags
) -> dict[str, Any]:
    bundle = evidence.bundles[number]
    count = int(is_emitted.sum())
    said = np.isfinite(evidence.emitted)
    return {
        "bundle": bundle.name,
        "sides": [str(side) for side in bundle.sides],
        "matching_candles": int(matching.sum()),
        "matching_ratio": float(matching.sum() / count) if count else None,
        "matching_candles_by_side": {
            str(side): int((by_side & said)[:, place].sum())
            for place, side in enumerate(SIDES)
            if side in bundle.sides
        },
        "excluded": _excluded(evidence, number),
    }


def _excluded(evidence: Evidence, number: int) -> dict[str, Any] | None:
    """Logged candles that lack an input of the bundle: there it cannot have been live."""
    logged = evidence.logged
    if logged is None:
        return None
    needed = {name for model in evidence.bundles[number].sides.values() for name in model.features}
    never = sorted(needed - set(logged.columns))
    places = [place for place, name in enumerate(logged.columns) if name in needed]
    inside = (logged.opens >= evidence.opens[0]) & (logged.opens <= evidence.opens[-1])
    lacking = np.zeros((int(inside.sum()), len(places)), dtype=bool)
    if logged.absent is not None:
        lacking = logged.absent[np.ix_(inside, places)]
    rows = lacking.any(axis=1) | bool(never)
    if not rows.any():
        return None
    gone = np.flatnonzero(lacking.sum(axis=0))
    names = never + [logged.columns[places[place]] for place in gone]
    opens = logged.opens[inside]
    first_complete = opens[~rows]
    return {
        "candles": int(rows.sum()),
        "before": iso_z(from_us(int(first_complete[0]))) if len(first_complete) else None,
        "features": names[:_SHOWN_FEATURES],
        "feature_count": len(names),
    }


def _spans(evidence: Evidence, matching: np.ndarray, is_emitted: Flags) -> list[dict[str, Any]]:
    """Stretches of time in which the same bundles reproduce the emitted signals."""
    rows = np.flatnonzero(is_emitted)
    spans: list[dict[str, Any]] = []
    start = 0
    for place in range(1, len(rows) + 1):
        is_same = place < len(rows) and bool((matching[rows[place]] == matching[rows[start]]).all())
        if is_same:
            continue
        if place - start >= _SHORTEST_SPAN or place - start == len(rows):
            names = [
                bundle.name
                for bundle, on in zip(evidence.bundles, matching[rows[start]], strict=True)
                if on
            ]
            spans.append(_span(evidence, rows[start], rows[place - 1], names))
        start = place
    return _joined(spans)


def _span(evidence: Evidence, first: int, last: int, names: list[str]) -> dict[str, Any]:
    return {
        "from": iso_z(from_us(int(evidence.opens[first]))),
        "last": iso_z(from_us(int(evidence.opens[last]))),
        "bundles": names,
    }


def _joined(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring spans of the same bundles as one; what lay between was too short to tell."""
    joined: list[dict[str, Any]] = []
    for span in spans:
        if joined and joined[-1]["bundles"] == span["bundles"]:
            joined[-1] = {**joined[-1], "last": span["last"]}
        else:
            joined.append(span)
    return joined


def _sentence(
    evidence: Evidence, entries: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> str:
    excluded = " ".join(_exclusion(entry) for entry in entries if entry["excluded"])
    if not evidence.is_emitted:
        return (
            "No signal was emitted into these logs, so which bundle was live cannot be known; "
            f"let the bot log its signals. {excluded}"
        ).strip()
    if not _has_features(evidence):
        return (
            "No candle with an emitted signal has logged features, so which bundle was live cannot "
            f"be known; log both of the same candles. {excluded}"
        ).strip()
    known = [span for span in spans if span["bundles"]]
    if not known:
        return f"{_by_side_sentence(evidence, entries)} {excluded}".strip()
    parts = [
        f"{' or '.join(span['bundles'])} from {span['from']} to {span['last']}" for span in known
    ]
    return f"The emitted signals are those of {'; '.join(parts)}. {excluded}".strip()


def _has_features(evidence: Evidence) -> bool:
    """Whether any emitted candle was logged with its features, labels as configured."""
    if evidence.logged is None:
        return False
    is_emitted = np.isfinite(evidence.emitted).any(axis=1)
    return bool(np.isin(evidence.opens[is_emitted], evidence.logged.opens).any())


def _by_side_sentence(evidence: Evidence, entries: list[dict[str, Any]]) -> str:
    """Where no bundle gives both sides: which gives one of them nearly everywhere."""
    parts = []
    for place, side in enumerate(SIDES):
        count = int(np.isfinite(evidence.emitted[:, place]).sum())
        least = max(1.0, _NEARLY_ALL * count)
        names = [
            entry["bundle"]
            for entry in entries
            if entry["matching_candles_by_side"].get(str(side), 0) >= least
        ]
        if names:
            parts.append(f"{side} of {' or '.join(names)}")
    none = (
        "No known bundle, scored as configured, gives the emitted signals from the logged features"
    )
    if not parts:
        return f"{none}."
    return f"{none}, but one side alone is known: {', '.join(parts)}."


def _exclusion(entry: dict[str, Any]) -> str:
    gone = entry["excluded"]
    until = "in this whole window" if gone["before"] is None else f"before {gone['before']}"
    count = gone["feature_count"]
    return (
        f"{entry['bundle']} is excluded {until}: {count} of its inputs "
        f"{'is' if count == 1 else 'are'} not logged there ({', '.join(gone['features'])})."
    )
