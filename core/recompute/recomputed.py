"""What a recomputation gives: features by candle, and why other candles have none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats, Ints
from core.errors import PipelineError
from core.recompute.windows import Frame, as_index

GATHER_S = 0.5
# Failures that the same frame would meet again.
LASTING = ("pipeline_failed", "no_row", "other_columns")
_LISTS = ("opens", "values", "warming", "missing", "provisional", "from_stretch", "reasons")


@dataclass(frozen=True)
class Recomputed:
    """Features of the candles that could be computed; the rest has a reason.

    features: float64, indexed by candle_open (UTC). warming: same shape, True
    where the feature has no value anywhere in its frame up to that candle.
    texts: columns left out because they hold no numbers. missing: candles that lack
    inside the frame, by candle_open. is_provisional: the candle's day is not
    over (frame mode).
    reasons: candle_open, reason, detail; reason "pending" where the time
    budget ended before. traceback: of the first failure inside the pipeline.
    """

    features: pd.DataFrame
    warming: pd.DataFrame
    texts: tuple[str, ...]
    missing: pd.Series
    is_provisional: pd.Series
    reasons: pd.DataFrame
    traceback: str | None = None


def reason_frame(reasons: Sequence[tuple[int, str, str]]) -> pd.DataFrame:
    """(candle open in µs, reason, detail) → frame, in order of time."""
    ordered = sorted(reasons)
    return pd.DataFrame(
        {
            "candle_open": as_index([entry[0] for entry in ordered]),
            "reason": pd.Series([entry[1] for entry in ordered], dtype=object),
            "detail": pd.Series([entry[2] for entry in ordered], dtype=object),
        }
    )


@dataclass
class Collected:
    """Rows as they come in, in any order; `seal` makes the frame of them."""

    columns: tuple[str, ...] | None = None
    texts: set[str] = field(default_factory=set)
    opens: list[int] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    warming: list[Flags] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    provisional: list[bool] = field(default_factory=list)
    from_stretch: list[bool] = field(default_factory=list)
    reasons: list[tuple[int, str, str]] = field(default_factory=list)
    traceback: str | None = None
    cpu_s: float = 0.0  # of a trader's own code; a call that was ended counts as its limit

    def accepts(self, columns: Sequence[str]) -> bool:
        """Whether rows of these columns belong to the same frame (none: a failure)."""
        return not columns or self.columns in (None, tuple(columns))

    def add(self, open_us: int, values: Floats, warming: Flags, frame: Frame) -> None:
        """One recomputed row."""
        self.opens.append(open_us)
        self.values.append(values)
        self.warming.append(warming)
        self.missing.append(frame.missing)
        self.provisional.append(frame.is_provisional)
        self.from_stretch.append(frame.is_stretch)

    def merge(self, other: "Collected") -> None:
        """Take another batch's rows; its columns are the same or none."""
        self.columns = self.columns or other.columns
        self.texts |= other.texts
        self.traceback = self.traceback or other.traceback
        self.cpu_s += other.cpu_s
        for name in _LISTS:
            getattr(self, name).extend(getattr(other, name))

    def order(self) -> Ints:
        """Places of the rows in order of time; of two of one candle the later one counts."""
        places = {open_us: place for place, open_us in enumerate(self.opens)}
        return np.array([places[open_us] for open_us in sorted(places)], dtype=np.int64)

    def seal(self) -> Recomputed:
        """All rows in order of time."""
        columns = list(self.columns or ())
        order = self.order()
        index = as_index(np.array(self.opens, dtype=np.int64)[order])
        shape = (len(self.opens), len(columns))
        values = np.array(self.values, dtype="float64").reshape(shape)[order]
        warming = np.array(self.warming, dtype=bool).reshape(shape)[order]
        return Recomputed(
            features=pd.DataFrame(values, index=index, columns=columns),
            warming=pd.DataFrame(warming, index=index, columns=columns),
            texts=tuple(sorted(self.texts)),
            missing=pd.Series(np.array(self.missing, dtype=np.int64)[order], index=index),
            is_provisional=pd.Series(np.array(self.provisional, dtype=bool)[order], index=index),
            reasons=reason_frame(self.reasons),
            traceback=self.traceback,
        )


def gathered(
    batches: Iterable[Collected], monotonic: Callable[[], float], *, wait_s: float = GATHER_S
) -> Iterator[Collected]:
    """The same rows in batches of what came within `wait_s`, at least one batch each.

    So quick frames are not stored one by one. What came before a PipelineError is handed
    on before it is raised.
    """
    held = Collected()
    since = monotonic()
    try:
        for batch in batches:
            held.merge(batch)
            if monotonic() - since >= wait_s:
                yield held
                held, since = Collected(), monotonic()
    except PipelineError:
        yield held
        raise
    yield held
