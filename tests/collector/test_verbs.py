"""What the verbs do and exit with, on tiny bots."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.__main__ import main
from tests.collector.bots import write_config, write_log
from tests.databases import database_url


def run(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), *arguments])


def status(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert run(config, "status", "--json") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return {bot["name"]: bot for bot in json.loads(out)["bots"]}


def test_status_before_the_first_run_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert run(write_config(tmp_path, "a"), "status", "--json") == 1
    assert capsys.readouterr().out == ""
    assert "run the collector first" in caplog.text


def test_a_bot_without_any_row_is_known_with_nulls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    assert status(config, capsys)["a"] == {
        "name": "a",
        "collection": {
            "first_candle": None,
            "last_candle": None,
            "expected": None,
            "logged": 0,
            "success_ratio": None,
            "silent_bars": None,
            "target_rows": 2016,
            "days": [],
            "gaps": [],
        },
        "ingestion": {
            "lines": 0,
            "stored": 0,
            "duplicates": 0,
            "quarantined": 0,
            "waiting": 0,
            "recovered": 0,
        },
        "signals": dict.fromkeys(("lines", "matched", "rejected", "duplicates", "conflicts")),
        "alignment": [],
        "findings": [],
    }


def test_a_bot_added_to_the_configuration_is_listed_before_its_first_cycle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_config(tmp_path, "a"), "once") == 0
    bots = status(write_config(tmp_path, "a", "b"), capsys)
    assert list(bots) == ["a", "b"]
    assert bots["b"]["collection"]["logged"] == 0


def test_a_failed_step_of_one_bot_does_not_stop_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_log(tmp_path / name / "features_1.csv", 30)
    broken = tmp_path / "bundle"
    broken.mkdir()
    (broken / "bundle.json").write_text("{}")
    text = write_config(tmp_path, "a").read_text()
    text = text.replace('name = "a"\n', 'name = "a"\nbundles = ["bundle"]\n')
    config = write_config(tmp_path, "b")
    config.write_text(text + "\n" + config.read_text().partition("\n")[2])
    assert run(config, "once") == 1
    bots = status(config, capsys)
    assert bots["a"]["collection"]["logged"] == 30
    assert bots["b"]["collection"]["logged"] == 30


def test_quarantined_lines_are_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a" / "features_1.csv"
    write_log(file, 10)
    with file.open("a") as log:
        log.write("this is no row\n")
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    assert status(config, capsys)["a"]["ingestion"]["quarantined"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--bot", "nobody", "--json"],
        ["export", "pairs", "--format", "csv", "--bot", "nobody"],
        ["diagnose", "--bot", "nobody", "--json"],
        ["diagnose", "--comparison", "nothing", "--json"],
        ["diagnose", "--json"],  # no comparison is configured at all
    ],
)
def test_unknown_names_exit_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    capsys.readouterr()
    assert run(config, *arguments) == 2
    assert capsys.readouterr().out == ""


def test_nothing_to_collect_is_a_configuration_mistake(tmp_path: Path) -> None:
    assert run(write_config(tmp_path), "once") == 2


def test_another_timeframe_for_a_stored_bot_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    config.write_text(config.read_text().replace('name = "a"\n', 'name = "a"\ntimeframe = "1h"\n'))
    assert run(config, "once") == 1
    assert "give the bot of another timeframe another name" in caplog.text


def test_a_second_once_is_refused_while_the_first_holds_the_lock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from collector.lock import database_lock

    config = write_config(tmp_path, "a")
    with database_lock(database_url(tmp_path / "align.db")):
        assert run(config, "once") == 1
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "another collector is working on this database" in errors[0].getMessage()


def test_gaps_go_out_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path / "a" / "features_1.csv", 10)
    write_log(tmp_path / "a" / "features_2.csv", 10, first=datetime(2025, 11, 3, 1, 0, tzinfo=UTC))
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    capsys.readouterr()
    assert run(config, "export", "gaps", "--format", "csv") == 0
    assert capsys.readouterr().out == (
        "bot,from,until,missing\na,2025-11-03T00:50:00Z,2025-11-03T00:55:00Z,2\n"
    )
    out = tmp_path / "gaps.json"
    assert run(config, "export", "gaps", "--format", "json", "--out", str(out)) == 0
    assert json.loads(out.read_text()) == [
        {
            "bot": "a",
            "from": "2025-11-03T00:50:00Z",
            "until": "2025-11-03T00:55:00Z",
            "missing": 2,
        }
    ]
    out = tmp_path / "features.parquet"
    assert run(config, "export", "features", "--format", "parquet", "--out", str(out)) == 0
    import pyarrow.parquet as pq

    assert pq.read_table(out).num_rows == 20


def test_quarantined_text_goes_out_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a" / "features_1.csv"
    write_log(file, 5)
    with file.open("a") as log:
        log.write("=HYPERLINK(1),2\n")
    config = write_config(tmp_path, "a")
    assert run(config, "once") == 0
    capsys.readouterr()
    assert run(config, "export", "quarantine", "--format", "csv") == 0
    assert '"\'=HYPERLINK(1),2"' in capsys.readouterr().out
