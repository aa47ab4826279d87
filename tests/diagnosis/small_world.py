"""A world small enough to read: six features, two linear models, and a day of candles.

Prices are whole numbers, so sums over a window are exact; no model is trained.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from core.arrays import Floats, Ints
from core.bundle.booster import BoosterModel
from core.bundle.load import Bundle, SideModel
from core.bundle.manifest import Manifest
from core.bundle.scaler import Scaler, ScalerKind
from core.diagnosis.causes.catalogue import BY_CODE
from core.diagnosis.evidence.blocks import cut_blocks
from core.diagnosis.evidence.evidence import Evidence, Kind, PriceRows
from core.diagnosis.evidence.load_inputs import rules_of
from core.diagnosis.evidence.rows import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    VOLUME,
    CandleRows,
    FeatureRows,
    locate,
)
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.lab.trial import Laboratory
from core.diagnosis.report import diagnose_evidence
from core.diagnosis.search.search import Search
from core.market import Side
from core.settings import BotSettings, GapPolicy, Mode
from core.times import DAY_US

STEP = 300_000_000  # µs
FIRST = round(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000_000
COUNT = 288  # labels: a day
HISTORY = 432  # candles before it: a day and a half
LOOKBACK = 60
OPENS: Ints = FIRST + STEP * np.arange(COUNT, dtype="int64")
FEATURES = ("change", "drift", "volume", "width", "step", "middle")


def logistic(log_odds: Floats) -> Any:
    """Probabilities as a model gives them, in float32."""
    return np.asarray(expit(log_odds), dtype="float32")


class Linear(BoosterModel):
    """A logistic model of plain weights; an input without a value adds nothing."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._weights = np.array(weights)

    def of(self, inputs: Sequence[int]) -> "Linear":
        """The model of these inputs alone."""
        return Linear([self._weights[place] for place in inputs])

    @property
    def features(self) -> int:
        return len(self._weights)

    def predict(self, scaled: Floats) -> Any:
        return logistic(np.nan_to_num(scaled) @ self._weights - 0.5)

    def contributions(self, scaled: Floats) -> Floats:
        return np.asarray(np.nan_to_num(scaled) * self._weights)


def make_bundle(
    name: str,
    models: Sequence[BoosterModel],
    scaler: Scaler | None = None,
    names: tuple[str, ...] = FEATURES,
) -> Bundle:
    """A bundle of these models (LONG, SHORT), both behind one scaler or none."""
    scaler = Scaler() if scaler is None else scaler
    sides = {
        side: SideModel(names, scaler, f"{name} {side}", model)
        for side, model in zip((Side.LONG, Side.SHORT), models, strict=True)
    }
    return Bundle(name, name, Path(name), sides, Manifest(name, {}))


def fitted_scaler(matrix: Floats, scale: float = 1.0) -> Scaler:
    """The standard scaler of these rows, its numbers times `scale`."""
    offset, width = matrix.mean(axis=0) * scale, matrix.std(axis=0) * scale
    return Scaler(kind=ScalerKind.STANDARD, offset=tuple(offset), scale=tuple(width))


def candles(seed: int = 1) -> CandleRows:
    """Five-minute candles of a random walk in whole numbers, `HISTORY` before the day on."""
    rng = np.random.default_rng(seed)
    bars = HISTORY + COUNT
    close = 100_000.0 + np.cumsum(rng.integers(-60, 61, bars))
    first = np.concatenate([[100_000.0], close[:-1]])
    up, down = rng.integers(1, 40, (2, bars))
    volume = rng.integers(100, 1000, bars)
    values = np.column_stack(
        [first, np.maximum(first, close) + up, np.minimum(first, close) - down, close, volume]
    )
    opens = FIRST + STEP * np.arange(-HISTORY, COUNT, dtype="int64")
    return CandleRows(opens, values)


