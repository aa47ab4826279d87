"""Mistakes in the feature vector itself, after the candles and before the model."""

from dataclasses import replace

import numpy as np

from demo.mistakes.wrong_scoring import carriers
from demo.plan import Plan, Vectors
from demo.simulation import World


def precision(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot rounds its features before use: to 3 decimals (small) or 2 (large)."""
    decimals = (3, 2)[size]

    def rounded(vectors: Vectors) -> Vectors:
        return replace(vectors, matrix=np.round(vectors.matrix, decimals))

    return replace(plan, vectors=(*plan.vectors, rounded))


def stale_features(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot scores a cached vector: the previous candle's (small), or three candles old."""
    lag_bars = (1, 3)[size]

    def cached(vectors: Vectors) -> Vectors:
        matrix = vectors.matrix.copy()
        matrix[lag_bars:] = vectors.matrix[:-lag_bars]
        return replace(vectors, matrix=matrix)

    return replace(plan, vectors=(*plan.vectors, cached))


def column_collision(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """A feature is dead in production (small: always 0), or two carry another's values (large).

    Two steps of the bot's code write the same column, and the later one wins.
    """
    names = carriers(world, plan.scoring.bundles[0][1])[:8]
    chosen = [names[position] for position in generator.permutation(len(names))[:3]]

    def collide(vectors: Vectors) -> Vectors:
        matrix = vectors.matrix.copy()
        source, *targets = [vectors.columns.index(name) for name in chosen]
        if size:
            matrix[:, targets] = matrix[:, [source]]
        else:
            matrix[:, source] = 0.0
        return replace(vectors, matrix=matrix)

    return replace(plan, vectors=(*plan.vectors, collide))
