"""The simulated bot's models: LONG and SHORT, trained on the market before the log begins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_pipeline.pipeline import FEATURES

Floats = npt.NDArray[np.float64]

HORIZON_BARS = 12
_ROUNDS = 120
_VOLATILITY_BARS = 48


@dataclass(frozen=True)
class TrainedModel:
    """One side: the ordered features, the scaler's numbers, the model as XGBoost writes it."""

    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    model: bytes

    @cached_property
    def _booster(self) -> Any:
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.model))
        return booster

    def probabilities(self, matrix: Floats) -> Floats:
        """Probabilities of raw feature rows (n × features, in this model's order)."""
        return self.probabilities_of_scaled((matrix - self.mean) / self.scale)

    def probabilities_of_scaled(self, scaled: Floats) -> Floats:
        """Probabilities of rows that are scaled already."""
        return np.asarray(self._booster.inplace_predict(scaled), dtype="float64")


@dataclass(frozen=True)
class TrainedBundle:
    """Both sides under one name."""

    name: str
    long: TrainedModel
    short: TrainedModel

    @property
    def sides(self) -> tuple[TrainedModel, TrainedModel]:
        return self.long, self.short

    def renamed(self, name: str) -> "TrainedBundle":
        """The same models in another folder."""
        return replace(self, name=name)


def train_bundle(
    name: str,
    sides: Sequence[Sequence[int]],
    matrix: Floats,
    closes: Floats,
    *,
    seed: int,
    move_deviations: float = 0.4,
) -> TrainedBundle:
    """Train both sides on rows of reference features and the close of each row's candle.

    LONG learns "the close HORIZON_BARS later is higher by `move_deviations` of what
    such a span usually moves", SHORT the same fall. `sides`: the columns (of FEATURES)
    that LONG and SHORT take, in their order. Rows must be consecutive candles.
    """
    future = np.full(len(closes), np.nan)
    future[:-HORIZON_BARS] = closes[HORIZON_BARS:] / closes[:-HORIZON_BARS] - 1.0
    usual = _usual_move(closes)
    known = np.isfinite(future) & np.isfinite(usual) & np.isfinite(matrix).all(axis=1)
    models = []
    for sign, columns in zip((1.0, -1.0), sides, strict=True):
        labels = sign * future[known] > move_deviations * usual[known]
        names = tuple(FEATURES[column] for column in columns)
        models.append(_train_side(names, matrix[known][:, list(columns)], labels, seed))
    return TrainedBundle(name, *models)


def _usual_move(closes: Floats) -> Floats:
    """The standard deviation of a return over HORIZON_BARS, from the last four hours."""
    returns = np.diff(np.log(closes), prepend=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(returns, _VOLATILITY_BARS)
    deviation = windows.std(axis=1) * np.sqrt(HORIZON_BARS)
    return np.concatenate([np.full(_VOLATILITY_BARS - 1, np.nan), deviation])


def _train_side(
    names: tuple[str, ...], matrix: Floats, labels: npt.NDArray[np.bool_], seed: int
) -> TrainedModel:
    import xgboost

    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    # weighed half way to balance, so that probabilities spread around the middle
    weight = float(np.sqrt((~labels).sum() / max(1, labels.sum())))
    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": 4,
        "eta": 0.1,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
        "scale_pos_weight": weight,
        "seed": seed,
        "nthread": 1,
    }
    rows = xgboost.DMatrix((matrix - mean) / scale, label=labels.astype("float64"))
    booster = xgboost.train(parameters, rows, num_boost_round=_ROUNDS)
    return TrainedModel(names, mean, scale, bytes(booster.save_raw("json")))
