"""A database as the collector leaves it, filled through the tables, and its align.toml.

Values come from a seed: LONG and SHORT walk between 0 and 1, the backtest differs a
little everywhere and much on `flagged` candles, gaps lie where the caller says.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.alignment.day_block import roll_up
from core.alignment.pairs import judge_pairs, pair_signals
from core.alignment.writes import write_days
from core.recompute.reads import WholeCoverage, coverage_step
from core.storage import tables
from core.storage.engine import migrate, writer_engine
from core.storage.sql import raw
from core.storage.watermarks import write_watermark
from core.times import Timeframe, iso_z, to_us, us_from_index

FRAME = Timeframe.parse("5m")
NOW = datetime(2025, 11, 6, 23, 56, 30, tzinfo=UTC)  # 90 s after the last candle closed
BACKTEST = "recomputed-600"
_SIDES = ("LONG", "SHORT")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the seeded bot looks like."""

    bot: str = "btc-5m"
    days: float = 3
    now: datetime = NOW
    features: int = 12
    comparisons: tuple[str, ...] = ("replay", BACKTEST, "recomputed-300")
    gaps: tuple[int, ...] = (30, 60, 90, 91)  # positions of candles that are not logged
    flagged: tuple[int, ...] = (200, 450)  # positions where the backtest is far off
    quarantined: tuple[str, ...] = ("no_layout", "conflict")
    raw_line: str = "1762128900000,abc,<script>alert(1)</script>"
    file: str = "features_2025-11-03.csv"
    feature_prefix: str = "feature"
    findings: tuple[str, ...] = ("lookback",)
    candles: int = field(default=0)  # 0: as many as `days` says
    scope: tuple[int, int] | None = None  # first and last position that the finding speaks of
    recomputed_every: int = 1  # the backtest covers each n-th candle so far, the rest waits

    @property
    def opens(self) -> pd.DatetimeIndex:
        last = FRAME.last_closed(self.now)
        count = self.candles or round(self.days * FRAME.bars_per_day)
        return FRAME.opens(last - (count - 1) * FRAME.length, last)


def seed_database(file: Path, plans: Sequence[Plan] = (Plan(),)) -> sa.Engine:
    """Make the database at `file` and fill it; returns a writer engine."""
    engine = writer_engine(f"sqlite:///{file}")
    migrate(engine)
    for plan in plans:
        with engine.begin() as connection:
            _fill(connection, plan)
    return engine


def write_config(folder: Path, plans: Sequence[Plan] = (Plan(),), more: str = "") -> Path:
    """An align.toml beside the database of `seed_database`."""
    lines = [f'database_url = "sqlite:///{folder / "align.db"}"', 'display_zone = "Asia/Seoul"']
    lines.append(more)
    for plan in plans:
        lines += ["[[bots]]", f"name = {json.dumps(plan.bot)}", 'timeframe = "5m"']
        lines += ['exchange = "simulated"', 'symbol = "BTC/USDT:USDT"']
        lines += ["[bots.feature_log]", 'paths = ["logs/*.csv"]', 'logged_at = "logged_at"']
        if "replay" in plan.comparisons:
            lines += ["[[bots.signal_log]]", 'name = "columns"', 'format = "feature_log"']
        for name in plan.comparisons:
            if name != "replay":
                lines += ["[[bots.backtests]]", f"name = {json.dumps(name)}"]
                lines += ['pipeline = "reference"', "lookback_bars = 600"]
    config = folder / "align.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    return config


def _fill(connection: sa.Connection, plan: Plan) -> None:
    chosen = np.random.default_rng(7)
    bot_id = _insert(connection, tables.bot, name=plan.bot, timeframe="5m")
    run_id = _runs(connection, bot_id, plan)
    logged = np.delete(np.arange(len(plan.opens)), [g for g in plan.gaps if g < len(plan.opens)])
    opens = plan.opens[logged]
    prices = _prices(chosen, len(plan.opens))
    _feature_log(connection, bot_id, plan, chosen, opens, prices.iloc[logged])
    _candles(connection, bot_id, plan.opens, prices)
    production = _probabilities(chosen, len(opens))
    flagged = np.isin(logged, plan.flagged)
    bundle_id = _bundle(connection, plan)
    for name in plan.comparisons:
        other = _other_side(chosen, name, production, flagged)
        if name == BACKTEST and plan.recomputed_every > 1:
            _wait_in_queue(connection, bot_id, plan, opens)
            _comparison(
                connection,
                bot_id,
                plan,
                name,
                opens[:: plan.recomputed_every],
                {side: values[:: plan.recomputed_every] for side, values in production.items()},
                {side: values[:: plan.recomputed_every] for side, values in other.items()},
                run_id,
                bundle_id,
            )
            continue
        _comparison(connection, bot_id, plan, name, opens, production, other, run_id, bundle_id)
    _diagnosis(connection, bot_id, plan, run_id)


