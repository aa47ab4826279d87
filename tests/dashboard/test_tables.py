"""Every column of every table of the page: its heading, its unit, and the stored value under it.

No two values of a row are alike, so that a swapped column, a turned sign or production in
the place of the backtest shows.
"""

import html
import json
import platform
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Dataframe

from core.alignment.metrics import TABLE
from core.bundle.load import load_bundle
from core.features.feature_drift import population_stability
from core.market import Side
from core.storage.engine import reader_engine
from core.storage.run_history import database_size
from dashboard import clock
from dashboard.format import signed, size
from dashboard.wording import other_word, production_word
from tests.dashboard.conftest import View
from tests.dashboard.known_rows import ETH_OPENS, NOW, SPLIT, write_known_rows
from tests.databases import database_url

pytestmark = pytest.mark.slow

Row = dict[str, str]
Draw = Callable[..., AppTest]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_known_rows(tmp_path_factory.mktemp("known"))


@pytest.fixture
def draw(view: View, known: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draw one view of the known rows."""
    monkeypatch.setattr(clock, "now", lambda: NOW)

    def drawn(name: str, **params: str) -> AppTest:
        app = view(name, known, **params)
        assert not app.exception
        return app

    return drawn


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def parts(app: AppTest, tag: str) -> list[str]:
    """What stands inside each element of this kind on the page, in order."""
    page = "".join(element.proto.body for element in app.get("html"))
    return re.findall(rf"<{tag}\b.*?</{tag}>", page, re.S)


def table(app: AppTest, caption: str) -> list[Row]:
    """The rows of a table by heading; a badge reads as its icon and its word."""
    (found,) = [one for one in parts(app, "table") if f"<caption>{caption}</caption>" in one]
    headings = [plain(heading) for heading in re.findall(r"<th\b.*?</th>", found, re.S)]
    assert len(set(headings)) == len(headings)
    rows = re.findall(r"<tr\b.*?</tr>", found.partition("<tbody>")[2], re.S)
    cells = [[plain(cell) for cell in re.findall(r"<td.*?</td>", row, re.S)] for row in rows]
    return [dict(zip(headings, row, strict=True)) for row in cells]


def texts(markup: str, tags: str) -> tuple[str, ...]:
    """The text of each element of these kinds ("h3|p"), in order."""
    found = re.finditer(rf"<({tags})\b[^>]*>.*?</\1>", markup, re.S)
    return tuple(plain(one[0]) for one in found)


def cards(app: AppTest) -> list[tuple[str, ...]]:
    """Label, value and detail of each card."""
    found = [one for one in parts(app, "div") if one.startswith('<div class="al-card">')]
    return [texts(one, "h3|strong|p") for one in found]


WORST = [
    {
        "#": "1", "Candle open": "2025-11-06 21:05 KST", "Side": "SHORT", "Production": "0.8000",
        "Backtest": "0.1000", "Difference": "+0.7000", "Flip": "–", "Review": "–", "Note": "",
    },
    {
        "#": "2", "Candle open": "2025-11-06 21:00 KST", "Side": "LONG", "Production": "0.9000",
        "Backtest": "0.5000", "Difference": "+0.4000", "Flip": "!Flip", "Review": "✓Reviewed",
        "Note": "seen",
    },
    {
        "#": "3", "Candle open": "2025-11-06 21:05 KST", "Side": "LONG", "Production": "0.6000",
        "Backtest": "0.4500", "Difference": "+0.1500", "Flip": "!Flip", "Review": "–", "Note": "",
    },
]  # fmt: skip


@pytest.mark.parametrize("name", ["worst", "today"])
def test_worst_candles(draw: Draw, name: str) -> None:
    caption = "Worst candles of recomputed-600, largest difference first"
    assert table(draw(name), caption) == WORST


def test_the_sides_of_a_comparison_are_named_as_what_they_are() -> None:
    assert (production_word("recomputed-600"), other_word("recomputed-600")) == (
        "Production",
        "Backtest",
    )
    assert (production_word("replay"), other_word("replay")) == ("Emitted", "Replay")


def test_today(draw: Draw) -> None:
    app = draw("today")
    assert cards(app) == [
        ("Success ratio", "71.42 %", "today (UTC) 71.42 %, target 99 %"),
        ("Rows of 576", "5", "day 1 of 2, done about 2025-11-09 16:15 KST"),
        ("Aligned LONG / SHORT", "33.3 / 75.0 %", "within 0.1, 5 candles"),
        ("Worst candle", "0.7000", "SHORT, 11-06 12:05 UTC"),
        ("Open findings", "1", "Other lookback"),
    ]
    first, second, *later = [texts(one, "h4|span|p") for one in parts(app, "li")]
    assert first == (
        "1. Collect",
        "iIn progress",
        "5 rows in 1 day, success ratio 71.4 %.",
        "576 rows (2 days) at a success ratio of at least 99 %.",
    )
    assert second == (
        "2. Replay validated",
        "?Waiting",
        "No emitted signal stored yet.",
        "Every emitted signal is reproduced by the model on the logged features.",
    )
    assert [one[:2] for one in later] == [
        ("3. Thresholds re-optimised", "?Not yet available"),
        ("4. Deployed and monitored", "?Not yet available"),
    ]


def test_collection(draw: Draw) -> None:
    app = draw("collection")
    assert cards(app) == [
        ("Success ratio in the window", "71.42 %", "target 99 %, 2 candles missing"),
        ("Rows of 576", "5", "day 1 of 2, done about 2025-11-09 16:15 KST"),
        ("Delay from close to logging", "9.0 s", "95 % within 52 s, slowest 1 min"),
        (
            "Lines read, all accounted for",
            "31",
            "23 stored (2 recovered), 5 duplicates, 3 in quarantine",
        ),
    ]
    assert table(app, "Missing candles as runs, newest first") == [
        {
            "First missing candle": "2025-11-06 21:15 KST",
            "Last missing candle": "2025-11-06 21:20 KST",
            "Candles": "2",
        }
    ]
    assert table(app, "Layouts of the feature log, newest first") == [
        {
            "From": "2025-11-06 21:25 KST", "To": "2025-11-06 21:30 KST", "Rows": "2",
            "Columns": "4", "Columns that came": "macd, ema", "Columns that went": "atr",
        },
        {
            "From": "2025-11-06 21:00 KST", "To": "2025-11-06 21:10 KST", "Rows": "3",
            "Columns": "3", "Columns that came": "–", "Columns that went": "–",
        },
    ]  # fmt: skip
    assert table(app, "Lines in quarantine, newest first") == [
        {
            "File": "/logs/a.csv", "Line": "41", "Reason": "Fits no known layout",
            "Candle": "2025-11-06 21:15 KST", "Detail": "Row of 3 fields.", "Raw line": "1,2,3",
        }
    ]  # fmt: skip
    assert table(app, "Files that were read") == [
        {
            "File": "/logs/a.csv", "Lines": "31", "Stored": "23", "Duplicates": "5",
            "Quarantined": "3", "Waiting": "0", "Recovered": "2", "Read": "2025-11-06 21:34 KST",
            "Problem": "The last line is cut.",
        }
    ]  # fmt: skip


def test_alignment(draw: Draw) -> None:
    shown = table(draw("alignment"), "Metrics of the differences")
    known = {
        "Pairs": ("3", "4"),
        "Matched": ("75.00 %", "100.00 %"),
        "Mean difference": ("+0.1767", "+0.1850"),
        "Mean size": ("0.1900", "0.2050"),
        "Median size": ("0.1500", "0.0500"),
        "95th percentile": ("0.3750", "0.6040"),
        "99th percentile": ("0.3950", "0.6808"),
        "Largest": ("0.4000", "0.7000"),
        "Largest at": ("2025-11-06 21:00 KST", "2025-11-06 21:05 KST"),
        "Beyond tolerance": ("66.67 %", "25.00 %"),
        "Flips": ("2", "1"),
        "Decision flips": ("1", "3"),
    }
    told = {row["Metric"]: (row["LONG"], row["SHORT"]) for row in shown}
    assert {name: told[name] for name in known} == known
    # A metric that was added since is tested where its formula is; here, that it is shown.
    assert [row["Metric"] for row in shown if row["Metric"] != "Matched"] == [
        metric.label for metric in TABLE
    ]
    assert len(shown) == len(TABLE) + 1
    meanings = {row["Metric"]: row["Meaning"] for row in shown}
    assert meanings["Mean difference"].startswith("production − backtest, probability")
    assert meanings["Matched"] == "candles with both signals ÷ candles with either"


def test_signals_and_trials_of_a_candle(draw: Draw) -> None:
    app = draw("candle", open="2025-11-06T12:00:00Z")
    headings = (
        "Origin", "LONG (threshold 0.71)", "SHORT (threshold 0.66)", "Decision, flat position",
        "Bundle", "Written by",
    )  # fmt: skip
    rows = [
        (
            "Emitted by the bot", "▲ 0.900000", "0.200000", "enter LONG", "demo · abcdef012345",
            "run 1, 2025-11-06 21:35 KST",
        ),
        (
            "Backtest: recomputed-600", "0.500000", "0.240000", "no entry", "–",
            "run 2, 2025-11-06 21:35 KST",
        ),
        ("Replay", "–", "–", "not known", "LONG gap: 3 candles are missing", ""),
    ]  # fmt: skip
    assert table(app, "Signals of this candle by origin") == [
        dict(zip(headings, row, strict=True)) for row in rows
    ]
    assert table(app, "What removes the difference on this candle") == [
        {
            "With": "recomputed-300", "What is changed": "lookback: 600 → 300",
            "Difference before": "0.400000", "Difference left": "0.100000", "Outcome": "iSmaller",
        }
    ]  # fmt: skip


def test_features_of_a_candle(draw: Draw, known: Path) -> None:
    app = draw("candle", bot="eth-5m", open="2025-11-06T00:20:00Z")
    macd = 100_000 + 100 * np.sin(SPLIT + 4)
    values = np.array([[100_000, macd], [100_050, macd]])
    adds = {
        side: np.diff(model.score(values))[0]
        for side, model in load_bundle(known.parent / "bundle").sides.items()
    }
    assert adds[Side.LONG] > 0 > adds[Side.SHORT]
    assert table(app, "Features that differ, strongest first") == [
        {
            "Feature": "rsi", "Logged": "100,050", "Recomputed": "100,000",
            "Difference (scaler units)": "+1.000", "Adds to LONG": signed(adds[Side.LONG]),
            "Adds to SHORT": signed(adds[Side.SHORT]),
        }
    ]  # fmt: skip


def test_diagnosis(draw: Draw) -> None:
    app = draw("diagnosis")
    found, taken_back = table(app, "Causes that are proven or partly so")
    assert found == {
        "Verdict": "✕Proven", "Cause": "Other lookback",
        "What it says": "The bot saw 900 candles. Explains as well: Too little history.",
        "Explains": "97.2 %", "Difference left": "0.0123", "Held-out candles": "132",
        "Parameters": "lookback (bars) 900", "Sides": "LONG",
    }  # fmt: skip
    assert (taken_back["Verdict"], taken_back["Cause"]) == ("?Taken back", "Another scaler")
    assert table(app, "Causes that cannot be tested yet") == [
        {"Cause": "Other market data", "What is missing": "candles of another source"}
    ]
    assert table(app, "Diagnoses, newest first") == [
        {
            "Made": "2025-11-06 21:35 KST",
            "Window": "2025-11-06 21:00 KST to 2025-11-06 21:30 KST",
            "Found": "Other lookback (proven)", "Taken back later": "Another scaler",
            "Unexplained": "3.1 %",
        }
    ]  # fmt: skip


def test_the_numbers_behind_a_diagnosis(draw: Draw) -> None:
    app = draw("diagnosis")
    assert table(app, "Mean size of each part of the difference") == [
        {
            "Side": "LONG", "Candles": "5", "Emitted − backtest": "0.3100",
            "Model path: emitted − replay": "0.0200", "Feature path: replay − backtest": "0.2900",
        }
    ]  # fmt: skip
    assert table(app, "Features by the difference that each removes alone") == [
        {
            "Side": "SHORT", "Feature": "rsi", "Removes alone": "60.0 %",
            "TreeSHAP difference": "0.0450",
        }
    ]  # fmt: skip
    assert table(app, "Drift against an earlier stretch of the log") == [
        {
            "Feature": "rsi", "Side": "SHORT", "Shift (scaler units)": "−1.500",
            "PSI": "0.310", "KS": "0.220", "KS p-value": "0.040", "Effective rows": "17",
        }
    ]  # fmt: skip
    assert table(app, "Trials, in order") == [
        {
            "Round": "2", "Cause": "Other lookback", "Changed": "lookback (bars) 700",
            "Before": "0.20000", "After": "0.01500", "Repaired": "93.1 %",
        }
    ]  # fmt: skip


def test_health(draw: Draw) -> None:
    app = draw("health")
    read = {"Step": "Read feature logs", "Outcome": "✓Done", "Took": "400 ms"}
    paired = {"Step": "Pair signals", "Outcome": "✕Failed", "Took": "3.2 s"}
    began = ["2025-11-06 21:35:30 KST", "2025-11-06 21:35:40 KST"]
    assert table(app, "Newest run of each step") == [
        {**read, "Last began": began[0], "Account": "rows 12"},
        {**paired, "Last began": began[1], "Account": "no room on the disk"},
    ]
    assert table(app, "Newest runs of this bot") == [
        {**paired, "Began": began[1], "Run": "2"},
        {**read, "Began": began[0], "Run": "1"},
    ]
    assert table(app, "How far recomputation has come") == [
        {
            "Backtest": "recomputed-300", "Covered": "75.0 %", "Rows": "30", "In the queue": "4",
            "No row possible": "6", "Provisional": "5", "Budget a cycle": "25 s",
            "Statistics are": "!Sample",
        }
    ]  # fmt: skip
    assert table(app, "What became of each signal log") == [
        {
            "Log": "columns", "Lines": "12", "Matched": "5", "Rejected": "4", "Duplicates": "2",
            "Conflicts": "1", "Written twice": "3", "Prices matching": "7 of 8",
            "Labels": "!1 price of another candle",
        }
    ]  # fmt: skip
    assert table(app, "How candle sources agree") == [
        {
            "Sources": "a and b", "Both": "5", "First only": "2", "Second only": "1",
            "Open": "100.00 %", "High": "80.00 %", "Low": "60.00 %", "Close": "40.00 %",
            "Volume": "20.00 %", "Largest, close": "3.50", "Volume ratio": "200.00 %",
        }
    ]  # fmt: skip


def test_the_database_and_the_versions_are_those_in_use(draw: Draw, known: Path) -> None:
    shown = {row["What"]: row["Value"] for row in table(draw("health"), "Database and versions")}
    engine = reader_engine(database_url(known.parent / "align.db"))
    with engine.connect() as connection:
        stored = size(database_size(connection))
    engine.dispose()
    assert (shown["Database size"], shown["Python"]) == (stored, platform.python_version())
    assert (shown["pandas"], shown["numba"]) == (version("pandas"), version("numba"))


def formats(frame: Dataframe) -> dict[str, str]:
    """How a frame writes its numbers and times, by heading."""
    told = json.loads(frame.proto.columns)
    shown = {one.get("label", name): one for name, one in told.items() if name != "_index"}
    return {heading: one["type_config"]["format"] for heading, one in shown.items()}


def test_features(draw: Draw) -> None:
    app = draw("features", bot="eth-5m", window="2025-11-06..2025-11-06")
    agreement, drift, sensitivity = app.dataframe
    assert agreement.value.to_dict("records")[0] == {
        "Feature": "rsi",
        "Equal to the bit": pytest.approx(1 / 7),
        "Different": 3,
        "Missing in the log": 2,
        "Missing in the backtest": 1,
        "Mean difference (scaler units)": 2.75,
        "Largest (scaler units)": 6.0,
        "Largest (raw)": 300.0,
        "Largest at": pd.Timestamp("2025-11-06T00:30:00Z"),
        "Constant in the log": True,
        "Constant in the backtest": False,
    }
    assert formats(agreement) == {
        "Equal to the bit": "percent",
        "Mean difference (scaler units)": "%.4g",
        "Largest (scaler units)": "%.4g",
        "Largest (raw)": "%.5g",
        "Largest at (UTC)": "YYYY-MM-DD HH:mm",
    }
    place = np.arange(len(ETH_OPENS))
    before, now = 60 * np.sin(0.7 * place[1:SPLIT]) + 20, 100 * np.sin(place[SPLIT:])
    assert drift.value.set_index("Feature").loc["macd"].to_dict() == {
        "Mean": pytest.approx(100_000 + now.mean()),
        "Deviation": pytest.approx(now.std()),
        "Shift (scaler units)": pytest.approx(now.mean() / 50, abs=1e-9),
        "Spread (scaler units)": pytest.approx(now.std() / 50),
        "PSI against before": pytest.approx(population_stability(before, now)),
        "KS against before": pytest.approx(ks_2samp(before, now).statistic),
    }
    assert sensitivity.value.to_dict("records") == [
        {
            "Feature": "rsi",
            "Values": 24,
            "Smallest lookback that matches (bars)": 600,
            "Longer ones match too": True,
            "Equal to the bit there": False,
            "Best relative difference": 1.5e-7,
        }
    ]
