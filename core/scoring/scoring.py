"""Recomputed rows → signals of the bundle that was live, or the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.bundle.deployments import live_bundles
from core.bundle.load import Bundle, SideModel, load_bundle
from core.bundle.score import score_columns
from core.errors import BundleError
from core.market import Side
from core.settings import BacktestSettings, BotSettings
from core.times import index_from_us, us_from_index

_END_OF_TIME = np.iinfo("int64").max
_NAMED = 5
_ABSENCE = ("candle_open", "side", "reason", "detail")


@dataclass(frozen=True)
class LiveBundle:
    """An opened bundle with the candle opens (µs) that it scores, `until` exclusive."""

    bundle: Bundle
    since: int
    until: int


@dataclass(frozen=True)
class Scorer:
    """Which bundle scores which candle; `problem` says why some or all have none."""

    bundles: tuple[LiveBundle, ...]
    problem: str | None
    refused: tuple[str, ...] = ()

    @property
    def mark(self) -> list[list[object]]:
        """What the signals rest on besides the rows; another mark scores all rows anew."""
        spans: list[list[object]] = [[b.bundle.hash, b.since, b.until] for b in self.bundles]
        return [*spans, [self.problem]]


@dataclass(frozen=True)
class ScoredPart:
    """Signals of one bundle (None: no bundle was live) and why other candles have none."""

    bundle: Bundle | None
    signals: pd.DataFrame
    absences: pd.DataFrame


def scorer_of(bot: BotSettings, backtest: BacktestSettings) -> Scorer:
    """The backtest's own bundle for every candle, else the one that was live on each.

    A bundle that cannot be opened is refused; its candles have no signal.
    """
    if backtest.bundle is not None:
        bundle = load_bundle(Path(backtest.bundle))
        return Scorer((LiveBundle(bundle, -_END_OF_TIME, _END_OF_TIME),), None)
    live = live_bundles(bot)
    bundles, refused = [], []
    for span in live.spans:
        since, until = span.opens(bot.frame.length_us)
        try:
            loaded = load_bundle(span.bundle_path)
        except BundleError as error:
            refused.append(str(error))
            continue
        bundles.append(LiveBundle(loaded, since, _END_OF_TIME if until is None else until))
    return Scorer(tuple(bundles), live.problem, tuple(refused))


def score_rows(scorer: Scorer, features: pd.DataFrame, warming: pd.DataFrame) -> list[ScoredPart]:
    """Score rows (indexed by candle_open, UTC); every row gets a signal or a reason a side.

    A row in which an input of the model has had no value in its whole frame is
    still warming up: it is no signal. A NaN after that is a value to the model.
    """
    opens = us_from_index(pd.DatetimeIndex(features.index))
    values, flags = features.to_numpy(dtype="float64"), warming.to_numpy(dtype=bool)
    columns = list(features.columns)
    is_free = np.ones(len(opens), dtype=bool)
    parts = []
    for live in scorer.bundles:
        is_live = (opens >= live.since) & (opens < live.until)
        is_free &= ~is_live
        if is_live.any():
            rows = opens[is_live], values[is_live], flags[is_live]
            parts.append(_score_bundle(live.bundle, columns, *rows))
    if is_free.any():
        detail = "; ".join(filter(None, (scorer.problem, *scorer.refused)))
        detail = detail or "no deployment in the configuration covers this candle"
        reasons = _reasons(opens[is_free], "", "no_live_bundle", detail)
        parts.append(ScoredPart(None, _signals([], Side.LONG, []), reasons))
    return parts


def _score_bundle(
    bundle: Bundle,
    columns: Sequence[str],
    opens: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    warming: npt.NDArray[np.bool_],
) -> ScoredPart:
    signals, absences = [], []
    for side, model in bundle.sides.items():
        scored = score_columns(model, columns, values)
        if scored.missing:
            detail = f"the pipeline gives no column of numbers for {_named(scored.missing)}"
            absences.append(_reasons(opens, side, "missing_feature", detail))
            continue
        is_warming, why = _warming(model, columns, opens, warming, side)
        is_infinite = scored.is_infinite & ~is_warming
        absences += [why, *_infinite(opens[is_infinite], side)]
        is_signal = ~is_warming & ~is_infinite
        signals.append(_signals(opens[is_signal], side, scored.probabilities[is_signal]))
    return ScoredPart(bundle, pd.concat(signals or [_signals([], Side.LONG, [])]), _join(absences))


def _warming(
    model: SideModel,
    columns: Sequence[str],
    opens: npt.NDArray[np.int64],
    warming: npt.NDArray[np.bool_],
    side: Side,
) -> tuple[npt.NDArray[np.bool_], pd.DataFrame]:
    """Rows whose inputs are still warming up, and the features that are."""
    needed = [k for k, name in enumerate(columns) if name in set(model.features)]
    flags = warming[:, needed]
    is_warming = np.asarray(flags.any(axis=1), dtype=bool)
    rows = [
        (
            open_us,
            str(side),
            "warm_up",
            "no value up to this candle in its whole frame: "
            + _named([columns[needed[k]] for k in np.flatnonzero(row)]),
        )
        for open_us, row in zip(opens[is_warming].tolist(), flags[is_warming], strict=True)
    ]
    return is_warming, _absence_frame(rows)


def _infinite(opens: npt.NDArray[np.int64], side: Side) -> list[pd.DataFrame]:
    detail = "an input of the model is infinite"
    return [_reasons(opens, side, "infinite_feature", detail)] if len(opens) else []


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _signals(opens: npt.ArrayLike, side: Side, probabilities: npt.ArrayLike) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candle_open": index_from_us(opens),
            "side": str(side),
            "probability": np.asarray(probabilities, dtype="float64"),
        }
    )


def _reasons(opens: npt.NDArray[np.int64], side: str, reason: str, detail: str) -> pd.DataFrame:
    return _absence_frame([(open_us, str(side), reason, detail) for open_us in opens.tolist()])


def _absence_frame(rows: Sequence[tuple[int, str, str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_ABSENCE), dtype=object)
    return frame.assign(candle_open=index_from_us([row[0] for row in rows]))


def _join(absences: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in absences if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else _absence_frame([])
