"""Comparisons in a few plain numbers: what a re-run says is looked up, not computed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.arrays import Floats, Ints
from core.bundle.booster import ModelFormat
from core.bundle.load import Bundle, SideModel, side_model
from core.bundle.manifest import Manifest
from core.bundle.scaler import Scaler
from core.diagnosis.cause import Cause, Saying
from core.diagnosis.causes.labels import Shifted
from core.diagnosis.causes.stale_features import Lagged
from core.diagnosis.evidence.blocks import cut_blocks
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.lab.trial import Laboratory
from core.diagnosis.lab.world import Alteration, Change, Scope
from core.diagnosis.search.examination import Trial
from core.diagnosis.search.search import Search
from core.market import SIDES, Side
from core.settings import BotSettings
from core.times import to_us

STEP = 300_000_000
FIRST = to_us(datetime(2026, 3, 2, tzinfo=UTC))
BOT = BotSettings.model_validate({"name": "bot"})
_APART = 100_000  # bars between the answers of two re-runs, so that they never touch


def opens(count: int, first: int = 0) -> Ints:
    """Candle opens five minutes apart, from 2026-03-02 00:00 UTC plus `first` bars."""
    return FIRST + (first + np.arange(count, dtype="int64")) * STEP


def both(values: ArrayLike) -> Floats:
    """Candles × (LONG, SHORT); one number a candle stands for both sides."""
    table = np.asarray(values, dtype="float64")
    return np.column_stack([table, table]) if table.ndim == 1 else table


def compare(
    production: ArrayLike,
    other: ArrayLike,
    answers: Mapping[int, ArrayLike] | None = None,
    **fields: Any,
) -> Evidence:
    """Emitted signals against an imported backtest that nothing scores again.

    `answers`: what the other side says in a re-run with the change `undo(…, number)`; with
    an `undo` and an `also` at once, under the sum of both numbers.
    """
    mine, theirs = both(production), both(other)
    labels = fields.pop("opens", opens(len(mine)))
    said = {0: theirs, **{number: both(values) for number, values in (answers or {}).items()}}
    numbers = sorted(said, reverse=True)
    stored = FeatureRows(
        np.concatenate([labels - number * _APART * STEP for number in numbers]),
        SIDES,
        np.concatenate([said[number] for number in numbers]),
    )
    unknown = np.full(mine.shape, np.nan)
    evidence = Evidence(
        bot=BOT,
        timeframe=BOT.frame,
        comparison="b",
        kind=Kind.IMPORTED,
        from_=None,
        until=None,
        opens=labels,
        production=mine,
        production_step=unknown,
        emitted=mine,
        replay=unknown,
        other=theirs,
        other_step=unknown,
        stored=stored,
    )
    return replace(evidence, **fields)


def undo(cause: str, number: int, *, ranges: Iterable[tuple[int, int]] = (), **more: Any) -> Change:
    """A change after which the other side says `answers[number]`; ranges in candle places."""
    return _looked_up(cause, Lagged(number * _APART), ranges, more)


def also(cause: str, number: int, *, ranges: Iterable[tuple[int, int]] = (), **more: Any) -> Change:
    """As `undo`, but it acts beside one: the answer is that of both numbers' sum."""
    return _looked_up(cause, Shifted(-number * _APART), ranges, more)


def _looked_up(
    cause: str, alter: Alteration, ranges: Iterable[tuple[int, int]], more: dict[str, Any]
) -> Change:
    spans = tuple((FIRST + first * STEP, FIRST + last * STEP) for first, last in ranges)
    return Change(cause=cause, alter=alter, scope=Scope(spans), **more)


def search_of(evidence: Evidence, *accepted: Change) -> Search:
    """The search of a whole comparison, probes everywhere."""
    blocks = cut_blocks(evidence.opens, evidence.edges)
    places = np.flatnonzero(blocks.is_search)
    return Search(
        lab=Laboratory(evidence),
        blocks=blocks,
        target=evidence.production,
        floor=evidence.floor,
        places=places,
        probes=places,
        accepted=accepted,
    )


def cause_of(code: str, *changes: Change, **fields: Any) -> Cause:
    """A cause that always proposes the same changes."""
    return Cause(
        code=code,
        noun=f"another {code}",
        needs=fields.pop("needs", lambda evidence: None),
        propose=lambda search: changes,
        say=lambda change, evidence: Saying(f"the {code} was off", f"undoing {code}", "Mend it."),
        **fields,
    )


def trial_of(
    search: Search, change: Change, *, number: int = 1, accepted: tuple[Change, ...] = ()
) -> Trial:
    """The trial of a change as a round notes it."""
    before = replace(search, accepted=accepted)
    return Trial(
        cause=change.cause,
        number=number,
        change=change,
        accepted=accepted,
        before=before.fit(None, search.places),
        after=before.fit(change, search.places),
    )


def linear_model(features: tuple[str, ...], weights: ArrayLike, scaler: Scaler) -> SideModel:
    """A real XGBoost model whose log-odds are the scaled inputs times these weights."""
    import json

    import xgboost as xgb

    settings = {"booster": "gblinear", "objective": "binary:logistic", "base_score": 0.5}
    rows = np.random.default_rng(1).normal(size=(20, len(features)))
    start = xgb.train(
        {**settings, "nthread": 1}, xgb.DMatrix(rows, label=np.arange(20) % 2), num_boost_round=1
    )
    model = json.loads(bytes(start.save_raw("json")))
    chosen = [float(weight) for weight in np.asarray(weights, dtype="float64")]
    model["learner"]["gradient_booster"]["model"]["weights"] = [*chosen, 0.0]
    return side_model(json.dumps(model).encode(), ModelFormat.JSON, scaler, features)


def linear_bundle(
    name: str, features: tuple[str, ...], long: ArrayLike, short: ArrayLike | None = None
) -> Bundle:
    """A bundle of linear models on unscaled features; without SHORT where none is given."""
    sides = {Side.LONG: linear_model(features, long, Scaler())}
    if short is not None:
        sides[Side.SHORT] = linear_model(features, short, Scaler())
    return Bundle(name, name, Path(name), sides, Manifest(name, {}))


def logistic(log_odds: ArrayLike) -> Floats:
    """Probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds, dtype="float64"))))
