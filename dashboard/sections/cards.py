"""The five cards of Today; each leads to its rows."""

from datetime import UTC

import streamlit as st

from dashboard import links
from dashboard.format import count, percent, plural, probability, short
from dashboard.markup import draw_card
from dashboard.sections.glance import Glance
from dashboard.sentences import goal_words
from dashboard.wording import cause_word


def cards(glance: Glance) -> None:
    """Success ratio, goal, agreement, worst candle, findings."""
    parts = (_success, _goal, _aligned, _worst, _findings)
    for box, part in zip(st.columns(len(parts)), parts, strict=True):
        with box, st.container(border=True, height="stretch"):
            part(glance)


def _link(glance: Glance, url_path: str, label: str, **more: str) -> None:
    st.page_link(
        links.page_of(url_path),
        label=label,
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=glance.screen.selection.params(**more),
    )


def _success(glance: Glance) -> None:
    ratio = glance.collected.figures.success_ratio if glance.collected else None
    today = glance.today.figures.success_ratio if glance.today else None
    target = percent(glance.bot.success_target_ratio, 0)
    draw_card(
        "Success ratio", percent(ratio, 2), f"today (UTC) {percent(today, 2)}, target {target}"
    )
    _link(glance, "collection", "Gaps")


def _goal(glance: Glance) -> None:
    if glance.whole is None:
        draw_card("Rows towards the goal", "–", "nothing logged yet")
    else:
        figures = glance.whole.figures
        draw_card(
            f"Rows of {count(figures.target_rows)}",
            count(figures.logged),
            goal_words(glance.whole, glance.screen.zone),
        )
    _link(glance, "collection", "Calendar", window="all")


def _aligned(glance: Glance) -> None:
    if glance.overview is None:
        draw_card("Aligned", "–", "no pair in this window")
    else:
        shares = glance.overview.aligned_ratios
        within = f"within {short(glance.overview.tolerance)}"
        draw_card(
            f"Aligned {' / '.join(shares)}",
            " / ".join(percent(share).removesuffix(" %") for share in shares.values()) + " %",
            glance.brief.sample or f"{within}, {plural(glance.overview.candles, 'candle')}",
        )
    _link(glance, "alignment", "Distributions")


def _worst(glance: Glance) -> None:
    if glance.overview is None:
        draw_card("Worst candle", "–", "no pair in this window")
        _link(glance, "worst", "Worst candles")
        return
    side, worst = glance.overview.worst
    at = worst["max_at"].to_pydatetime()
    draw_card(
        "Worst candle",
        probability(worst["max_abs_diff"]),
        f"{side}, {at.astimezone(UTC):%m-%d %H:%M} UTC"
        + (f". {glance.brief.sample}" if glance.brief.sample else ""),
    )
    _link(glance, "candle", "Why it differs", open=links.open_param(at))


def _findings(glance: Glance) -> None:
    findings = glance.open_findings
    causes = list(dict.fromkeys(cause_word(finding.cause) for _, finding in findings))
    more = f" and {len(causes) - 2} more" if len(causes) > 2 else ""
    draw_card(
        "Open findings",
        count(len(findings)),
        ", ".join(causes[:2]) + more if causes else "no cause proven or partly so",
    )
    # The findings are those of all comparisons: lead to one that has any.
    named = [finding.comparison for finding, _ in findings]
    chosen = glance.screen.selection.comparison
    _link(
        glance,
        "diagnosis",
        "Causes",
        comparison=chosen if chosen in named or not named else named[0],
    )
