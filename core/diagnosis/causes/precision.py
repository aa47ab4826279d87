"""precision: values kept in float32, or with few decimals."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, FloatType, Source, World, change
from core.diagnosis.search.search import Search

CODE = "precision"
_MAX_DECIMALS = 8  # as exchanges and exports print at most
_TYPES: tuple[FloatType, ...] = ("float32",)


@dataclass(frozen=True, slots=True)
class FeaturesKept:
    """Features are kept in a narrower type, or with so many decimals."""

    dtype: FloatType | None = None
    decimals: int | None = None

    def __call__(self, world: World) -> World:
        if self.dtype is not None:
            world = replace(world, dtype=self.dtype)
        return world if self.decimals is None else replace(world, decimals=self.decimals)


@dataclass(frozen=True, slots=True)
class CandlesKept:
    """Candles are kept in a narrower type, or with so many decimals."""

    dtype: FloatType | None = None
    decimals: int | None = None

    def __call__(self, world: World) -> World:
        if self.dtype is not None:
            world = replace(world, candle_dtype=self.dtype)
        return world if self.decimals is None else replace(world, candle_decimals=self.decimals)


def _propose(search: Search) -> Iterator[Change]:
    for dtype in _TYPES:
        yield change(CODE, FeaturesKept(dtype=dtype), {"dtype": dtype})
    for decimals in range(_MAX_DECIMALS + 1):
        yield change(CODE, FeaturesKept(decimals=decimals), {"decimals": decimals})
    if search.world.source is Source.RECOMPUTED and not search.is_model_path:
        for dtype in _TYPES:
            yield change(CODE, CandlesKept(dtype=dtype), {"dtype": dtype, "values": "candles"})
        for decimals in range(4):
            yield change(
                CODE,
                CandlesKept(decimals=decimals),
                {"decimals": decimals, "values": "candles"},
            )


def _say(entry: Change, evidence: Evidence) -> Saying:
    values = entry.values
    what = values.get("values", "features")
    kept = f"as {values['dtype']}" if "dtype" in values else f"to {values['decimals']} decimals"
    return Saying(
        f"production's {what} are kept {kept}"
        if "dtype" in values
        else f"production's {what} are rounded {kept}",
        f"keeping the {what} {kept}",
        "Keep the full float64 values between candles and model, or round on both sides alike.",
    )


CAUSE = Cause(
    code=CODE,
    noun="rounded or narrower values",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    acts_on_scoring=True,
)
