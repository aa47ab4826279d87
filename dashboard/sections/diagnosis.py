"""Parts of the view Diagnosis."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.alignment.waterfall import waterfall_steps
from core.storage.reads.dashboard_findings import StoredDiagnosis, StoredFinding
from dashboard import data, states
from dashboard.charts.diagnosis import waterfall_figure
from dashboard.controls import pick_param
from dashboard.draw import draw_chart
from dashboard.format import count, moment, number, percent, plain, plural, probability, signed
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
        _sentence(found),
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
        draw_line(Badge("note", "Model"), identity["summary"])
    for note in found.document.get("notes", ()):
        draw_line(Badge("note", "Note"), note)


def findings(found: StoredDiagnosis) -> None:
    """Proven, partial and refuted causes, each with its sentence and numbers."""
    st.subheader("Findings", anchor=False)
    named = [one for one in found.findings if one.verdict in ("proven", "partial")]
    refuted = [one for one in found.findings if one.verdict == "refuted"]
    if named:
        _findings_table(named, caption="Causes that are proven or partly so")
    else:
        draw_text("No cause is proven, not even partly.")
    st.caption(
        "Proven: undoing this one thing removes the difference on candles that were not used to "
        "find it. Refuted: undoing it explains less than 5 %."
    )
    if refuted:
        words = plural(len(refuted), "cause was refuted", "causes were refuted")
        with st.expander(words, icon=":material/block:"):
            _findings_table(refuted, caption="Refuted causes")


def _findings_table(judged: Sequence[StoredFinding], *, caption: str) -> None:
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
    draw_table(columns, [_finding_row(one) for one in judged], caption=caption)


def waterfall(screen: Screen, found: StoredDiagnosis) -> None:
    steps = waterfall_steps(found.document.get("waterfall") or ())
    if steps.empty:
        return
    labels = [
        _step_label(kind, cause) for kind, cause in zip(steps["kind"], steps["cause"], strict=True)
    ]
    draw_chart(
        lambda: waterfall_figure(steps.assign(label=labels)),
        of=(screen.mark, found.id),
        key="waterfall",
        alt="From the initial difference to the unexplained rest, cause by cause",
    )


def split(found: StoredDiagnosis) -> None:
    """How much arises between logged features and signal, and how much before."""
    parts = found.document.get("split")
    if not parts:
        return
    st.subheader("Where the difference arises", anchor=False)
    if parts.get("missing"):
        draw_text(parts["missing"])
    rows: list[list[Cell]] = [
        [
            side,
            count(values["candles"]),
            probability(values["mean_abs_difference"]),
            probability(values["mean_abs_model_path"]),
            probability(values["mean_abs_feature_path"]),
        ]
        for side, values in parts["sides"].items()
    ]
    columns = [
        Column("Side"),
        Column("Candles", "num"),
        Column("Emitted − backtest", "num"),
        Column("Model path: emitted − replay", "num"),
        Column("Feature path: replay − backtest", "num"),
    ]
    draw_table(columns, rows, caption="Mean size of each part of the difference")


def attribution(found: StoredDiagnosis) -> None:
    """Which features carry the difference: attribution, never proof."""
    parts = found.document.get("attribution")
    if not parts:
        return
    st.subheader("Features that carry it", anchor=False)
    for part in parts:
        if part.get("smallest_set"):
            draw_text(
                f"{part['side']}: {', '.join(part['smallest_set'])} together remove "
                f"{percent(part['smallest_set_removed_ratio'])} of the difference on "
                f"{plural(part['candles'], 'candle')}."
            )
    rows: list[list[Cell]] = [
        [part["side"], one["feature"], percent(one["removed_ratio"]), probability(one.get("shap"))]
        for part in parts
        for one in part["features"][:_SHOWN_FEATURES]
        if one["removed_ratio"] > 0
    ]
    columns = [
        Column("Side"),
        Column("Feature", "wrapany"),
        Column("Removes alone", "num"),
        Column("TreeSHAP difference", "num"),
    ]
    draw_table(columns, rows, caption="Features by the difference that each removes alone")
    st.caption("The logged value in place of the recomputed one. It says where, not why.")


def drift(found: StoredDiagnosis) -> None:
    """How the features of this window moved against an earlier stretch of the log."""
    parts = found.document.get("drift")
    if not parts or not parts.get("features"):
        return
    with st.expander("Drift of the features in this window", icon=":material/trending_up:"):
        rows: list[list[Cell]] = [
            [
                one["feature"],
                one["side"],
                signed(one.get("z_shift"), 3),
                number(one.get("psi"), 3),
                number(one.get("ks"), 3),
                number(one.get("ks_p_value"), 2),
                number(one.get("effective_rows"), 3),
            ]
            for one in parts["features"][:_SHOWN_DRIFT]
        ]
        columns = [
            Column("Feature", "wrapany"),
            Column("Side"),
            Column("Shift from training (deviations)", "num"),
            Column("PSI", "num"),
            Column("KS", "num"),
            Column("KS p-value", "num"),
            Column("Effective rows", "num"),
        ]
        draw_table(columns, rows, caption="Drift against an earlier stretch of the log")
        st.caption("Neighbouring candles are alike: the p-value counts effective rows only.")


_SHOWN_FEATURES = 12
_SHOWN_DRIFT = 30


def trials(screen: Screen, found: StoredDiagnosis) -> None:
    """Each trial's before and after."""
    st.subheader("Trials", anchor=False)
    stored = data.trials(found.id, screen.version)
    if not stored:
        states.not_available(
            "No trial was run.", "Trials need candles and a pipeline, or logged features."
        )
        return
    rows: list[list[Cell]] = [
        _trial_row(one["cause"], one["round"], one["document"]) for one in stored
    ]
    columns = [
        Column("Round", "num"),
        Column("Cause"),
        Column("Changed", "wrapany"),
        Column("Before", "num"),
        Column("After", "num"),
        Column("Repaired", "num"),
    ]
    draw_table(columns, rows, caption="Trials, in order")
    st.caption("Mean difference on the candles that were searched, in probability.")


def untestable(found: StoredDiagnosis) -> None:
    """What could not be tested, and which input would settle it."""
    open_ones = [one for one in found.findings if one.verdict == "untestable"]
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


def _finding_row(one: StoredFinding) -> list[Cell]:
    document = one.document
    taken_back = one.refuted_by is not None
    same = ", ".join(cause_word(code) for code in document["same_as"])
    return [
        Badge("unknown", "Taken back") if taken_back else verdict_badge(one.verdict),
        cause_word(one.cause),
        document["summary"] + (f" Explains as well: {same}." if same else ""),
        percent(document["explained_ratio"]),
        probability(document["residual_mean_abs_diff"]),
        count(document["held_out_candles"]),
        parameter_words(document["parameters"]),
        " ".join(document["sides"]),
    ]


def _trial_row(cause: str, place: int, document: Mapping[str, Any]) -> list[Cell]:
    return [
        str(place),
        cause_word(cause),
        parameter_words(document.get("parameters") or {}),
        probability(document.get("searched_mean_abs_diff_before"), 5),
        probability(document.get("searched_mean_abs_diff_after"), 5),
        percent(document.get("repaired_ratio")),
    ]


def _step_label(kind: str, cause: str | None) -> str:
    if kind == "cause":
        return plain(cause_word(str(cause)))
    return {"initial": "As configured", "rest": "Unexplained"}[kind]
