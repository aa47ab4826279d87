"""What real logs look like: holes, a layout that changes inside a file, a line cut short."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from demo.bot import Journal
from demo.bot_files import FEATURE_FOLDER, write_feature_log
from demo.models import TrainedBundle
from demo.plan import Plan, Vectors
from demo.simulation import World

_OUTAGE_BARS = 83  # just under seven hours
_HALF_HOURS = 14


def outage_start(world: World) -> int:
    """The bar at which the bot stays down for hours: on the fourth day, or a third in."""
    return world.first + len(world.positions) // 3


def redeployment(world: World) -> int:
    """The bar, inside the outage, at which the next bundle went live."""
    return outage_start(world) + _OUTAGE_BARS // 2


def holes(world: World) -> npt.NDArray[np.bool_]:
    """Bars that the bot did not log: an outage, and one candle every half hour for a while."""
    down = np.zeros(world.market.bars, dtype=bool)
    down[outage_start(world) : outage_start(world) + _OUTAGE_BARS] = True
    begin = world.first + len(world.positions) // 8
    minutes = world.market.opens[begin : begin + 6 * _HALF_HOURS].minute
    down[begin : begin + 6 * _HALF_HOURS] = np.isin(minutes, (20, 50))
    return down


def write_drifting_log(folder: Path, world: World, plan: Plan, journal: Journal) -> None:
    """The feature log of a bot that got new features in the middle of a day.

    The new columns come in the middle of the row, and the rest of that day's rows
    goes on under the old header, as a plain append does it. The next day's file
    has the new header.
    """
    late = late_features(plan.bundles, journal.vectors.columns)
    update = world.opens[0].normalize() + pd.Timedelta(days=5, hours=14, minutes=25)
    is_early = journal.vectors.opens < update
    write_feature_log(folder, plan, part_of(journal, is_early, without=late))
    logs = folder / FEATURE_FOLDER
    before = {path.name for path in logs.iterdir()}
    write_feature_log(folder, plan, part_of(journal, ~is_early, without=()))
    for path in sorted(logs.iterdir()):
        if path.name not in before and path.stem.endswith("_2"):
            first = logs / path.name.replace("_2.csv", ".csv")
            _, _, rows = path.read_text(encoding="utf-8").partition("\n")
            with first.open("a", encoding="utf-8", newline="\n") as file:
                file.write(rows)
            path.unlink()


def late_features(
    bundles: Mapping[str, TrainedBundle], columns: tuple[str, ...]
) -> tuple[str, ...]:
    """Three features that no bundle needs, which the bot began to log later."""
    used = {name for bundle in bundles.values() for side in bundle.sides for name in side.features}
    free = [name for name in columns if name not in used]
    return tuple(free[len(free) // 3 : len(free) // 3 + 3])


def part_of(journal: Journal, rows: npt.NDArray[np.bool_], *, without: tuple[str, ...]) -> Journal:
    """Some rows of a journal, and all columns but some; the emitted signals stay whole."""
    kept = [k for k, name in enumerate(journal.vectors.columns) if name not in without]
    names = tuple(journal.vectors.columns[k] for k in kept)
    vectors = Vectors(journal.vectors.opens[rows], names, journal.vectors.matrix[rows][:, kept])
    return replace(
        journal,
        vectors=vectors,
        ohlcv=journal.ohlcv[rows],
        logged_at=journal.logged_at[rows],
        candle_counts=journal.candle_counts[rows],
    )


def cut_last_line(path: Path) -> None:
    """Leave the file's last line half written, as a process that was killed does."""
    content = path.read_bytes()
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: start + (len(content) - start) // 2])
