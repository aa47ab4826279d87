"""Which bundle was live on a candle, opened, and how its signals and their absence are kept.

Logged and recomputed rows are scored by the same bundles on the same spans; what
differs between them is why a row may have no signal.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Flags, Ints
from core.bundle.deployments import LiveOpens, live_bundles
from core.bundle.load import Bundle, load_bundle
from core.errors import BundleError
from core.market import Side
from core.settings import BotSettings
from core.storage.changes import Span
from core.times import index_from_us

_NAMED = 5
_NOT_COVERED = "no deployment in the configuration covers this candle"


@dataclass(frozen=True)
class LiveBundle:
    """An opened bundle with the candle opens on which it was live."""

    bundle: Bundle
    opens: LiveOpens


@dataclass(frozen=True)
class Live:
    """What was live when; `problem` says why some or all candles have no bundle."""

    bundles: tuple[LiveBundle, ...]
    refused: tuple[tuple[Span, BundleError], ...] = ()
    problem: str | None = None

    @classmethod
    def of(cls, bot: BotSettings, sound: Container[str] = ()) -> "Live":
        """Open every bundle that is live at some time; those that cannot be opened are refused.

        sound: hashes of bundles that were opened before (see load_bundle).
        """
        live = live_bundles(bot)
        bundles, refused = [], []
        for span in live.spans:
            opens = span.opens(bot.frame.length_us)
            try:
                bundles.append(LiveBundle(load_bundle(span.bundle_path, sound), opens))
            except BundleError as error:
                refused.append(((opens.since, opens.until - 1), error))
        return cls(tuple(bundles), tuple(refused), live.problem)

    @property
    def mark(self) -> list[list[object]]:
        """Which bundle is live when, as a watermark keeps it."""
        return [[live.bundle.hash, live.opens.since, live.opens.until] for live in self.bundles]

    @property
    def why_none(self) -> str:
        """Why a candle outside every live bundle has no signal."""
        return self.problem or _NOT_COVERED

    def split(self, opens: Ints) -> Iterator[tuple[Bundle | None, Flags]]:
        """Each bundle with the candles (stored µs) that it scores; last, None with the rest."""
        is_free = np.ones(len(opens), dtype=bool)
        for live in self.bundles:
            is_live = live.opens.hold(opens)
            is_free &= ~is_live
            if is_live.any():
                yield live.bundle, is_live
        if is_free.any():
            yield None, is_free


@dataclass(frozen=True)
class ScoredPart:
    """Scores of candles under one bundle (None: none was live), and why some are missing."""

    bundle: Bundle | None
    signals: pd.DataFrame  # candle_open, side, probability
    absences: pd.DataFrame  # candle_open, side, reason, detail


def unscored(opens: Ints, detail: str) -> ScoredPart:
    """Candles (stored µs) on which no bundle was live."""
    return ScoredPart(
        None, signal_frame([], "", []), absence_frame(opens, "", "no_live_bundle", detail)
    )


def signal_frame(opens: npt.ArrayLike, side: Side | str, values: npt.ArrayLike) -> pd.DataFrame:
    """Signals of one side: candle_open (from stored µs), side, probability."""
    return pd.DataFrame(
        {
            "candle_open": index_from_us(opens),
            "side": str(side),
            "probability": np.asarray(values, dtype="float64"),
        }
    )


def absence_frame(
    opens: npt.ArrayLike, side: Side | str, reason: str, detail: str | Sequence[str]
) -> pd.DataFrame:
    """Why these candles (stored µs) have no signal of a side; "" speaks of both sides."""
    return pd.DataFrame(
        {
            "candle_open": index_from_us(opens),
            "side": str(side),
            "reason": reason,
            "detail": detail,
        }
    ).astype({"side": "str", "reason": "str", "detail": "str"})


def infinite(opens: Ints, side: Side) -> pd.DataFrame:
    """Candles (stored µs) with an infinite input, which no model scores."""
    return absence_frame(opens, side, "infinite_feature", "an input of the model is infinite")


def named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
