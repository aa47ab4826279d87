"""Parts of the view Diagnosis: verdicts, what would settle the rest, history."""

from collections.abc import Sequence

import streamlit as st

from core.diagnosis.finding import Verdict
from core.diagnosis.reads import StoredDiagnosis, StoredFinding
from dashboard.controls import pick_param
from dashboard.format import count, moment, percent, plural, probability, with_times
from dashboard.markup import Badge, Cell, Column, draw_line, draw_status, draw_table, draw_text
from dashboard.sentences import diagnosis_badge
from dashboard.shell import Screen
from dashboard.wording import cause_word, parameter_words, verdict_badge


def choose(screen: Screen, stored: Sequence[StoredDiagnosis]) -> StoredDiagnosis:
    """The newest diagnosis, or an earlier one from the history."""
    words = {
        str(one.id): f"{moment(one.made_at, screen.zone)} · {_window(one, screen.zone)}"
        for one in stored
    }
    chosen = pick_param("diagnosis", "Diagnosis", list(words), words=words)
    return next(one for one in stored if str(one.id) == chosen)


def status(screen: Screen, found: StoredDiagnosis) -> None:
    initial = found.document["initial"]
    unexplained = found.document.get("unexplained_ratio")
    draw_status(
        diagnosis_badge(found),
        with_times(_sentence(found), screen.zone),
        detail=(
            f"{found.comparison} · {_window(found, screen.zone)} · "
            f"{plural(initial['candles'], 'candle')}, mean difference "
            f"{probability(initial['mean_abs_diff'])}, "
            f"{percent(initial['share_above_tolerance'])} beyond tolerance · "
            f"unexplained {percent(unexplained)}"
        ),
    )
    identity = found.document.get("identity") or {}
    if identity.get("summary"):
        draw_line(Badge("note", "Model"), with_times(identity["summary"], screen.zone))
    for note in found.document.get("notes", ()):
        draw_line(Badge("note", "Note"), with_times(note, screen.zone))


def findings(screen: Screen, found: StoredDiagnosis) -> None:
    """Proven, partial and refuted causes, each with its sentence and numbers."""
    st.subheader("Findings", anchor=False)
    named = [one for one in found.findings if one.verdict in (Verdict.PROVEN, Verdict.PARTIAL)]
    refuted = [one for one in found.findings if one.verdict is Verdict.REFUTED]
    if named:
        _findings_table(screen, named, caption="Causes that are proven or partly so")
    else:
        draw_text("No cause is proven, not even partly.")
    st.caption(
        "Proven: undoing this one thing removes the difference on candles that were not used to "
        "find it. Refuted: undoing it explains less than 5 %."
    )
    if refuted:
        words = plural(len(refuted), "cause was refuted", "causes were refuted")
        with st.expander(words, icon=":material/block:"):
            _findings_table(screen, refuted, caption="Refuted causes")


def _findings_table(screen: Screen, judged: Sequence[StoredFinding], *, caption: str) -> None:
    columns = [
        Column("Verdict", "nowrap"),
        Column("Cause"),
        Column("What it says", "wrapany"),
        Column("Explains", "num"),
        Column("Difference left", "num"),
        Column("Held-out candles", "num"),
        Column("Parameters", "wrapany"),
        Column("Sides"),
    ]
    draw_table(columns, [_finding_row(one, screen.zone) for one in judged], caption=caption)


def untestable(found: StoredDiagnosis) -> None:
    """What could not be tested, and which input would settle it."""
    open_ones = [one for one in found.findings if one.verdict is Verdict.UNTESTABLE]
    if not open_ones:
        return
    st.subheader("What would settle the rest", anchor=False)
    rows: list[list[Cell]] = [
        [
            cause_word(one.cause),
            str(one.document["evidence"].get("needs") or one.document["summary"]),
        ]
        for one in open_ones
    ]
    draw_table(
        [Column("Cause", "nowrap"), Column("What is missing", "wrapany")],
        rows,
        caption="Causes that cannot be tested yet",
    )


def history(screen: Screen, stored: Sequence[StoredDiagnosis]) -> None:
    st.subheader("History", anchor=False)
    rows: list[list[Cell]] = [
        [
            moment(one.made_at, screen.zone),
            _window(one, screen.zone),
            ", ".join(f"{cause_word(f.cause)} ({f.verdict})" for f in one.open_findings) or "–",
            ", ".join(cause_word(f.cause) for f in one.findings if f.refuted_by) or "–",
            percent(one.document.get("unexplained_ratio")),
        ]
        for one in stored
    ]
    columns = [
        Column("Made", "nowrap"),
        Column("Window", "nowrap"),
        Column("Found", "wrapany"),
        Column("Taken back later", "wrapany"),
        Column("Unexplained", "num"),
    ]
    draw_table(columns, rows, caption="Diagnoses, newest first")


def _window(one: StoredDiagnosis, zone: str) -> str:
    return f"{moment(one.from_open, zone)} to {moment(one.until_open, zone)}"


def _sentence(found: StoredDiagnosis) -> str:
    named = found.open_findings
    if named:
        return " ".join(str(one.document["summary"]) for one in named[:2])
    return str(found.document.get("summary") or "No cause found.")


def _finding_row(one: StoredFinding, zone: str) -> list[Cell]:
    document = one.document
    taken_back = one.refuted_by is not None
    same = ", ".join(cause_word(code) for code in document["same_as"])
    return [
        Badge("unknown", "Taken back") if taken_back else verdict_badge(one.verdict),
        cause_word(one.cause),
        with_times(document["summary"], zone) + (f" Explains as well: {same}." if same else ""),
        percent(document["explained_ratio"]),
        probability(document["residual_mean_abs_diff"]),
        count(document["held_out_candles"]),
        parameter_words(document["parameters"]),
        " ".join(document["sides"]),
    ]
