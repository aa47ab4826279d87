"""Layouts: which column of a row is which, what must hold of a row, what columns have held.

What columns have held is kept as facts that only ever become true ("held a number", "was
far from the price"), so the profile is the same in whatever order the rows were read.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from core.arrays import Flags, Floats
from core.feature_log.cells import LineError, parse_cell, parse_row, parse_time
from core.settings import FeatureLogSettings
from core.times import Timeframe, from_us, iso_z

ENOUGH_ROWS = 20  # before "always near the price" says anything
_NEAR = 0.1  # a moving average stays this near to the close ...
_FAR = 2.0  # ... and is never off by this factor in the next rows


@dataclass(frozen=True)
class Layout:
    """A sequence of column names, known by the hash of its content."""

    columns: tuple[str, ...]

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.columns).encode()).hexdigest()

    @cached_property
    def seed(self) -> bytes:
        return bytes.fromhex(self.hash)

    def position(self, name: str) -> int | None:
        """Where the column of this name stands first."""
        return self.columns.index(name) if name in self.columns else None


@dataclass(frozen=True)
class Grammar:
    """How this bot's rows are to be read: names of its columns, zone, grid."""

    log: FeatureLogSettings
    timeframe: Timeframe
    _roles: dict[Layout, "Roles"] = field(default_factory=dict, compare=False)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.log.zone)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the same line would be read otherwise."""
        log = self.log
        names = (log.candle_open, log.open, log.high, log.low, log.close, log.volume)
        spec = [names, log.zone, log.logged_at, self.timeframe.length_s]
        return hashlib.sha256(json.dumps(spec).encode()).hexdigest()[:16]

    def roles(self, layout: Layout) -> "Roles":
        roles = self._roles.get(layout)
        if roles is None:
            roles = self._roles[layout] = Roles.of(layout, self.log)
        return roles

    def is_header(self, cells: Sequence[str], *, is_first: bool) -> bool:
        """Whether a line names columns: it holds the candle-open name among words.

        The first line of a file may be a header without that name (of another
        program, or after a mistake in the configuration); it then holds words only.
        """
        words = sum(isinstance(parse_cell(text), str) for text in cells)
        if self.log.candle_open in cells:
            return 2 * words >= len(cells)
        return is_first and words == len(cells) == len(set(cells)) and len(cells) > 1

    def candle_open_us(self, text: str) -> int:
        """The candle open in a field; raises LineError when it is none of this timeframe."""
        opened = parse_time(text, self.zone)
        if opened % self.timeframe.length_us:
            raise LineError(
                "off_grid",
                f"{iso_z(from_us(opened))} is no candle open of {self.timeframe.text}",
            )
        return opened

    def read(self, layout: Layout, cells: list[str]) -> "Row":
        """A row under a layout; raises LineError with what does not hold."""
        roles = self.roles(layout)
        if len(cells) != len(layout.columns):
            raise LineError(
                "no_layout", f"{len(cells)} fields under {len(layout.columns)} column names"
            )
        if roles.candle_open is None:
            raise LineError(
                "no_candle_open",
                f'no column is named "{self.log.candle_open}": '
                "set candle_open under [bots.feature_log]",
            )
        opened = self.candle_open_us(cells[roles.candle_open])
        values, texts = parse_row(cells)
        check_prices(roles, values, texts)
        logged = self._logged_at(roles, cells)
        return Row(layout, opened, values, texts, logged)

    def read_kept(self, layout: Layout, cells: list[str], candle_open: int) -> "Row":
        """A row that was read before: its candle open stands, nothing is checked again."""
        values, texts = parse_row(cells)
        try:
            logged = self._logged_at(self.roles(layout), cells)
        except LineError:
            logged = None
        return Row(layout, candle_open, values, texts, logged)

    def _logged_at(self, roles: "Roles", cells: list[str]) -> int | None:
        for position in roles.logged_at:
            value = parse_cell(cells[position])
            if isinstance(value, str) or not math.isnan(value):
                try:
                    return parse_time(cells[position], self.zone)
                except LineError as error:
                    raise LineError(error.reason, f"logged_at column: {error.detail}") from error
        return None


@dataclass(frozen=True, slots=True)
class Roles:
    """Positions of the columns that mean something to the reader."""

    candle_open: int | None
    prices: tuple[int | None, int | None, int | None, int | None, int | None]
    logged_at: tuple[int, ...]

    @classmethod
    def of(cls, layout: Layout, log: FeatureLogSettings) -> "Roles":
        where = layout.position
        names = (log.open, log.high, log.low, log.close, log.volume)
        opened, high, low, close, volume = (where(name) for name in names)
        logged = tuple(at for at in (where(name) for name in log.logged_at) if at is not None)
        return cls(where(log.candle_open), (opened, high, low, close, volume), logged)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as its layout reads it; times in microseconds since 1970 UTC."""

    layout: Layout
    candle_open: int
    values: list[float]
    texts: dict[int, str]
    logged_at: int | None

    def price(self, position: int | None) -> float:
        return math.nan if position is None else self.values[position]


