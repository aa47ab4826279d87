import gzip
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from core.context import Context
from core.errors import ConfigError
from core.market import Origin
from core.settings import BotSettings, load_settings
from core.signal_log.ingest import SignalIngestReport, ingest_signal_logs
from core.signal_log.reads import double_writes
from core.signals.reads import read_series, signals_account
from core.storage.tables import signal_line
from tests.real import REAL, needs_real
from tests.stored_rows import FIVE, new_bot, new_database, opens, store_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Log = Mapping[str, object]  # as it stands in the configuration
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d:\d\d) \w+\] "
    r"Price: \$(?P<price>[\d,.]+) .* LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+)"
)
FIRST = datetime(2025, 10, 24, 0, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = new_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def bot_id(engine: sa.Engine) -> int:
    return new_bot(engine)


def text_log(path: object, **more: object) -> Log:
    return {"name": "text", "paths": str(path), "format": "text", "pattern": PATTERN, **more}


def csv_log(path: object, **more: object) -> Log:
    return {"name": "csv", "paths": str(path), "format": "csv", **more}


def line(bar: int, long: str = "0.1381", short: str = "0.3734", *, delay_s: float = 10.2) -> str:
    opened = FIRST + bar * FIVE.length
    logged = opened + FIVE.length + timedelta(seconds=delay_s)
    stamp = logged.strftime("%Y-%m-%d %H:%M:%S,") + f"{logged.microsecond // 1000:03d}"
    price = f"{111_000 + bar:,.1f}"
    return (
        f"{stamp} - INFO - [Candle {opened:%H:%M:%S} KST] Price: ${price} | Balance: $4,641.59 | "
        f"LONG: {long} | SHORT: {short}\n"
    )


def run(
    engine: sa.Engine, bot_id: int, *logs: Log, feature_log: Log | None = None
) -> SignalIngestReport:
    bot = BotSettings.model_validate(
        {"name": "btc-5m", "signal_log": list(logs), "feature_log": feature_log}
    )
    return ingest_signal_logs(Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW))


def account(engine: sa.Engine, bot_id: int) -> tuple[int, ...]:
    with engine.connect() as connection:
        found = signals_account(connection, bot_id)
    assert found["lines"] == sum(found.values()) - found["lines"]
    return tuple(found.values())


def emitted(engine: sa.Engine, bot_id: int) -> pd.DataFrame:
    with engine.connect() as connection:
        return read_series(connection, bot_id, Origin.EMITTED)


def longs(engine: sa.Engine, bot_id: int) -> list[float]:
    found = emitted(engine, bot_id)
    return found.loc[found["side"] == "LONG", "probability"].tolist()


def test_signal_lines_between_noise_become_signals(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text("starting\n" + line(0) + "=====\n\n" + line(1, "0.5") + "bye\n")
    assert run(engine, bot_id, text_log(log)).lines == 2
    found = emitted(engine, bot_id)
    assert (
        found["candle_open"].tolist()
        == [pd.Timestamp(FIRST)] * 2 + [pd.Timestamp(FIRST + FIVE.length)] * 2
    )
    assert found["probability"].tolist() == [0.1381, 0.3734, 0.5, 0.3734]
    assert found["step"].tolist() == [1e-4, 1e-4, 0.1, 1e-4]
    assert found["price"].tolist() == [111_000.0, 111_000.0, 111_001.0, 111_001.0]
    assert account(engine, bot_id) == (2, 2, 0, 0, 0)


def test_a_pattern_without_time_left_reads_on_in_the_next_cycle(
    engine: sa.Engine, bot_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0) + "noise\n" + line(1) + line(2))
    monkeypatch.setattr("core.signal_log.parsers._BUDGET_S", 0.0)
    monkeypatch.setattr("core.signal_log.parsers._BUDGET_S_OF_A_BYTE", 0.0)
    for waits_from in (2, 3, 4):
        (problem,) = run(engine, bot_id, text_log(log)).problems
        assert problem.startswith(f"{log}: the pattern took 0 s")
        assert f"the file waits from line {waits_from} on for the next cycle" in problem
    assert run(engine, bot_id, text_log(log)).problems == ()
    assert len(emitted(engine, bot_id)) == 6
    assert account(engine, bot_id) == (3, 3, 0, 0, 0)
    assert run(engine, bot_id, text_log(log)).lines == 0


