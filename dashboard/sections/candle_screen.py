"""One candle with everything that its view needs, read once."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from core.bots import Comparison
from core.bundle.deployments import live_bundle_at, rule_at
from core.candles.reads import default_source
from core.rule import RULE_CONSTANTS
from dashboard.data import candle_reads
from dashboard.shell import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleScreen:
    """One candle and what is stored of it."""

    screen: Screen
    comparison: Comparison
    candle_open: datetime
    facts: candle_reads.CandleFacts
    rule: Mapping[str, float]
    bundle: Path | None

    @property
    def pairs(self) -> pd.DataFrame:
        """The candle's pairs of the chosen comparison, by side."""
        own = self.facts.pairs[self.facts.pairs["comparison_id"] == self.comparison.id]
        return own.set_index("side")

    @property
    def mark(self) -> tuple[Hashable, ...]:
        """Names everything that the candle's charts depend on."""
        return (*self.screen.mark, self.candle_open)

    @property
    def spec(self) -> Mapping[str, object]:
        return self.comparison.spec


def candle_screen(screen: Screen, comparison: Comparison, candle_open: datetime) -> CandleScreen:
    """Read what is stored of one candle."""
    source = candle_source(screen, comparison)
    rules = rule_at(screen.bot, pd.DatetimeIndex([candle_open]))
    return CandleScreen(
        screen=screen,
        comparison=comparison,
        candle_open=candle_open,
        facts=candle_reads.candle_facts(
            screen.state.bot_id, candle_open, screen.bot.frame.length, source, screen.version
        ),
        rule={name: float(rules[name].iloc[0]) for name in RULE_CONSTANTS},
        bundle=live_bundle_at(screen.bot, candle_open),
    )


def candle_source(screen: Screen, comparison: Comparison) -> str:
    """The candles that the comparison was made with."""
    named = tuple(source.name for source in screen.bot.candles)
    wanted = comparison.spec.get("candles")
    return default_source(wanted if isinstance(wanted, str) else None, named)