def _runs(connection: sa.Connection, bot_id: int, plan: Plan) -> int:
    run_id = 0
    for number, step in enumerate(("features", "signals", "candles", "replay", "pair", "diagnose")):
        started = plan.now - timedelta(seconds=30 - number)
        run_id = _insert(
            connection,
            tables.run,
            bot_id=bot_id,
            step=step,
            started_at=started,
            finished_at=started + timedelta(milliseconds=400 + 100 * number),
            outcome="done",
            is_idle=False,
            details={"rows": 12 * number},
        )
    return run_id


def _prices(chosen: np.random.Generator, count: int) -> pd.DataFrame:
    close = 100_000 * np.exp(np.cumsum(chosen.normal(0, 0.0008, count)))
    opened = np.concatenate([[100_000.0], close[:-1]])
    spread = np.abs(chosen.normal(0, 40, count))
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) + spread,
            "low": np.minimum(opened, close) - spread,
            "close": close,
            "volume": chosen.gamma(2, 30, count),
        }
    )


def _probabilities(chosen: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    walk = np.cumsum(chosen.normal(0, 0.25, (2, count)), axis=1)
    walk -= np.linspace(0, 1, count) * walk[:, -1:]
    swing = np.sin(np.arange(count) / 40)
    return {
        "LONG": 1 / (1 + np.exp(-(np.clip(walk[0] * 0.1, -2, 2) + swing))),
        "SHORT": 1 / (1 + np.exp(-(np.clip(walk[1] * 0.1, -2, 2) - swing - 1))),
    }


def _other_side(
    chosen: np.random.Generator, name: str, production: dict[str, np.ndarray], flagged: np.ndarray
) -> dict[str, np.ndarray]:
    if name == "replay":
        return {side: values.copy() for side, values in production.items()}
    noise = 0.03 if name.endswith("300") else 0.01
    return {
        side: np.clip(
            values + chosen.normal(0, noise, len(values)) - np.where(flagged, 0.3, 0), 0, 1
        )
        for side, values in production.items()
    }


def _feature_log(
    connection: sa.Connection,
    bot_id: int,
    plan: Plan,
    chosen: np.random.Generator,
    opens: pd.DatetimeIndex,
    prices: pd.DataFrame,
) -> None:
    columns = [f"{plan.feature_prefix}_{number}" for number in range(plan.features)]
    columns = ["open", "high", "low", "close", "volume", *columns]
    layout_id = _layout(connection, bot_id, "feature_log", columns)
    file_id = _insert(
        connection,
        tables.log_file,
        bot_id=bot_id,
        log="feature_log",
        path=f"/logs/{plan.file}",
        offset=1000,
        line=len(opens) + 1,
        lines=len(opens) + len(plan.quarantined),
        stored=len(opens),
        quarantined=len(plan.quarantined),
        recovered=min(5, len(opens)),
        read_at=plan.now,
    )
    values = chosen.normal(0, 1, (len(opens), plan.features))
    matrix = np.hstack([prices.to_numpy(), values])
    delay_us = (chosen.gamma(4, 1.2, len(opens)) * 1e6 + FRAME.length_us).astype("int64")
    opens_us = us_from_index(opens)
    rows = [
        {
            "bot_id": bot_id,
            "candle_open": opened,
            "layout_id": layout_id,
            "vector": matrix[number].tobytes(),
            "texts": None,
            "logged_at": opened + int(delay_us[number]),
            **dict(zip(prices.columns, matrix[number, :5].tolist(), strict=True)),
            "file_id": file_id,
            "generation": 0,
            "line": number + 2,
            "offset": 100 * number,
            "length": 99,
            "row_hash": hashlib.sha256(str(opened).encode()).digest(),
            "is_recovered": number < 5,
        }
        for number, opened in enumerate(opens_us.tolist())
    ]
    _bulk(connection, tables.feature_row, rows)
    for number, reason in enumerate(plan.quarantined):
        _insert(
            connection,
            tables.quarantine,
            bot_id=bot_id,
            file_id=file_id,
            line=500 + number,
            offset=5,
            length=len(plan.raw_line),
            reason=reason,
            detail="Row of 3 fields fits no known layout.",
            candle_open=opens[10].to_pydatetime() if len(opens) > 10 else None,
            raw=plan.raw_line.encode(),
            sha256=hashlib.sha256(plan.raw_line.encode()).hexdigest(),
        )


def _layout(connection: sa.Connection, bot_id: int, kind: str, columns: list[str]) -> int:
    digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
    return _insert(
        connection, tables.layout, bot_id=bot_id, kind=kind, hash=digest, columns=columns
    )


def _candles(
    connection: sa.Connection, bot_id: int, opens: pd.DatetimeIndex, prices: pd.DataFrame
) -> None:
    source_id = _insert(
        connection, tables.candle_source, bot_id=bot_id, name="simulated", state={"candles": 1}
    )
    records = _records(prices)
    rows = [
        {"source_id": source_id, "candle_open": opened, "origin": "a.csv", "revision": 0, **record}
        for opened, record in zip(us_from_index(opens).tolist(), records, strict=True)
    ]
    _bulk(connection, tables.candle, rows)


def _bundle(connection: sa.Connection, plan: Plan) -> int:
    return _insert(
        connection,
        tables.bundle,
        hash=hashlib.sha256(plan.bot.encode()).hexdigest(),
        name="demo_20251024",
        path="/bundles/demo_20251024",
        manifest={"name": "demo_20251024"},
    )


def _comparison(
    connection: sa.Connection,
    bot_id: int,
    plan: Plan,
    name: str,
    opens: pd.DatetimeIndex,
    production: dict[str, np.ndarray],
    other: dict[str, np.ndarray],
    run_id: int,
    bundle_id: int,
) -> None:
    tolerance = 1e-6 if name == "replay" else 0.1
    comparison_id = _insert(
        connection,
        tables.comparison,
        bot_id=bot_id,
        name=name,
        position=plan.comparisons.index(name),
        tolerance=tolerance,
        spec={"lookback_bars": 600, "mode": "window"},
        is_configured=True,
    )
    own = ("replay", "") if name == "replay" else ("backtest", name)
    for origin, of, values in (("emitted", "", production), (*own, other)):
        _signals(connection, bot_id, origin, of, opens, values, run_id, bundle_id)
    paired = pair_signals(_long(opens, production), _long(opens, other))
    pairs = judge_pairs(paired, tolerance=tolerance, live_rule=_rules(opens))
    days = roll_up(paired, pairs)
    for record in days:
        record["day"] = to_us(record["day"].to_pydatetime())
        record["comparison_id"] = comparison_id
    write_days(connection, comparison_id, sorted({record["day"] for record in days}), days)
    names = {"probability_production": "production", "probability_backtest": "backtest"}
    kept = ["side", *names.values(), "diff", "abs_diff", "is_aligned", "flip"]
    rows = _records(pairs.rename(columns=names)[kept])
    fixed = {"comparison_id": comparison_id, "production_origin": "emitted", "run_id": run_id}
    decided = [bool(one) for one in pairs["decision_flip"]]
    for row, opened, flip in zip(
        rows, us_from_index(pairs["candle_open"]).tolist(), decided, strict=True
    ):
        row.update(fixed, candle_open=opened, decision_flip=flip)
    _bulk(connection, tables.pair, rows)


def _wait_in_queue(
    connection: sa.Connection, bot_id: int, plan: Plan, opens: pd.DatetimeIndex
) -> None:
    """Rows of the backtest for each n-th candle, and its account of what is still to come."""
    series_id = _insert(
        connection, tables.series, bot_id=bot_id, origin="backtest", comparison=BACKTEST
    )
    layout_id = _layout(connection, bot_id, "backtest", ["feature_0"])
    covered = opens[:: plan.recomputed_every]
    rows = [
        {
            "series_id": series_id,
            "candle_open": opened,
            "layout_id": layout_id,
            "vector": np.zeros(1).tobytes(),
            "content_key": "key",
            "is_provisional": False,
        }
        for opened in us_from_index(covered).tolist()
    ]
    _bulk(connection, tables.backtest_row, rows)
    coverage = WholeCoverage(
        wanted=len(opens),
        covered=len(covered),
        pending=len(opens) - len(covered),
        absent={},
        provisional=0,
        with_gaps=0,
        pipeline_hash="hash",
    )
    write_watermark(connection, bot_id, coverage_step(BACKTEST), {"coverage": asdict(coverage)})


def _rules(opens: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "long_threshold": 0.7,
            "short_threshold": 0.7,
            "long_avg_return": 0.0041,
            "short_avg_return": 0.0047,
            "gate": 0.001,
        },
        index=opens,
    )


