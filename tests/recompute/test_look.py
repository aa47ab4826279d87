"""A recomputation that looks at changed days only ends as one that looks at everything."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bots import ensure_bot
from core.candles.writes import ensure_source, mark_unfinished, store_candles
from core.context import Context
from core.market import Origin
from core.recompute import compute, recompute_job
from core.recompute.pipeline import Pipeline, load_pipeline
from core.recompute.recompute import recompute_backtest
from core.recompute.recompute_job import RecomputeJob
from core.recompute.recomputed import Collected
from core.recompute.reference_frames import pending
from core.recompute.windows import plan_frames
from core.settings import BotSettings
from core.signals.reads import series_id
from core.signals.writes import delete_signals, ensure_series, upsert_signals
from core.storage.changes import Subject, note_changes
from core.storage.engine import writer_engine
from core.storage.tables import backtest_row, feature_row, signal, signal_absence
from core.times import Timeframe, index_from_us, to_us
from tests.databases import dropped_afterwards, migrated_url
from tests.recompute.recompute_world import make_bundle
from tests.stored_rows import store_rows

FIRST = datetime(2025, 11, 3, tzinfo=UTC)
FRAME = Timeframe.parse("4h")  # six candles a day, so that a lookback spans days
BARS = 90
OPENS = to_us(FIRST) + FRAME.length_us * np.arange(BARS, dtype=np.int64)
FEATURES = ("total", "length")


class KilledError(Exception):
    """The process ended here."""


@dataclass
class World:
    """One bot with 4-hour candles, and a pipeline that some candles fail in."""

    engine: sa.Engine
    bundles: tuple[Path, ...]
    now_us: int = int(OPENS[-1]) + FRAME.length_us
    frames: int = 10**6  # that a cycle computes
    is_slow: bool = False
    pipeline: str = "1"
    bundle: int = 0
    backtest: dict[str, Any] = field(default_factory=lambda: {"lookback_bars": 8})
    computed: list[int] = field(default_factory=list)

    def store(self, places: Sequence[int], version: int = 0) -> None:
        numbers = 1000.0 + np.array(places) * 10 + version
        candles = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), numbers))
        candles = candles.assign(volume=1.0, candle_open=index_from_us(OPENS[list(places)]))
        with self.engine.begin() as connection:
            source = ensure_source(connection, 1, "files")
            store_candles(connection, source, candles, origin=f"pull {version}", now=self._now)

    def withdraw(self, place: int) -> None:
        with self.engine.begin() as connection:
            source = ensure_source(connection, 1, "files")
            mark_unfinished(connection, source, OPENS[[place]], now=self._now)

    def log(self, places: Sequence[int]) -> None:
        store_rows(self.engine, 1, ["x"], OPENS[list(places)], np.ones((len(places), 1)))

    def forget(self, place: int) -> None:
        with self.engine.begin() as connection:
            is_it = feature_row.c.candle_open == index_from_us([OPENS[place]])[0]
            connection.execute(sa.delete(feature_row).where(is_it))
            note_changes(connection, 1, Subject.FEATURE_ROW, OPENS[[place]])

    def say(self, places: Sequence[int], *, again: bool = False) -> None:
        frame = pd.DataFrame({"candle_open": index_from_us(OPENS[list(places)]), "side": "LONG"})
        with self.engine.begin() as connection:
            emitted = ensure_series(connection, 1, Origin.EMITTED)
            if again:
                upsert_signals(connection, emitted, frame.assign(probability=0.5), None)
            else:
                delete_signals(connection, emitted, frame)

    def cycle(self, name: str = "again") -> Any:
        self.computed.clear()
        spec = {"name": name, "pipeline": "reference", "candles": "files", **self.backtest}
        bot = BotSettings.model_validate(
            {
                "name": "bot",
                "timeframe": FRAME.text,
                "bundles": [str(self.bundles[self.bundle])],
                "candles": [{"name": "files", "paths": ["nowhere"]}],
                "backtests": [spec],
            }
        )
        context = Context(engine=self.engine, bot_id=1, bot=bot, now=self._now)
        return recompute_backtest(context, bot.backtests[0])

    def stored(self, name: str) -> list[Any]:
        """Rows, signals and absences of the comparison, without the runs that wrote them."""
        columns = [
            (backtest_row, ("candle_open", "vector", "warming", "content_key", "is_provisional")),
            (signal, ("candle_open", "side", "probability", "bundle_id")),
            (signal_absence, ("candle_open", "side", "reason", "detail")),
        ]
        with self.engine.connect() as connection:
            series = series_id(connection, 1, Origin.BACKTEST, name)
            queries = [
                sa.select(*(table.c[one] for one in names)).where(table.c.series_id == series)
                for table, names in columns
            ]
            return [
                sorted((tuple(row) for row in connection.execute(query)), key=str)
                for query in queries
            ]

    @property
    def _now(self) -> datetime:
        return FIRST + timedelta(microseconds=self.now_us - to_us(FIRST))

    def batches(self, grid: Any, frames: Any, *_: Any) -> Iterator[Collected]:
        """What the pipeline makes of the frames: sums; every seventh candle fails for good."""
        batch = Collected(columns=FEATURES)
        for frame in frames[: self.frames]:
            for row in frame.rows:
                opened, close = int(grid.opens[row]), grid.numbers[row, 3]
                self.computed.append(opened)
                if close % 7 == 1:
                    batch.reasons.append((opened, "pipeline_failed", "no sevens"))
                elif close % 11 == 1 and self.is_slow:
                    batch.reasons.append((opened, "time_limit", "too slow"))
                else:
                    total = grid.numbers[frame.start : frame.stop, 3].sum()
                    values = np.array([total, frame.stop - frame.start], dtype="float64")
                    batch.add(opened, values, np.zeros(2, dtype=bool), frame)
        yield batch
        yield pending(grid, frames[self.frames :])


@cache
def bundles() -> tuple[Path, ...]:
    folder = Path(tempfile.mkdtemp(prefix="align-look-"))
    return tuple(make_bundle(folder / f"{seed}", FEATURES, seed) for seed in (1, 2))


@contextmanager
def opened_world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory() as folder,
        dropped_afterwards(),
        pytest.MonkeyPatch.context() as patch,
    ):
        engine = writer_engine(migrated_url(Path(folder) / "align.db"))
        with engine.begin() as connection:
            ensure_bot(connection, "bot", FRAME.text)
        world = World(engine, bundles())

        def loaded(spec: str, folders: Any) -> Pipeline:
            return replace(load_pipeline(spec, folders), hash=world.pipeline)

        patch.setattr(recompute_job, "load_pipeline", loaded)
        patch.setattr(compute, "reference_batches", world.batches)
        yield world
        engine.dispose()


@pytest.fixture
def world() -> Iterator[World]:
    with opened_world() as world:
        yield world


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many candles each cycle read, and how many it planned frames for."""
    seen: list[int] = []

    def noting(grid: Any, wanted: Any, **how: Any) -> Any:
        seen.extend([len(grid), len(wanted)])
        return plan_frames(grid, wanted, **how)

    monkeypatch.setattr("core.recompute.recompute_job.plan_frames", noting)
    return seen


