"""What Today says of one bot, read once and shared by its parts."""

from dataclasses import dataclass
from datetime import UTC

from core.alignment.calendar import CollectionOverview
from core.alignment.overview import PairOverview
from core.settings import BotSettings
from core.storage.reads.bots import Comparison
from core.storage.reads.dashboard_findings import StoredDiagnosis, StoredFinding
from dashboard import clock, data, shell
from dashboard.selection import Bounds
from dashboard.shell import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Everything that Today says of one bot."""

    screen: Screen
    comparison: Comparison | None
    collected: CollectionOverview | None
    today: CollectionOverview | None
    whole: CollectionOverview | None
    overview: PairOverview | None
    misaligned_today: int
    diagnoses: tuple[StoredDiagnosis, ...]

    @property
    def bot(self) -> BotSettings:
        return self.screen.bot

    @property
    def open_findings(self) -> list[tuple[StoredDiagnosis, StoredFinding]]:
        return [(one, found) for one in self.diagnoses for found in one.open_findings]


def glance_at(screen: Screen) -> Glance:
    """Read what the glance needs; every part is cached."""
    version, bot_id = screen.version, screen.state.bot_id
    stored = {one.name: one for one in data.comparisons(bot_id, version)}
    comparison = stored.get(screen.selection.comparison)
    midnight = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Glance(
        screen=screen,
        comparison=comparison,
        collected=data.collection(screen.bot, bot_id, screen.bounds, version),
        today=data.collection(screen.bot, bot_id, Bounds(midnight, None), version),
        whole=data.collection(screen.bot, bot_id, Bounds(None, None), version),
        overview=shell.overview_of(screen, comparison) if comparison else None,
        misaligned_today=data.count_flagged(comparison.id, midnight, version) if comparison else 0,
        diagnoses=data.newest_diagnoses(bot_id, version),
    )
