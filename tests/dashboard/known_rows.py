"""A database whose every shown value is known by hand, and no two of one row are alike.

`btc-5m` has logs, signals, pairs and a diagnosis; `eth-5m` has features of both sides.
Times of `btc-5m` count in candles from 2025-11-06 12:00 UTC (21:00 in Seoul).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.alignment.day_block import roll_up
from core.alignment.writes import write_days
from core.bots import ensure_bot
from core.recompute.reads import coverage_step, sensitivity_step
from core.storage import tables
from core.storage.watermarks import write_watermark
from core.times import from_us, to_us
from tests.dashboard.seed_diagnosis import finding, store_diagnosis
from tests.databases import database_url
from tests.recompute.recompute_world import make_bundle
from tests.stored_rows import ensure_layout, insert, new_database, opens, store_rows

NOW = datetime(2025, 11, 6, 12, 36, 30, tzinfo=UTC)  # 90 s after candle 6 closed
FIVE = timedelta(minutes=5)
FEATURES = ("rsi", "macd")
ETH_OPENS = opens("2025-11-05T17:20:00Z", 160)  # 80 candles of each of two UTC days
SPLIT = 80  # the first of 2025-11-06
_CONFIG = """
display_zone = "Asia/Seoul"
[[bots]]
name = "btc-5m"
target_days = 2
[bots.rule]
long_threshold = 0.71
short_threshold = 0.66
gate = 0.002
[bots.feature_log]
paths = ["logs/*.csv"]
logged_at = "logged_at"
[[bots.signal_log]]
name = "columns"
format = "feature_log"
[[bots.backtests]]
name = "recomputed-600"
pipeline = "reference"
lookback_bars = 600
[[bots.backtests]]
name = "recomputed-300"
pipeline = "reference"
lookback_bars = 300
budget_s = 25
[[bots.candles]]
name = "a"
paths = ["a.csv"]
[[bots.candles]]
name = "b"
paths = ["b.csv"]
[[bots]]
name = "eth-5m"
bundles = ["bundle"]
[bots.feature_log]
paths = ["eth/*.csv"]
[[bots.backtests]]
name = "recomputed-600"
pipeline = "reference"
lookback_bars = 600
"""

LONG = {0: (0.9, 0.5), 1: (0.6, 0.45), 2: (0.3, 0.32)}  # candle → production, backtest
SHORT = {0: (0.2, 0.24), 1: (0.8, 0.1), 5: (0.45, 0.39), 6: (0.52, 0.5)}


def candle(number: int) -> datetime:
    return datetime(2025, 11, 6, 12, tzinfo=UTC) + number * FIVE


def write_known_rows(folder: Path) -> Path:
    """Fill a new database in this folder; returns its configuration."""
    engine = new_database(folder)
    with engine.begin() as connection:
        btc, eth = (ensure_bot(connection, name, "5m") for name in ("btc-5m", "eth-5m"))
    _log(engine, btc)
    _features(engine, eth)
    with engine.begin() as connection:
        _runs(connection, btc)
        _files(connection, btc)
        _signal_lines(connection, btc)
        _candles(connection, btc)
        _signals(connection, btc)
        ids = [_comparison(connection, btc, place, bars) for place, bars in enumerate((600, 300))]
        _comparison(connection, eth, 0, 600)
        _pairs(connection, ids[0], LONG, SHORT)
        _pairs(connection, ids[1], {0: (0.9, 0.8)}, {})
        _diagnosis(connection, btc)
        _queue(connection, btc)
    engine.dispose()
    make_bundle(folder / "bundle", FEATURES)
    config = folder / "align.toml"
    config.write_text(f'database_url = "{database_url(folder / "align.db")}"\n{_CONFIG}')
    return config


def _log(engine: sa.Engine, bot: int) -> None:
    """Candles 0 to 2 of one layout, 5 and 6 of another; 3 and 4 are missing."""
    before, after = ("close", "rsi", "atr"), ("close", "rsi", "macd", "ema")
    start = opens("2025-11-06T12:00:00Z", 7)
    store_rows(engine, bot, before, start[:3], np.ones((3, len(before))))
    store_rows(engine, bot, after, start[5:], np.ones((2, len(after))))
    row = tables.feature_row
    with engine.begin() as connection:
        for place, delay_s in {0: 3, 1: 5, 2: 9, 5: 20, 6: 60}.items():
            logged_at = candle(place) + FIVE + timedelta(seconds=delay_s)
            connection.execute(
                sa.update(row)
                .where(row.c.bot_id == bot, row.c.candle_open == candle(place))
                .values(logged_at=logged_at)
            )


def _features(engine: sa.Engine, bot: int) -> None:
    """rsi: constant in the log, and different, equal or missing in seven rows of the backtest."""
    place = np.arange(len(ETH_OPENS))
    rsi = np.where(place < SPLIT, 99_900.0, 100_050.0)
    rsi[SPLIT : SPLIT + 2] = np.nan
    macd = 100_000 + np.where(place < SPLIT, 60 * np.sin(0.7 * place) + 20, 100 * np.sin(place))
    store_rows(engine, bot, FEATURES, ETH_OPENS, np.column_stack([rsi, macd]))
    recomputed = np.column_stack(
        [
            [100_010, 100_020, np.nan, 100_050, 100_000, 99_850, 100_350],
            macd[SPLIT : SPLIT + 7],
        ]
    )
    with engine.begin() as connection:
        layout = ensure_layout(connection, bot, FEATURES, kind="backtest")
        series = insert(
            connection,
            tables.series,
            {"bot_id": bot, "origin": "backtest", "comparison": "recomputed-600"},
        )
        rows = [
            {
                "series_id": series,
                "candle_open": from_us(int(opened)),
                "layout_id": layout,
                "vector": vector.astype("<f8").tobytes(),
                "content_key": "key",
            }
            for opened, vector in zip(ETH_OPENS[SPLIT:], recomputed, strict=False)
        ]
        insert(connection, tables.backtest_row, *rows)
        report = {
            "matching_lookbacks": [600],
            "sample": ["2025-11-06T00:00:00Z"],
            "ladder": [300, 600],
            "signals": [],
            "features": [
                {
                    "feature": "rsi",
                    "compared": 24,
                    "smallest_match": 600,
                    "stays": True,
                    "equal_at_match": False,
                    "max_relative_diff": 1.5e-7,
                }
            ],
        }
        value = {"made_at": "2025-11-06T06:00:00Z", "report": report}
        write_watermark(connection, bot, sensitivity_step("recomputed-600"), value)


def _runs(connection: sa.Connection, bot: int) -> None:
    fine = {"step": "ingest features", "outcome": "done", "details": {"rows": 12}}
    failed = {"step": "pair", "outcome": "failed", "error": "no room on the disk", "details": {}}
    for run, ago_s, took_s in ((fine, 60, 0.4), (failed, 50, 3.2)):
        began = NOW - timedelta(seconds=ago_s)
        ended = began + timedelta(seconds=took_s)
        times = {"bot_id": bot, "started_at": began, "finished_at": ended}
        insert(connection, tables.run, {**times, **run})


def _files(connection: sa.Connection, bot: int) -> None:
    connection.execute(
        sa.update(tables.log_file)
        .where(tables.log_file.c.bot_id == bot)
        .values(
            path="/logs/a.csv", lines=31, stored=23, duplicates=5, quarantined=3, recovered=2,
            read_at=NOW - timedelta(minutes=2), problem="The last line is cut.",
        )
    )  # fmt: skip
    insert(
        connection,
        tables.quarantine,
        {
            "bot_id": bot, "file_id": 1, "line": 41, "offset": 5, "length": 5,
            "reason": "no_layout", "detail": "Row of 3 fields.", "candle_open": candle(3),
            "raw": b"1,2,3", "sha256": "x",
        },
    )  # fmt: skip


def _signal_lines(connection: sa.Connection, bot: int) -> None:
    """12 lines = 5 used, 4 rejected, 2 duplicates, 1 conflict; 3 candles written twice."""
    statuses = ["used"] * 5 + ["rejected"] * 4 + ["duplicate"] * 2 + ["conflict"]
    places = [0, 1, 2, 5, 6, *[None] * 4, 0, 1, 2]
    for line, (status, place) in enumerate(zip(statuses, places, strict=True)):
        logged_at = NOW + timedelta(seconds=line)
        insert(
            connection,
            tables.signal_line,
            {
                "bot_id": bot, "file_id": 1, "log": "columns", "line": line, "status": status,
                "sha256": str(line), "candle_open": None if place is None else candle(place),
                "logged_at": logged_at, "price": None if place is None else 100.0,
                "is_price_match": None if place is None else line > 0,
            },
        )  # fmt: skip


def _candles(connection: sa.Connection, bot: int) -> None:
    """Candles -8 to -1 of two sources: 5 in both, 2 in `a` only, 1 in `b` only."""
    high, low, close = (1, 1, 1, 1, 10), (1, 1, 1, 5, 8), (1, 1, 1.5, 2, 4.5)
    volume = (10, 5, 5, 2.5, 2.5)
    common = (-8, -7, -6, -5, -1)
    usual = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 10.0, "origin": "x"}
    others = [
        {"high": h, "low": low_, "close": c, "volume": v}
        for h, low_, c, v in zip(high, low, close, volume, strict=True)
    ]
    both: dict[str, dict[int, Mapping[str, object]]] = {
        "a": {place: {} for place in (*common, -4, -3)},
        "b": {**dict(zip(common, others, strict=True)), -2: {}},
    }
    for name, rows in both.items():
        source = insert(connection, tables.candle_source, {"bot_id": bot, "name": name})
        for place, row in rows.items():
            values = {"source_id": source, "candle_open": candle(place), **usual, **row}
            insert(connection, tables.candle, values)


def _signals(connection: sa.Connection, bot: int) -> None:
    """Emitted LONG on a candle (5) that the backtest lacks; the replay of 0 is absent."""
    bundle = insert(
        connection,
        tables.bundle,
        {"hash": "abcdef0123456789", "name": "demo", "path": "/bundle", "manifest": {}},
    )
    emitted = {
        "LONG": {place: values[0] for place, values in LONG.items()} | {5: 0.4},
        "SHORT": {place: values[0] for place, values in SHORT.items()},
    }
    backtest = {
        "LONG": {place: values[1] for place, values in LONG.items()} | {6: 0.4},
        "SHORT": {place: values[1] for place, values in SHORT.items()},
    }
    for origin, name, run, sides in (
        ("emitted", "", 1, emitted),
        ("backtest", "recomputed-600", 2, backtest),
    ):
        series = insert(
            connection, tables.series, {"bot_id": bot, "origin": origin, "comparison": name}
        )
        rows = [
            {
                "series_id": series,
                "side": side,
                "candle_open": candle(place),
                "probability": value,
                "bundle_id": bundle if origin == "emitted" else None,
                "run_id": run,
            }
            for side, values in sides.items()
            for place, value in values.items()
        ]
        insert(connection, tables.signal, *rows)
    replay = insert(connection, tables.series, {"bot_id": bot, "origin": "replay"})
    absence = {"side": "LONG", "reason": "gap", "detail": "3 candles are missing"}
    insert(
        connection,
        tables.signal_absence,
        {"series_id": replay, "candle_open": candle(0), **absence},
    )
    insert(
        connection,
        tables.annotation,
        {
            "bot_id": bot,
            "candle_open": candle(0),
            "is_reviewed": True,
            "note": "seen",
            "written_at": NOW,
        },
    )


def _comparison(connection: sa.Connection, bot: int, position: int, bars: int) -> int:
    values = {"position": position, "tolerance": 0.1, "spec": {"lookback_bars": bars}}
    return insert(
        connection, tables.comparison, {"bot_id": bot, "name": f"recomputed-{bars}", **values}
    )


def _pairs(
    connection: sa.Connection,
    comparison: int,
    long: Mapping[int, tuple[float, float]],
    short: Mapping[int, tuple[float, float]],
) -> None:
    """Pairs whose flips are set by hand: 2 of LONG (1 decides otherwise), 1 of SHORT (3)."""
    rows = [
        {
            "candle_open": pd.Timestamp(candle(place)).as_unit("us"),
            "side": side,
            "probability_production": production,
            "probability_backtest": backtest,
            "diff": production - backtest,
            "abs_diff": abs(production - backtest),
            "is_aligned": abs(production - backtest) <= 0.1,
            "flip": place < flips,
            "decision_flip": place < decisions,
        }
        for side, values, flips, decisions in (("LONG", long, 2, 1), ("SHORT", short, 1, 6))
        for place, (production, backtest) in values.items()
    ]
    pairs = pd.DataFrame(rows)
    days = [
        {**record, "day": to_us(record["day"].to_pydatetime()), "comparison_id": comparison}
        for record in roll_up(pairs, pairs)
    ]
    write_days(connection, comparison, [days[0]["day"]], days)
    for row in rows:
        stored = {
            "comparison_id": comparison,
            "production_origin": "emitted",
            "production": row["probability_production"],
            "backtest": row["probability_backtest"],
            **{
                name: row[name]
                for name in ("side", "diff", "abs_diff", "is_aligned", "flip", "decision_flip")
            },
        }
        opened = pd.Timestamp(str(row["candle_open"])).to_pydatetime()
        insert(connection, tables.pair, {**stored, "candle_open": opened})


def _diagnosis(connection: sa.Connection, bot: int) -> None:
    needs = {"needs": "candles of another source"}
    findings = [
        finding(
            "lookback", "proven", sides=["LONG"], explained_ratio=0.972,
            residual_mean_abs_diff=0.0123,
            held_out_candles=132, parameters={"lookback_bars": 900}, same_as=["warm_up"],
            summary="The bot saw 900 candles.",
        ),
        finding("scaler", "partial"),
        finding("market_data", "untestable", evidence=needs),
    ]  # fmt: skip
    document = {
        "initial": {"candles": 7, "mean_abs_diff": 0.2, "share_above_tolerance": 0.4},
        "unexplained_ratio": 0.031,
        "split": {
            "sides": {
                "LONG": {
                    "candles": 5, "mean_abs_difference": 0.31, "mean_abs_model_path": 0.02,
                    "mean_abs_feature_path": 0.29,
                }
            }
        },
        "attribution": [
            {"side": "SHORT", "features": [{"feature": "rsi", "removed_ratio": 0.6, "shap": 0.045}]}
        ],
        "drift": {
            "features": [
                {
                    "feature": "rsi", "side": "SHORT", "z_shift": -1.5, "psi": 0.31, "ks": 0.22,
                    "ks_p_value": 0.04, "effective_rows": 17,
                }
            ]
        },
    }  # fmt: skip
    diagnosis = store_diagnosis(
        connection,
        bot,
        from_open=candle(0),
        until_open=candle(6),
        made_at=NOW - timedelta(minutes=1),
        document=document,
        findings=findings,
    )
    stored = tables.finding
    connection.execute(
        sa.update(stored).where(stored.c.cause == "scaler").values(refuted_by_id=diagnosis)
    )
    trial = {
        "parameters": {"lookback_bars": 700},
        "searched_mean_abs_diff_before": 0.2,
        "searched_mean_abs_diff_after": 0.015,
        "repaired_ratio": 0.931,
    }
    insert(
        connection,
        tables.trial,
        {"diagnosis_id": diagnosis, "cause": "lookback", "round": 2, "document": trial},
    )


def _queue(connection: sa.Connection, bot: int) -> None:
    coverage = {
        "wanted": 40, "covered": 30, "pending": 4, "absent": {"gap": 2, "warm_up": 4},
        "provisional": 5, "with_gaps": 7, "pipeline_hash": "hash",
    }  # fmt: skip
    write_watermark(connection, bot, coverage_step("recomputed-300"), {"coverage": coverage})
