"""Layouts: which column of a row is which, and what must hold of a row under one."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from core.feature_log.cells import LineError, parse_cell, parse_row, parse_time
from core.settings import FeatureLogSettings
from core.times import Timeframe, from_us, iso_z


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
        found = self._roles.get(layout)
        if found is None:
            found = self._roles[layout] = Roles.of(layout, self.log)
        return found

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
