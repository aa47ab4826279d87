"""Parts of the view Today: the glance that answers without a click."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from core.alignment.calendar import CollectionOverview
from core.alignment.glance import (
    Level,
    alignment_level,
    collection_level,
    freshness_level,
    overall,
)
from core.alignment.overview import PairOverview
from core.alignment.phases import PhaseState
from core.alignment.phases import phases as core_phases
from core.settings import BotSettings
from core.storage.reads.bots import Comparison
from core.storage.reads.dashboard_findings import StoredDiagnosis, StoredFinding
from core.storage.reads.dashboard_state import BotState
from dashboard import clock, data, links, shell
from dashboard.charts.alignment import histogram_figure
from dashboard.charts.collection import success_figure
from dashboard.draw import draw_chart
from dashboard.format import ago, count, percent, plural, probability
from dashboard.format import clock as clock_time
from dashboard.markup import Badge, Link, draw_line, draw_links, draw_phases, draw_status
from dashboard.sections import worst
from dashboard.selection import Bounds, bounds, window_label
from dashboard.sentences import badge_of, changes_since, collection_sentence, goal_words
from dashboard.shell import Screen
from dashboard.wording import cause_word

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


def status(glance: Glance, *, name: bool) -> None:
    """One badge and one sentence with numbers."""
    bot, screen = glance.bot, glance.screen
    freshness = shell.current_freshness(bot, screen.version)
    level = overall(
        [
            freshness_level(freshness),
            _collection_level(glance),
            _alignment_level(glance),
        ]
    )
    parts = [
        collection_sentence(glance.collected, bot).rstrip(".") if glance.collected else "No row",
        _misaligned_words(glance),
        f"data to {clock_time(freshness.last_candle, screen.zone)}, "
        f"closed {ago(_close(freshness.last_candle, bot), clock.now())}",
    ]
    badge = badge_of(level, _WORDS)
    if name:
        badge = replace(badge, word=f"{bot.name}: {badge.word}")
    draw_status(
        badge,
        " · ".join(part for part in parts if part) + ".",
        detail=f"{window_label(screen.selection.window)}"
        + (f", {glance.comparison.name}" if glance.comparison else ""),
    )


def other_bots(screen: Screen) -> None:
    """The status of every other configured bot, each with a link to its own page."""
    for bot in data.settings().bots:
        if bot.name == screen.bot.name:
            continue
        other = _screen_of(screen, bot)
        if other is None:
            draw_line(f"{bot.name}: nothing collected yet")
            continue
        status(glance_at(other), name=True)
        draw_links(Link(f"Open {bot.name}", links.href("today", other.selection.params())))


def cards(glance: Glance) -> None:
    """Five equal cards; each leads to its rows."""
    boxes = st.columns(5)
    with boxes[0]:
        _success_card(glance)
    with boxes[1]:
        _goal_card(glance)
    with boxes[2]:
        _aligned_card(glance)
    with boxes[3]:
        _worst_card(glance)
    with boxes[4]:
        _findings_card(glance)


def pictures(glance: Glance) -> None:
    """The daily success ratio and the differences of both sides, side by side."""
    sides = glance.screen.selection.sides if glance.overview else ()
    boxes = st.columns(1 + len(sides))
    if glance.collected is not None:
        with boxes[0]:
            draw_chart(
                success_figure(glance.collected.days, target_ratio=glance.bot.success_target_ratio),
                key="success",
                alt="Success ratio by UTC day against the target",
            )
    for box, side in zip(boxes[1:], sides, strict=True):
        overview = glance.overview
        if overview is None:
            continue
        with box:
            draw_chart(
                histogram_figure(
                    overview.signed,
                    side=side,
                    tolerance=overview.tolerance,
                    is_signed=True,
                    height=280,
                ),
                key=f"bins-{side}",
                alt=f"{side} difference by candles, tolerance {overview.tolerance:g}",
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
    stored = {one.name: one for one in data.comparisons(screen.state.bot_id, screen.version)}
    replay = stored.get("replay")
    st.subheader("Phases", anchor=False)
    steps = core_phases(
        glance.whole.figures if glance.whole else None,
        success_target_ratio=glance.bot.success_target_ratio,
        replay=data.replay_totals(replay.id, screen.version) if replay else None,
        has_signal_log=bool(glance.bot.signal_log),
    )
    draw_phases(
        [(_PHASE_BADGES[one.state], one.title, one.criterion, one.progress) for one in steps]
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
        collected=data.collection(
            glance.bot, screen.state.bot_id, Bounds(hour, None), screen.version
        ),
        diagnoses=glance.diagnoses,
        failed=data.failed_steps(screen.state.bot_id, hour, screen.version),
        revised=data.revised_candles(screen.state.bot_id, hour, screen.version),
        misaligned=data.count_flagged(glance.comparison.id, hour, screen.version)
        if glance.comparison
        else 0,
    )
    if not lines:
        draw_line("Nothing: no new layout, finding, gap, failed run or revised candle.")
    for badge, text in lines:
        draw_line(badge, text)


def _card(label: str, value: str, detail: str, help_text: str) -> None:
    st.metric(
        label, value, detail, delta_color="off", delta_arrow="off", help=help_text, width="stretch"
    )


def _link(glance: Glance, url_path: str, label: str, **more: str) -> None:
    st.page_link(
        links.page_of(url_path),
        label=label,
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=glance.screen.selection.params(**more),
    )


def _success_card(glance: Glance) -> None:
    ratio = glance.collected.figures.success_ratio if glance.collected else None
    today = glance.today.figures.success_ratio if glance.today else None
    with st.container(border=True, height="stretch"):
        _card(
            "Success ratio",
            percent(ratio, 2),
            f"today {percent(today, 2)} · target {percent(glance.bot.success_target_ratio, 0)}",
            "Logged ÷ expected candles of the window; today since midnight UTC.",
        )
        _link(glance, "collection", "Gaps")


def _goal_card(glance: Glance) -> None:
    with st.container(border=True, height="stretch"):
        if glance.whole is None:
            _card("Rows towards the goal", "–", "nothing logged", "")
            return
        figures = glance.whole.figures
        _card(
            f"Rows of {count(figures.target_rows)}",
            count(figures.logged),
            goal_words(glance.whole, glance.screen.zone),
            f"Collection goal: {plural(figures.target_days, 'day')} of candles.",
        )
        _link(glance, "collection", "Calendar", window="all")


def _aligned_card(glance: Glance) -> None:
    with st.container(border=True, height="stretch"):
        if glance.overview is None:
            _card("Aligned", "–", "no pair in this window", "")
            return
        beyond = glance.overview.metrics["share_above_tolerance"]
        shares = {side: percent(1 - value, 1) for side, value in beyond.items()}
        _card(
            "Aligned " + " / ".join(map(str, shares)),
            " / ".join(text.removesuffix(" %") for text in shares.values()) + " %",
            f"within {glance.overview.tolerance:g}, {plural(glance.overview.candles, 'candle')}",
            "Share of candles whose difference is within the tolerance.",
        )
        _link(glance, "alignment", "Distributions")


def _worst_card(glance: Glance) -> None:
    with st.container(border=True, height="stretch"):
        if glance.overview is None:
            _card("Worst candle", "–", "no pair in this window", "")
            return
        metrics = glance.overview.metrics
        side = str(metrics["max_abs_diff"].idxmax())
        worst = metrics.loc[side]
        at = worst["max_at"].to_pydatetime()
        _card(
            "Worst candle",
            probability(worst["max_abs_diff"]),
            f"{side} {at.astimezone(UTC):%m-%d %H:%M} UTC",
            "Largest difference of the window, in probability.",
        )
        _link(glance, "candle", "Why it differs", open=links.open_param(at))


def _findings_card(glance: Glance) -> None:
    found = glance.open_findings
    causes = list(dict.fromkeys(cause_word(one.cause) for _, one in found))
    with st.container(border=True, height="stretch"):
        _card(
            "Open findings",
            count(len(found)),
            ", ".join(causes[:2]) if causes else "no cause is proven or partly so",
            "Causes of differences that are proven or partly so, and not taken back since.",
        )
        _link(glance, "diagnosis", "Causes")


def _collection_level(glance: Glance) -> Level:
    ratio = glance.collected.figures.success_ratio if glance.collected else None
    return collection_level(ratio, glance.bot.success_target_ratio)


def _alignment_level(glance: Glance) -> Level:
    if glance.overview is None:
        return Level.UNKNOWN if glance.bot.comparisons else Level.GOOD
    return alignment_level(glance.overview.candles, glance.overview.misaligned_candles)


def _misaligned_words(glance: Glance) -> str:
    if glance.comparison is None:
        return "nothing to compare with yet"
    words = plural(glance.misaligned_today, "candle") if glance.misaligned_today else "no candle"
    return f"{words} misaligned since midnight UTC"


def _close(last_candle: datetime | None, bot: BotSettings) -> datetime | None:
    return None if last_candle is None else last_candle + bot.frame.length


def _screen_of(screen: Screen, bot: BotSettings) -> Screen | None:
    """The same selection for another bot; None where nothing of it is stored."""
    states: dict[str, BotState] = {one.name: one for one in data.bot_states(screen.version)}
    state = states.get(bot.name)
    if state is None or state.last_candle is None:
        return None
    first = next((name for name in bot.comparisons if name != "replay"), "")
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
