"""Null worlds: nothing is wrong, or what is wrong is in no list of causes.

Each is named after what traders report: a price column that holds something else than the
close, a feed that stands still, lines written twice, a model that nobody kept.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from benchmarks.worlds.causes import edited_trader
from benchmarks.worlds.models import SIDES, make_bundle
from benchmarks.worlds.play import BAR, Play
from benchmarks.worlds.world import Change

Draw = Callable[[np.random.Generator], Change]


def _price(name: str, make: Callable[[Play], pd.Series]) -> Draw:
    """Signals equal to the bit; the price column holds what `make` gives (by place)."""

    def write(play: Play) -> None:
        play.prices = make(play).reindex(play.places)

    return lambda rng: Change(name, writes=write)


def _ticks(play: Play, values: pd.Series, tick: float) -> pd.Series:
    return (values / tick).round().mul(tick).round(8)


def _mark(play: Play) -> pd.Series:
    close = play.market.candles["close"]
    slack = close.diff().std() * 0.3
    drift = pd.Series(play.rng.normal(0, slack, len(close))).ewm(span=5).mean()
    mark = _ticks(play, close + drift, play.market.tick * 20)
    half = len(close) - len(play.places) // 2
    return mark.where(close.index >= half, close) if play.setup.seed % 2 else mark


def _ticker(play: Play) -> pd.Series:
    """The last price some seconds after the close: the next minute's open, or close."""
    column = "open" if play.setup.seed % 2 else "close"
    late = play.market.minutes[column].to_numpy()[5::5]
    return pd.Series(np.append(late, late[-1]))


def _venue(play: Play) -> pd.Series:
    close = play.market.candles["close"]
    basis = pd.Series(play.rng.normal(0, 1, len(close))).ewm(span=30).mean() * 4
    return _ticks(
        play,
        close + (basis + play.rng.normal(0, 1, len(close))) * play.market.tick * 3,
        play.market.tick,
    )


def _median(play: Play) -> pd.Series:
    candles = play.market.candles
    return ((candles["high"] + candles["low"]) / 2).round(8)


def _coarse(play: Play) -> pd.Series:
    tick = play.market.tick * float(play.rng.choice([10, 100, 1000]))
    return _ticks(play, play.market.candles["close"], tick)


def _entry(play: Play) -> pd.Series:
    """The price of the last entry, which stays while a position is held."""
    close = play.market.candles["close"]
    return close.where(close.index % int(play.rng.integers(3, 30)) == 0).ffill().bfill()


def _previous_bid(play: Play) -> pd.Series:
    """Sometimes the last candle's close, sometimes this one's: a cache of a ticker."""
    close = play.market.candles["close"]
    return close.where(play.rng.random(len(close)) < 0.5, close.shift(1)).bfill()


def _nothing(rng: np.random.Generator) -> Change:
    return Change("sound")


def _frozen(both: bool) -> Draw:
    """The candle feed stood still for a stretch: for the bot, or for the store too."""

    def draw(rng: np.random.Generator) -> Change:
        bars, at = int(rng.integers(15, 60)), float(rng.uniform(0.2, 0.7))

        def hold(play: Play) -> None:
            first = play.setup.history + int(play.setup.logged * at)
            held = play.held.copy()
            rows = held.index[first : first + bars]
            held.loc[rows, ["open", "high", "low", "close"]] = held["close"].iloc[first - 1]
            held.loc[rows, "volume"] = 0.0
            play.held = held
            if both:
                play.sources = {"venue": held.drop(columns="at")}

        allowed = frozenset({"feed_frozen"})
        if not both:
            allowed |= {"market_data", "missing_candles"}
        return Change("frozen_both" if both else "frozen_bot", allowed=allowed, hold=hold)

    return draw


def _emitted(name: str, make: Callable[[Play, pd.DataFrame], pd.DataFrame], *allowed: str) -> Draw:
    """What was emitted is made of what the models said by a rule that is in no list."""

    def signals(play: Play) -> None:
        play.signals = make(play, play.signals).clip(0, 1)

    return lambda rng: Change(name, allowed=frozenset(allowed), signals=signals)


