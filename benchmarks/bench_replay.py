"""Replay of a stored year, both sides, against XGBoost alone on a ready matrix.

    python -m benchmarks.bench_replay [--rows 105120]

Prints rows/s of each and the ratios that matter: reading + scoring (goal 0.4) and with
the signals stored too (goal 0.15).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

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
GOALS = {"reading + scoring": 0.4, "with the signals stored": 0.15}


def main() -> None:
    """Build a year, then time the three ways on it in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=YEAR_ROWS)
    arguments.add_argument("--repeat", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.rows, chosen.repeat)


def measure(folder: Path, rows: int, repeat: int) -> dict[str, float]:
    """Ratios by name; printed with the rows/s that they come from."""
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
    best = dict.fromkeys(("alone", *GOALS), float("inf"))
    for _ in range(repeat):
        for name, work in (
            ("alone", lambda: [model.booster.predict(inputs) for model, inputs in ready.values()]),
            ("reading + scoring", lambda: _score(engine, bot_id, bot)),
            ("with the signals stored", lambda: _replay(engine, bot_id, bot)),
        ):
            best[name] = min(best[name], _seconds(work))
    print(f"inplace_predict on a ready matrix, both sides: {rows / best['alone']:,.0f} rows/s")
    ratios = {}
    for name, goal in GOALS.items():
        ratios[name] = best["alone"] / best[name]
        print(
            f"replay, {name}: {rows / best[name]:,.0f} rows/s, "
            f"ratio {ratios[name]:.2f} (goal {goal})"
        )
    return ratios


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
        model = XGBClassifier(n_estimators=TREES, max_depth=7, learning_rate=0.05, n_jobs=2)
        model.fit(scaler.scale_in_place(inputs.copy()), target)
        raw = bytes(model.get_booster().save_raw("json"))
        sides[side] = SideContent(raw, tuple(names[place] for place in chosen), scaler)
    write_bundle(folder / "bundle", "bench", sides)
    return BotSettings(name="btc-5m", bundles=(str(folder / "bundle"),))


def _places(features: tuple[str, ...]) -> list[int]:
    return [int(name.removeprefix("feature_")) for name in features]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
