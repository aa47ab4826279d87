"""What Today says of one bot, read once and shared by its parts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from core.alignment.overview import PairOverview
from core.bots import Comparison
from core.collection.calendar import CollectionOverview, Completeness
from core.diagnosis.reads import StoredDiagnosis, StoredFinding
from core.settings import BotSettings
from dashboard import clock, shell
from dashboard.data import collection_reads, finding_reads, pair_reads
from dashboard.selection import Bounds
from dashboard.shell import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What the status of one bot rests on; `candles` and `misaligned` are those of the window.

    `sample` says so where the comparison covers a part of them so far; else it is empty.
    """

    screen: Screen
    comparison: Comparison | None
    collected: Completeness | None
    candles: int
    misaligned: int
    misaligned_today: int
    sample: str

    @property
    def bot(self) -> BotSettings:
        return self.screen.bot


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Everything that Today says of the chosen bot."""

    brief: Brief
    today: Completeness | None
    collected: CollectionOverview | None
    whole: Completeness | None
    overview: PairOverview | None
    diagnoses: tuple[StoredDiagnosis, ...]

    @property
    def screen(self) -> Screen:
        return self.brief.screen

    @property
    def bot(self) -> BotSettings:
        return self.brief.bot

    @property
    def comparison(self) -> Comparison | None:
        return self.brief.comparison

    @property
    def open_findings(self) -> list[tuple[StoredDiagnosis, StoredFinding]]:
        return [
            (diagnosis, finding)
            for diagnosis in self.diagnoses
            for finding in diagnosis.open_findings
        ]


def brief_at(screen: Screen) -> Brief:
    """What the status of a bot needs; every part is cached."""
    version, bot_id = screen.version, screen.state.bot_id
    stored = {entry.name: entry for entry in pair_reads.comparisons(bot_id, version)}
    comparison = stored.get(screen.selection.comparison)
    midnight = _midnight()
    counts = (
        pair_reads.candle_counts(comparison.id, screen.bounds, version) if comparison else (0, 0)
    )
    return Brief(
        screen=screen,
        comparison=comparison,
        collected=collection_reads.completeness(screen.bot, bot_id, screen.bounds, version),
        sample=shell.sample_note(screen, comparison.name) if comparison else "",
        candles=counts[0],
        misaligned=counts[1],
        misaligned_today=pair_reads.count_flagged(comparison.id, midnight, version)
        if comparison
        else 0,
    )


def glance_at(screen: Screen) -> Glance:
    """Read what the whole glance needs; every part is cached."""
    version, bot_id = screen.version, screen.state.bot_id
    brief = brief_at(screen)
    everything = Bounds(None, None)
    return Glance(
        brief=brief,
        collected=collection_reads.collection(screen.bot, bot_id, screen.bounds, version),
        today=collection_reads.completeness(screen.bot, bot_id, Bounds(_midnight(), None), version),
        whole=brief.collected
        if screen.bounds == everything
        else collection_reads.completeness(screen.bot, bot_id, everything, version),
        overview=shell.overview_of(screen, brief.comparison) if brief.comparison else None,
        diagnoses=finding_reads.newest_diagnoses(bot_id, version),
    )


def _midnight() -> datetime:
    """The start of the running UTC day."""
    return clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
