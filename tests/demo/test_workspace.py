"""The demo workspace: ten days with real flaws, labelled as simulated, never in the way."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.bundle.load import load_bundle
from core.errors import ConfigError
from core.market import Side
from core.settings import load_settings
from demo.workspace import build_workspace
from tests.demo.conftest import NOW

pytestmark = pytest.mark.slow


def _rows(folder: Path) -> list[tuple[str, list[str]]]:
    """(file name, cells) of every line of the feature log but headers."""
    rows = []
    for path in sorted((folder / "logs/features").iterdir()):
        with path.open(newline="") as file:
            rows += [(path.name, row) for row in csv.reader(file) if row[0] != "time"]
    return rows


def test_the_log_spans_ten_days_and_ends_at_the_last_closed_candle(built: Path) -> None:
    opens = [int(cells[0]) / 1000 for _, cells in _rows(built)]
    last = datetime(2026, 3, 11, 8, 55, tzinfo=UTC)
    assert max(opens) == last.timestamp()
    assert min(opens) == (last - timedelta(days=10, minutes=-5)).timestamp()


def test_the_log_has_the_flaws_of_real_logs(built: Path) -> None:
    opens = sorted({int(cells[0]) for _, cells in _rows(built)})
    missing = np.diff(opens) // 300_000 - 1
    assert missing.max() == 83
    assert (missing == 1).sum() >= 13
    by_file: dict[str, set[int]] = {}
    for name, cells in _rows(built)[:-1]:
        by_file.setdefault(name, set()).add(len(cells))
    assert [len(widths) for widths in by_file.values()].count(2) == 1
    last = max((built / "logs/features").iterdir()).read_bytes()
    assert not last.endswith(b"\n")


def test_new_columns_come_in_the_middle_and_the_next_file_has_their_header(built: Path) -> None:
    headers = [
        path.read_text().partition("\n")[0].split(",")
        for path in sorted((built / "logs/features").iterdir())
    ]
    assert len(headers[-1]) == len(headers[0]) + 3
    new = [headers[-1].index(name) for name in headers[-1] if name not in headers[0]]
    assert min(new) > 10 and max(new) < len(headers[-1]) - 10


def test_everything_is_called_simulated(built: Path) -> None:
    bot = load_settings(built / "align.toml").bots[0]
    assert "(simulated)" in bot.name
    assert bot.exchange == "simulated"
    assert bot.symbol is not None and "simulated" in bot.symbol


def test_the_configuration_has_each_kind_of_backtest(built: Path) -> None:
    backtests = load_settings(built / "align.toml").bots[0].backtests
    assert {backtest.mode for backtest in backtests} == {"window", "frame"}
    assert {backtest.lookback_bars for backtest in backtests} == {300, 600, None}
    assert [backtest.is_imported for backtest in backtests].count(True) == 1


def test_emitted_signals_are_the_bundles_on_the_logged_features(built: Path) -> None:
    path = sorted((built / "logs/features").iterdir())[-2]
    rows = pd.read_csv(path)
    bundle = load_bundle(built / "bundles/momentum")
    assert set(rows["bundle_hash"]) == {bundle.hash}
    for side, column in ((Side.LONG, "long"), (Side.SHORT, "short")):
        model = bundle.sides[side]
        scores = model.score(rows[list(model.features)].to_numpy())
        np.testing.assert_array_equal(scores, rows[column].to_numpy())
    assert (rows["long"] >= 0.7).any()


def test_the_same_moment_gives_the_same_files(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    build_workspace(again, now=NOW)
    for path in sorted(built.rglob("*")):
        if path.is_file():
            assert (again / path.relative_to(built)).read_bytes() == path.read_bytes(), path.name


def test_a_folder_that_holds_the_demo_already_is_left_alone(workspace: Path) -> None:
    (workspace / "mine.txt").write_text("keep me")
    config = (workspace / "align.toml").read_text()
    assert build_workspace(workspace, now=NOW + timedelta(days=3)) == workspace / "align.toml"
    assert (workspace / "mine.txt").read_text() == "keep me"
    assert (workspace / "align.toml").read_text() == config


def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not empty and no demo"):
        build_workspace(tmp_path, now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_with_other_faults_is_refused(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="other faults"):
        build_workspace(workspace, now=NOW, faults=["lookback"])


def test_an_unknown_fault_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no fault named "lookbak".*lookback'):
        build_workspace(tmp_path / "new", now=NOW, faults=["lookbak"])
    assert not (tmp_path / "new").exists()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    config = build_workspace(tmp_path, now=NOW, days=2, faults=["lookback"])
    assert load_settings(config).bots[0].backtests[0].lookback_bars == 300