def features(
    rows: CandleRows, opens: Ints = OPENS, lookback: int = LOOKBACK, mode: Mode = Mode.WINDOW
) -> Floats:
    """Candles × features; NaN where a candle or its whole window is not there.

    A frame is a day with the window of its first candle before it: there "middle" sees the
    candle after its own.
    """
    places, found = locate(rows.opens, opens)
    result = np.full((len(opens), len(FEATURES)), np.nan)
    usable = np.flatnonzero(found & (places >= lookback - 1))
    last = places[usable]
    first = last - lookback + 1
    values = rows.values
    after = last
    if mode is Mode.FRAME:
        is_last = np.append(rows.opens[1:] // DAY_US != rows.opens[:-1] // DAY_US, True)
        after = last + ~is_last[last]
    before = np.maximum(last - 1, first)
    total = np.concatenate([[[0.0, 0.0]], np.cumsum(values[:, [CLOSE, VOLUME]], axis=0)])
    means = (total[last + 1] - total[first]) / lookback
    close = values[last, CLOSE]
    result[usable] = np.column_stack(
        [
            close - values[last, OPEN],
            close - means[:, 0],
            values[last, VOLUME] - means[:, 1],
            values[last, HIGH] - values[last, LOW],
            close - values[before, CLOSE],
            values[before, CLOSE] + values[after, CLOSE] - 2 * close,
        ]
    )
    return result


def recompute(
    pipeline: str,
    candles: CandleRows,
    ends: Ints,
    lookback_bars: int,
    mode: Mode,
    gap_policy: GapPolicy = GapPolicy.REFUSE,
) -> FeatureRows:
    """`features` as a pipeline; "own:older" counts volume in thousands, "own:holes" has none
    on each seventh candle. Windows with a hole are computed where gaps are allowed.
    """
    matrix = features(candles, ends, lookback_bars, mode)
    volume = FEATURES.index("volume")
    if pipeline == "own:older":
        matrix[:, volume] /= 1000
    if pipeline == "own:holes":
        matrix[ends // STEP % 7 == 0, volume] = np.nan
    known = ~np.isnan(matrix).all(axis=1)
    if gap_policy is GapPolicy.REFUSE:
        places, _ = locate(candles.opens, ends)
        begins = candles.opens[np.maximum(places - lookback_bars + 1, 0)]
        known &= ends - begins == (lookback_bars - 1) * STEP
    return FeatureRows(ends[known], FEATURES, matrix[known])


class Recorder:
    """`recompute` that notes what it was asked for."""

    def __init__(self) -> None:
        self.lookbacks: list[int] = []
        self.ends: list[Ints] = []

    def __call__(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: Mode,
        gap_policy: GapPolicy,
    ) -> FeatureRows:
        self.lookbacks.append(lookback_bars)
        self.ends.append(ends)
        return recompute(pipeline, candles, ends, lookback_bars, mode, gap_policy)

    @property
    def candles(self) -> int:
        """How many candles were asked for, each counted once."""
        return len(np.unique(np.concatenate(self.ends)))


LONG = Linear((0.9, 0.7, 0.8, -0.5, 0.6, 0.4))
SHORT = Linear((-0.8, -0.6, 0.5, 0.7, -0.4, 0.9))
MAY = make_bundle("may", (LONG, SHORT), fitted_scaler(features(candles())))
JUNE = make_bundle("june", (SHORT, LONG), fitted_scaler(features(candles()), 1.5))


def score(matrix: Floats, bundle: Bundle = MAY, names: tuple[str, ...] = FEATURES) -> Floats:
    """What a bundle says of vectors with these columns: candles × (LONG, SHORT)."""
    models = [bundle.sides[side] for side in (Side.LONG, Side.SHORT)]
    places = [names.index(name) for name in models[0].features]
    return np.column_stack([model.score(matrix[:, places]) for model in models])


def evidence_of(
    emitted: Floats | None = None,
    *,
    vectors: Floats | None = None,
    rows: CandleRows | None = None,
    bundle: Bundle = MAY,
    **more: Any,
) -> Evidence:
    """What a bot emitted on the day beside its backtest, made as configured.

    `vectors`: what the bot computed and logged, by default what the backtest does; `emitted`:
    by default what the bundle says of that. `rows`: the backtest's candles.
    """
    rows = candles() if rows is None else rows
    own = features(rows)
    vectors = own if vectors is None else vectors
    emitted = score(vectors, bundle) if emitted is None else emitted
    bot = BotSettings.model_validate(
        {
            "name": "bot",
            "candles": [{"name": "exchange", "paths": ["none.csv"]}],
            "backtests": [
                {
                    "name": "backtest",
                    "pipeline": "own:compute",
                    "lookback_bars": LOOKBACK,
                    "candles": "exchange",
                }
            ],
        }
    )
    backtest, other, unknown = bot.backtests[0], score(own, bundle), np.full((COUNT, 2), np.nan)
    evidence = Evidence(
        bot=bot,
        timeframe=bot.frame,
        comparison=backtest.name,
        kind=Kind.RECOMPUTED,
        from_=None,
        until=None,
        opens=OPENS,
        production=emitted,
        production_step=unknown,
        emitted=emitted,
        replay=score(vectors, bundle),
        other=other,
        other_step=unknown,
        stored=FeatureRows(OPENS, ("LONG", "SHORT"), other),
        logged=FeatureRows(OPENS, FEATURES, vectors),
        candles={"exchange": rows},
        bundles=(bundle, JUNE),
        live=np.zeros(COUNT, dtype="int64"),
        backtest=backtest,
        source="exchange",
        pipelines=("own:compute", "own:older"),
        recompute=recompute,
        rules=rules_of(bot, backtest, OPENS),
    )
    return replace(evidence, **more)


def replay_of(
    emitted: Floats, matrix: Floats, bundle: Bundle, names: tuple[str, ...] = FEATURES
) -> Evidence:
    """What a bot emitted beside the replay of these logged features; no candle is known."""
    replay = score(matrix, bundle, names)
    return evidence_of(
        emitted,
        comparison="replay",
        kind=Kind.REPLAY,
        replay=replay,
        other=replay,
        stored=FeatureRows(OPENS, ("LONG", "SHORT"), replay),
        logged=FeatureRows(OPENS, names, matrix),
        candles={},
        bundles=(bundle,),
        backtest=None,
        source=None,
        pipelines=(),
        recompute=None,
        rules=None,
    )


def prices_of(rows: CandleRows, shift_bars: int = 0) -> PriceRows:
    """The closes as the log prints them, each `shift_bars` bars from its label."""
    closes = rows.at(OPENS + shift_bars * STEP)[0][:, CLOSE]
    return PriceRows(log="signals", opens=OPENS, prices=closes, steps=np.full(COUNT, 1.0))


def labelled(shifts: Sequence[int], cuts: Sequence[int] = (COUNT // 2,), **more: Any) -> Evidence:
    """Stretches of the signal log between these rows, each so many bars before its true candle.

    Prices and signals are those of the true candle.
    """
    rows = candles()
    true = OPENS + STEP * np.repeat(shifts, np.diff([0, *cuts, COUNT])[: len(shifts)])
    prices = PriceRows(
        log="signals", opens=OPENS, prices=rows.at(true)[0][:, CLOSE], steps=np.full(COUNT, 1.0)
    )
    return evidence_of(score(features(rows, true)), **{"prices": prices} | more)


def search_of(evidence: Evidence) -> Search:
    """The first round's search, with every searched candle as a probe."""
    blocks = cut_blocks(evidence.opens, evidence.edges)
    places = np.flatnonzero(blocks.is_search)
    return Search(
        lab=Laboratory(evidence),
        blocks=blocks,
        target=evidence.production,
        floor=evidence.floor,
        places=places,
        probes=places,
    )


def diagnosed(evidence: Evidence) -> dict[str, Finding]:
    """The findings of a whole diagnosis, by cause."""
    return {finding.cause: finding for finding in diagnose_evidence(evidence).findings}


def proven(evidence: Evidence) -> dict[str, Finding]:
    """Those that are proven, by cause."""
    return {k: f for k, f in diagnosed(evidence).items() if f.verdict is Verdict.PROVEN}


def partial(evidence: Evidence) -> dict[str, Finding]:
    """Those that explain a part, by cause."""
    return {k: f for k, f in diagnosed(evidence).items() if f.verdict is Verdict.PARTIAL}


@cache
def beside(other: str) -> dict[str, Finding]:
    """What is said where another cause is at fault: a model ("bundle"), or a feature's code."""
    rows = candles()
    if other == "bundle":
        return diagnosed(evidence_of(score(features(rows), JUNE)))
    return diagnosed(
        evidence_of(vectors=recompute("own:older", rows, OPENS, LOOKBACK, Mode.WINDOW).matrix)
    )


def needed(cause: str, evidence: Evidence) -> str | None:
    """What the cause says that it needs to be tested."""
    return BY_CODE[cause].needs(evidence)


def without_recomputation() -> dict[str, Evidence]:
    """Evidence that cannot be recomputed, by a part of the sentence that says why."""
    whole = evidence_of()
    return {
        "no features are logged": replace(whole, kind=Kind.REPLAY, logged=None),
        "same logged features": replace(whole, kind=Kind.REPLAY),
        "imported backtest cannot be re-run": replace(whole, kind=Kind.IMPORTED),
        "list the models under bundles": replace(whole, bundles=()),
        "takes 9 s a candle": replace(whole, recompute=None, no_recompute="takes 9 s a candle"),
        "add a [[bots.candles]] source": replace(whole, candles={}),
    }


def grown(*places: int, lookback: int = LOOKBACK) -> Floats:
    """Vectors of a bot that began with no history at each of these labels."""
    rows, parts = candles(), []
    for place in range(COUNT):
        begun = [start for start in places if start <= place]
        seen = min(lookback, place - begun[-1] + 1) if begun else lookback
        parts.append(features(rows, OPENS[[place]], lookback=seen))
    return np.concatenate(parts)


def unfinished(rows: CandleRows, opens: Ints) -> CandleRows:
    """These candles as they stood half-way to their close."""
    values, _ = rows.at(opens)
    first, close = values[:, OPEN], values[:, OPEN] + (values[:, CLOSE] - values[:, OPEN]) // 2
    high, low = np.maximum(first, close), np.minimum(first, close)
    return CandleRows(opens, np.column_stack([first, high, low, close, values[:, VOLUME] // 2]))
