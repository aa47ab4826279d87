"""Parts of the view Diagnosis: the numbers behind the verdicts."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.diagnosis.reads import StoredDiagnosis
from core.diagnosis.waterfall import waterfall_steps
from dashboard import states
from dashboard.charts.diagnosis import waterfall_figure
from dashboard.data import finding_reads
from dashboard.draw import draw_chart
from dashboard.format import count, number, percent, plain, plural, probability, signed
from dashboard.markup import Cell, Column, draw_table, draw_text
from dashboard.shell import Screen
from dashboard.wording import cause_word, parameter_words

_SHOWN_FEATURES = 12
_SHOWN_DRIFT = 30


def waterfall(screen: Screen, diagnosis: StoredDiagnosis) -> None:
    steps = waterfall_steps(diagnosis.document.get("waterfall") or ())
    if steps.empty:
        return
    labels = [
        _step_label(kind, cause) for kind, cause in zip(steps["kind"], steps["cause"], strict=True)
    ]
    draw_chart(
        lambda: waterfall_figure(steps.assign(label=labels)),
        of=(screen.mark, diagnosis.id),
        key="waterfall",
        alt="From the initial difference to the unexplained rest, cause by cause",
    )


def split(diagnosis: StoredDiagnosis) -> None:
    """How much arises between logged features and signal, and how much before."""
    parts = diagnosis.document.get("split")
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


def attribution(diagnosis: StoredDiagnosis) -> None:
    """Which features carry the difference: attribution, never proof."""
    parts = diagnosis.document.get("attribution")
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
        [
            part["side"],
            feature["feature"],
            percent(feature["removed_ratio"]),
            probability(feature.get("shap")),
        ]
        for part in parts
        for feature in part["features"][:_SHOWN_FEATURES]
        if feature["removed_ratio"] > 0
    ]
    columns = [
        Column("Side"),
        Column("Feature", "wrapany"),
        Column("Removes alone", "num"),
        Column("TreeSHAP difference", "num"),
    ]
    draw_table(columns, rows, caption="Features by the difference that each removes alone")
    st.caption("The logged value in place of the recomputed one. It says where, not why.")


def drift(diagnosis: StoredDiagnosis) -> None:
    """How the features of this window moved against an earlier stretch of the log."""
    parts = diagnosis.document.get("drift")
    if not parts or not parts.get("features"):
        return
    with st.expander("Drift of the features in this window", icon=":material/trending_up:"):
        rows: list[list[Cell]] = [
            [
                feature["feature"],
                feature["side"],
                signed(feature.get("z_shift"), 3),
                number(feature.get("psi"), 3),
                number(feature.get("ks"), 3),
                number(feature.get("ks_p_value"), 2),
                number(feature.get("effective_rows"), 3),
            ]
            for feature in parts["features"][:_SHOWN_DRIFT]
        ]
        columns = [
            Column("Feature", "wrapany"),
            Column("Side"),
            Column("Shift (scaler units)", "num"),
            Column("PSI", "num"),
            Column("KS", "num"),
            Column("KS p-value", "num"),
            Column("Effective rows", "num"),
        ]
        draw_table(columns, rows, caption="Drift against an earlier stretch of the log")
        st.caption("Neighbouring candles are alike: the p-value counts effective rows only.")


def trials(screen: Screen, diagnosis: StoredDiagnosis) -> None:
    """Each trial's before and after."""
    st.subheader("Trials", anchor=False)
    stored = finding_reads.trials(diagnosis.id, screen.version)
    if not stored:
        states.not_available(
            "No trial was run.", "Trials need candles and a pipeline, or logged features."
        )
        return
    rows: list[list[Cell]] = [
        _trial_row(trial["cause"], trial["round"], trial["document"]) for trial in stored
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
