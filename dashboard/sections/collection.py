"""Parts of the view Collection."""

import streamlit as st

from core.collection.calendar import CollectionOverview, LayoutSpan
from core.collection.reads import Layout
from dashboard import states
from dashboard.charts import collection as charts
from dashboard.controls import pick_param
from dashboard.data import collection_reads, database
from dashboard.draw import draw_chart
from dashboard.format import count, duration, moment, percent, plural
from dashboard.markup import (
    Cell,
    Column,
    draw_card,
    draw_heading,
    draw_line,
    draw_status,
    draw_table,
)
from dashboard.sentences import collection_badge, collection_sentence, goal_words
from dashboard.shell import Screen

_REASONS = {
    "conflict": "Conflict: another row of the same candle came first",
    "no_layout": "Fits no known layout",
    "ambiguous": "Fits more than one layout",
}
_SHOWN_GAPS = 100
_SHOWN_COLUMNS = 30


def collection_status(screen: Screen, overview: CollectionOverview) -> None:
    draw_status(
        collection_badge(overview, screen.bot),
        collection_sentence(overview, screen.bot),
        detail=(
            f"Candles from {moment(overview.figures.first_candle, screen.zone)} "
            f"to {moment(overview.figures.last_candle, screen.zone)}"
        ),
    )


def cards(screen: Screen, overview: CollectionOverview, whole: CollectionOverview) -> None:
    """Four equal cards: ratio, goal, delay, account."""
    account = collection_reads.ingestion_account(screen.state.bot_id, screen.version)
    delays = overview.delays
    figures = whole.figures
    parts = (
        (
            "Success ratio in the window",
            percent(overview.figures.success_ratio, 2),
            f"target {percent(screen.bot.success_target_ratio, 0)}, "
            f"{plural(overview.missing, 'candle')} missing",
        ),
        (
            f"Rows of {count(figures.target_rows)}",
            count(figures.logged),
            goal_words(whole, screen.zone),
        ),
        (
            "Delay from close to logging",
            duration(delays["median_s"]) if delays else "–",
            f"95 % within {duration(delays['p95_s'])}, slowest {duration(delays['max_s'])}"
            if delays
            else "no column says when a row was logged",
        ),
        (
            "Lines read, all accounted for",
            count(account["lines"]),
            f"{count(account['stored'])} stored ({count(account['recovered'])} recovered), "
            f"{count(account['duplicates'])} duplicates, "
            f"{count(account['quarantined'])} in quarantine"
            + (f", {count(account['waiting'])} waiting" if account["waiting"] else ""),
        ),
    )
    for box, part in zip(st.columns(len(parts)), parts, strict=True):
        with box, st.container(border=True, height="stretch"):
            draw_card(*part)


def pictures(screen: Screen, overview: CollectionOverview) -> None:
    draw_chart(
        lambda: charts.calendar_figure(overview.calendar),
        of=screen.mark,
        key="calendar",
        alt=f"{plural(overview.missing, 'candle')} missing of {overview.figures.expected} expected",
    )
    left, right = st.columns(2)
    with left:
        draw_chart(
            lambda: charts.success_figure(
                overview.days, target_ratio=screen.bot.success_target_ratio
            ),
            of=screen.mark,
            key="success",
            alt="Success ratio by UTC day against the target",
        )
    with right:
        if overview.delays is None:
            states.not_available(
                "When rows were logged is not known.",
                "Name the column under logged_at in [bots.feature_log].",
            )
        else:
            draw_chart(
                lambda: charts.delay_figure(overview.delay_bins),
                of=screen.mark,
                key="delay",
                alt="Rows by delay from candle close to logging",
            )


