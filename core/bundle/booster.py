"""XGBoost models as bytes → class-1 probabilities, equal to predict_proba.

XGBoost is imported when the first model is opened: it costs 1.6 s.
"""

import json
import re
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BundleError

_LOGISTIC = ("binary:logistic", "reg:logistic")
_BULK_ROWS = 32_768
_ONE_THREAD, _BULK_THREADS = 1, 2
_KEEP_OPEN = 32
_CPP_PLACE = re.compile(r"^\[[\d:]+\] \S+: ")


class ModelFormat(StrEnum):
    """XGBoost's own formats; a model's file ends in its format's name."""

    JSON = "json"
    UBJ = "ubj"


class BoosterModel:
    """A binary classifier, opened when it is first asked; safe to use from several threads.

    Whatever asks it raises BundleError where the bytes are no such model.
    """

    def __init__(self, raw: bytes, format_: ModelFormat) -> None:
        self._raw, self._format = raw, format_

    @property
    def features(self) -> int:
        return int(self._booster.num_features())

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names that the model itself carries (a scikit-learn fit on plain arrays has none)."""
        names = self._booster.feature_names
        return None if names is None else tuple(names)

    def predict(self, scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Class-1 probability of each row, as XGBClassifier.predict_proba gives it.

        Batches take one thread: beside a busy neighbour XGBoost's threads wait for each
        other, at 4,096 rows three times as long as one alone needs. Bulk takes two. The
        results are the same bits.
        """
        booster = self._bulk if len(scaled) >= _BULK_ROWS else self._booster
        if self._is_linear:
            result = booster.predict(self._matrix(scaled), iteration_range=self._rounds)
        else:
            result = booster.inplace_predict(scaled, iteration_range=self._rounds)
        return np.asarray(result, dtype="float32")

    def contributions(self, scaled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Exact TreeSHAP contributions (log-odds) of each input, rows × inputs.

        Some hundred rows a second: for the few candles that are explained, on demand.
        """
        values = self._booster.predict(
            self._matrix(scaled), pred_contribs=True, iteration_range=self._rounds
        )
        return np.asarray(values[:, :-1], dtype="float64")

    def _matrix(self, scaled: npt.NDArray[np.float64]) -> Any:
        """Rows under the model's own names, which a model fitted on a DataFrame asks for."""
        from xgboost import DMatrix

        names = self._booster.feature_names
        return DMatrix(scaled, nthread=_ONE_THREAD, feature_names=names)

    @cached_property
    def _booster(self) -> Any:
        booster = _open(self._raw, self._format, _ONE_THREAD)
        _check_objective(json.loads(booster.save_config())["learner"])
        return booster

    @cached_property
    def _bulk(self) -> Any:
        return _open(self._raw, self._format, _BULK_THREADS)

    @cached_property
    def _is_linear(self) -> bool:
        config = json.loads(self._booster.save_config())["learner"]
        return bool(config["learner_train_param"]["booster"] == "gblinear")

    @cached_property
    def _rounds(self) -> tuple[int, int]:
        return _rounds(self._booster, is_linear=self._is_linear)


def open_model(raw: bytes, sha256: str, format_: ModelFormat) -> BoosterModel:
    """The model of these bytes ("json" or "ubj"), opened at most once a process."""
    model = _OPENED.get(sha256)
    if model is None:
        model = BoosterModel(raw, format_)
        if len(_OPENED) >= _KEEP_OPEN:
            _OPENED.pop(next(iter(_OPENED)))
        _OPENED[sha256] = model
    return model


_OPENED: dict[str, BoosterModel] = {}


def _open(raw: bytes, format_: ModelFormat, threads: int) -> Any:
    from xgboost import Booster
    from xgboost.core import XGBoostError

    try:
        booster = Booster({"nthread": threads})
        booster.load_model(_loadable(raw, format_))
    except (XGBoostError, ValueError, TypeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = _CPP_PLACE.sub("", lines[0])
        raise BundleError(f"the model is damaged, XGBoost cannot read it: {reason}") from error
    return booster


def _loadable(raw: bytes, format_: ModelFormat) -> bytearray:
    """What Booster.load_model takes; what is clearly no model is refused before it.

    XGBoost aborts the process on some broken UBJ: convert tries those in a process of
    its own, and the sha256 in the manifest holds afterwards.
    """
    if format_ == "json":
        content = json.loads(raw)
        if not isinstance(content, dict) or "learner" not in content:
            raise ValueError("no learner in the JSON")
    elif len(raw) < 2 or raw[:1] != b"{" or raw[-1:] != b"}":
        raise ValueError("not a whole UBJ document")
    return bytearray(raw)


def _check_objective(config: dict[str, Any]) -> None:
    objective = config["objective"]["name"]
    classes = int(config["learner_model_param"].get("num_class", "0"))
    targets = int(config["learner_model_param"].get("num_target", "1"))
    if objective not in _LOGISTIC or classes > 1 or targets > 1:
        raise BundleError(
            f"the model is no binary classifier: objective {objective}, {max(classes, 1)} classes, "
            f"{targets} targets; supported are {' and '.join(_LOGISTIC)} with one output"
        )


def _rounds(booster: Any, *, is_linear: bool) -> tuple[int, int]:
    """Trees up to the best iteration where training stopped early, as predict_proba does."""
    best = booster.attr("best_iteration")
    return (0, 0) if best is None or is_linear else (0, int(best) + 1)
