"""Parts of the view Features."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.bots import Comparison
from core.features.feature_overview import FeatureOverview
from core.market import REPLAY
from core.settings import FeatureLogSettings
from dashboard import links, states
from dashboard.charts.features import sensitivity_figure
from dashboard.data import feature_reads
from dashboard.draw import draw_chart, offer_export
from dashboard.format import moment, plural
from dashboard.markup import Badge, draw_line, draw_status, draw_text
from dashboard.shell import Screen

_AGREEMENT = {
    "feature": "Feature",
    "equal_ratio": "Equal to the bit",
    "different": "Different",
    "nan_logged": "Missing in the log",
    "nan_recomputed": "Missing in the backtest",
    "mean_scaled_diff": "Mean difference (scaler units)",
    "max_scaled_diff": "Largest (scaler units)",
    "max_abs_diff": "Largest (raw)",
    "max_at": "Largest at",
    "is_constant_logged": "Constant in the log",
    "is_constant_recomputed": "Constant in the backtest",
}
_DRIFT = {
    "feature": "Feature",
    "mean": "Mean",
    "deviation": "Deviation",
    "shift": "Shift (scaler units)",
    "spread": "Spread (scaler units)",
    "psi": "PSI against before",
    "ks": "KS against before",
}


def overview_of(screen: Screen, comparison: Comparison) -> FeatureOverview | None:
    """The window's features on a sample of its candles; None where nothing is logged."""
    log = screen.bot.feature_log
    return feature_reads.feature_overview(
        screen.state.bot_id,
        "" if comparison.name == REPLAY else comparison.name,
        screen.bounds,
        screen.live_bundle,
        _no_features(log) if log else (),
        screen.version,
    )


def _no_features(log: FeatureLogSettings) -> tuple[str, ...]:
    """Columns of the log that are no features: times, the candle itself, and what is named so."""
    candle = (log.open, log.high, log.low, log.close, log.volume)
    return (log.candle_open, *log.logged_at, *candle, *log.not_features)


def status(comparison: Comparison, overview: FeatureOverview) -> None:
    sampled = (
        f"a spread sample of {overview.sampled:,} of {plural(overview.stored, 'candle')}"
        if overview.is_sample
        else f"all {plural(overview.stored, 'candle')}"
    )
    if not overview.compared:
        draw_status(
            Badge("unknown", "Nothing to compare with"),
            f"{comparison.name} has no features of these candles; only drift is shown.",
            detail=f"From {sampled} of the window",
        )
        return
    differing = int((overview.table["different"] > 0).sum())
    total = len(overview.table)
    badge = Badge("good", "Features agree") if differing == 0 else Badge("warn", "Features differ")
    draw_status(
        badge,
        f"{differing} of {plural(total, 'feature')} differ between the log and "
        f"{comparison.name} on {plural(overview.compared, 'candle')}.",
        detail=f"From {sampled} of the window",
    )


def agreement_table(overview: FeatureOverview) -> None:
    """Logged against recomputed, worst first."""
    if not overview.compared:
        return
    st.subheader("Agreement: logged against recomputed", anchor=False)
    shown = overview.table[list(_AGREEMENT)].rename(columns=_AGREEMENT)
    st.dataframe(
        shown,
        hide_index=True,
        height=420,
        column_config={
            "Equal to the bit": st.column_config.NumberColumn(format="percent"),
            "Mean difference (scaler units)": _decimals(),
            "Largest (scaler units)": _decimals(),
            "Largest (raw)": st.column_config.NumberColumn(format="%.5g"),
            "Largest at": st.column_config.DatetimeColumn(
                "Largest at (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
            ),
        },
        key="agreement",
        alt="Features by how far the logged and the recomputed values differ, worst first",
    )
    offer_export(shown, name="features-agreement", key="export-agreement")
    for words, names in (
        ("Only in the log", overview.only_logged),
        ("Only in the backtest", overview.only_recomputed),
    ):
        if names:
            more = f" and {len(names) - 12} more" if len(names) > 12 else ""
            draw_text(f"{words}: {', '.join(names[:12])}{more}")


