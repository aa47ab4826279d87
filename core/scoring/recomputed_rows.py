"""Recomputed rows → signals of the bundle that was live, or the reason why there is none."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats, Ints
from core.bundle.deployments import ALL_OPENS
from core.bundle.load import Bundle, SideModel, load_bundle
from core.bundle.score import score_columns
from core.market import Side
from core.scoring.live_bundle import (
    Live,
    LiveBundle,
    ScoredPart,
    absence_frame,
    infinite,
    named,
    signal_frame,
    unscored,
)
from core.settings import BacktestSettings, BotSettings
from core.times import us_from_index


@dataclass(frozen=True)
class Scorer:
    """Which bundle scores which recomputed row."""

    live: Live

    @property
    def refused(self) -> tuple[str, ...]:
        """Why bundles that were live cannot be opened, as sentences."""
        return tuple(str(error) for _, error in self.live.refused)

    @property
    def bundles(self) -> tuple[LiveBundle, ...]:
        return self.live.bundles

    @property
    def mark(self) -> list[list[object]]:
        """What the signals rest on besides the rows; another mark scores all rows anew."""
        return [*self.live.mark, [self.live.problem]]


def scorer_of(bot: BotSettings, backtest: BacktestSettings, sound: Container[str] = ()) -> Scorer:
    """The backtest's own bundle for every candle, else the one that was live on each.

    A bundle that cannot be opened is refused; its candles have no signal. sound: hashes of
    bundles that were opened before (see load_bundle).
    """
    if backtest.bundle is not None:
        bundle = load_bundle(Path(backtest.bundle), sound)
        return Scorer(Live((LiveBundle(bundle, ALL_OPENS),)))
    return Scorer(Live.of(bot, sound))


def score_rows(scorer: Scorer, features: pd.DataFrame, warming: pd.DataFrame) -> list[ScoredPart]:
    """Score rows (indexed by candle_open, UTC); every row gets a signal or a reason a side.

    A row in which an input of the model has had no value in its whole frame is
    still warming up: it is no signal. A NaN after that is a value to the model.
    """
    opens = us_from_index(pd.DatetimeIndex(features.index))
    values, flags = features.to_numpy(dtype="float64"), warming.to_numpy(dtype=bool)
    columns = list(features.columns)
    return [
        unscored(opens[rows], _why_none(scorer))
        if bundle is None
        else _score_bundle(bundle, columns, opens[rows], values[rows], flags[rows])
        for bundle, rows in scorer.live.split(opens)
    ]


def _why_none(scorer: Scorer) -> str:
    """A refused bundle is a reason as well: its candles are among those without one."""
    known = [text for text in (scorer.live.problem, *scorer.refused) if text]
    return "; ".join(known) or scorer.live.why_none


def _score_bundle(
    bundle: Bundle, columns: Sequence[str], opens: Ints, values: Floats, warming: Flags
) -> ScoredPart:
    signals = [signal_frame([], "", [])]
    absences = [absence_frame([], "", "", "")]
    for side, model in bundle.sides.items():
        scored = score_columns(model, columns, values)
        if scored.missing:
            detail = f"the pipeline gives no column of numbers for {named(scored.missing)}"
            absences.append(absence_frame(opens, side, "missing_feature", detail))
            continue
        is_warming, why = _warming(model, columns, opens, warming, side)
        is_infinite = scored.is_infinite & ~is_warming
        absences += [why, infinite(opens[is_infinite], side)]
        is_signal = ~is_warming & ~is_infinite
        signals.append(signal_frame(opens[is_signal], side, scored.probabilities[is_signal]))
    return ScoredPart(
        bundle, pd.concat(signals, ignore_index=True), pd.concat(absences, ignore_index=True)
    )


def _warming(
    model: SideModel, columns: Sequence[str], opens: Ints, warming: Flags, side: Side
) -> tuple[Flags, pd.DataFrame]:
    """Rows whose inputs are still warming up, and the features that are."""
    needed = [k for k, name in enumerate(columns) if name in set(model.features)]
    flags = warming[:, needed]
    is_warming = np.asarray(flags.any(axis=1), dtype=bool)
    details = [
        "no value up to this candle in its whole frame: "
        + named([columns[needed[k]] for k in np.flatnonzero(row)])
        for row in flags[is_warming]
    ]
    return is_warming, absence_frame(opens[is_warming], side, "warm_up", details)