def test_nothing_new_reads_no_candle_and_plans_no_frame(world: World, looked: list[int]) -> None:
    world.store(range(BARS))
    world.log(range(BARS))
    first = world.cycle()
    looked.clear()
    again = world.cycle()
    assert looked == [0, 0]
    assert again.coverage == first.coverage
    assert again.coverage.covered > 60


def test_new_row_looks_at_its_day_and_the_lookback_before_it(
    world: World, looked: list[int]
) -> None:
    world.store(range(BARS))
    world.log(range(BARS - 1))
    world.cycle()
    world.log([BARS - 1])
    looked.clear()
    assert world.cycle().computed == 1
    assert looked == [6 + 7, 6]


def test_revised_candle_concerns_the_days_whose_frames_hold_it(world: World) -> None:
    world.store(range(BARS))
    world.log(range(BARS))
    world.cycle()
    before = world.stored("again")[0]
    world.store([30], version=1)
    assert world.cycle().computed == 7  # candle 31 fails as before
    changed = {row[0] for row in set(world.stored("again")[0]).difference(before)}
    assert {to_us(one) for one in changed} == set(OPENS[30:38].tolist()) - {int(OPENS[31])}


def test_what_waits_is_looked_at_in_the_next_cycle(world: World) -> None:
    world.store(range(BARS))
    world.log(range(BARS))
    world.frames = 10
    assert world.cycle().coverage.pending > 50
    assert len(world.computed) == 10
    world.frames = 10**6
    assert world.cycle().coverage.pending == 0


def test_what_took_too_long_is_tried_again_and_what_failed_for_good_is_not(world: World) -> None:
    world.store(range(BARS))
    world.log(range(BARS))
    world.is_slow = True
    world.cycle()
    world.is_slow = False
    report = world.cycle()
    assert "time_limit" not in report.coverage.absent
    assert report.coverage.absent["pipeline_failed"] > 5
    world.cycle()
    assert world.computed == []


