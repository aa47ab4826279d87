"""Stored features, candles and bundles as the diagnosis holds them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.arrays import Flags, Floats, Ints
from core.bundle.deployments import known_bundles, live_bundles, rule_at
from core.bundle.load import Bundle, load_bundle
from core.candles.reads import FEATURE_LOG, read_candles, read_revisions
from core.diagnosis.evidence.prices import MAX_SHIFT_BARS
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.errors import BundleError
from core.feature_log.reads import collection_rows, read_vectors
from core.market import OHLCV
from core.recompute.reads import read_backtest_rows
from core.rule import RULE_CONSTANTS
from core.settings import BacktestSettings, BotSettings
from core.times import Timeframe, index_from_us, to_us, us_from_index

HISTORY_BARS = 9_000  # the longest lookback that is searched, and some


@dataclass(frozen=True, slots=True)
class Margins:
    """The window, and around it what shifted labels and histories reach."""

    timeframe: Timeframe
    from_: datetime | None
    until: datetime | None

    @property
    def wide_from(self) -> datetime | None:
        return None if self.from_ is None else self.from_ - self._shift

    @property
    def wide_until(self) -> datetime | None:
        return None if self.until is None else self.until + self._shift

    @property
    def history_from(self) -> datetime | None:
        bars = HISTORY_BARS + MAX_SHIFT_BARS
        return None if self.from_ is None else self.from_ - bars * self.timeframe.length

    @property
    def _shift(self) -> timedelta:
        return MAX_SHIFT_BARS * self.timeframe.length

    def holds(self, opens: Ints) -> Flags:
        """Which candle opens (µs) lie in the window itself."""
        inside = np.ones(len(opens), dtype=bool)
        if self.from_ is not None:
            inside &= opens >= to_us(self.from_)
        if self.until is not None:
            inside &= opens < to_us(self.until)
        return inside

    def inside(self, opens: Ints) -> Ints:
        return opens[self.holds(opens)]


def load_bundles(bot: BotSettings) -> tuple[list[tuple[str, Bundle]], tuple[str, ...]]:
    """Every known bundle with its folder; what cannot be opened becomes a sentence."""
    bundles, problems = [], []
    for path in known_bundles(bot):
        try:
            bundles.append((str(path), load_bundle(path)))
        except BundleError as error:
            problems.append(str(error))
    return bundles, tuple(problems)


def places_of_live(bot: BotSettings, opens: Ints, paths: list[str]) -> npt.NDArray[np.int64] | None:
    """Per candle the place of the bundle that was live, −1 where none is known."""
    places = np.full(len(opens), -1, dtype="int64")
    for span in live_bundles(bot).spans:
        if str(span.bundle_path) in paths:
            places[span.opens(bot.frame.length_us).hold(opens)] = paths.index(str(span.bundle_path))
    return places


def load_logged(
    connection: sa.Connection, bot_id: int, margins: Margins
) -> tuple[FeatureRows | None, Ints | None]:
    """Logged vectors over the union of all layouts' columns, and when each row was written."""
    wide = (margins.wide_from, margins.wide_until)
    blocks = [
        (block.candle_opens, tuple(block.columns), block.matrix)
        for block in read_vectors(connection, bot_id, *wide)
    ]
    rows = _union(blocks)
    if rows is None:
        return None, None
    written = collection_rows(connection, bot_id, *wide)["logged_at"]
    known = written.notna().to_numpy()
    times = np.zeros(len(written), dtype="int64")
    times[known] = us_from_index(pd.DatetimeIndex(written[known]))
    return rows, times


def load_imported(
    connection: sa.Connection, bot_id: int, name: str, margins: Margins
) -> FeatureRows | None:
    """The backtest side's stored features, imported or recomputed."""
    wide = (margins.wide_from, margins.wide_until)
    return _union(
        (
            us_from_index(pd.DatetimeIndex(block.features.index)),
            tuple(block.features.columns),
            _matrix(block.features),
        )
        for block in read_backtest_rows(connection, bot_id, name, *wide)
    )


def _matrix(frame: pd.DataFrame) -> Floats:
    return frame.to_numpy("float64")


def _union(blocks: Iterable[tuple[Ints, tuple[str, ...], Floats]]) -> FeatureRows | None:
    """Blocks of several layouts over all their columns; a column that stands twice counts once."""
    parts = [block for block in blocks if len(block[0])]
    if not parts:
        return None
    names = tuple(dict.fromkeys(name for _, columns, _ in parts for name in columns))
    opens = np.concatenate([part[0] for part in parts])
    matrix = np.full((len(opens), len(names)), np.nan)
    absent = np.ones((len(opens), len(names)), dtype=bool)
    first = 0
    for part, columns, values in parts:
        rows = slice(first, first + len(part))
        places = [names.index(name) for name in columns]
        matrix[rows, places] = values
        absent[rows, places] = False
        first += len(part)
    order = np.argsort(opens, kind="stable")
    return FeatureRows(opens[order], names, matrix[order], absent[order] if absent.any() else None)


def load_candles(
    connection: sa.Connection, bot_id: int, bot: BotSettings, margins: Margins
) -> dict[str, CandleRows]:
    """Every source that has candles, the bot's own log last."""
    sources = {}
    for name in (*(source.name for source in bot.candles), FEATURE_LOG):
        frame = read_candles(connection, bot_id, name, margins.history_from, margins.wide_until)
        if len(frame):
            sources[name] = CandleRows.from_frame(frame)
    return sources


def load_unfinished(
    connection: sa.Connection, bot_id: int, bot: BotSettings, margins: Margins
) -> dict[str, CandleRows]:
    """Rows that a source held before their candle had closed and that were revised since."""
    sources = {}
    for source in bot.candles:
        rows = read_revisions(
            connection, bot_id, source.name, margins.history_from, margins.wide_until
        )
        rows = rows[rows["is_unfinished"]].drop_duplicates("candle_open", keep="first")
        if len(rows):
            frame = rows[["candle_open", *OHLCV]].sort_values("candle_open")
            sources[f"{source.name} (unfinished)"] = CandleRows.from_frame(frame)
    return sources


def rules_of(
    bot: BotSettings, backtest: BacktestSettings | None, opens: Ints
) -> tuple[Mapping[str, Floats], Mapping[str, Floats]] | None:
    """The entry rule per candle: production's, and what the backtest decides by."""
    if backtest is None:
        return None
    live = rule_at(bot, index_from_us(opens))
    changes = {} if backtest.rule is None else backtest.rule.model_dump(exclude_unset=True)
    mine = {name: live[name].to_numpy("float64") for name in RULE_CONSTANTS}
    other = {
        name: np.full(len(opens), float(changes[name])) if name in changes else mine[name]
        for name in RULE_CONSTANTS
    }
    return mine, other
