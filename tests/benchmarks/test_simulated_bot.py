"""The bot of the benchmarks: rows that do not repeat, and both sides agree without a diagnosis."""

from pathlib import Path

import numpy as np

from benchmarks.bench_ingest import write
from benchmarks.simulated_bot import SimulatedBot, wide_log, write_bots
from core.cycle import run_cycle
from core.settings import load_settings
from core.status import status_document
from core.storage.engine import migrate, snapshot, writer_engine
from tests.databases import database_url

ROWS = 300


def test_a_wide_log_has_the_width_of_a_real_one_and_no_row_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", wide_log(ROWS), ROWS)
    header, *lines = path.read_text().splitlines()
    assert len(header.split(",")) == 196
    assert {len(line.split(",")) for line in lines} == {196}
    features = [line.split(",", 7)[7] for line in lines]
    assert len({text.rsplit(",", 2)[0] for text in features}) == ROWS
    assert not any(".0," in line or "nan" in line for line in lines)


def test_numbers_of_a_log_read_back(tmp_path: Path) -> None:
    log = wide_log(3)
    cells = log.line(1).split(",")
    assert int(cells[0]) == round(log.opens[1].timestamp()) * 1000
    numbers = [float(cell) for cell in cells[1:6] + cells[7:-2]]
    np.testing.assert_array_equal(numbers, log.numbers[1])


def test_cycles_keep_up_with_the_bot_and_both_sides_agree(tmp_path: Path) -> None:
    bot = SimulatedBot(tmp_path, 0, ROWS, ahead=2)
    url = database_url(tmp_path / "align.db")
    settings = load_settings(write_bots(tmp_path, [bot], url))
    engine = writer_engine(url)
    migrate(engine)
    for logged in (ROWS, ROWS + 1, ROWS + 2):
        report = run_cycle(engine, settings.bots[0], clock=lambda: bot.now)
        assert report.failures == {}
        with snapshot(engine) as connection:
            document = status_document(connection, settings, now=bot.now)["bots"][0]
        assert document["findings"] == []
        assert [entry["pairs"] for entry in document["alignment"]] == [logged] * 4
        assert max(entry["max_abs_diff"] for entry in document["alignment"]) < 1e-6
        if logged < ROWS + 2:
            bot.go_on()
    engine.dispose()
