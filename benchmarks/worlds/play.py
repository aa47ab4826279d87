"""A bot's days, played in stages that a change may reach into.

market → what the store and the bot hold → features → the models' inputs → signals → what is
written. Every stage is a plain field that later stages read, so that changes meet as they do
in a real bot: a stale feature is made of a wrong window.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.worlds.market import Market, fold, make_market
from benchmarks.worlds.models import SIDES, Bundle, Compute, make_bundle
from benchmarks.worlds.traders import plain, quick

BAR = timedelta(minutes=5)
TRADERS: dict[str, Compute] = {"quick": quick.compute, "plain": plain.compute}


@dataclass(frozen=True)
class Setup:
    """What is drawn before anything happens. history: candles before the first logged one."""

    seed: int
    kind: str = "trend"
    logged: int = 420
    history: int = 420
    start: datetime = datetime(2026, 3, 2, 7, 35, tzinfo=UTC)
    trader: str = "quick"
    busy_s: float = 0.0
    lookback_bars: int = 120
    setting: int = 0
    imported: bool = False  # the backtest is a file and no pipeline


@dataclass
class Play:
    """One world while it is played; candles are known by their place in `market.candles`."""

    setup: Setup
    rng: np.random.Generator
    market: Market
    live: Bundle
    bundles: dict[str, Bundle]
    sources: dict[str, pd.DataFrame]  # candle files, the first is the backtest's
    held: pd.DataFrame  # `at` and candle columns: what the bot's buffer holds once closed
    newest: pd.DataFrame | None = None  # by place: the newest candle as the bot saw it
    window: Callable[[int], int] = lambda at: 0  # candles in the bot's frame at a place
    bot_code: str = ""  # replaces parts of the trader's source in the bot
    bot_compute: Compute = quick.compute
    backtest_mode: str = "window"
    gap_policy: str = "allow"
    deployments: list[tuple[str, int]] = field(default_factory=list)  # bundle, first place
    files: dict[str, str] = field(default_factory=dict)  # further files of the workspace
    backtest_pipeline: str = ""
    backtest_lookback_bars: int = 0
    rule: dict[str, float] = field(default_factory=dict)
    backtest_rule: dict[str, float] = field(default_factory=dict)
    # What the stages leave.
    places: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    features: pd.DataFrame = field(default_factory=pd.DataFrame)
    inputs: dict[str, pd.DataFrame] = field(default_factory=dict)
    signals: pd.DataFrame = field(default_factory=pd.DataFrame)  # LONG, SHORT by place
    said: pd.DataFrame = field(default_factory=pd.DataFrame)  # the same by a sound model path
    prices: pd.Series | None = None
    candles: pd.DataFrame = field(default_factory=pd.DataFrame)  # OHLCV as the bot logged it
    label_bars: pd.Series | int = 0  # bars that every label is late
    written_s: float = 3.0  # seconds after the close at which a row is written
    other_symbol: float | None = None  # price of another symbol in the log, as a share of its own
    written_twice: bool = False
    shape: "Shape" = field(default_factory=lambda: Shape())

    def opens(self, places: np.ndarray) -> pd.DatetimeIndex:
        """Candle opens of places."""
        return pd.DatetimeIndex(self.market.candles["timestamp"].to_numpy()[places], tz="UTC")


@dataclass(frozen=True)
class Shape:
    """How the logs look. signals: columns | csv | jsonl | text."""

    signals: str = "columns"
    time: str = "ms"  # ms | s | iso
    with_price: bool = True
    with_logged_at: bool = True
    with_candles: bool = True
    decimals: int | None = None
    shuffled: bool = False
    zone: str = "UTC"  # of naive texts
    zone_told: str = ""  # as configured, where that is another
    candle_file: str = "plain"  # plain | kline


def new_play(setup: Setup) -> Play:
    """A sound bot of this setup."""
    rng = np.random.default_rng([setup.seed, 5])
    count = setup.history + setup.logged
    start = setup.start - setup.history * BAR
    market = make_market(setup.kind, count, start, rng)
    live = make_bundle(setup.setting, setup.seed % 4)
    held = market.candles.assign(at=np.arange(count))
    return Play(
        setup=setup,
        rng=rng,
        market=market,
        live=live,
        bundles={"live": live},
        sources={"venue": market.candles},
        held=held,
        window=lambda at: setup.lookback_bars,
        bot_compute=TRADERS[setup.trader],
        backtest_pipeline=f"features_{setup.trader}:compute",
        backtest_lookback_bars=setup.lookback_bars,
        places=np.arange(setup.history, count),
    )


def bot_frame(play: Play, at: int, bars: int | None = None) -> pd.DataFrame:
    """The candles that the bot computes from at a place, oldest first."""
    until = int(np.searchsorted(play.held["at"].to_numpy(), at, side="right"))
    bars = play.window(at) if bars is None else bars
    frame = play.held.iloc[max(0, until - bars) : until].drop(columns="at")
    if play.newest is not None and at in play.newest.index:
        frame = pd.concat([frame.iloc[:-1], play.newest.loc[[at], list(frame.columns)]])
    return frame.reset_index(drop=True)


def play_features(play: Play) -> None:
    """What the bot computes and logs of every candle that it got."""
    there = set(play.held["at"])
    play.places = np.array([at for at in play.places if at in there])
    frames = [bot_frame(play, at) for at in play.places]
    rows = [play.bot_compute(frame).iloc[-1] for frame in frames]
    play.features = pd.DataFrame(rows).set_index(pd.Index(play.places))
    play.candles = pd.DataFrame([frame.iloc[-1] for frame in frames]).set_index(
        pd.Index(play.places)
    )


def play_inputs(play: Play) -> None:
    """What each side's model is given: its features, in its order."""
    play.said = pd.DataFrame(
        {side: play.live[side].score(play.features) for side in SIDES}, index=play.places
    )
    play.inputs = {side: play.features[list(play.live[side].features)] for side in SIDES}


def play_signals(play: Play) -> None:
    """What the models say of their inputs."""
    play.signals = pd.DataFrame(
        {side: play.live[side].score(play.inputs[side]) for side in SIDES}, index=play.places
    )
    play.prices = play.candles["close"]


def unfinished(play: Play, minutes: int) -> pd.DataFrame:
    """Every candle as it stood `minutes` after its open."""
    start = play.setup.start - play.setup.history * BAR
    return fold(play.market.minutes, start, minutes)
