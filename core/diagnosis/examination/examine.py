"""Soundness, then rounds by path, then all together. Pure: no database, no clock."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.arrays import Floats
from core.diagnosis.cause import Cause
from core.diagnosis.causes.catalogue import CAUSES
from core.diagnosis.evidence.blocks import Blocks, cut_blocks
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.examination.rounds import Rounds, run_rounds
from core.diagnosis.lab.trial import Laboratory
from core.diagnosis.lab.world import Change, Source, World, altered
from core.diagnosis.search.examination import Examination, Path
from core.diagnosis.search.search import Search
from core.diagnosis.search.soundness import Soundness, check_soundness

_HELD_OUT_MORE = 4  # held-out candles are re-run for accepted causes only
MOST_CANDLES = 6_000  # three weeks are searched whole; of more, blocks are left out evenly


def examine(whole: Evidence) -> Examination:
    """Search what explains the difference: labels, then each path alone, then all together."""
    soundness = check_soundness(whole)
    evidence = whole
    if soundness.unreal_is_proven:
        evidence = whole.without(soundness.unreal_labels())
    most = evidence.max_candles or MOST_CANDLES
    blocks = cut_blocks(evidence.opens, evidence.edges, most_candles=most)
    blocks = blocks.thinned(most // 2, _HELD_OUT_MORE * most // 2)
    search = _search(Laboratory(evidence), blocks, evidence.production, evidence.floor, soundness)
    differs = _differs(search, ())
    # Nothing is undone where signals agree; where no signal meets another, labels may be why.
    labels = proven_shifts(soundness) if differs or not evidence.has_pairs else ()
    examination = Examination(
        evidence=evidence,
        soundness=soundness,
        search=search,
        accepted=labels,
        label_changes=labels,
        differs=differs,
    )
    if not _differs(search, labels):
        examination.search = replace(search, accepted=labels)
        return examination
    _search_paths(examination, labels)
    rounds = run_rounds(
        replace(
            search,
            accepted=examination.accepted,
            log_shift_bars=0 if soundness.is_of_both_logs else _shift_of(search.lab.base, labels),
        ),
        _on_paths_that_differ(examination, testable(evidence, CAUSES)),
        settled=(*labels, *_settled(examination.paths)),
    )
    _take(examination, rounds)
    examination.search = replace(search, accepted=examination.accepted)
    return examination


def _search_paths(examination: Examination, labels: tuple[Change, ...]) -> None:
    """Explain emitted − replay and replay − backtest each alone: that directs the search."""
    evidence, search = examination.evidence, examination.search
    has_both = (
        evidence.kind is not Kind.REPLAY
        and evidence.logged is not None
        and evidence.is_emitted
        and np.isfinite(evidence.replay).any()
    )
    if not has_both:
        return
    model = _path(
        search,
        Laboratory(evidence, World(source=Source.LOGGED)),
        evidence.emitted,
        evidence.emitted_floor,
    )
    # Where both logs carry the same wrong label, features and signals meet as they stand.
    moved = () if examination.soundness.is_of_both_logs else labels
    model = replace(model, accepted=moved, is_model_path=True)
    features = _path(search, search.lab, evidence.replay, np.full_like(evidence.replay, 1e-6))
    if examination.soundness.is_of_both_logs:
        features = replace(features, accepted=labels)
    examination.model_path_agrees = not _path_differs(model)
    examination.feature_path_agrees = not _path_differs(features)
    scoring = [cause for cause in testable(evidence, CAUSES) if cause.acts_on_scoring]
    # Labels that prices point to and nothing contradicts explain what a lag explains as well.
    may_move = examination.soundness.is_of_both_logs and not labels
    computing = [
        cause
        for cause in testable(evidence, CAUSES)
        if cause.acts_on_features and (may_move or not cause.moves_labels)
    ]
    on_model = run_rounds(model, scoring, settled=labels)
    _take(examination, on_model)
    first = examination.accepted
    on_features = run_rounds(features, computing, settled=labels)
    _take(examination, on_features)
    examination.accepted = tuple(dict.fromkeys((*first, *examination.accepted)))
    examination.paths = [
        _explored(model, on_model, "emitted and replayed signals"),
        _explored(features, on_features, "replay and backtest"),
    ]


def _explored(search: Search, rounds: Rounds, words: str) -> Path:
    return Path(
        search=search, accepted=rounds.accepted, explains_all=rounds.explains_all, words=words
    )


def _settled(paths: Sequence[Path]) -> list[Change]:
    """Changes that explain all of the path that they were found on."""
    return [entry for path in paths if path.explains_all for entry in path.accepted]


def _on_paths_that_differ(examination: Examination, causes: Sequence[Cause]) -> list[Cause]:
    """Without the causes that act on a path on which nothing differs, or nothing differs any more
    with one of them undone: chance would find another."""
    settled = {entry.cause for entry in _settled(examination.paths)}
    logged = examination.evidence.logged
    # A row that lacks an input has no replay to agree with.
    lacks_inputs = logged is not None and logged.absent is not None and bool(logged.absent.any())
    is_scored_alike = examination.model_path_agrees and not lacks_inputs
    return [
        cause
        for cause in causes
        if cause.code not in settled
        and not (is_scored_alike and cause.is_exact)
        and not (
            examination.feature_path_agrees and cause.acts_on_features and not cause.acts_on_scoring
        )
    ]


def _path(search: Search, lab: Laboratory, target: Floats, floor: Floats) -> Search:
    """The search of one path: its own target, on the searched candles that have one."""
    places = search.places[np.isfinite(target[search.places]).any(axis=1)]
    return replace(search, lab=lab, target=target, floor=floor, places=places, probes=places)


def _path_differs(search: Search) -> bool:
    """Whether any searched candle of a path differs; a path without candles is not known."""
    differences = search.differences(search.accepted, search.places)
    known = np.isfinite(differences)
    return not known.any() or bool((differences > search.floor[search.places])[known].any())


def _take(examination: Examination, rounds: Rounds) -> None:
    examination.accepted = rounds.accepted
    examination.trials += rounds.trials
    examination.tested |= rounds.tested
    examination.untried |= rounds.untried


def _search(
    lab: Laboratory, blocks: Blocks, target: Floats, floor: Floats, soundness: Soundness
) -> Search:
    places = np.flatnonzero(blocks.is_search)
    return Search(
        lab=lab,
        blocks=blocks,
        target=target,
        floor=floor,
        places=places,
        probes=places,
        price_check=soundness.check,
    )


def _differs(search: Search, changes: Sequence[Change]) -> bool:
    """Whether any candle at all differs by more than the floor."""
    places = np.arange(len(search.evidence.opens))
    differences = search.differences(changes, places)
    return bool((np.nan_to_num(differences) > search.floor).any())


def proven_shifts(soundness: Soundness) -> tuple[Change, ...]:
    """What the prices prove of the labels, as changes that every trial starts from."""
    return tuple(
        entry
        for shift in soundness.shifts
        for cause in CAUSES
        if cause.proven_by is not None and (entry := cause.proven_by(shift)) is not None
    )


def _shift_of(base: World, labels: Sequence[Change]) -> int:
    """By how many bars the whole log's labels are off."""
    everywhere = [entry for entry in labels if not entry.scope.ranges]
    return altered(base, everywhere[:1]).shift_bars


def testable(evidence: Evidence, causes: Sequence[Cause]) -> list[Cause]:
    return [cause for cause in causes if cause.needs(evidence) is None]
