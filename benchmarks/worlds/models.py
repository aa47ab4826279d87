"""Models of several settings, scored as a bot scores them, written as bundles.md describes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

from benchmarks.worlds.market import make_market
from benchmarks.worlds.traders import quick

SIDES = ("LONG", "SHORT")
# Depth, learning rate, most trees, early stopping, base score, scaler.
SETTINGS: tuple[tuple[int, float, int, bool, float | None, str], ...] = (
    (3, 0.20, 40, False, None, "standard"),
    (5, 0.10, 60, True, 0.5, "standard"),
    (2, 0.30, 120, True, 0.3, "min-max"),
    (6, 0.15, 30, False, 0.65, "standard"),
    (4, 0.10, 90, False, None, "none"),
)


@dataclass(frozen=True)
class SideModel:
    """One side's model with its scaler and its inputs in their order."""

    model: xgboost.XGBClassifier
    features: tuple[str, ...]
    scaler: str
    offset: np.ndarray
    scale: np.ndarray

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """rows: a column an input, in their order, unscaled."""
        if self.scaler == "standard":
            return np.asarray((rows - self.offset) / self.scale)
        if self.scaler == "min-max":
            return np.asarray(rows * self.scale + self.offset)
        return rows

    def raw_score(self, rows: np.ndarray) -> np.ndarray:
        """Probability of class 1 of rows that are scaled already, the float64 of its float32."""
        return np.asarray(self.model.predict_proba(rows)[:, 1].astype(np.float64))

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """frame: any columns, a row a candle."""
        return self.raw_score(self.scaled(frame[list(self.features)].to_numpy(dtype=float)))


Bundle = dict[str, SideModel]


@cache
def make_bundle(setting: int, seed: int) -> Bundle:
    """Models of SETTINGS[setting], trained on a market of `seed`'s own."""
    rng = np.random.default_rng([setting, seed, 77])
    kind = ("trend", "reversion", "jumps")[seed % 3]
    market = make_market(kind, 2_600, datetime(2025, 1, 6, tzinfo=UTC), rng)
    table = quick.compute(market.candles).iloc[300:].reset_index(drop=True)
    return {side: _train(table, SETTINGS[setting], rng) for side in SIDES}


def _train(
    table: pd.DataFrame,
    setting: tuple[int, float, int, bool, float | None, str],
    rng: np.random.Generator,
) -> SideModel:
    depth, rate, trees, stops_early, base_score, scaler = setting
    names = tuple(rng.permutation(table.columns)[: int(rng.integers(14, 21))])
    rows = table[list(names)].to_numpy(dtype=float)
    offset, scale = _fit_scaler(rows, scaler)
    model = xgboost.XGBClassifier(
        max_depth=depth,
        learning_rate=rate,
        n_estimators=trees,
        base_score=base_score,
        early_stopping_rounds=5 if stops_early else None,
        random_state=int(rng.integers(1 << 30)),
        n_jobs=1,
    )
    side = SideModel(model, names, scaler, offset, scale)
    ranks = pd.DataFrame(rows).rank(pct=True).fillna(0.3).to_numpy() - 0.5
    pull = ranks @ rng.normal(0, 1.5, len(names)) + 3 * ranks[:, 0] * ranks[:, 1]
    target = (pull + rng.normal(0, 0.4, len(pull)) > np.quantile(pull, 0.6)).astype(int)
    cut = int(len(rows) * 0.75)
    fitted = side.scaled(rows)
    held = [(fitted[cut:], target[cut:])] if stops_early else None
    model.fit(fitted[:cut], target[:cut], eval_set=held, verbose=False)
    return side


def _fit_scaler(rows: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    if kind == "min-max":
        scale = 1 / np.where(high > low, high - low, 1.0)
        return -low * scale, scale
    spread = np.nanstd(rows, axis=0)
    return np.nanmean(rows, axis=0), np.where(spread > 0, spread, 1.0)


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """A bundle folder as docs/bundles.md describes it."""
    folder.mkdir(parents=True)
    sides: dict[str, object] = {}
    for side, model in bundle.items():
        file = folder / f"{side.lower()}.json"
        model.model.get_booster().save_model(file)
        numbers = {"offset": model.offset.tolist(), "scale": model.scale.tolist()}
        sides[side] = {
            "model": file.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "scaler": {"kind": model.scaler, **(numbers if model.scaler != "none" else {})},
            "features": list(model.features),
        }
    manifest = {"format": 1, "name": folder.name, "sides": sides}
    (folder / "bundle.json").write_text(json.dumps(manifest, indent=1))


Compute = Callable[[pd.DataFrame], pd.DataFrame]


def last_rows(compute: Compute, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The features of the last candle of every frame."""
    return pd.DataFrame([compute(frame).iloc[-1] for frame in frames])
