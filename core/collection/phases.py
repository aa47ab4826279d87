"""The way from collecting logs to a monitored deployment, and what each step waits for."""

from dataclasses import dataclass
from enum import StrEnum

from core.alignment.reads import ReplayTotals
from core.collection.completeness import Collection


class PhaseState(StrEnum):
    DONE = "done"
    CURRENT = "current"
    WAITING = "waiting"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step: its criterion, and how far it is met, as sentences."""

    title: str
    state: PhaseState
    criterion: str
    progress: str


def phases(
    collected: Collection | None,
    *,
    success_target_ratio: float,
    replay: ReplayTotals | None,
    has_signal_log: bool,
) -> tuple[Phase, ...]:
    """The four phases in order; the first one that is not done is the current one.

    `collected` speaks of everything stored, `replay` of the comparison replay.
    """
    done = [_is_collected(collected, success_target_ratio), _is_validated(replay)]
    current = done.index(False) if False in done else len(done)
    states = [
        PhaseState.DONE
        if is_done
        else PhaseState.CURRENT
        if place == current
        else PhaseState.WAITING
        for place, is_done in enumerate(done)
    ]
    return (
        Phase(
            title="Collect",
            state=states[0],
            criterion=_collect_criterion(collected, success_target_ratio),
            progress=_collect_progress(collected),
        ),
        Phase(
            title="Replay validated",
            state=states[1],
            criterion="Every emitted signal is reproduced by the model on the logged features.",
            progress=_replay_progress(replay, has_signal_log=has_signal_log),
        ),
        Phase(
            title="Thresholds re-optimised",
            state=PhaseState.NOT_AVAILABLE,
            criterion="Thresholds chosen again on validated data.",
            progress="Not yet available in this version.",
        ),
        Phase(
            title="Deployed and monitored",
            state=PhaseState.NOT_AVAILABLE,
            criterion="The re-optimised rule is live and watched.",
            progress="Not yet available in this version.",
        ),
    )


def _is_collected(collected: Collection | None, target_ratio: float) -> bool:
    if collected is None or collected.success_ratio is None:
        return False
    return collected.logged >= collected.target_rows and collected.success_ratio >= target_ratio


def _is_validated(replay: ReplayTotals | None) -> bool:
    if replay is None or replay.emitted == 0:
        return False
    return replay.replayed == replay.emitted and replay.misaligned == 0


def _collect_criterion(collected: Collection | None, target_ratio: float) -> str:
    if collected is None:
        return f"A success ratio of at least {target_ratio * 100:g} %."
    return (
        f"{collected.target_rows:,} rows ({collected.target_days} days) "
        f"at a success ratio of at least {target_ratio * 100:g} %."
    )


def _collect_progress(collected: Collection | None) -> str:
    if collected is None or collected.success_ratio is None:
        return "No row yet."
    ratio = int(collected.success_ratio * 1000) / 10  # cut: 99.96 % is not 100 %
    return (
        f"{collected.logged:,} rows in {collected.day_number} "
        f"day{'' if collected.day_number == 1 else 's'}, success ratio {ratio:.1f} %."
    )


def _replay_progress(replay: ReplayTotals | None, *, has_signal_log: bool) -> str:
    if not has_signal_log:
        return "No signal log is configured: add [[bots.signal_log]]."
    if replay is None or replay.emitted == 0:
        return "No emitted signal stored yet."
    if replay.misaligned == 0 and replay.replayed == replay.emitted:
        return f"All {replay.emitted:,} emitted signals reproduced."
    missing = replay.emitted - replay.replayed
    parts = [
        f"{replay.misaligned:,} differ" if replay.misaligned else "",
        f"{missing:,} have no replay" if missing else "",
    ]
    return f"Of {replay.emitted:,} emitted signals " + " and ".join(filter(None, parts)) + "."
