"""Stored signals and reference prices as arrays over production's candles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.arrays import Floats, Ints
from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.evidence import Kind, LogAccount, PriceRows
from core.diagnosis.evidence.load_inputs import Margins
from core.diagnosis.evidence.rows import CLOSE, CandleRows, FeatureRows, locate
from core.market import SIDES, Origin
from core.settings import BotSettings, SignalFormat
from core.signal_log.reads import double_writes, price_lines
from core.signals.reads import read_series, signals_account, with_log_steps
from core.times import us_from_index


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of a comparison; candles × (LONG, SHORT) over `opens`."""

    opens: Ints
    production: Floats
    production_step: Floats
    emitted: Floats
    replay: Floats
    other: Floats
    other_step: Floats
    stored: FeatureRows
    other_prices: PriceRows | None


def load_sides(
    connection: sa.Connection, bot_id: int, kind: Kind, comparison: str, margins: Margins
) -> Sides:
    """Every origin that the comparison knows, over the candles of any production signal."""
    near = (margins.from_, margins.until)
    wide = (margins.wide_from, margins.wide_until)
    emitted = with_log_steps(read_series(connection, bot_id, Origin.EMITTED, "", *near))
    replay = read_series(connection, bot_id, Origin.REPLAY, "", *wide)
    other = (
        replay
        if kind is Kind.REPLAY
        else with_log_steps(read_series(connection, bot_id, Origin.BACKTEST, comparison, *wide))
    )
    opens = _labels(emitted, replay, kind, margins)
    e, r, o = (_matrix(frame, opens, "probability") for frame in (emitted, replay, other))
    steps = _matrix(emitted, opens, "step")
    is_emitted = np.isfinite(e)
    production = e if kind is Kind.REPLAY else np.where(is_emitted, e, r)
    return Sides(
        opens=opens,
        production=production,
        production_step=np.where(is_emitted, steps, np.nan),
        emitted=e,
        replay=r,
        other=o,
        other_step=_matrix(other, opens, "step"),
        stored=_stored(other),
        other_prices=_other_prices(other, comparison) if kind is Kind.IMPORTED else None,
    )


def _labels(emitted: pd.DataFrame, replay: pd.DataFrame, kind: Kind, margins: Margins) -> Ints:
    opens = us_from_index(emitted["candle_open"])
    if kind is not Kind.REPLAY:
        opens = np.union1d(opens, margins.inside(us_from_index(replay["candle_open"])))
    return np.asarray(np.unique(opens), dtype="int64")


def _matrix(frame: pd.DataFrame, opens: Ints, column: str) -> Floats:
    result = np.full((len(opens), len(SIDES)), np.nan)
    for number, name in enumerate(SIDES):
        rows = frame[frame["side"] == name]
        known = us_from_index(rows["candle_open"])
        places, is_known = locate(known, opens)
        values = rows[column].to_numpy("float64")
        result[is_known, number] = values[places[is_known]]
    return result


def _stored(frame: pd.DataFrame) -> FeatureRows:
    opens: npt.NDArray[np.int64] = np.unique(us_from_index(frame["candle_open"]))
    return FeatureRows(opens, SIDES, _matrix(frame, opens, "probability"))


def _other_prices(frame: pd.DataFrame, comparison: str) -> PriceRows | None:
    rows = frame.dropna(subset=["price"]).drop_duplicates("candle_open")
    return _price_rows(comparison, rows) if len(rows) else None


def _price_rows(log: str, rows: pd.DataFrame) -> PriceRows:
    return PriceRows(
        log=log,
        opens=us_from_index(rows["candle_open"]),
        prices=rows["price"].to_numpy("float64"),
        steps=rows["price_step"].to_numpy("float64"),
        written=rows["logged_us"].to_numpy("int64") if "logged_us" in rows else None,
    )


def load_prices(
    connection: sa.Connection,
    bot_id: int,
    bot: BotSettings,
    margins: Margins,
    logged: FeatureRows | None,
    logged_at: Ints | None,
    candles: dict[str, CandleRows],
) -> PriceRows | None:
    """Prices beside the emitted signals, else the closes that the feature log itself carries.

    The feature log's closes speak of its own labels, not of those of another log.
    """
    for log in bot.signal_log:
        rows = price_lines(connection, bot_id, log.name)
        rows = rows[margins.holds(us_from_index(rows["candle_open"]))]
        if len(rows):
            return _price_rows(log.name, rows)
    own = candles.get(FEATURE_LOG)
    labels_elsewhere = any(log.format is not SignalFormat.FEATURE_LOG for log in bot.signal_log)
    if logged is None or own is None or len(candles) < 2 or labels_elsewhere:
        return None
    inside = margins.holds(own.opens)
    prices = own.values[inside, CLOSE]
    return PriceRows(
        log=FEATURE_LOG,
        opens=own.opens[inside],
        prices=prices,
        steps=np.full(len(prices), np.nan),
        written=_written(own.opens[inside], logged, logged_at),
    )


def _written(opens: Ints, logged: FeatureRows, logged_at: Ints | None) -> Ints | None:
    """When the feature log's rows of these candles were written (µs), 0 where unknown."""
    if logged_at is None:
        return None
    places, is_known = locate(logged.opens, opens)
    return np.asarray(np.where(is_known, logged_at[places], 0))


def load_account(connection: sa.Connection, bot_id: int, bot: BotSettings) -> LogAccount:
    """Duplicates, conflicts, two writers, and the zone in which labels are read."""
    account = signals_account(connection, bot_id)
    zone = None
    if bot.signal_log:
        first = bot.signal_log[0]
        zone = first.label_zone if first.format is SignalFormat.TEXT else first.zone
        if first.format is SignalFormat.FEATURE_LOG and bot.feature_log is not None:
            zone = bot.feature_log.zone
    elif bot.feature_log is not None:
        zone = bot.feature_log.zone
    return LogAccount(
        duplicates=account["duplicates"],
        conflicts=account["conflicts"],
        double_writers=len(double_writes(connection, bot_id)),
        label_zone=zone,
    )