def gap_list(screen: Screen, overview: CollectionOverview) -> None:
    st.subheader("Gaps", anchor=False)
    if overview.gaps.empty:
        states.nothing_flagged("No candle is missing between the first and the last logged one.")
        return
    for pattern in overview.patterns:
        draw_line(
            f"Pattern: {pattern.sentence()} — {plural(pattern.missing, 'candle')}, "
            f"{moment(pattern.first, screen.zone)} to {moment(pattern.last, screen.zone)}"
        )
    newest = overview.gaps.iloc[::-1].head(_SHOWN_GAPS)
    rows: list[list[Cell]] = [
        [moment(gap[0], screen.zone), moment(gap[1], screen.zone), count(gap[2])]
        for gap in newest.itertuples(index=False)
    ]
    draw_table(
        [
            Column("First missing candle", "nowrap"),
            Column("Last missing candle", "nowrap"),
            Column("Candles", "num"),
        ],
        rows,
        caption="Missing candles as runs, newest first",
    )
    if len(overview.gaps) > _SHOWN_GAPS:
        st.caption(f"The newest {_SHOWN_GAPS} of {plural(len(overview.gaps), 'gap')} are listed.")


def layout_list(screen: Screen, overview: CollectionOverview) -> None:
    """Layouts over time, with the columns that came and went."""
    st.subheader("Layouts over time", anchor=False)
    known = collection_reads.layouts(screen.state.bot_id, screen.version)
    rows: list[list[Cell]] = []
    previous: Layout | None = None
    for span in overview.layouts:
        current = known[span.layout_id]
        rows.append(_layout_row(span, previous, current, screen.zone))
        previous = current
    columns = [
        Column("From", "nowrap"),
        Column("To", "nowrap"),
        Column("Rows", "num"),
        Column("Columns", "num"),
        Column("Columns that came", "wrapany"),
        Column("Columns that went", "wrapany"),
    ]
    draw_table(columns, rows[::-1], caption="Layouts of the feature log, newest first")


def quarantine_list(screen: Screen) -> None:
    """Lines that could not be stored, with raw text and reason; conflicts among them."""
    st.subheader("Quarantine and conflicts", anchor=False)
    reasons = collection_reads.quarantine_reasons(screen.state.bot_id, screen.version)
    if not reasons:
        states.nothing_flagged("Every line that was read is stored or a duplicate.")
        return
    words = {code: f"{_REASONS.get(code, code)} ({count(n)})" for code, n in reasons}
    options = ["all", *words]
    chosen = pick_param("reason", "Reason", options, words={"all": "All reasons", **words})
    lines = collection_reads.quarantined_lines(
        screen.state.bot_id, None if chosen == "all" else chosen, screen.version
    )
    rows: list[list[Cell]] = [
        [
            database.shown_path(line["path"]),
            count(line["line"]),
            _REASONS.get(line["reason"], line["reason"]),
            moment(line["candle_open"], screen.zone),
            line["detail"],
            line["raw"] or f"{count(line['length'])} bytes, not kept",
        ]
        for line in lines
    ]
    columns = [
        Column("File", "wrapany"),
        Column("Line", "num"),
        Column("Reason"),
        Column("Candle", "nowrap"),
        Column("Detail", "wrapany"),
        Column("Raw line", "raw"),
    ]
    draw_table(columns, rows, caption="Lines in quarantine, newest first")


def file_list(screen: Screen) -> None:
    draw_heading("Files")
    rows: list[list[Cell]] = [
        [
            database.shown_path(file["path"]),
            *(count(file[name]) for name in _ACCOUNT),
            moment(file["read_at"], screen.zone),
            file["problem"] or "",
        ]
        for file in collection_reads.files(screen.state.bot_id, screen.version)
    ]
    columns = [
        Column("File", "wrapany"),
        *(Column(name.capitalize(), "num") for name in _ACCOUNT),
        Column("Read", "nowrap"),
        Column("Problem", "wrapany"),
    ]
    draw_table(columns, rows, caption="Files that were read")


_ACCOUNT = ("lines", "stored", "duplicates", "quarantined", "waiting", "recovered")


def _layout_row(
    span: LayoutSpan, previous: Layout | None, current: Layout, zone: str
) -> list[Cell]:
    before = previous.columns if previous else current.columns
    came = [name for name in current.columns if name not in set(before)]
    went = [name for name in before if name not in set(current.columns)]
    return [
        moment(span.first, zone),
        moment(span.last, zone),
        count(span.rows),
        count(len(current.columns)),
        _names(came),
        _names(went),
    ]


def _names(names: list[str]) -> str:
    if not names:
        return "–"
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return ", ".join(names[:_SHOWN_COLUMNS]) + more
