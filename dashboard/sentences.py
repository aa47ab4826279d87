"""Sentences with numbers, for a trader who reads nothing else."""

from core.alignment.calendar import CollectionOverview
from core.alignment.glance import Level, alignment_level, collection_level
from core.alignment.overview import PairOverview
from core.settings import BotSettings
from dashboard.format import count, moment, percent, plural, probability, share
from dashboard.markup import Badge

_TONES = {
    Level.GOOD: "good",
    Level.UNKNOWN: "unknown",
    Level.ATTENTION: "warn",
    Level.BAD: "bad",
    Level.STALE: "stale",
}


def badge_of(level: Level, words: dict[Level, str]) -> Badge:
    """The badge of a level, with the word for it."""
    return Badge(_TONES[level], words[level])  # type: ignore[arg-type]


def alignment_badge(overview: PairOverview) -> Badge:
    level = alignment_level(overview.candles, overview.misaligned_candles)
    return badge_of(
        level,
        {
            Level.GOOD: "Aligned",
            Level.ATTENTION: "Some candles misaligned",
            Level.BAD: "Misaligned",
            Level.UNKNOWN: "Nothing to compare",
        },
    )


def alignment_sentence(overview: PairOverview, zone: str) -> str:
    """E.g. 5 of 1,138 candles (0.44 %) differ by more than 0.1; the largest …"""
    if overview.misaligned_candles == 0:
        return (
            f"All {plural(overview.candles, 'candle')} agree within {overview.tolerance:g}. "
            f"{_flips(overview)}"
        )
    part = share(overview.misaligned_candles / overview.candles)
    side = str(overview.metrics["max_abs_diff"].idxmax())
    worst = overview.metrics.loc[side]
    return (
        f"{count(overview.misaligned_candles)} of {plural(overview.candles, 'candle')} ({part}) "
        f"differ by more than {overview.tolerance:g}; the largest is "
        f"{probability(worst['max_abs_diff'])} on {side} at {moment(worst['max_at'], zone)}. "
        f"{_flips(overview)}"
    )


def _flips(overview: PairOverview) -> str:
    flips = int(overview.metrics["flips"].sum())
    if flips == 0:
        return "No signal crosses its threshold on one side only."
    verb = "crosses its" if flips == 1 else "cross their"
    return f"{plural(flips, 'signal')} {verb} threshold on one side only (flips)."


def collection_badge(overview: CollectionOverview, bot: BotSettings) -> Badge:
    return badge_of(
        collection_level(overview.figures.success_ratio, bot.success_target_ratio),
        {
            Level.GOOD: "Logging complete enough",
            Level.ATTENTION: "Below the target",
            Level.BAD: "Far below the target",
            Level.UNKNOWN: "Nothing logged",
        },
    )


def collection_sentence(overview: CollectionOverview, bot: BotSettings) -> str:
    """E.g. Logging 98.8 %, below 99 %: 18 candles missing, 15 of them every half hour."""
    figures = overview.figures
    ratio, target = percent(figures.success_ratio, 2), percent(bot.success_target_ratio, 0)
    is_met = (figures.success_ratio or 0) >= bot.success_target_ratio
    missing = overview.missing
    if missing == 0:
        return f"Logging {ratio}: no candle of {count(figures.expected)} is missing."
    relation = f"at or above {target}" if is_met else f"below {target}"
    return f"Logging {ratio}, {relation}: {plural(missing, 'candle')} missing{_pattern(overview)}."


def _pattern(overview: CollectionOverview) -> str:
    if not overview.patterns:
        return ""
    first = overview.patterns[0]
    return f", {count(first.missing)} of them at {first.sentence()}"