def drift(overview: FeatureOverview) -> None:
    """Against the scaler, and against the stretch before the window."""
    st.subheader("Drift", anchor=False)
    shown = _by_shift(overview.table)[list(_DRIFT)].rename(columns=_DRIFT)
    st.dataframe(
        shown,
        hide_index=True,
        height=420,
        column_config={
            name: st.column_config.NumberColumn(format="%.4g")
            for name in shown.columns
            if name != "Feature"
        },
        key="drift",
        alt="Features by how far their mean moved from the scaler's",
    )
    before = "an equally long stretch before the window" if overview.has_reference else "nothing"
    st.caption(
        "Shift and spread: mean and deviation behind the scaler; a standard one makes 0 of "
        "training's mean and 1 of its deviation. "
        f"PSI and KS: against {before}; neighbouring candles are alike, so that small values "
        "mean little. PSI above 0.25 is commonly called a shift."
    )


def constants_and_collisions(overview: FeatureOverview) -> None:
    st.subheader("Constants and collisions", anchor=False)
    is_anything_shown = False
    if overview.compared:
        for column, words in (
            ("is_constant_logged", "constant in the log, not in the backtest"),
            ("is_constant_recomputed", "constant in the backtest, not in the log"),
        ):
            names = overview.table.loc[overview.table[column].astype(bool), "feature"]
            if len(names):
                is_anything_shown = True
                draw_line(Badge("warn", "Constant"), f"{', '.join(names)}: {words}")
    for side, group in overview.collisions:
        is_anything_shown = True
        where = "log" if side == "logged" else "backtest"
        draw_line(Badge("warn", "Collision"), f"{', '.join(group)}: equal in the {where} only")
    if not is_anything_shown:
        states.nothing_flagged(
            "No feature is constant, and no two features are equal, on one side only."
        )


def sensitivity(screen: Screen, comparison: Comparison) -> None:
    """Which lookback reaches the logged value, feature by feature, as the collector measured."""
    st.subheader("Lookback sensitivity", anchor=False)
    stored = feature_reads.sensitivity(screen.state.bot_id, comparison.name, screen.version)
    if stored is None:
        states.not_available(
            f"The lookbacks of {comparison.name} have not been compared.",
            "The collector does so for recomputed backtests, once a day.",
        )
        return
    report = stored["report"]
    matching = report["matching_lookbacks"]
    draw_line(_lookback_badge(report), _lookback_sentence(report))
    st.caption(
        f"{plural(len(report['sample']), 'candle')} of the log, measured "
        f"{moment(links.parse_open(stored['made_at']), screen.zone)}, "
        f"at {', '.join(map(str, report['ladder']))} bars."
    )
    signals = pd.DataFrame(report["signals"])
    if not signals.empty:
        draw_chart(
            lambda: sensitivity_figure(signals, matching=matching),
            of=screen.mark,
            key="sensitivity",
            alt="Mean difference of the signals at each lookback",
        )
    shown = pd.DataFrame(report["features"]).rename(columns=_SENSITIVITY)
    st.dataframe(
        shown[[name for name in _SENSITIVITY.values() if name in shown.columns]],
        hide_index=True,
        height=360,
        key="sensitivity-table",
        column_config={"Best relative difference": st.column_config.NumberColumn(format="%.3g")},
        alt="Smallest lookback that reaches the logged value, by feature",
    )


_SENSITIVITY = {
    "feature": "Feature",
    "compared": "Values",
    "smallest_match": "Smallest lookback that matches (bars)",
    "stays": "Longer ones match too",
    "equal_at_match": "Equal to the bit there",
    "max_relative_diff": "Best relative difference",
}


def _lookback_badge(report: Mapping[str, Any]) -> Badge:
    matching = len(report["matching_lookbacks"])
    return Badge("good", "Found") if matching == 1 else Badge("unknown", "Not told apart")


def _lookback_sentence(report: Mapping[str, Any]) -> str:
    matching = report["matching_lookbacks"]
    if not matching:
        return "No lookback of the ladder reproduces all logged features at once."
    if len(matching) == 1:
        return f"Only {matching[0]} bars reproduce all logged features at once."
    return f"{', '.join(map(str, matching))} bars all reproduce the logged features."


def _by_shift(table: pd.DataFrame) -> pd.DataFrame:
    order = table["shift"].abs().sort_values(ascending=False, na_position="last").index
    return table.loc[order]


def _decimals() -> st.column_config.NumberColumn:  # type: ignore[valid-type]  # made by a call
    return st.column_config.NumberColumn(format="%.4g")
