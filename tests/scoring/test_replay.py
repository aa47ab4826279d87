from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from core.bundle.load import load_bundle
from core.bundle.scaler import Scaler
from core.bundle.write import SideContent, write_bundle
from core.context import Context
from core.errors import BundleError
from core.market import Origin, Side
from core.scoring.replay import ReplayReport, replay_logged, subtract_spans
from core.settings import BotSettings
from core.signals.reads import absences, read_series
from core.times import index_from_us
from tests.real import REAL, needs_real
from tests.stored_rows import new_bot, new_database, opens, store_rows

COLUMNS = ("time", "body", "rsi", "volume")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPENS = opens("2025-11-03T00:00:00Z", 60)
ROWS = np.random.default_rng(3).normal(size=(60, 4))


@pytest.fixture(scope="module")
def model() -> bytes:
    return trained(1)


def trained(sign: int) -> bytes:
    rng = np.random.default_rng(11)
    matrix = rng.normal(size=(300, 2))
    model = XGBClassifier(n_estimators=8, max_depth=3).fit(matrix, sign * matrix[:, 0] > 0.2)
    return bytes(model.get_booster().save_raw("json"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = new_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def bot_id(engine: sa.Engine) -> int:
    return new_bot(engine)


def bundle(folder: Path, model: bytes, **features: tuple[str, ...]) -> Path:
    sides = {
        Side(side.upper()): SideContent(model, names, Scaler()) for side, names in features.items()
    }
    return write_bundle(folder, folder.name, sides)


def replayed(engine: sa.Engine, bot_id: int) -> pd.DataFrame:
    with engine.connect() as connection:
        return read_series(connection, bot_id, Origin.REPLAY)


def reasons(engine: sa.Engine, bot_id: int) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        found = absences(connection, bot_id, Origin.REPLAY)
    rows = zip(found["side"], found["reason"], found["detail"], strict=True)
    return sorted(set(rows))


def run(engine: sa.Engine, bot_id: int, **more: object) -> ReplayReport:
    bot = BotSettings.model_validate({"name": "btc-5m", **more})
    return replay_logged(Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW))


def test_replay_is_the_bundles_score_of_each_logged_row(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    path = bundle(tmp_path / "b", model, long=("rsi", "body"), short=("volume", "rsi"))
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)
    report = run(engine, bot_id, bundles=str(path))
    assert (report.candles, report.signals, report.absences) == (60, 120, 0)
    found = replayed(engine, bot_id)
    sides = load_bundle(path).sides
    for side, places in ((Side.LONG, [2, 1]), (Side.SHORT, [3, 2])):
        rows = found[found["side"] == side]
        assert (rows["candle_open"].to_numpy() == index_from_us(OPENS).to_numpy()).all()
        np.testing.assert_array_equal(rows["probability"], sides[side].score(ROWS[:, places]))


def test_only_new_and_replaced_rows_are_scored_again(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    path = str(bundle(tmp_path / "b", model, long=("rsi", "body")))
    store_rows(engine, bot_id, COLUMNS, OPENS[:50], ROWS[:50])
    assert run(engine, bot_id, bundles=path).candles == 50
    assert run(engine, bot_id, bundles=path).candles == 0
    store_rows(engine, bot_id, COLUMNS, OPENS[50:], ROWS[50:])
    assert run(engine, bot_id, bundles=path).candles == 10
    store_rows(engine, bot_id, COLUMNS, OPENS[7:8], ROWS[8:9])
    assert run(engine, bot_id, bundles=path).candles == 1
    found = replayed(engine, bot_id)["probability"]
    assert found[7] == found[8]


def test_nothing_new_opens_no_model(
    engine: sa.Engine,
    bot_id: int,
    tmp_path: Path,
    model: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = str(bundle(tmp_path / "b", model, long=("rsi", "body")))
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)
    assert run(engine, bot_id, bundles=path).candles == 60
    monkeypatch.setattr("core.bundle.booster._OPENED", {})
    monkeypatch.setattr("core.bundle.booster._open", None)
    assert run(engine, bot_id, bundles=path).candles == 0


def test_pieces_in_any_order_end_in_the_same_signals(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    path = str(bundle(tmp_path / "b", model, long=("rsi", "body")))
    for piece in (slice(40, 60), slice(0, 15), slice(15, 40)):
        store_rows(engine, bot_id, COLUMNS, OPENS[piece], ROWS[piece])
        run(engine, bot_id, bundles=path)
    whole = replayed(engine, bot_id)
    with engine.begin() as connection:
        connection.execute(sa.text("delete from watermark"))
    run(engine, bot_id, bundles=path)
    pd.testing.assert_frame_equal(replayed(engine, bot_id), whole)


def test_a_missing_feature_is_an_absence_with_its_name_never_a_zero(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    path = bundle(tmp_path / "b", model, long=("rsi", "body"), short=("vwap", "body"))
    store_rows(engine, bot_id, COLUMNS, OPENS[:3], ROWS[:3])
    report = run(engine, bot_id, bundles=str(path))
    assert (report.signals, report.absences) == (3, 3)
    assert replayed(engine, bot_id)["side"].tolist() == ["LONG"] * 3
    assert reasons(engine, bot_id) == [("SHORT", "missing_feature", "not in the logged row: vwap")]
    store_rows(engine, bot_id, (*COLUMNS, "vwap"), OPENS[:3], np.ones((3, 5)))
    run(engine, bot_id, bundles=str(path))
    assert reasons(engine, bot_id) == []
    assert len(replayed(engine, bot_id)) == 6


def test_text_and_infinity_are_absences_and_nan_is_scored(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    path = str(bundle(tmp_path / "b", model, long=("rsi", "body")))
    rows = ROWS[:4].copy()
    rows[0, 2], rows[1, 2], rows[2, 2], rows[3, 3] = np.nan, np.inf, np.nan, np.inf
    store_rows(engine, bot_id, COLUMNS, OPENS[:4], rows, texts={0: {2: "error"}, 2: {0: "x"}})
    run(engine, bot_id, bundles=path)
    assert replayed(engine, bot_id)["candle_open"].tolist() == list(index_from_us(OPENS[2:4]))
    assert reasons(engine, bot_id) == [
        ("LONG", "infinite_feature", "an input of the model is infinite"),
        ("LONG", "text_feature", 'rsi is "error", which is no number'),
    ]


def test_each_candle_is_scored_by_the_bundle_that_was_live(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    old = bundle(tmp_path / "old", model, long=("rsi", "body"))
    new = bundle(tmp_path / "new", trained(-1), long=("rsi", "body"))
    deployments = [
        {"bundle": str(old), "from": "2025-11-03T00:30:00Z", "until": "2025-11-03T02:00:00Z"},
        {"bundle": str(new), "from": "2025-11-03T02:00:00Z"},
    ]
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)
    run(engine, bot_id, deployments=deployments)
    found = replayed(engine, bot_id)
    expected = np.concatenate(
        [
            load_bundle(old).sides[Side.LONG].score(ROWS[5:23][:, [2, 1]]),
            load_bundle(new).sides[Side.LONG].score(ROWS[23:][:, [2, 1]]),
        ]
    )
    np.testing.assert_array_equal(found["probability"], expected)
    assert found["bundle_id"].nunique() == 2
    assert reasons(engine, bot_id) == [
        ("", "no_live_bundle", "no deployment in the configuration covers this candle")
    ]


def test_another_live_bundle_replays_everything(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)
    both = bundle(tmp_path / "both", model, long=("rsi", "body"), short=("rsi", "body"))
    one = bundle(tmp_path / "one", model, long=("body", "rsi"))
    assert run(engine, bot_id, bundles=str(both)).signals == 120
    assert run(engine, bot_id, bundles=str(one)).signals == 60
    assert set(replayed(engine, bot_id)["side"]) == {"LONG"}


def test_without_a_bundle_each_candle_says_so(engine: sa.Engine, bot_id: int) -> None:
    store_rows(engine, bot_id, COLUMNS, OPENS[:2], ROWS[:2])
    report = run(engine, bot_id)
    assert report.problems == (
        "no bundle is configured: name one in bundles or in [[bots.deployments]]",
    )
    assert (report.signals, report.absences) == (0, 2)


def test_a_changed_bundle_is_refused_and_the_others_go_on(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    old = bundle(tmp_path / "old", model, long=("rsi", "body"))
    new = bundle(tmp_path / "new", trained(-1), long=("rsi", "body"))
    deployments = [
        {"bundle": str(old), "from": "2025-11-03T00:00:00Z"},
        {"bundle": str(new), "from": "2025-11-03T02:00:00Z"},
    ]
    store_rows(engine, bot_id, COLUMNS, OPENS[:40], ROWS[:40])
    run(engine, bot_id, deployments=deployments)
    before = replayed(engine, bot_id)
    content = (old / "long.json").read_bytes()
    (old / "long.json").write_bytes(content + b" ")
    store_rows(engine, bot_id, COLUMNS, OPENS[40:], ROWS[40:])
    with pytest.raises(BundleError, match=r"old: LONG: long\.json is not the file"):
        run(engine, bot_id, deployments=deployments)
    found = replayed(engine, bot_id)
    assert len(found) == 60
    pd.testing.assert_frame_equal(found.head(40), before)
    (old / "long.json").write_bytes(content)
    run(engine, bot_id, deployments=deployments)
    pd.testing.assert_frame_equal(replayed(engine, bot_id), found)


def test_a_killed_replay_is_finished_by_the_next(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(bundle(tmp_path / "b", model, long=("rsi", "body")))
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)

    class Killed(BaseException):
        pass

    def die(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("core.scoring.replay.write_watermark", die)
        with pytest.raises(Killed):
            run(engine, bot_id, bundles=path)
    run(engine, bot_id, bundles=path)
    assert len(replayed(engine, bot_id)) == 60
    assert run(engine, bot_id, bundles=path).candles == 0


def test_spans_are_subtracted_with_both_ends() -> None:
    assert subtract_spans([(0, 10), (20, 30)], [(5, 22)]) == ((0, 4), (23, 30))
    assert subtract_spans([(0, 10)], [(3, 4), (7, 20)]) == ((0, 2), (5, 6))
    assert subtract_spans([(0, 10)], [(0, 10)]) == ()
    assert subtract_spans([(0, 10)], [(11, 20)]) == ((0, 10),)


def test_scaler_of_sklearn_is_used(
    engine: sa.Engine, bot_id: int, tmp_path: Path, model: bytes
) -> None:
    from core.bundle.scaler import ScalerKind

    fitted = StandardScaler().fit(ROWS[:, [2, 1]] * 7 + 3)
    scaler = Scaler(ScalerKind.STANDARD, tuple(fitted.mean_), tuple(fitted.scale_))
    content = SideContent(model, ("rsi", "body"), scaler)
    path = write_bundle(tmp_path / "b", "scaled", {Side.LONG: content})
    store_rows(engine, bot_id, COLUMNS, OPENS, ROWS)
    run(engine, bot_id, bundles=str(path))
    booster = load_bundle(path).sides[Side.LONG].booster
    expected = booster.predict(fitted.transform(ROWS[:, [2, 1]])).astype("float64")
    np.testing.assert_array_equal(replayed(engine, bot_id)["probability"], expected)


@needs_real
def test_real_logs_replay_to_what_the_bots_own_code_gave(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    from core.bundle.convert import SideFiles, convert_model
    from core.feature_log.ingest import ingest_feature_logs

    path = convert_model(
        tmp_path / "enhanced",
        long=SideFiles(REAL / "models" / "long_entry_enhanced_20251024_012445"),
        short=SideFiles(REAL / "models" / "short_entry_enhanced_20251024_012445"),
    )
    logs = [str(REAL / "feature_logs" / name / "*.csv") for name in ("main", "other_cwd")]
    bot = BotSettings.model_validate(
        {"name": "btc-5m", "bundles": str(path), "feature_log": {"paths": logs}}
    )
    context = Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW)
    assert bot.feature_log is not None
    ingest_feature_logs(context, bot.feature_log)
    replay_logged(context)
    found = replayed(engine, bot_id)
    means = found.groupby("side")["probability"].mean().round(5)
    assert means.to_dict() == {"LONG": 0.64854, "SHORT": 0.02328}
    is_long = found["side"] == "LONG"
    assert (found.loc[is_long, "probability"] >= 0.70).sum() == 594
    own = pd.read_csv(REAL / "recomputed" / "signals_999.csv")
    own = own.assign(candle_open=pd.to_datetime(own["timestamp"], utc=True))
    for side in Side:
        both = own.merge(found[found["side"] == side], on="candle_open", validate="1:1")
        assert len(both) == 881
        assert (both[side.lower()].astype("float32") == both["probability"]).all()


@needs_real
def test_a_real_bundle_whose_inputs_are_not_logged_yet_has_no_replay_then(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    from core.bundle.convert import SideFiles, convert_model
    from core.feature_log.ingest import ingest_feature_logs

    path = convert_model(
        tmp_path / "new",
        short=SideFiles(REAL / "models" / "short_entry_with_new_features_20251104_213043"),
    )
    logs = [str(REAL / "feature_logs" / name / "*.csv") for name in ("main", "other_cwd")]
    bot = BotSettings.model_validate(
        {"name": "btc-5m", "bundles": str(path), "feature_log": {"paths": logs}}
    )
    context = Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW)
    assert bot.feature_log is not None
    ingest_feature_logs(context, bot.feature_log)
    report = replay_logged(context)
    assert report.signals + report.absences == 1077
    first = replayed(engine, bot_id)["candle_open"].min()
    assert first == pd.Timestamp("2025-11-04T15:35Z")
    assert "and 5 more" in reasons(engine, bot_id)[0][2]