def _signals(
    connection: sa.Connection,
    bot_id: int,
    origin: str,
    comparison: str,
    opens: pd.DatetimeIndex,
    values: dict[str, np.ndarray],
    run_id: int,
    bundle_id: int,
) -> None:
    series = tables.series
    found = connection.scalar(
        sa.select(series.c.id).where(
            series.c.bot_id == bot_id, series.c.origin == origin, series.c.comparison == comparison
        )
    )
    if found is not None:
        return
    series_id = _insert(connection, series, bot_id=bot_id, origin=origin, comparison=comparison)
    rows = [
        {
            "series_id": series_id,
            "side": side,
            "candle_open": opened,
            "probability": probability,
            "step": None,
            "price": None,
            "price_step": None,
            "bundle_id": bundle_id,
            "run_id": run_id,
        }
        for side in _SIDES
        for opened, probability in zip(
            us_from_index(opens).tolist(), values[side].tolist(), strict=True
        )
    ]
    _bulk(connection, tables.signal, rows)


def _long(opens: pd.DatetimeIndex, values: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"candle_open": opens, "side": side, "probability": values[side]})
            for side in _SIDES
        ],
        ignore_index=True,
    )


def _diagnosis(connection: sa.Connection, bot_id: int, plan: Plan, run_id: int) -> None:
    if not plan.findings:
        return
    first, last = plan.opens[0].to_pydatetime(), plan.opens[-1].to_pydatetime()
    findings = [
        {
            "cause": cause,
            "verdict": "proven" if number == 0 else "untestable",
            "sides": ["LONG", "SHORT"],
            "explained_ratio": 1.0 if number == 0 else None,
            "residual_mean_abs_diff": 0.0 if number == 0 else None,
            "held_out_candles": 132,
            "scope_candles": len(plan.opens),
            "parameters": {"lookback_bars": 900} if number == 0 else {},
            "same_as": [],
            "evidence": {} if plan.scope is None else {"scope": [_stretch(plan, *plan.scope)]},
            "summary": f"{cause}: the backtest saw 600 candles, the bot 900. Set lookback_bars.",
        }
        for number, cause in enumerate(plan.findings)
    ]
    document: dict[str, Any] = {
        "bot": plan.bot,
        "comparison": BACKTEST,
        "initial": {
            "candles": len(plan.opens),
            "mean_abs_diff": 0.031,
            "share_above_tolerance": 0.09,
        },
        "findings": findings,
        "unexplained_ratio": 0.0,
    }
    diagnosis_id = _insert(
        connection,
        tables.diagnosis,
        bot_id=bot_id,
        comparison=BACKTEST,
        from_open=first,
        until_open=last + FRAME.length,
        made_at=plan.now - timedelta(minutes=1),
        document=document,
        details={},
        run_id=run_id,
    )
    for position, found in enumerate(findings):
        _insert(
            connection,
            tables.finding,
            diagnosis_id=diagnosis_id,
            position=position,
            cause=found["cause"],
            verdict=found["verdict"],
            document=found,
        )


def _stretch(plan: Plan, first: int, last: int) -> dict[str, str]:
    return {"from": _iso(plan.opens[first]), "last": _iso(plan.opens[last])}


def _iso(moment: pd.Timestamp) -> str:
    return iso_z(moment.to_pydatetime())


def _insert(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    made = connection.execute(sa.insert(table).values(**values).returning(table.c.id))
    return int(made.scalar_one())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _bulk(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 20_000):
        connection.execute(sa.insert(raw(table)), rows[start : start + 20_000])
