"""Parts of the view Today: the glance that answers without a click."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import streamlit as st

from core.collection.freshness import Freshness
from core.collection.level import Level, alignment_level, collection_level, freshness_level, overall
from core.collection.phases import PhaseState
from core.collection.phases import phases as core_phases
from core.market import REPLAY
from core.settings import BotSettings
from dashboard import clock, links
from dashboard.charts.alignment import histogram_figure
from dashboard.charts.collection import success_figure
from dashboard.data import collection_reads, database, health_reads, pair_reads
from dashboard.draw import draw_chart
from dashboard.format import ago, moment, plural, short
from dashboard.format import clock as clock_time
from dashboard.freshness_bar import (
    collector_words,
    current_freshness,
    draw_live,
    freshness_badge,
    simulated_badge,
)
from dashboard.markup import Badge, Link, draw_line, draw_links, draw_list, draw_phases, draw_status
from dashboard.sections import worst
from dashboard.sections.glance import Brief, Glance, brief_at
from dashboard.selection import Bounds, bounds, window_label
from dashboard.sentences import badge_of, changes_since, collection_sentence
from dashboard.shell import Screen

_WORDS = {
    Level.GOOD: "All good",
    Level.ATTENTION: "Needs a look",
    Level.BAD: "Trouble",
    Level.STALE: "Stale",
    Level.UNKNOWN: "Not known yet",
}

_PHASE_BADGES = {
    PhaseState.DONE: Badge("good", "Done"),
    PhaseState.CURRENT: Badge("note", "In progress"),
    PhaseState.WAITING: Badge("unknown", "Waiting"),
    PhaseState.NOT_AVAILABLE: Badge("unknown", "Not yet available"),
}


def live_status(brief: Brief, *, name: bool) -> None:
    """The status of the chosen bot, drawn again as it ages."""
    draw_live(brief.bot, brief.screen.version, lambda _: status(brief, name=name))


def status(brief: Brief, *, name: bool) -> None:
    """One badge and one sentence with numbers."""
    bot, screen = brief.bot, brief.screen
    freshness = current_freshness(bot, screen.version)
    level = overall(
        [
            freshness_level(freshness),
            _collection_level(brief),
            _alignment_level(brief),
        ]
    )
    parts = [
        collection_sentence(brief.collected, bot).rstrip(".") if brief.collected else "No row",
        _misaligned_words(brief),
        _lower_first(brief.sample),
        _age_words(freshness, bot, screen.zone),
    ]
    badge = freshness_badge(freshness) if level is Level.STALE else badge_of(level, _WORDS)
    if name:
        badge = replace(badge, word=f"{bot.name}: {badge.word}")
    draw_status(
        badge,
        " · ".join(part for part in parts if part) + ".",
        detail=" · ".join(
            [
                window_label(screen.selection.window),
                *([brief.comparison.name] if brief.comparison else []),
                collector_words(freshness, screen.zone),
            ]
        ),
        beside=simulated_badge(bot),
    )


def other_bots(screen: Screen) -> None:
    """The status of every other configured bot, each with a link to its own page."""
    for bot in database.settings().bots:
        if bot.name == screen.bot.name:
            continue
        other = _screen_of(screen, bot)
        if other is None:
            draw_line(f"{bot.name}: nothing collected yet")
            continue
        status(brief_at(other), name=True)
        draw_links(Link(f"Open {bot.name}", links.href("today", other.selection.params())))


def pictures(glance: Glance) -> None:
    """The daily success ratio and the differences of both sides, side by side."""
    sides = glance.screen.selection.sides if glance.overview else ()
    boxes = st.columns(1 + len(sides))
    if glance.collected is not None:
        with boxes[0]:
            draw_chart(
                partial(
                    success_figure,
                    glance.collected.days,
                    target_ratio=glance.bot.success_target_ratio,
                ),
                of=glance.screen.mark,
                key="success",
                alt="Success ratio by UTC day against the target",
            )
    for box, side in zip(boxes[1:], sides, strict=True):
        overview = glance.overview
        if overview is None:
            continue
        with box:
            draw_chart(
                partial(
                    histogram_figure,
                    overview.signed,
                    side=side,
                    tolerance=overview.tolerance,
                    is_signed=True,
                    height=280,
                ),
                of=glance.screen.mark,
                key=f"bins-today-{side}",
                alt=f"{side} difference by candles, tolerance {short(overview.tolerance)}",
                note=glance.brief.sample,
            )


def worst_list(glance: Glance) -> None:
    """The five worst candles, each a link."""
    screen, comparison = glance.screen, glance.comparison
    if comparison is None or glance.overview is None:
        return
    rows = worst.worst_rows(screen, comparison, (False, False, False)).head(5)
    st.subheader("Worst candles", anchor=False)
    if rows.empty:
        worst.nothing_to_list(screen, (False, False, False))
    else:
        worst.ranking_table(screen, comparison, rows)


def phases(glance: Glance) -> None:
    """The stepper from collecting to a monitored deployment."""
    screen = glance.screen
    comparisons = pair_reads.comparisons(screen.state.bot_id, screen.version)
    stored = {comparison.name: comparison for comparison in comparisons}
    replay = stored.get(REPLAY)
    st.subheader("Phases", anchor=False)
    steps = core_phases(
        glance.whole.figures if glance.whole else None,
        success_target_ratio=glance.bot.success_target_ratio,
        replay=pair_reads.replay_totals(replay.id, screen.version) if replay else None,
        has_signal_log=bool(glance.bot.signal_log),
    )
    draw_phases(
        [(_PHASE_BADGES[step.state], step.title, step.criterion, step.progress) for step in steps]
    )


def changes(glance: Glance) -> None:
    """What changed in the last 24 hours; healthy things are not listed."""
    screen = glance.screen
    since = clock.now() - timedelta(hours=24)
    hour = since.replace(minute=0, second=0, microsecond=0)
    st.subheader("What changed in the last 24 hours", anchor=False)
    lines = changes_since(
        since,
        zone=screen.zone,
        bot=glance.bot,
        collected=collection_reads.collection(
            glance.bot, screen.state.bot_id, Bounds(hour, None), screen.version
        ),
        diagnoses=glance.diagnoses,
        failed=health_reads.failed_steps(screen.state.bot_id, hour, screen.version),
        revised=collection_reads.revised_candles(screen.state.bot_id, hour, screen.version),
        misaligned=pair_reads.count_flagged(glance.comparison.id, hour, screen.version)
        if glance.comparison
        else 0,
    )
    if not lines:
        draw_line("Nothing: no new layout, finding, gap, failed run or revised candle.")
    else:
        draw_list(lines)


def _collection_level(brief: Brief) -> Level:
    ratio = brief.collected.figures.success_ratio if brief.collected else None
    return collection_level(ratio, brief.bot.success_target_ratio)


def _alignment_level(brief: Brief) -> Level:
    if brief.candles == 0:
        return Level.UNKNOWN if brief.bot.comparisons else Level.GOOD
    return alignment_level(brief.candles, brief.misaligned)


def _misaligned_words(brief: Brief) -> str:
    if brief.comparison is None:
        return "nothing to compare with yet"
    words = plural(brief.misaligned_today, "candle") if brief.misaligned_today else "no candle"
    return f"{words} misaligned since midnight UTC"


def _age_words(freshness: Freshness, bot: BotSettings, zone: str) -> str:
    """How far the data goes: the time of day, with its day once that is not the same."""
    last, now = freshness.last_candle, clock.now()
    when = clock_time(last, zone)
    if last is not None and now - last > timedelta(hours=12):
        when = moment(last, zone)
    silent = freshness.silent_bars or 0
    missed = f", {plural(silent, 'closed candle')} since" if silent >= 2 else ""
    return f"data to {when}, closed {ago(_close(last, bot), now)}{missed}"


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


def _close(last_candle: datetime | None, bot: BotSettings) -> datetime | None:
    return None if last_candle is None else last_candle + bot.frame.length


def _screen_of(screen: Screen, bot: BotSettings) -> Screen | None:
    """The same selection for another bot; None where nothing of it is stored."""
    states = database.bot_states(screen.version)
    state = next((state for state in states if state.name == bot.name), None)
    if state is None or state.last_candle is None:
        return None
    first = next((name for name in bot.comparisons if name != REPLAY), "")
    comparison = screen.selection.comparison
    selection = replace(
        screen.selection,
        bot=bot.name,
        comparison=comparison if comparison in bot.comparisons else first,
    )
    return replace(
        screen,
        selection=selection,
        bot=bot,
        state=state,
        bounds=bounds(selection.window, state.last_candle, bot.frame.length),
    )
