"""The face that every cause shows: what it needs, tries and concludes, how it is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.finding import Finding
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.search.search import Search
from core.diagnosis.search.soundness import LabelShift


@dataclass(frozen=True, slots=True)
class Saying:
    """A change in a trader's words: what happened, what the trial did, what to do now."""

    claim: str  # half a sentence: "the backtest saw 600 candles, the bot 900"
    trial: str  # "recomputing with 900"
    remedy: str  # a sentence: "Set lookback_bars = 900."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause. `needs` answers None where it can be tested, else what would settle it.

    `propose` may look at searched candles only, through the search it is given; the
    change that leaves least there is the cause's champion of the round. `conclude` is for
    a cause that stands on more than the difference of signals: its own findings, from the
    examination and the evidence with every row.
    """

    code: str
    noun: str  # "another lookback"
    needs: Callable[[Evidence], str | None]
    propose: Callable[[Search], Iterable[Change]]
    say: Callable[[Change, Evidence], Saying]
    conclude: Callable[[Examination, Evidence], Iterable[Finding]] | None = None
    proven_by: Callable[[LabelShift], Change | None] | None = None  # by prices, before any trial
    is_tried: bool = True  # else it has no trial to refute, and speaks by `conclude` alone
    moves_labels: bool = False  # joins other candles; every other trial starts from it
    acts_on_features: bool = False  # on how features are computed
    acts_on_scoring: bool = False  # on what happens between features and probability
    is_costly: bool = False  # left out of a round in which another cause explains everything
    re_runs_much: bool = False  # costly as well where the feature code is slow
    shows_with: str | None = None  # a cause beside which it helps where alone it may not
    # Share of the searched difference that a champion has to remove to be accepted, unless
    # it makes candles equal: more where a search among many sets always finds something.
    least_gain: float = 0.05
    is_scoped: bool = True  # may speak of a stretch of the window only

    @property
    def is_exact(self) -> bool:
        """Acts on scoring alone, which is deterministic: the true change makes candles equal."""
        return self.acts_on_scoring and not self.acts_on_features

    def comes_last(self, evidence: Evidence) -> bool:
        """Whether it is tried only where no other cause of the round explains everything."""
        return self.is_costly or (self.re_runs_much and evidence.max_candles is not None)


SETTLED_BY_BACKTEST = (
    "add a backtest with pipeline and lookback_bars, and candles that reach back far enough"
)


def needs_recomputation(evidence: Evidence) -> str | None:
    """What is missing to compute features again."""
    if evidence.can_recompute:
        return None
    if evidence.kind is Kind.REPLAY and evidence.logged is None:
        return f"no features are logged and no backtest is re-run; {SETTLED_BY_BACKTEST}"
    if evidence.kind is Kind.REPLAY:
        return (
            "both sides of this comparison rest on the same logged features; "
            f"to test it, {SETTLED_BY_BACKTEST}"
        )
    if evidence.kind is Kind.IMPORTED:
        return (
            "the imported backtest cannot be re-run without its feature code; "
            f"to settle it, {SETTLED_BY_BACKTEST}"
        )
    if not evidence.bundles:
        return "no bundle is known; list the models under bundles"
    if evidence.no_recompute is not None:
        return evidence.no_recompute
    return "no candles are stored for this backtest; add a [[bots.candles]] source"


def needs_features(evidence: Evidence) -> str | None:
    """What is missing to score features again."""
    if not evidence.bundles:
        return "no bundle is known; list the models under bundles"
    if evidence.kind is Kind.REPLAY and evidence.logged is None:
        return "no features are logged; log them, or import features beside the backtest signals"
    if evidence.kind is Kind.IMPORTED and evidence.imported is None:
        return (
            "the backtest was imported without its features; "
            "set features = … beside signals in its [[bots.backtests]] table"
        )
    if evidence.kind is Kind.RECOMPUTED:
        return needs_recomputation(evidence)
    return None


def other_side(evidence: Evidence) -> str:
    """How the side that is re-run is called."""
    return "replay" if evidence.kind is Kind.REPLAY else "backtest"
