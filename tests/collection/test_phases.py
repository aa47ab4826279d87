import pandas as pd

from core.alignment.reads import ReplayTotals
from core.collection.completeness import Collection, collection
from core.collection.phases import PhaseState, phases
from core.times import Timeframe

FRAME = Timeframe.parse("5m")
ALL = ReplayTotals(emitted=10, replayed=10, misaligned=0)


def collected(days: float) -> Collection:
    opens = pd.date_range("2025-11-03", periods=round(days * 288), freq="5min", tz="UTC")
    return collection(opens, FRAME, now=opens[-1] + FRAME.length, target_days=7)


def states(
    days: float | None, replay: ReplayTotals | None, *, log: bool = True
) -> list[PhaseState]:
    figures = None if days is None else collected(days)
    found = phases(figures, success_target_ratio=0.99, replay=replay, has_signal_log=log)
    return [phase.state for phase in found]


def test_the_first_phase_that_is_not_done_is_the_current_one() -> None:
    assert states(3, None)[:2] == [PhaseState.CURRENT, PhaseState.WAITING]
    assert states(7, None)[:2] == [PhaseState.DONE, PhaseState.CURRENT]
    assert states(7, ALL)[:2] == [PhaseState.DONE, PhaseState.DONE]
    assert states(3, ALL)[:2] == [PhaseState.CURRENT, PhaseState.DONE]
    assert states(None, None)[:2] == [PhaseState.CURRENT, PhaseState.WAITING]


def test_what_has_no_implementation_says_so() -> None:
    assert states(7, ALL)[2:] == [PhaseState.NOT_AVAILABLE] * 2


def test_progress_names_what_is_missing() -> None:
    def progress(replay: ReplayTotals | None, *, log: bool = True) -> str:
        found = phases(collected(7), success_target_ratio=0.99, replay=replay, has_signal_log=log)
        return found[1].progress

    assert progress(None, log=False).startswith("No signal log is configured")
    assert progress(ALL) == "All 10 emitted signals reproduced."
    partly = ReplayTotals(emitted=10, replayed=8, misaligned=1)
    assert progress(partly) == "Of 10 emitted signals 1 differ and 2 have no replay."
