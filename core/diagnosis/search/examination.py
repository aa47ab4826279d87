"""What an examination found, before it is judged and told: its trials and its last search."""

from dataclasses import dataclass, field

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change
from core.diagnosis.search.search import Fit, Search
from core.diagnosis.search.soundness import Soundness

_AS_GOOD = 0.98  # of the winner's: from there on the inputs may not tell the two apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A cause's champion of one round: what it left of the searched difference."""

    cause: str
    number: int  # of the round
    change: Change
    accepted: tuple[Change, ...]  # what was undone already
    before: Fit
    after: Fit

    @property
    def gain(self) -> float:
        return 0.0 if self.before.mean == 0 else 1 - self.after.mean / self.before.mean


def is_as_good(trial: Trial, winner: Trial) -> bool:
    """Whether another champion of the same round explains the searched candles as well."""
    return (
        trial.number == winner.number
        and trial.after.repaired >= _AS_GOOD * winner.after.repaired
        and trial.gain >= _AS_GOOD * winner.gain
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One part of the difference searched alone, and what was accepted there."""

    search: Search
    accepted: tuple[Change, ...]
    explains_all: bool  # no searched candle of the path differs with these
    words: str  # of which difference a share is told


@dataclass(kw_only=True)
class Examination:
    """What the search found, before it is told: the final search and every trial."""

    evidence: Evidence  # without unreal rows
    soundness: Soundness
    search: Search
    accepted: tuple[Change, ...]
    trials: list[Trial] = field(default_factory=list)
    tested: set[str] = field(default_factory=set)  # causes of which a change was tried
    untried: set[str] = field(default_factory=set)  # causes that had no change to propose
    label_changes: tuple[Change, ...] = ()  # those that stand on prices
    paths: list[Path] = field(default_factory=list)
    differs: bool = False  # before anything is undone
    model_path_agrees: bool = False  # emitted equals replay, labels corrected
    feature_path_agrees: bool = False  # replay equals backtest

    def judged_on(self, entry: Change) -> tuple[Search, tuple[Change, ...], str]:
        """Where an accepted change is judged: the search, what is accepted there, and its words.

        What was found on one path alone is judged there: what is wrong on the other one cannot
        hide it. Words are empty for the whole difference.
        """
        homes = [path for path in self.paths if entry in path.accepted]
        if len(homes) != 1:
            return self.search, self.accepted, ""
        (path,) = homes
        kept = tuple(other for other in path.accepted if other in self.accepted)
        is_whole = self.model_path_agrees or self.feature_path_agrees
        return path.search, kept, "" if is_whole else path.words
