"""The live bot: goes on where the workspace was left, and never twice."""

import re
import shutil
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from core.errors import ConfigError
from demo.__main__ import main
from demo.bot_files import TEXT_LOG
from demo.live import LiveBot, last_logged, waits
from demo.simulation import TIMEFRAME, make_world
from tests.demo.conftest import NOW

pytestmark = pytest.mark.slow


def test_each_closed_candle_is_logged_once(workspace: Path) -> None:
    bot = LiveBot(workspace)
    last = TIMEFRAME.last_closed(NOW)
    assert bot.step(NOW) == last  # its line had been left half written
    assert bot.step(NOW) is None
    later = NOW + timedelta(minutes=5)
    assert bot.step(later) == TIMEFRAME.last_closed(later)
    assert last_logged(workspace) == TIMEFRAME.last_closed(later)


def test_no_candle_is_said_twice_in_the_text_log(workspace: Path) -> None:
    LiveBot(workspace).step(NOW)
    text = (workspace / TEXT_LOG).read_text()
    said = re.findall(r"\[Candle (\S+) KST\] Price: \S+ \| LONG: \S+ \| SHORT: 0\.\d{4}\n", text)
    last_day = said[-288:]
    assert len(set(last_day)) == len(last_day)
    label = TIMEFRAME.last_closed(NOW).astimezone(ZoneInfo("Asia/Seoul"))
    assert said[-1] == f"{label:%H:%M:%S}"


def test_a_restarted_bot_knows_what_it_has_logged(workspace: Path) -> None:
    assert LiveBot(workspace).step(NOW) is not None
    assert LiveBot(workspace).step(NOW) is None


def test_the_live_row_is_what_a_longer_workspace_would_hold(workspace: Path) -> None:
    later = NOW + timedelta(minutes=5)
    LiveBot(workspace).step(later)
    path = max((workspace / "logs/features").iterdir())
    row = pd.read_csv(path, on_bad_lines="skip").iloc[-1]
    first = TIMEFRAME.last_closed(NOW) - timedelta(days=10) + TIMEFRAME.length
    world = make_world(5, first, TIMEFRAME.last_closed(later))
    assert row["close"] == world.candles["close"].iloc[-1]
    assert row["rsi_200"] == world.features[-1][list(row.index).index("rsi_200") - 7]
    model = world.bundles["momentum"].long
    whole = row[list(model.features)].to_numpy(dtype="float64")[None, :]
    assert row["long"] == model.probabilities(whole)[0]


def test_candles_that_were_missed_are_fetched_but_not_logged(workspace: Path) -> None:
    LiveBot(workspace).step(NOW)
    LiveBot(workspace).step(NOW + timedelta(hours=3))
    candles = pd.read_csv(workspace / "data/exchange_5m.csv")
    steps = pd.to_datetime(candles["timestamp"]).diff().dropna()
    assert (steps == timedelta(minutes=5)).all()
    logged = pd.read_csv(max((workspace / "logs/features").iterdir()), on_bad_lines="skip")
    assert np.diff(logged["time"])[-1] == 3 * 3_600_000


def test_the_bot_waits_until_just_after_the_close() -> None:
    assert waits(NOW) == 150.0 + 3.0


def test_a_folder_without_a_demo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no demo lies here"):
        LiveBot(tmp_path)
    assert main(["--dir", str(tmp_path), "--once"]) == 2


def test_a_demo_with_a_fault_has_no_live_bot(workspace: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(workspace, tmp_path / "faulty"))
    state = (copy / "demo.json").read_text()
    (copy / "demo.json").write_text(state.replace('"faults": []', '"faults": ["lookback"]'))
    with pytest.raises(ConfigError, match="built with a fault"):
        LiveBot(copy)
