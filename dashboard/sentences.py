"""Sentences with numbers, for a trader who reads nothing else."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath

import pandas as pd

from core.alignment.overview import PairOverview
from core.collection.calendar import CollectionOverview, Completeness, Slot
from core.collection.level import Level, alignment_level, collection_level
from core.diagnosis.candle_trials import Trial
from core.diagnosis.finding import Verdict
from core.diagnosis.reads import StoredDiagnosis
from core.recompute.reads import Coverage
from core.settings import BotSettings
from core.storage.run_history import FailedStep
from dashboard.format import (
    count,
    moment,
    percent,
    plural,
    probability,
    share,
    short,
    signed,
    with_times,
)
from dashboard.markup import Badge
from dashboard.wording import VERDICTS, cause_word, other_word, production_word, step_word

_TONES = {
    Level.GOOD: "good",
    Level.UNKNOWN: "unknown",
    Level.ATTENTION: "warn",
    Level.BAD: "bad",
    Level.STALE: "stale",
}


def badge_of(level: Level, words: dict[Level, str]) -> Badge:
    """The badge of a level, with the word for it."""
    return Badge(_TONES[level], words[level])  # type: ignore[arg-type]  # a tone by its word


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
            f"All {plural(overview.candles, 'candle')} agree within {short(overview.tolerance)}. "
            f"{_flips(overview)}"
        )
    part = share(overview.misaligned_ratio)
    side, worst = overview.worst
    return (
        f"{count(overview.misaligned_candles)} of {plural(overview.candles, 'candle')} ({part}) "
        f"differ by more than {short(overview.tolerance)}; the largest is "
        f"{probability(worst['max_abs_diff'])} on {side} at {moment(worst['max_at'], zone)}. "
        f"{_flips(overview)}"
    )


def sample_words(coverage: Coverage | None) -> str:
    """What stands beside every number over a part of the window's candles; empty otherwise."""
    if coverage is None or not coverage.is_sample:
        return ""
    ratio = coverage.covered_ratio
    part = percent(ratio, 1 if (ratio or 0) < 0.1 else 0)
    return f"Sample: {part} of {plural(coverage.wanted, 'candle')} recomputed so far"


def _flips(overview: PairOverview) -> str:
    flips = int(overview.metrics["flips"].sum())
    if flips == 0:
        return "No signal crosses its threshold on one side only."
    verb = "crosses its" if flips == 1 else "cross their"
    return f"{plural(flips, 'signal')} {verb} threshold on one side only (flips)."


def collection_badge(overview: Completeness, bot: BotSettings) -> Badge:
    return badge_of(
        collection_level(overview.figures.success_ratio, bot.success_target_ratio),
        {
            Level.GOOD: "Logging complete enough",
            Level.ATTENTION: "Below the target",
            Level.BAD: "Far below the target",
            Level.UNKNOWN: "Nothing logged",
        },
    )


def collection_sentence(overview: Completeness, bot: BotSettings) -> str:
    """E.g. Logging 98.8 %, below 99 %: 18 candles missing, 15 of them every half hour."""
    figures = overview.figures
    ratio, target = percent(figures.success_ratio, 2), percent(bot.success_target_ratio, 0)
    is_met = (figures.success_ratio or 0) >= bot.success_target_ratio
    missing = overview.missing
    if missing == 0:
        return f"Logging {ratio}: no candle of {count(figures.expected)} is missing."
    relation = f"at or above {target}" if is_met else f"below {target}"
    return f"Logging {ratio}, {relation}: {plural(missing, 'candle')} missing{_pattern(overview)}."


def _pattern(overview: Completeness) -> str:
    if not overview.patterns:
        return ""
    first = overview.patterns[0]
    return f", {count(first.missing)} of them at {first.sentence()}"


def goal_words(whole: Completeness, zone: str) -> str:
    """How far the collection goal is, and when it is reached about."""
    figures = whole.figures
    if figures.logged >= figures.target_rows:
        return f"goal reached {moment(figures.estimated_completion, zone)}"
    days = f"day {figures.day_number} of {figures.target_days}"
    if figures.estimated_completion is None:
        return f"{days}; no estimate while the bot is silent"
    return f"{days}, done about {moment(figures.estimated_completion, zone)}"


