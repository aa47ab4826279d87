"""Tiny frames with hand-computed answers; defaults are sensible, tests state what matters."""

from collections.abc import Sequence

import pandas as pd


def signals(
    opens: Sequence[str],
    long: Sequence[float] = (),
    short: Sequence[float] = (),
    **columns: float | str,
) -> pd.DataFrame:
    """Signals at these candle opens (UTC text), LONG then SHORT; further columns as given."""
    sides = [("LONG", long), ("SHORT", short)]
    rows = [
        {"candle_open": opened, "side": side, "probability": value}
        for side, values in sides
        for opened, value in zip(opens, values, strict=False)
    ]
    frame = pd.DataFrame(rows, columns=["candle_open", "side", "probability"])
    times = pd.to_datetime(frame["candle_open"], utc=True).dt.as_unit("us")
    return frame.assign(candle_open=times, **columns).astype(
        {"side": "str", "probability": "float64"}
    )


def rules(opens: pd.DatetimeIndex, **constants: float) -> pd.DataFrame:
    """The entry rule on each candle; long 0.7, short 0.7, returns 0.0041 and 0.0047, gate 0.001."""
    usual = {
        "long_threshold": 0.7,
        "short_threshold": 0.7,
        "long_avg_return": 0.0041,
        "short_avg_return": 0.0047,
        "gate": 0.001,
    }
    return pd.DataFrame(usual | constants, index=pd.DatetimeIndex(opens, name="candle_open"))
