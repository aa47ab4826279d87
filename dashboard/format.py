"""Numbers and times as a trader reads them; log text made harmless.

Everything that comes from logs or configuration is text: `plain` goes into
HTML, `csv_cell` into exported files.
"""

import html
import math
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

UNKNOWN = "–"
_ISO_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def plain(value: object) -> str:
    """Text that does nothing in HTML or in a Plotly label, whatever it contains."""
    return html.escape(str(value), quote=True)


def csv_cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def known(value: Any) -> bool:
    """Whether a number or time is there (None, NaN and NaT are not)."""
    return value is not None and value == value


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return f"{int(value):,}" if value is not None and known(value) else UNKNOWN


def percent(ratio: float | None, digits: int = 1) -> str:
    """A ratio as per cent, cut rather than rounded, so that 99.96 % never reads as 100 %."""
    if ratio is None or not known(ratio):
        return UNKNOWN
    scale = 10**digits
    return f"{math.floor(ratio * 100 * scale + 1e-9) / scale:.{digits}f} %"


def share(ratio: float | None, digits: int = 2) -> str:
    """A share of trouble as per cent, where anything above nothing shows as such."""
    if ratio is None or not known(ratio):
        return UNKNOWN
    smallest = 10.0**-digits
    if 0 < ratio * 100 < smallest:
        return f"< {smallest:.{digits}f} %"
    return f"{ratio * 100:.{digits}f} %"


def probability(value: float | None, digits: int = 4) -> str:
    """A probability or an absolute difference of two."""
    if value is None or not known(value):
        return UNKNOWN
    if value != 0 and abs(value) < 10.0**-digits / 2:
        return _minus(f"{value:.0e}")
    return _minus(f"{value:.{digits}f}")


def signed(value: float | None, digits: int = 4) -> str:
    """A difference with its sign."""
    if value is None or not known(value):
        return UNKNOWN
    text = probability(abs(value), digits)
    return text if value == 0 else ("+" if value > 0 else "−") + text


def short(value: float) -> str:
    """A number of the configuration as it was written: 0.1, 1e-6."""
    return re.sub(r"e([+-])0+", r"e\1", f"{value:g}").replace("e+", "e")


def number(value: float | None, digits: int = 4) -> str:
    """Any number at about `digits` significant digits."""
    if value is None or not known(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e9:
        return _minus(f"{int(value):,}")
    magnitude = abs(value)
    if 1e-4 <= magnitude < 1e9:
        decimals = max(0, digits - 1 - math.floor(math.log10(magnitude)))
        return _minus(f"{value:,.{decimals}f}")
    return _minus(f"{value:.{digits - 1}e}")


def price(value: float | None) -> str:
    """A price with thousands separators and at least two decimals."""
    if value is None or not known(value):
        return UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.6g}"


def size(byte_count: float | None) -> str:
    """Bytes in the unit that reads best."""
    if byte_count is None or not known(byte_count):
        return UNKNOWN
    value = float(byte_count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def moment(time: datetime | None, zone: str, *, seconds: bool = False) -> str:
    """An absolute time with its zone: 2025-11-06 23:50 UTC."""
    if time is None or not known(time):
        return UNKNOWN
    local = time.astimezone(ZoneInfo(zone))
    return local.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''} ") + zone_label(time, zone)


def with_times(text: str, zone: str) -> str:
    """A stored sentence with its ISO times as `moment` writes them."""
    return _ISO_TIME.sub(lambda match: moment(datetime.fromisoformat(match[0]), zone), text)


def clock(time: datetime | None, zone: str) -> str:
    """The time of day with its zone: 23:50 UTC."""
    if time is None or not known(time):
        return UNKNOWN
    return time.astimezone(ZoneInfo(zone)).strftime("%H:%M ") + zone_label(time, zone)


def zone_label(time: datetime, zone: str) -> str:
    """The zone's short name at that time, an offset written as UTC+03 where it has none."""
    name = time.astimezone(ZoneInfo(zone)).strftime("%Z")
    return f"UTC{name}" if name[:1] in "+-" else name


def day(time: datetime | None) -> str:
    """A UTC day."""
    return f"{time:%Y-%m-%d}" if time is not None and known(time) else UNKNOWN


def duration(length: timedelta | float | None) -> str:
    """A length of time in its two largest units; a number is seconds."""
    if length is None or not known(length):
        return UNKNOWN
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 60:
        return _minus(f"{seconds:.1f} s" if abs(seconds) < 10 else f"{seconds:.0f} s")
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 and days < 14 else f"{days} d"


def ago(time: datetime | None, now: datetime) -> str:
    """How long ago, beside an absolute time."""
    if time is None or not known(time):
        return "never"
    return f"{duration(max(now - time, timedelta(0)))} ago"


def plural(quantity: int, singular: str, many: str | None = None) -> str:
    """1 candle, 2 candles."""
    return f"{quantity:,} {singular if quantity == 1 else many or singular + 's'}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