def changes_since(
    since: datetime,
    *,
    zone: str,
    bot: BotSettings,
    collected: CollectionOverview | None,
    diagnoses: Sequence[StoredDiagnosis],
    failed: Sequence[FailedStep],
    revised: int,
    misaligned: int,
) -> list[tuple[Badge, str]]:
    """What is new since then, most serious first; nothing that is as it should be."""
    lines = [
        (
            Badge("bad", "Failed"),
            f"{step_word(failure.step)} failed {plural(failure.times, 'time')}, last at "
            f"{moment(failure.last_at, zone)}: {failure.error}",
        )
        for failure in failed
    ]
    lines += [
        (
            Badge("warn", "Finding"),
            f"{cause_word(finding.cause)} ({VERDICTS[finding.verdict].lower()}, "
            f"{diagnosis.comparison}) at {moment(diagnosis.made_at, zone)}: "
            f"{with_times(finding.document['summary'], zone)}",
        )
        for diagnosis in diagnoses
        if diagnosis.made_at >= since
        for finding in diagnosis.open_findings
    ]
    if misaligned:
        lines.append(
            (Badge("warn", "Misaligned"), f"{plural(misaligned, 'candle')} beyond the tolerance.")
        )
    lines += _log_changes(since, collected, zone)
    lines += [
        (
            Badge("note", "Deployment"),
            f"{PurePath(deployment.bundle).name} live from {moment(deployment.since, zone)}.",
        )
        for deployment in bot.deployments
        if deployment.since >= since
    ]
    if revised:
        lines.append(
            (
                Badge("note", "Candles"),
                f"{plural(revised, 'candle')} changed after being stored first.",
            )
        )
    return lines


def _log_changes(
    since: datetime, collected: CollectionOverview | None, zone: str
) -> list[tuple[Badge, str]]:
    if collected is None:
        return [(Badge("bad", "Silent"), "No row was logged.")]
    lines = []
    if collected.missing:
        lines.append(
            (
                Badge("warn", "Gap"),
                f"{plural(collected.missing, 'candle')} missing in "
                f"{plural(len(collected.gaps), 'gap')}{_pattern(collected)}.",
            )
        )
    waiting = collected.counts.get(Slot.QUARANTINED, 0)
    if waiting:
        lines.append(
            (Badge("warn", "Quarantine"), f"{plural(waiting, 'candle')} only in quarantine.")
        )
    lines += [
        (
            Badge("note", "Layout"),
            f"New row layout from {moment(span.first, zone)}, {plural(span.rows, 'row')}.",
        )
        for span in collected.layouts[1:]
        if span.first >= since
    ]
    return lines


def candle_badge(pairs: pd.DataFrame) -> Badge:
    """Of one candle's pairs of one comparison, indexed by side."""
    if pairs.empty:
        return Badge("unknown", "No pair")
    if pairs["is_aligned"].all():
        return Badge("good", "Aligned")
    return Badge("bad", "Misaligned, flips" if pairs["flip"].any() else "Misaligned")


def candle_sentence(pairs: pd.DataFrame, comparison: str) -> str:
    """E.g. LONG: production 0.7858, backtest 0.1173, difference +0.6685, a flip."""
    if pairs.empty:
        return f"{comparison} has no pair on this candle: one of its two sides is silent."
    first, second = production_word(comparison).lower(), other_word(comparison).lower()
    return " ".join(
        f"{side}: {first} {probability(row['production'])}, "
        f"{second} {probability(row['backtest'])}, "
        f"difference {signed(row['diff'])}{', a flip' if row['flip'] else ''}."
        for side, row in pairs.iterrows()
    )


def trial_sentence(trial: Trial) -> str:
    """What makes the difference go away on one candle."""
    changes = " and ".join(
        f"{_CHANGE_WORDS.get(key, key)} {_plain_value(after)} in place of {_plain_value(before)}"
        for key, (before, after) in trial.changes.items()
    )
    return (
        f"With {changes} ({trial.comparison}) the difference of {probability(trial.before)} on "
        "this candle is gone."
    )


_CHANGE_WORDS = {"lookback_bars": "a lookback of", "mode": "mode", "candles": "candles"}


def _plain_value(value: object) -> str:
    return "none" if value is None else str(value).rsplit("/", 1)[-1]


def diagnosis_badge(diagnosis: StoredDiagnosis) -> Badge:
    """What a diagnosis comes to."""
    named = [finding for finding in diagnosis.open_findings if finding.verdict is Verdict.PROVEN]
    if named:
        return Badge(
            "bad", f"Proven: {', '.join(cause_word(finding.cause) for finding in named[:3])}"
        )
    if diagnosis.open_findings:
        return Badge("warn", "Partly explained")
    unexplained = diagnosis.document.get("unexplained_ratio")
    if unexplained == 0:
        return Badge("good", "Signals agree")
    return Badge("unknown", "No cause found")
