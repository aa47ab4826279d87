"""A real bot's files through the command line: the figures that are known of them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from collector.__main__ import main
from tests.real import needs_real
from tests.real_workspace import write_workspace

pytestmark = [needs_real, pytest.mark.slow]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = write_workspace(tmp_path_factory.mktemp("real"), signal_log=True)
    assert main(["--config", str(file), "once"]) == 0
    return file


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def status(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    text = output(capsys, "--config", str(config), "status", "--json", *arguments)
    bot: dict[str, Any] = json.loads(text)["bots"][0]
    return bot


def alignment(bot: dict[str, Any], comparison: str, side: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        entry
        for entry in bot["alignment"]
        if (entry["comparison"], entry["side"]) == (comparison, side)
    ]
    (entry,) = found
    return entry


def test_collection_and_accounts(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bot = status(config, capsys)
    collection = bot["collection"]
    assert collection["first_candle"] == "2025-11-03T04:45:00Z"
    assert collection["last_candle"] == "2025-11-06T23:50:00Z"
    assert (collection["expected"], collection["logged"]) == (1094, 1077)
    assert collection["success_ratio"] == pytest.approx(0.98446, abs=5e-6)
    assert collection["target_rows"] == 2016
    assert collection["silent_bars"] > 288
    assert [(day["logged"], day["expected"]) for day in collection["days"]] == [
        (215, 231),
        (287, 288),
        (288, 288),
        (287, 287),
    ]
    assert bot["ingestion"] == {
        "lines": 1077,
        "stored": 1077,
        "duplicates": 0,
        "quarantined": 0,
        "waiting": 0,
        "recovered": 122,
    }
    assert bot["signals"] == {
        "lines": 46,
        "matched": 45,
        "rejected": 0,
        "duplicates": 1,
        "conflicts": 0,
    }


def test_the_gaps_are_every_half_hour(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gaps = status(config, capsys)["collection"]["gaps"]
    assert sum(gap["missing"] for gap in gaps) == 17
    assert [gap["from"][5:16] for gap in gaps[:2]] == ["11-03T06:50", "11-03T07:20"]
    assert (gaps[14]["from"], gaps[14]["until"]) == ("2025-11-03T13:50:00Z", "2025-11-03T13:55:00Z")
    assert gaps[15] == {
        "from": "2025-11-04T15:30:00Z",
        "until": "2025-11-04T15:30:00Z",
        "missing": 1,
    }


@pytest.mark.parametrize(
    ("comparison", "side", "pairs", "mean", "largest", "above"),
    [
        ("bars-999", "LONG", 881, 0.0, 3e-8, 0.0),
        ("bars-999", "SHORT", 881, 0.0, 3e-8, 0.0),
        ("bars-500", "LONG", 160, 0.0306, 0.2128, 0.0625),
        ("bars-500", "SHORT", 160, 0.0033, 0.0597, 0.0),
        ("bars-1440", "LONG", 160, 0.00068, 0.0264, 0.0),
        ("bars-7200", "LONG", 160, 0.00058, 0.0264, 0.0),
    ],
)
def test_the_replay_against_what_the_bots_own_code_gives(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    comparison: str,
    side: str,
    pairs: int,
    mean: float,
    largest: float,
    above: float,
) -> None:
    entry = alignment(status(config, capsys), comparison, side)
    assert entry["pairs"] == pairs
    assert entry["mean_abs_diff"] == pytest.approx(mean, abs=5e-5)
    assert entry["max_abs_diff"] == pytest.approx(largest, abs=5e-5 if largest > 1e-6 else 3e-8)
    assert entry["share_above_tolerance"] == above
    assert entry["max_at"].endswith("Z")


def test_the_right_history_flips_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bot = status(config, capsys)
    for side in ("LONG", "SHORT"):
        entry = alignment(bot, "bars-999", side)
        assert (entry["flips"], entry["decision_flips"]) == (0, 0)


def test_a_comparison_without_pairs_is_listed_with_nulls(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The signal log is of a day without feature rows: nothing was replayed there.
    for side in ("LONG", "SHORT"):
        entry = alignment(status(config, capsys), "replay", side)
        assert entry["pairs"] == 0
        assert {entry[name] for name in entry if name not in ("comparison", "side", "pairs")} == {
            None
        }


def test_the_exported_replay_has_the_known_means(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "--config", str(config), "export", "signals", "--format", "csv")
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["origin"] == "replay"]
    assert list(rows[0]) == ["bot", "candle_open", "side", "origin", "comparison", "probability"]
    long = [float(row["probability"]) for row in rows if row["side"] == "LONG"]
    short = [float(row["probability"]) for row in rows if row["side"] == "SHORT"]
    assert sum(long) / len(long) == pytest.approx(0.64854, abs=5e-6)
    assert sum(short) / len(short) == pytest.approx(0.02328, abs=5e-6)
    assert sum(value >= 0.70 for value in long) == 594


def test_a_window_cuts_from_inclusive_until_exclusive(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = status(config, capsys, "--from", "2025-11-04", "--until", "2025-11-05")
    assert bot["collection"]["first_candle"] == "2025-11-04T00:00:00Z"
    assert bot["collection"]["last_candle"] == "2025-11-04T23:55:00Z"
    assert (bot["collection"]["logged"], bot["collection"]["expected"]) == (287, 288)
    assert bot["collection"]["silent_bars"] == 0
    assert [gap["missing"] for gap in bot["collection"]["gaps"]] == [1]


def test_a_second_cycle_changes_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = status(config, capsys)
    pairs = output(capsys, "--config", str(config), "export", "pairs", "--format", "json")
    assert main(["--config", str(config), "once"]) == 0
    after = status(config, capsys)
    before["collection"].pop("silent_bars")
    after["collection"].pop("silent_bars")
    assert after == before
    assert output(capsys, "--config", str(config), "export", "pairs", "--format", "json") == pairs


def test_exported_pairs_have_the_contracts_columns(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "--config", str(config), "export", "pairs", "--format", "json")
    row = json.loads(text)[0]
    assert list(row) == [
        "bot",
        "candle_open",
        "side",
        "comparison",
        "production_origin",
        "production",
        "backtest",
        "diff",
        "abs_diff",
        "flip",
    ]
    assert row["diff"] == row["production"] - row["backtest"]
    assert row["flip"] in (True, False)


def test_exported_features_are_what_the_bot_wrote(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(
        capsys, "--config", str(config), "export", "features", "--format", "csv",
        "--from", "2025-11-05", "--until", "2025-11-05T00:05",
    )  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["candle_open"] == "2025-11-05T00:00:00Z"
    from tests.real import REAL

    logged = (REAL / "feature_logs" / "main" / "features_20251105.csv").read_text().splitlines()
    (line,) = [line for line in logged if ",1762300800000," in f",{line}"]
    assert row["close"] in line.split(",")


def test_the_text_tells_what_became_of_the_signal_log(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        "Signal log  text: 46 lines, 45 matched, 0 rejected, 1 duplicates, 0 conflicts, "
        "1 candles written twice, prices matching 46 of 46\n"
    ) in output(capsys, "--config", str(config), "status")


def test_silence_without_a_terminal_is_not_progress(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "--config", str(config), "status")
    assert "98.45 % of 1094 candles" in text
    assert "bars-500 LONG: 160 pairs" in text
