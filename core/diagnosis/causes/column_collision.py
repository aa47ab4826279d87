"""column_collision: a feature overwritten by another, or dead, on one side."""

from collections.abc import Iterator

import numpy as np

from core.arrays import Flags, Floats
from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.lab.world import Change, ColumnEdit, Edited, change
from core.diagnosis.search.search import Search

CODE = "column_collision"
_MIN_ROWS = 8  # fewer, and equal values may be an accident
_MOSTLY = 0.95  # of the rows: a copy stays one beside rows of a restart, no accident is equal
_RELATIVE = 1e-9  # digits that a log prints at least; another feature agrees in none of them


def _needs(evidence: Evidence) -> str | None:
    missing = needs_features(evidence)
    if missing is None and evidence.logged is None:
        return "production's features are not logged; log them to see which column is overwritten"
    if missing is None and evidence.kind is Kind.REPLAY:
        return (
            "both sides of this comparison rest on the same logged features; "
            "diagnose a backtest with features to test it"
        )
    return missing


def _propose(search: Search) -> Iterator[Change]:
    names, mine = search.lab.features(search.accepted, search.probes)
    log_names, logged = search.logged_vectors(search.probes)
    edits = find_collisions(search.used_features(), names, mine, log_names, logged)
    if edits:
        yield change(CODE, Edited(edits), {"features": [edit.target for edit in edits]})


def find_collisions(
    wanted: tuple[str, ...],
    names: tuple[str, ...],
    mine: Floats,
    log_names: tuple[str, ...],
    logged: Floats,
) -> tuple[ColumnEdit, ...]:
    """Features that the log carries as a constant or as another feature's values, and we do not.

    `mine` and `logged` are the same candles × `names` and × `log_names`.
    """
    shared = [name for name in wanted if name in names and name in log_names]
    ours = {name: mine[:, names.index(name)] for name in names}
    theirs = {name: logged[:, log_names.index(name)] for name in shared}
    edits = []
    for name in shared:
        if _share_equal(ours[name], theirs[name]) >= 1 - _MOSTLY or len(mine) < _MIN_ROWS:
            continue
        edit = _dead(name, ours[name], theirs[name]) or _overwritten(name, ours, theirs)
        if edit is not None:
            edits.append(edit)
    return tuple(edits)


def _dead(name: str, ours: Floats, theirs: Floats) -> ColumnEdit | None:
    values = theirs[np.isfinite(theirs)]
    if len(values) < _MIN_ROWS or (values != values[0]).any() or _is_constant(ours):
        return None
    return ColumnEdit(name, value=float(values[0]))


def _overwritten(
    name: str, ours: dict[str, Floats], theirs: dict[str, Floats]
) -> ColumnEdit | None:
    """The column whose values stand in the log under this name.

    Of several columns that are equal in the log the true one is nearest to its own
    recomputed values.
    """
    distances = {name: _distance(ours[name], theirs[name])}
    for other, values in theirs.items():
        is_copy = other != name and _share_equal(theirs[name], values) >= _MOSTLY
        if is_copy and _share_equal(ours[name], ours[other]) < 1 - _MOSTLY:
            distances[other] = _distance(ours[other], values)
    nearest = min(distances, key=lambda entry: distances[entry])
    if nearest != name:
        return ColumnEdit(name, origin=nearest)
    for other, values in ours.items():
        if other != name and _share_equal(theirs[name], values) >= _MOSTLY:
            return ColumnEdit(name, origin=other)
    return None


def _share_equal(first: Floats, second: Floats) -> float:
    known: Flags = np.isfinite(first) & np.isfinite(second)
    if known.sum() < _MIN_ROWS or _is_constant(first[known]):
        return 0.0
    close = np.abs(first - second) <= _RELATIVE * np.maximum(np.abs(first), np.abs(second))
    return float(close[known].mean())


def _is_constant(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return len(known) == 0 or bool((known == known[0]).all())


def _distance(first: Floats, second: Floats) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        return np.inf
    scale = float(np.std(first[known])) or 1.0
    return float(np.mean(np.abs(first[known] - second[known]))) / scale


def _say(entry: Change, evidence: Evidence) -> Saying:
    edits = entry.alter.edits if isinstance(entry.alter, Edited) else ()
    parts = [
        f"{edit.target} is always {edit.value:g}"
        if edit.origin is None
        else f"{edit.target} carries the values of {edit.origin}"
        for edit in edits
    ]
    return Saying(
        f"in production {', '.join(parts)}",
        "recomputing with the same overwrite",
        "Look for two steps of the bot's feature code that write the same column.",
    )


CAUSE = Cause(
    code=CODE,
    noun="an overwritten or dead feature",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
)
