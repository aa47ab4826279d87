"""A trader's workspace in a folder: candles, a pipeline outside this project, a bundle."""

import itertools
import textwrap
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from xgboost import XGBClassifier

from core.bots import ensure_bot
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import SideContent, write_bundle
from core.candles.writes import ensure_source, store_candles
from core.context import Context
from core.market import Side
from core.recompute.recompute import RecomputeReport, recompute_backtest
from core.settings import BotSettings
from core.storage.engine import writer_engine
from core.storage.runs import recorded_run
from tests.databases import migrated_url
from tests.random_candles import random_candles

NOW = datetime(2025, 11, 10, tzinfo=UTC)
FIRST = pd.Timestamp("2025-11-03T00:00:00Z")
FEATURES = ("sma_20", "ema_20")
_NUMBERS = itertools.count()
PIPELINE = """
import pandas as pd

def compute(candles):
    close = candles["close"]
    return candles.assign(
        sma_20=close.rolling(20).mean(),
        ema_20=close.ewm(span=20).mean(),
    )
"""


def write_pipeline(folder: Path, source: str = PIPELINE, name: str = "my_features") -> Path:
    """A module of the trader's in a folder of its own; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(textwrap.dedent(source))
    return folder


def make_candles(bars: int = 120, seed: int = 5) -> pd.DataFrame:
    """Random candles, five minutes apart, from 2025-11-03 00:00 UTC; more bars extend fewer."""
    opens = pd.date_range(FIRST, periods=1000, freq="5min", unit="us")
    candles = random_candles(1000, seed=seed).drop(columns="timestamp")
    return candles.assign(candle_open=opens).head(bars)


def make_bundle(folder: Path, features: tuple[str, ...] = FEATURES, seed: int = 1) -> Path:
    """LONG and SHORT models over the features; a seed makes another model."""
    return write_bundle(folder, "test", side_contents(features, seed))


@cache
def side_contents(features: tuple[str, ...], seed: int) -> dict[Side, SideContent]:
    """LONG and SHORT models over the features, with a scaler of prices."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(200, len(features)))
    scale = tuple(50.0 for _ in features)
    sides = {}
    for side, sign in ((Side.LONG, 1), (Side.SHORT, -1)):
        target = (sign * matrix[:, 0] + rng.normal(size=200) > 0).astype(int)
        model = XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1).fit(matrix, target)
        raw = bytes(model.get_booster().save_raw("json"))
        scaler = Scaler(ScalerKind.STANDARD, tuple(1e5 for _ in features), scale)
        sides[side] = SideContent(raw, features, scaler)
    return sides


@dataclass
class World:
    """An engine with one bot whose candles are stored; no production side.

    The trader's module has a name of its own, since a worker imports a name once: worlds
    may share workers (`executor`; None: workers of each recomputation's own).
    """

    engine: sa.Engine
    folder: Path
    candles: pd.DataFrame
    executor: Executor | None
    module: str

    def with_own_workers(self) -> "World":
        """The same world, where each recomputation sees the pipeline as it is then."""
        return replace(self, executor=None)

    def write(self, source: str) -> None:
        """The trader's pipeline, from now on."""
        write_pipeline(self.folder / "bot", source, self.module)

    def bot(self, **changes: Any) -> BotSettings:
        return BotSettings.model_validate(
            {
                "name": "btc",
                "bundles": [str(self.folder / "bundle")],
                "pipeline_path": [str(self.folder / "bot")],
                "candles": [{"name": "files", "paths": ["nowhere"]}],
                **changes,
            }
        )

    def store(self, candles: pd.DataFrame, origin: str = "pull") -> None:
        with self.engine.begin() as conn:
            source_id = ensure_source(conn, 1, "files")
            store_candles(conn, source_id, candles, origin=origin, now=NOW)

    def recompute(
        self, *, now: datetime = NOW, bot: BotSettings | None = None, **backtest: Any
    ) -> RecomputeReport:
        """One cycle's recomputation; raises what the step would be failed with."""
        spec = {"name": "again", "pipeline": f"{self.module}:compute", "lookback_bars": 40}
        chosen = bot or self.bot()
        chosen = BotSettings.model_validate(
            {**chosen.model_dump(by_alias=True), "backtests": [{**spec, **backtest}]}
        )
        context = Context(engine=self.engine, bot_id=1, bot=chosen, now=now)
        return recompute_backtest(context, chosen.backtests[0], executor=self.executor)


def make_world(folder: Path, bars: int = 120, executor: Executor | None = None) -> World:
    """Candles stored under the source "files", the trader's pipeline and one bundle."""
    engine = writer_engine(migrated_url(folder / "align.db"))
    with engine.begin() as conn:
        ensure_bot(conn, "btc", "5m")
    with recorded_run(engine, 1, "recompute", NOW):
        pass
    module = f"my_features_{next(_NUMBERS)}"
    world = World(engine, folder, make_candles(bars), executor, module)
    world.store(world.candles)
    world.write(PIPELINE)
    make_bundle(folder / "bundle")
    return world