def _noise(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    size = float(play.rng.choice([0.003, 0.02, 0.1]))
    return signals + play.rng.normal(0, size, signals.shape)


def _smooth(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    return signals.ewm(span=int(play.rng.integers(2, 8)), adjust=False).mean()


def _unknown(play: Play) -> pd.DataFrame:
    """What a model of the same settings says that was trained on other data."""
    other = make_bundle(play.setup.setting, play.setup.seed % 4 + 4)
    return pd.DataFrame(
        {side: other[side].score(play.features) for side in SIDES}, index=play.places
    )


def _retrained(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    half = play.places[0] + len(play.places) // 2 * (play.setup.seed % 2)
    unknown = _unknown(play)
    mixed: pd.DataFrame = pd.concat([signals[signals.index < half], unknown[unknown.index >= half]])
    return mixed


def _blend(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    share = float(play.rng.uniform(0.2, 0.8))
    return signals * share + _unknown(play) * (1 - share)


def _calibrated(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    odds = (signals / (1 - signals)) ** float(play.rng.uniform(0.6, 1.6)) * 1.35
    return odds / (1 + odds)


def _sticky(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    """The bot writes a new probability only when it moved by much."""
    out, last = [], signals.iloc[0].to_numpy()
    for row in signals.to_numpy():
        last = np.where(np.abs(row - last) > 0.15, row, last)
        out.append(last)
    return pd.DataFrame(out, index=signals.index, columns=signals.columns)


def _random_feature(rng: np.random.Generator) -> Change:
    """A feature that depends on state which no candle holds."""

    def features(play: Play) -> None:
        name = play.live["LONG"].features[int(play.rng.integers(6))]
        values = play.features[name]
        stir = play.rng.normal(0, float(values.std() or 1.0), len(values))
        play.features = play.features.assign(**{name: values + stir})

    return Change("random_feature", features=features)


def _revised(rng: np.random.Generator) -> Change:
    """The exchange revised the volume of candles after the bot had read them."""

    def hold(play: Play) -> None:
        candles = play.market.candles
        more = 1 + play.rng.uniform(0.01, 0.2, len(candles)) * (play.rng.random(len(candles)) < 0.8)
        play.sources = {"venue": candles.assign(volume=(candles["volume"] * more).round(3))}

    allowed = frozenset({"candle_revised", "market_data", "partial_candle"})
    return Change("volume_revised", allowed=allowed, hold=hold)


def _source_by_close(rng: np.random.Generator) -> Change:
    """The candle file is labelled by the close; the bot's log is right."""

    def hold(play: Play) -> None:
        late = play.market.candles["timestamp"] + BAR
        play.sources = {"venue": play.market.candles.assign(timestamp=late)}

    allowed = frozenset({"candle_label", "market_data"})
    return Change("source_by_close", allowed=allowed, hold=hold)


def _coded(name: str, allowed: str, *edits: tuple[str, str]) -> Draw:
    """The bot runs code that differs and that nobody kept."""

    def hold(play: Play) -> None:
        play.bot_compute, _ = edited_trader(*edits)

    return lambda rng: Change(name, allowed=frozenset({allowed}), hold=hold)


def _all_trees(play: Play, signals: pd.DataFrame) -> pd.DataFrame:
    """The bot scores with every tree, the saved model with those until its best iteration."""
    said = {}
    for side in SIDES:
        model = play.live[side]
        rows = model.scaled(play.inputs[side].to_numpy(dtype=float))
        trees = model.model.get_booster().num_boosted_rounds()
        chances = model.model.predict_proba(rows, iteration_range=(0, trees))
        said[side] = chances[:, 1].astype(np.float64)
    return pd.DataFrame(said, index=signals.index)


def _two_symbols(rng: np.random.Generator) -> Change:
    """Rows of another symbol in the same log, each candle twice; the first line counts."""

    def write(play: Play) -> None:
        play.other_symbol = float(play.rng.choice([0.03, 0.4, 7.0]))

    return Change("two_symbols", allowed=frozenset({"mixed_series"}), writes=write)


def _duplicated(rng: np.random.Generator) -> Change:
    def write(play: Play) -> None:
        play.written_twice = True

    return Change("duplicated_rows", writes=write)


PRICES: Mapping[str, Draw] = {
    "price_open": _price("price_open", lambda play: play.market.candles["open"]),
    "price_high": _price("price_high", lambda play: play.market.candles["high"]),
    "price_median": _price("price_median", _median),
    "price_mark": _price("price_mark", _mark),
    "price_ticker": _price("price_ticker", _ticker),
    "price_venue": _price("price_venue", _venue),
    "price_coarse": _price("price_coarse", _coarse),
    "price_entry": _price("price_entry", _entry),
    "price_cached": _price("price_cached", _previous_bid),
}
QUIET: Mapping[str, Draw] = {
    "sound": _nothing,
    "frozen_both": _frozen(both=True),
    "two_symbols": _two_symbols,
    "duplicated_rows": _duplicated,
}
LOUD: Mapping[str, Draw] = {
    "frozen_bot": _frozen(both=False),
    "noise": _emitted("noise", _noise),
    "smoothing": _emitted("smoothing", _smooth),
    "retrained": _emitted("retrained", _retrained),
    "blend": _emitted("blend", _blend),
    "calibrated": _emitted("calibrated", _calibrated, "calibration"),
    "sticky": _emitted("sticky", _sticky),
    "random_feature": _random_feature,
    "volume_revised": _revised,
    "source_by_close": _source_by_close,
    "local_hours": _coded(
        "local_hours", "feature_zone", ("seconds % 86_400 /", "(seconds + 32_400) % 86_400 /")
    ),
    "coarse_bar_late": _coded(
        "coarse_bar_late",
        "higher_timeframe",
        ("np.arange(len(close))) - 1", "np.arange(len(close))) - 2"),
    ),
    "all_trees": _emitted("all_trees", _all_trees, "iteration_range"),
    "complement": _emitted(
        "complement", lambda play, said: said.assign(SHORT=1 - said["SHORT"]), "complement"
    ),
}
