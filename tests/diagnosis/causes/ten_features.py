"""Ten logged features of unlike size, and a bundle that takes them all."""

import numpy as np

from core.arrays import Floats
from core.bundle.load import Bundle
from tests.diagnosis.small_world import COUNT, Linear, fitted_scaler, make_bundle, score

NAMES = ("j", "b", "h", "d", "f", "e", "g", "c", "i", "a")
_WEIGHTS = np.array([0.9, -0.6, 0.5, 0.8, -0.7, 0.4, 1.0, -0.5, 0.6, -0.8])
_SPREAD = np.array([1.0, 2.0, 5.0, 1.0, 3.0, 2.0, 1.0, 4.0, 2.0, 3.0])


def make_matrix(size: float = 1.0, centre: float = 3.0) -> Floats:
    """Candles × ten features: normal around `centre` × `size`."""
    drawn = np.random.default_rng(7).normal(size=(COUNT, len(NAMES)))
    return np.asarray((drawn * _SPREAD + centre) * size)


def make_ten(matrix: Floats) -> Bundle:
    """A bundle over the ten, its scaler fitted on these rows."""
    models = (Linear(_WEIGHTS.tolist()), Linear(_WEIGHTS[::-1].tolist()))
    return make_bundle("ten", models, fitted_scaler(matrix), NAMES)


def score_ten(inputs: Floats, bundle: Bundle) -> Floats:
    """What the bundle says of inputs in this order: candles × (LONG, SHORT)."""
    return score(inputs, bundle, NAMES)
