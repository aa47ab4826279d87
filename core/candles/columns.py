"""Which column of a candle file is the time, and which are the five numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import CandleError
from core.market import OHLCV

_TIME_NAMES = (
    "candle_open",
    "open_time",
    "opentime",
    "open time",
    "timestamp",
    "time",
    "datetime",
    "date",
    "ts",
    "t",
)
_NUMBER_NAMES = {
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
}
# Kline dumps of exchanges come without a header: time, five numbers, and more.
HEADERLESS = ("open_time", *OHLCV)


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions in a row: candidates for the time, best first, and the five numbers."""

    times: tuple[int, ...]
    numbers: tuple[int, ...]


def find_columns(place: str, header: Sequence[str], candle_open: str | None) -> Columns:
    """Find the columns by name, in any order and case; raises CandleError that names what lacks.

    `candle_open` is the configured time column; without it the usual names are
    candidates, in order.
    """
    names = [name.strip().lower() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    wanted = {name for options in _NUMBER_NAMES.values() for name in options} | set(_TIME_NAMES)
    if set(twice) & wanted:
        raise CandleError(f"{place}: column {', '.join(twice)} stands twice; keep one of them")
    return Columns(
        times=_time_columns(place, header, names, candle_open),
        numbers=tuple(_number_column(place, names, column) for column in OHLCV),
    )


def _time_columns(
    place: str, header: Sequence[str], names: Sequence[str], candle_open: str | None
) -> tuple[int, ...]:
    if candle_open is not None:
        exact = [i for i, name in enumerate(header) if name.strip() == candle_open]
        if not exact:
            raise CandleError(
                f'{place}: no column "{candle_open}" (there are: {", ".join(header)}); '
                "correct candle_open of this candle source"
            )
        return (exact[0],)
    places = tuple(names.index(name) for name in _TIME_NAMES if name in names)
    if not places:
        raise CandleError(
            f"{place}: no time column found among {', '.join(header)}; "
            "name it with candle_open of this candle source"
        )
    return places


def _number_column(place: str, names: Sequence[str], column: str) -> int:
    for name in _NUMBER_NAMES[column]:
        if name in names:
            return names.index(name)
    raise CandleError(
        f"{place}: no column for {column} (there are: {', '.join(names)}); "
        f"rename it to {column}, or take the file out of paths"
    )
