"""emitted − backtest = (emitted − replay) + (replay − backtest), candle by candle and exactly.

The first part is what happens between logged features and probability (the model
path), the second what happens before the features are logged (the feature path).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import Floats
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.market import SIDES


@dataclass(frozen=True, slots=True)
class Split:
    """Signed parts, candles × sides; NaN where a part cannot be computed."""

    whole: Floats
    model_path: Floats
    feature_path: Floats

    def document(self) -> dict[str, Any]:
        """Means per side over candles where every part is known, and what is not."""
        return {
            "sides": {name: self._side(number) for number, name in enumerate(SIDES)},
            "missing": self._missing(),
        }

    def _side(self, number: int) -> dict[str, Any]:
        parts = (self.whole[:, number], self.model_path[:, number], self.feature_path[:, number])
        known = np.isfinite(np.column_stack(parts)).all(axis=1)
        names = ("difference", "model_path", "feature_path")
        means = {
            f"mean_abs_{name}": float(np.abs(part[known]).mean()) if known.any() else None
            for name, part in zip(names, parts, strict=True)
        }
        return {"candles": int(known.sum()), **means}

    def _missing(self) -> str | None:
        if not np.isfinite(self.whole).any():
            return "no emitted signal meets a backtest signal, so there is nothing to split"
        if not np.isfinite(self.model_path).any():
            return (
                "no replay of the logged features is stored, so the model path and the feature "
                "path cannot be told apart"
            )
        return None


def split_difference(evidence: Evidence) -> Split | None:
    """The split of a backtest comparison; None for the replay comparison, which is one part."""
    if evidence.kind is Kind.REPLAY:
        return None
    return Split(
        whole=evidence.emitted - evidence.other,
        model_path=evidence.emitted - evidence.replay,
        feature_path=evidence.replay - evidence.other,
    )