def test_day_that_ends_is_provisional_no_more(world: World) -> None:
    world.backtest = {"lookback_bars": 8, "mode": "frame"}
    world.now_us = int(OPENS[-1])
    world.store(range(BARS))
    world.log(range(BARS))
    assert world.cycle().coverage.provisional == 4  # of five, one fails
    world.now_us += FRAME.length_us
    assert world.cycle().coverage.provisional == 0


def test_imported_signals_of_the_same_name_are_noticed_both_ways(
    world: World, tmp_path: Path
) -> None:
    from core.recompute.imported import import_backtest

    world.store(range(BARS))
    world.log(range(BARS))
    world.cycle()
    recomputed = world.stored("again")
    file = tmp_path / "signals.csv"
    file.write_text("time,long\n2025-11-05T00:00:00Z,0.25\n")
    bot = BotSettings.model_validate(
        {
            "name": "bot",
            "timeframe": FRAME.text,
            "backtests": [{"name": "again", "signals": str(file), "candle_open": "time"}],
        }
    )
    context = Context(engine=world.engine, bot_id=1, bot=bot, now=FIRST)
    import_backtest(context, bot.backtests[0])
    imported = world.stored("again")
    assert [one[2] for one in imported[1]] == [0.25]
    world.cycle()
    assert world.stored("again") == recomputed
    import_backtest(context, bot.backtests[0])
    assert world.stored("again")[1] == imported[1]


PLACES = st.integers(0, BARS - 1)
RUNS = st.tuples(PLACES, st.integers(1, 20)).map(
    lambda one: list(range(one[0], min(BARS, sum(one))))
)
STEPS = st.one_of(
    st.tuples(st.just("store"), RUNS),
    st.tuples(st.just("revise"), RUNS),
    st.tuples(st.just("withdraw"), PLACES),
    st.tuples(st.just("log"), RUNS),
    st.tuples(st.just("log"), st.lists(PLACES, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("forget"), PLACES),
    st.tuples(st.just("say"), RUNS),
    st.tuples(st.just("unsay"), RUNS),
    st.tuples(st.just("bundle"), st.integers(0, 1)),
    st.tuples(st.just("pipeline"), st.sampled_from("12")),
    st.tuples(st.just("lookback"), st.sampled_from([1, 2, 8, 13])),
    st.tuples(st.just("mode"), st.sampled_from(["window", "frame"])),
    st.tuples(st.just("gaps"), st.sampled_from(["refuse", "allow"])),
    st.tuples(st.just("now"), PLACES),
    st.tuples(st.just("slow"), st.booleans()),
    st.tuples(st.just("cycle"), st.sampled_from([3, 20, 10**6])),
    st.tuples(st.just("cycle"), st.just(10**6)),
    st.tuples(st.just("crash"), st.none()),
)


def take(world: World, step: str, value: Any) -> None:
    if step in ("store", "revise"):
        world.store(value, version=int(step == "revise"))
    elif step in ("say", "unsay"):
        world.say(value, again=step == "say")
    elif step in ("log", "forget", "withdraw"):
        getattr(world, step)(value)
    elif step in ("bundle", "pipeline"):
        setattr(world, step, value)
    elif step == "slow":
        world.is_slow = value
    elif step == "now":
        world.now_us = int(OPENS[value]) + FRAME.length_us
    elif step == "crash":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RecomputeJob, "keep_coverage", _killed)
            with pytest.raises(KilledError):
                world.cycle()
    elif step == "cycle":
        world.frames = value
        world.cycle()
    else:
        name = {"lookback": "lookback_bars", "gaps": "gap_policy"}.get(step, step)
        world.backtest[name] = value


def _killed(job: RecomputeJob) -> None:
    raise KilledError


@given(steps=st.lists(STEPS, max_size=14))
@settings(max_examples=30)
def test_any_history_ends_as_if_all_were_recomputed_at_once(steps: list[tuple[str, Any]]) -> None:
    with opened_world() as world:
        world.store(range(0, BARS - 10))
        world.log(range(10, BARS - 20))
        world.cycle()
        for step in steps:
            take(world, *step)
        world.frames, world.is_slow = 10**6, False
        found = world.cycle()
        fresh = world.cycle("fresh")
        assert world.stored("again") == world.stored("fresh")
        assert found.coverage == fresh.coverage
