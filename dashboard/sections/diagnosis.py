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
        str(
            diagnosis.id
        ): f"{moment(diagnosis.made_at, screen.zone)} · {_window(diagnosis, screen.zone)}"
        for diagnosis in stored
    }
    chosen = pick_param("diagnosis", "Diagnosis", list(words), words=words)
    return next(diagnosis for diagnosis in stored if str(diagnosis.id) == chosen)


def status(screen: Screen, diagnosis: StoredDiagnosis) -> None:
    initial = diagnosis.document["initial"]
    unexplained = diagnosis.document.get("unexplained_ratio")
    draw_status(
        diagnosis_badge(diagnosis),
        with_times(_sentence(diagnosis), screen.zone),
        detail=(
            f"{diagnosis.comparison} · {_window(diagnosis, screen.zone)} · "
            f"{plural(initial['candles'], 'candle')}, mean difference "
            f"{probability(initial['mean_abs_diff'])}, "
            f"{percent(initial['share_above_tolerance'])} beyond tolerance · "
            f"unexplained {percent(unexplained)}"
        ),
    )
    identity = diagnosis.document.get("identity") or {}
    if identity.get("summary"):
        draw_line(Badge("note", "Model"), with_times(identity["summary"], screen.zone))
    for note in diagnosis.document.get("notes", ()):
        draw_line(Badge("note", "Note"), with_times(note, screen.zone))


def findings(screen: Screen, diagnosis: StoredDiagnosis) -> None:
    """Proven, partial and refuted causes, each with its sentence and numbers."""
    st.subheader("Findings", anchor=False)
    named = [
        finding
        for finding in diagnosis.findings
        if finding.verdict in (Verdict.PROVEN, Verdict.PARTIAL)
    ]
    refuted = [finding for finding in diagnosis.findings if finding.verdict is Verdict.REFUTED]
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
    draw_table(columns, [_finding_row(finding, screen.zone) for finding in judged], caption=caption)


def untestable(diagnosis: StoredDiagnosis) -> None:
    """What could not be tested, and which input would settle it."""
    untested = [finding for finding in diagnosis.findings if finding.verdict is Verdict.UNTESTABLE]
    if not untested:
        return
    st.subheader("What would settle the rest", anchor=False)
    rows: list[list[Cell]] = [
        [
            cause_word(finding.cause),
            str(finding.document["evidence"].get("needs") or finding.document["summary"]),
        ]
        for finding in untested
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
            moment(diagnosis.made_at, screen.zone),
            _window(diagnosis, screen.zone),
            ", ".join(f"{cause_word(f.cause)} ({f.verdict})" for f in diagnosis.open_findings)
            or "–",
            ", ".join(cause_word(f.cause) for f in diagnosis.findings if f.refuted_by) or "–",
            percent(diagnosis.document.get("unexplained_ratio")),
        ]
        for diagnosis in stored
    ]
    columns = [
        Column("Made", "nowrap"),
        Column("Window", "nowrap"),
        Column("Found", "wrapany"),
        Column("Taken back later", "wrapany"),
        Column("Unexplained", "num"),
    ]
    draw_table(columns, rows, caption="Diagnoses, newest first")


def _window(diagnosis: StoredDiagnosis, zone: str) -> str:
    return f"{moment(diagnosis.from_open, zone)} to {moment(diagnosis.until_open, zone)}"


def _sentence(diagnosis: StoredDiagnosis) -> str:
    named = diagnosis.open_findings
    if named:
        return " ".join(str(finding.document["summary"]) for finding in named[:2])
    return str(diagnosis.document.get("summary") or "No cause found.")


def _finding_row(finding: StoredFinding, zone: str) -> list[Cell]:
    document = finding.document
    taken_back = finding.refuted_by is not None
    same = ", ".join(cause_word(code) for code in document["same_as"])
    return [
        Badge("unknown", "Taken back") if taken_back else verdict_badge(finding.verdict),
        cause_word(finding.cause),
        with_times(document["summary"], zone) + (f" Explains as well: {same}." if same else ""),
        percent(document["explained_ratio"]),
        probability(document["residual_mean_abs_diff"]),
        count(document["held_out_candles"]),
        parameter_words(document["parameters"]),
        " ".join(document["sides"]),
    ]