def test_what_looks_like_a_signal_but_is_none_is_rejected_with_its_place(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0) + line(1, "nan") + line(2, "1.7") + line(3).replace("00:15", "00:16"))
    report = run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (4, 1, 3, 0, 0)
    assert report.problems == (
        f"{log}:2: looks like a signal, but the pattern does not match",
        f"{log}:3: probability 1.7 outside 0..1",
        f"{log}:4: label 00:16:00 is no candle open of 5m",
    )
    with engine.connect() as connection:
        rejected = sa.select(signal_line.c.line).where(signal_line.c.status == "rejected")
        assert sorted(connection.scalars(rejected)) == [2, 3, 4]


def test_a_half_written_last_line_waits_for_its_rest(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    whole = line(0) + line(1)
    for size in range(0, len(whole), 37):
        log.write_text(whole[:size])
        run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (1, 1, 0, 0, 0)
    log.write_text(whole)
    run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (2, 2, 0, 0, 0)


def test_repeats_are_duplicates_or_conflicts_and_two_instances_are_told(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0) + line(0, delay_s=9.8) + line(1) + line(1, "0.2", delay_s=11))
    report = run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (4, 2, 0, 1, 1)
    assert longs(engine, bot_id) == [0.1381, 0.1381]
    assert report.doubles == 2
    assert "candle 2025-10-24T00:00:00Z was written 2 times, 0.4 s apart" in report.problems[0]
    with engine.connect() as connection:
        assert double_writes(connection, bot_id)["seconds_apart"].tolist() == [0.4, 0.8]


def test_the_first_file_in_order_wins_whichever_was_read_first(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    (tmp_path / "b.log").write_text(line(0, "0.2") + line(1, "0.2"))
    run(engine, bot_id, text_log(tmp_path / "*.log"))
    assert longs(engine, bot_id) == [0.2, 0.2]
    (tmp_path / "a.log").write_text(line(1, "0.9"))
    run(engine, bot_id, text_log(tmp_path / "*.log"))
    assert longs(engine, bot_id) == [0.2, 0.9]
    assert account(engine, bot_id) == (3, 2, 0, 0, 1)


def test_of_several_logs_the_first_in_the_configuration_wins(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    text, table = tmp_path / "bot.log", tmp_path / "s.csv"
    text.write_text(line(0, "0.1381") + line(1, "0.9"))
    table.write_text(
        "timestamp,long,short\n2025-10-24 00:00:00,0.138123,0.373412\n"
        "2025-10-24 00:05:00,0.2,0.3734\n2025-10-24 00:10:00,0.4,0.3734\n"
    )
    run(engine, bot_id, text_log(text), csv_log(table))
    assert longs(engine, bot_id) == [0.1381, 0.9, 0.4]
    assert account(engine, bot_id) == (5, 3, 0, 1, 1)
    run(engine, bot_id, csv_log(table), text_log(text))
    assert longs(engine, bot_id) == [0.138123, 0.2, 0.4]
    assert account(engine, bot_id) == (5, 3, 0, 1, 1)
    run(engine, bot_id, text_log(text))
    assert longs(engine, bot_id) == [0.1381, 0.9]
    assert account(engine, bot_id) == (2, 2, 0, 0, 0)


def test_another_zone_reads_the_log_again(engine: sa.Engine, bot_id: int, tmp_path: Path) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0))
    run(engine, bot_id, text_log(log))
    run(engine, bot_id, text_log(log, label_zone="Asia/Seoul"))
    assert emitted(engine, bot_id)["candle_open"].unique().tolist() == [
        pd.Timestamp(FIRST - timedelta(hours=9))
    ]
    assert account(engine, bot_id) == (1, 1, 0, 0, 0)


