"""Replay of a stored year, both sides, against XGBoost alone on a ready matrix.

    python -m benchmarks.bench_replay [--rows 105120]

Rows a CPU second, and the ratios that matter: reading and scoring, and with the signals
stored too.
"""

import argparse
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks.figures import Spread, database_kind, in_turn, show
from core.bundle.load import load_bundle
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import SideContent, write_bundle
from core.context import Context
from core.market import SIDES
from core.scoring.live_bundle import Live
from core.scoring.logged_rows import Replay
from core.scoring.replay import replay_logged, replayed_blocks
from core.settings import BotSettings
from core.times import END_OF_TIME
from tests.stored_rows import new_bot, new_database, opens, store_rows

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR_ROWS, COLUMNS, INPUTS, TREES = 105_120, 194, 85, 200
GOALS = {"read and scored": ">= 0.4", "with the signals stored": ">= 0.15"}


def main() -> None:
    """Build a year, then time the three ways on it in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=YEAR_ROWS)
    arguments.add_argument("--turns", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.rows, chosen.turns)


def measure(folder: Path, rows: int, turns: int) -> None:
    """Print the ratios beside their goals."""
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(rows, COLUMNS)) * 100
    names = [f"feature_{place}" for place in range(COLUMNS)]
    bot = _bot(folder, matrix[:4000], names, rng)
    engine, bot_id = _stored(folder, matrix, names)
    bundle = load_bundle(folder / "bundle")
    ready = {
        side: (model, model.scaler.scale_in_place(matrix[:, _places(model.features)].copy()))
        for side, model in bundle.sides.items()
    }
    spent = in_turn(
        turns,
        {
            "alone": lambda: [model.booster.predict(inputs) for model, inputs in ready.values()],
            "read and scored": lambda: _score(engine, bot_id, bot),
            "with the signals stored": lambda: _replay(engine, bot_id, bot),
        },
    )
    print(f"replay of {rows:,} stored candles, both sides, {database_kind()}:")
    counted = Spread((rows,) * turns)
    show("rows a CPU second, XGBoost alone on a ready matrix", counted / spent["alone"])
    for name, goal in GOALS.items():
        show(f"rate by CPU, {name}, of XGBoost alone", spent["alone"] / spent[name], goal)


def _score(engine: sa.Engine, bot_id: int, bot: BotSettings) -> int:
    url = engine.url.render_as_string(hide_password=False)
    replay = Replay(Live.of(bot))
    with closing(replayed_blocks(url, bot_id, replay, [(0, END_OF_TIME)])) as blocks:
        return sum(block.candles for block in blocks)


def _replay(engine: sa.Engine, bot_id: int, bot: BotSettings) -> None:
    with engine.begin() as connection:
        for table in ("signal", "signal_absence", "watermark"):
            connection.execute(sa.text(f"delete from {table}"))
    replay_logged(Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW))


def _stored(folder: Path, matrix: np.ndarray, names: list[str]) -> tuple[sa.Engine, int]:
    engine = new_database(folder)
    bot_id = new_bot(engine)
    candles = opens("2025-01-01T00:00:00Z", len(matrix))
    for start in range(0, len(matrix), 10_000):
        part = slice(start, start + 10_000)
        store_rows(engine, bot_id, names, candles[part], matrix[part])
    return engine, bot_id


def _bot(
    folder: Path, matrix: np.ndarray, names: list[str], rng: np.random.Generator
) -> BotSettings:
    from xgboost import XGBClassifier

    sides = {}
    for side in SIDES:
        chosen = rng.permutation(len(names))[:INPUTS]
        inputs = matrix[:, chosen]
        scaler = Scaler(ScalerKind.STANDARD, tuple(inputs.mean(axis=0)), tuple(inputs.std(axis=0)))
        target = (inputs[:, 0] + inputs[:, 1] + rng.normal(size=len(inputs)) * 50 > 60).astype(int)
        model = XGBClassifier(n_estimators=TREES, max_depth=7, learning_rate=0.05, n_jobs=1)
        model.fit(scaler.scale_in_place(inputs.copy()), target)
        raw = bytes(model.get_booster().save_raw("json"))
        sides[side] = SideContent(raw, tuple(names[place] for place in chosen), scaler)
    write_bundle(folder / "bundle", "bench", sides)
    return BotSettings(name="btc-5m", bundles=(str(folder / "bundle"),))


def _places(features: tuple[str, ...]) -> list[int]:
    return [int(name.removeprefix("feature_")) for name in features]


if __name__ == "__main__":
    main()