def check_prices(roles: Roles, values: Sequence[float], texts: dict[int, str]) -> None:
    """Raise LineError unless open, high, low, close, volume can be those of a candle.

    Absent or empty ones are not known and not held against the row.
    """
    names = ("open", "high", "low", "close", "volume")
    for name, position in zip(names, roles.prices, strict=True):
        if position is not None and position in texts and math.isnan(values[position]):
            raise LineError("implausible", f"{name} is {texts[position][:60]!r}, not a number")
    price = [math.nan if at is None else values[at] for at in roles.prices]
    opened, high, low, close, volume = price
    for name, other in (("open", opened), ("close", close), ("low", low)):
        if high < other:
            raise LineError("implausible", f"high {high!r} is below {name} {other!r}")
    for name, other in (("open", opened), ("close", close)):
        if low > other:
            raise LineError("implausible", f"low {low!r} is above {name} {other!r}")
    if volume < 0:
        raise LineError("implausible", f"volume {volume!r} is negative")


@dataclass(frozen=True, slots=True)
class Profile:
    """One flag a column: has it held a number, a text, a number far from the close?"""

    rows: int
    number: Flags
    text: Flags
    far: Flags

    @classmethod
    def empty(cls, width: int) -> "Profile":
        return cls(0, np.zeros(width, bool), np.zeros(width, bool), np.zeros(width, bool))

    @classmethod
    def of(cls, matrix: Floats, text: Flags, close: int | None, known: "Profile") -> "Profile":
        """The profile of some rows (n × columns); columns that `known` has settled are left out."""
        width = matrix.shape[1]
        number, far = np.zeros(width, bool), np.zeros(width, bool)
        open_number = np.flatnonzero(~known.number)
        number[open_number] = (~np.isnan(matrix[:, open_number])).any(axis=0)
        open_far = np.flatnonzero(~known.far)
        if close is not None and len(open_far):
            with np.errstate(all="ignore"):
                ratio = matrix[:, open_far] / matrix[:, [close]]
                far[open_far] = (np.abs(ratio - 1) > _NEAR).any(axis=0)
        return cls(min(len(matrix), ENOUGH_ROWS), number, text, far)

    def merge(self, other: "Profile") -> "Profile":
        return Profile(
            min(self.rows + other.rows, ENOUGH_ROWS),
            self.number | other.number,
            self.text | other.text,
            self.far | other.far,
        )

    def mismatch(
        self, values: Sequence[float], texts: Mapping[int, str], close: float
    ) -> tuple[int, str] | None:
        """The first column that cannot hold what these cells hold, and why; None when all can."""
        for position, text in texts.items():
            if self.number[position] and not self.text[position] and _is_nan(values[position]):
                return position, f"holds numbers, here {text[:60]!r}"
        row = np.asarray(values)
        misplaced = np.flatnonzero(~np.isnan(row) & self.text & ~self.number)
        for position in misplaced.tolist():
            if position not in texts:
                return position, f"holds text, here {values[position]!r}"
        if self.rows >= ENOUGH_ROWS and close > 0:
            with np.errstate(all="ignore"):
                ratio = row / close
                off = self.number & ~self.far & ((ratio > _FAR) | (ratio < 1 / _FAR))
            for position in np.flatnonzero(off).tolist():
                return position, f"follows the price {close!r}, here {values[position]!r}"
        return None

    def document(self) -> dict[str, Any]:
        """The stored form (JSON)."""
        flags = {"number": self.number, "text": self.text, "far": self.far}
        return {"rows": self.rows} | {
            name: "".join("1" if flag else "0" for flag in values) for name, values in flags.items()
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None, width: int) -> "Profile":
        if not document:
            return cls.empty(width)
        flags = [
            np.array([flag == "1" for flag in document[name]], bool)
            for name in ("number", "text", "far")
        ]
        return cls(document["rows"], *flags)


def _is_nan(value: float) -> bool:
    return value != value