def test_a_rotated_log_keeps_its_lines_and_goes_on(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log, settings = tmp_path / "bot.log", text_log(tmp_path / "bot.log*")
    log.write_text(line(0) + line(1))
    run(engine, bot_id, settings)
    for bar in (2, 3):
        for number in (1, 0):
            old = tmp_path / ("bot.log" + (f".{number}" if number else ""))
            if old.exists():
                os.replace(old, tmp_path / f"bot.log.{number + 1}")
        log.write_text(line(bar))
        assert run(engine, bot_id, settings).lines == 1
    assert len(longs(engine, bot_id)) == 4
    assert account(engine, bot_id) == (4, 4, 0, 0, 0)


def test_a_replaced_log_counts_only_what_is_new_and_forgets_nothing(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0) + line(1) + line(2))
    run(engine, bot_id, text_log(log))
    log.write_text("truncated by an editor\n" + line(1) + line(3))
    run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (4, 4, 0, 0, 0)
    assert run(engine, bot_id, text_log(log)).lines == 0
    log.write_text(log.read_text() + line(4))
    run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (5, 5, 0, 0, 0)


def test_pieces_and_a_whole_end_in_the_same_content(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    whole = "".join(line(bar) + "noise\n" + line(bar, "0.9") for bar in range(12)).encode()
    for end in (1, 200, 201, 900, 2000, len(whole)):
        log.write_bytes(whole[:end])
        run(engine, bot_id, text_log(log))
    pieces = (emitted(engine, bot_id), account(engine, bot_id))
    other = new_database(tmp_path_other(tmp_path))
    run(other, new_bot(other), text_log(log))
    pd.testing.assert_frame_equal(emitted(other, bot_id), pieces[0])
    assert account(other, bot_id) == pieces[1] == (24, 12, 0, 0, 12)
    other.dispose()


def tmp_path_other(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


def test_a_reading_that_dies_is_taken_up_where_its_transaction_began(
    engine: sa.Engine, bot_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0) + line(1))

    class Killed(BaseException):
        pass

    def die(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("core.tailing.follow.save_file", die)
        with pytest.raises(Killed):
            run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (0, 0, 0, 0, 0)
    run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (2, 2, 0, 0, 0)


def test_csv_with_quotes_gzip_repeated_header_and_a_new_layout(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    text = (
        "\ufefftimestamp,long,short,price\r\n"
        '1761264000000,0.25,"0.5","111,000.5"\r\n'
        "timestamp,long,short,price\r\n"
        "\r\n"
        "1761264300,0.25,,\r\n"
        "note,timestamp,short\n"
        "hello,2025-10-24T00:10:00Z,0.75\n"
        "1,2\n"
    )
    with gzip.open(tmp_path / "s.csv.gz", "wt", encoding="utf-8", newline="") as file:
        file.write(text)
    run(engine, bot_id, csv_log(tmp_path / "s.csv.gz"))
    found = emitted(engine, bot_id)
    assert found["side"].tolist() == ["LONG", "SHORT", "LONG", "SHORT"]
    assert found["probability"].tolist() == [0.25, 0.5, 0.25, 0.75]
    assert found["step"].tolist() == [0.01, 0.01, 0.01, 0.01]
    assert found["price"].tolist()[:2] == [111_000.5] * 2
    assert account(engine, bot_id) == (4, 3, 1, 0, 0)


def test_jsonl_reads_digits_as_written_and_skips_other_messages(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "s.jsonl"
    log.write_text(
        '{"timestamp": "2025-10-24T00:00:00Z", "long": 0.1380, "short": 0.5, "price": 111000.5}\n'
        '{"event": "started"}\n'
        '{"timestamp": 1761264300000, "long": 0.8767448663711548, "short": null}\n'
        '{"timestamp": "2025-10-24T00:10:00Z", "long": NaN, "short": null}\n'
        '{"long": 0.5}\n'
        "not json\n"
    )
    run(engine, bot_id, {"name": "j", "paths": str(log), "format": "jsonl"})
    found = emitted(engine, bot_id)
    assert found["probability"].tolist() == [0.138, 0.5, 0.8767448663711548]
    assert found["step"].tolist()[:2] == [1e-4, 1e-4]
    assert np.isnan(found["step"].tolist()[2])
    assert account(engine, bot_id) == (5, 2, 3, 0, 0)


def test_columns_of_the_feature_log_follow_their_rows(engine: sa.Engine, bot_id: int) -> None:
    columns = ("time", "rsi", "long", "short", "price")
    candles = opens("2025-10-24T00:00:00Z", 4)
    nan = float("nan")
    rows = np.array(
        [
            [0, 50, 0.25, 0.125, 100.5],
            [0, 50, nan, nan, 100.5],
            [0, 50, 1.5, 0.5, 100.5],
            [0, 50, nan, nan, 100.5],
        ]
    )
    log = {"name": "columns", "format": "feature_log"}
    store_rows(engine, bot_id, columns, candles, rows, texts={3: {2: "error"}})
    run(engine, bot_id, log)
    found = emitted(engine, bot_id)
    assert found["probability"].tolist() == [0.25, 0.125]
    assert found["price"].tolist() == [100.5, 100.5]
    assert account(engine, bot_id) == (3, 1, 2, 0, 0)
    assert run(engine, bot_id, log).lines == 0
    store_rows(engine, bot_id, columns, candles[:1], rows[:1] / 2)
    run(engine, bot_id, log)
    assert emitted(engine, bot_id)["probability"].tolist() == [0.125, 0.0625]
    assert account(engine, bot_id) == (3, 1, 2, 0, 0)


def test_columns_of_a_long_feature_log_are_read_in_windows_and_none_is_left_out(
    engine: sa.Engine, bot_id: int
) -> None:
    candles = opens("2025-10-24T00:00:00Z", 8192 + 3)  # more than one window of rows
    values = np.arange(len(candles)) / len(candles)
    store_rows(engine, bot_id, ("time", "long"), candles, np.column_stack([candles, values]))
    run(engine, bot_id, {"name": "columns", "format": "feature_log"})
    assert emitted(engine, bot_id)["probability"].tolist() == values.tolist()


def test_a_feature_log_without_the_columns_of_signals_says_none(
    engine: sa.Engine, bot_id: int
) -> None:
    candles = opens("2025-10-24T00:00:00Z", 2)
    store_rows(engine, bot_id, ("time", "rsi"), candles, np.ones((2, 2)))
    assert run(engine, bot_id, {"name": "columns", "format": "feature_log"}).lines == 0
    assert account(engine, bot_id) == (0, 0, 0, 0, 0)


def test_a_label_column_in_the_feature_log_is_followed_as_configured(
    engine: sa.Engine, bot_id: int
) -> None:
    columns = ("time", "signal_time", "long")
    candles = opens("2025-10-24T00:00:00Z", 1)
    row = np.array([[0, float("nan"), 0.25]])
    store_rows(engine, bot_id, columns, candles, row, texts={0: {1: "2025-10-24 09:00:00"}})
    log = {"name": "columns", "format": "feature_log", "candle_open": "signal_time"}
    run(engine, bot_id, {**log, "zone": "Asia/Tokyo"}, feature_log={"paths": "/x"})
    assert emitted(engine, bot_id)["candle_open"].tolist() == [pd.Timestamp("2025-10-24T00:00Z")]


def test_a_text_log_without_a_time_of_logging_names_its_candles_by_date(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text("2025-10-24 00:05 LONG 0.25\n2025-10-24 00:06 LONG 0.5\n")
    pattern = r"(?P<label>\S+ \S+) LONG (?P<long>[\d.]+)"
    report = run(engine, bot_id, text_log(log, pattern=pattern))
    found = emitted(engine, bot_id)
    assert found["candle_open"].tolist() == [pd.Timestamp(FIRST + FIVE.length)]
    assert found["probability"].tolist() == [0.25]
    assert account(engine, bot_id) == (2, 1, 1, 0, 0)
    assert "no candle open of 5m" in report.problems[0]


def test_a_time_of_logging_that_cannot_be_read_is_a_reason(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "bot.log"
    log.write_text(line(0).replace("2025-10-24 00:05", "2025-13-24 00:05") + line(1))
    report = run(engine, bot_id, text_log(log))
    assert account(engine, bot_id) == (2, 1, 1, 0, 0)
    assert 'time of logging "2025-13-24' in report.problems[0]


@pytest.mark.parametrize(
    ("log", "text", "rejected"),
    [("text", line(0), 0), ("csv", "timestamp,long\n2025-10-24T00:00:00Z,0.1381\n", 1)],
)
def test_a_line_beyond_every_signals_size_is_noise_in_text_and_rejected_elsewhere(
    engine: sa.Engine, bot_id: int, tmp_path: Path, log: str, text: str, rejected: int
) -> None:
    file = tmp_path / f"s.{log}"
    file.write_text(text + "x" * 5_000_000 + "\n")
    spec = text_log(file) if log == "text" else csv_log(file)
    report = run(engine, bot_id, spec)
    assert account(engine, bot_id) == (1 + rejected, 1, rejected, 0, 0)
    assert longs(engine, bot_id) == [0.1381]
    if rejected:
        assert report.problems == (f"{file}:3: 5000000 bytes in one line",)
    with file.open("a") as more:
        more.write(line(1, "0.5") if log == "text" else "2025-10-24T00:05:00Z,0.5\n")
    run(engine, bot_id, spec)
    assert longs(engine, bot_id) == [0.1381, 0.5]


def test_json_that_is_no_object_or_no_plain_value_says_why(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "s.jsonl"
    log.write_text(
        '[1, 2]\n\n{"timestamp": "2025-10-24T00:00:00Z", "long": [0.5]}\n'
        '{"timestamp": "2025-10-24T00:05:00Z", "long": true}\n'
        '{"timestamp": "2025-10-24T00:10:00Z", "long": 0.5}\n'
    )
    report = run(engine, bot_id, {"name": "j", "paths": str(log), "format": "jsonl"})
    assert [problem.split(": ", 1)[0] for problem in report.problems] == [
        f"{log}:{number}" for number in (1, 3, 4)
    ]
    assert report.problems[0].endswith("not a JSON object")
    assert longs(engine, bot_id) == [0.5]


def test_a_csv_row_with_a_stray_line_end_is_rejected_and_not_cut(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    log = tmp_path / "s.csv"
    log.write_bytes(
        b"timestamp,long\n2025-10-24T00:00:00Z,0.5\rmore\n\n2025-10-24T00:05:00Z,0.25\n"
    )
    run(engine, bot_id, csv_log(log))
    assert longs(engine, bot_id) == [0.25]
    assert account(engine, bot_id) == (2, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ({"format": "csv"}, 'no column "timestamp" with "long" or "short"'),
        ({"format": "csv", "paths": "/nowhere/*.csv"}, "no file matches"),
        ({"format": "csv", "paths": "."}, "a folder where a log file was expected"),
    ],
)
def test_a_log_that_cannot_be_read_says_why_and_stops_nothing(
    engine: sa.Engine, bot_id: int, tmp_path: Path, log: Log, message: str
) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    good = tmp_path / "bot.log"
    good.write_text(line(0))
    bad = {"name": "bad", "paths": str(tmp_path / "x.csv"), **log}
    report = run(engine, bot_id, bad, text_log(good))
    assert any(message in problem for problem in report.problems)
    assert account(engine, bot_id) == (1, 1, 0, 0, 0)


def test_a_pattern_is_checked_when_the_settings_are_read(tmp_path: Path) -> None:
    config = tmp_path / "align.toml"
    config.write_text(
        '[[bots]]\nname = "b"\n[[bots.signal_log]]\nname = "t"\npaths = ["x"]\n'
        "format = \"text\"\npattern = '(?P<label>'\n"
    )
    with pytest.raises(ConfigError, match="no valid regular expression"):
        load_settings(config)


@needs_real
def test_a_real_bots_text_log(engine: sa.Engine, bot_id: int) -> None:
    seoul = {"label_zone": "Asia/Seoul", "logged_at_zone": "Asia/Seoul"}
    path = REAL / "signal_log" / "bot_output.log"
    report = run(engine, bot_id, text_log(path, **seoul))
    assert account(engine, bot_id) == (46, 45, 0, 1, 0)
    assert report.doubles == 1
    with engine.connect() as connection:
        doubles = double_writes(connection, bot_id)
    assert doubles["candle_open"].tolist() == [pd.Timestamp("2025-10-24T10:00Z")]
    assert doubles["seconds_apart"].tolist() == [0.384]
