"""The documents say what the program does: every setting, metric, verb and link."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from collector.arguments import build_parser
from core.alignment.metrics import METRICS
from core.alignment.pairs import NOISE, REPLAY_FLOOR
from core.settings import BacktestSettings, Settings, load_settings
from core.storage.tables import pair, pair_day
from tests.test_layers import ORDER

TOP = ("core", "collector", "dashboard", "demo", "benchmarks", "reference_pipeline", "tests")
ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The settings and every table inside them."""
    yield model
    for field in model.model_fields.values():
        for inner in re.findall(r"core\.settings\.(\w+)", repr(field.annotation)):
            found = getattr(__import__("core.settings", fromlist=[inner]), inner)
            if isinstance(found, type) and issubclass(found, BaseModel):
                yield from models(found)


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_setting_is_documented() -> None:
    found = list(models(Settings))
    assert {model.__name__ for model in found} >= {"BotSettings", "RuleChanges", "Settings"}
    documented = set(re.findall(r"`([a-z_]+)`", text("docs/configuration.md")))
    missing = {f"{model.__name__}.{key}" for model in found for key in keys(model) - documented}
    assert missing == set()


def test_the_example_configuration_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "align.toml"
    file.write_text(text("align.example.toml"))
    (bot,) = load_settings(file).bots
    assert bot.comparisons == ("replay", "bingx-1440", "research")


def test_documented_defaults_are_the_real_ones() -> None:
    documented = text("docs/configuration.md")
    backtest = BacktestSettings.model_fields
    for name in ("tolerance", "time_limit_s", "budget_s"):
        assert f"| `{name}` | {backtest[name].default:g} |" in documented


def test_every_metric_is_documented() -> None:
    documented = set(re.findall(r"`([a-z0-9_]+)`", text("docs/metrics.md")))
    names = set(METRICS) | {"matched_ratio", "is_aligned", "flip", "decision_flip"}
    names |= {column.name for column in pair_day.columns} - {"comparison_id", "side", "day"}
    names |= {"diff", "abs_diff"} & {column.name for column in pair.columns}
    names |= {
        *("expected", "logged", "success_ratio", "silent_bars", "target_rows", "days", "gaps"),
        *("lines", "stored", "duplicates", "quarantined", "waiting", "recovered"),
        *("matched", "rejected", "conflicts"),
    }
    assert names - documented == set()


def test_documented_constants_are_those_of_the_code() -> None:
    documented = text("docs/metrics.md")
    assert f"max({REPLAY_FLOOR:.0e}".replace("e-06", "e-6") in documented
    assert f"{NOISE:.0e}" in documented


def verbs() -> dict[str, argparse.ArgumentParser]:
    (action,) = [
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    return dict(action.choices)


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_and_option_is_in_the_readme(verb: str) -> None:
    (line,) = [line for line in text("README.md").splitlines() if line.startswith(f"| `{verb}")]
    options = {option for action in verbs()[verb]._actions for option in action.option_strings} - {
        "-h",
        "--help",
        "--config",
    }
    implied = {"--short-scaler", "--short-features"}  # as for --long
    assert {option for option in options - implied if option not in line} == set()


def test_the_readme_opens_with_the_two_commands() -> None:
    opening = text("README.md").split("## ")[0]
    assert "make run" in opening
    assert "make test" in opening
    assert "docs/images/today.png" in opening
    makefile = text("Makefile")
    assert re.search(r"^run:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
    assert re.search(r"^make test\b", text(".ci/run"), re.MULTILINE)


@pytest.mark.parametrize("document", DOCS, ids=lambda file: file.name)
def test_links_lead_somewhere(document: Path) -> None:
    content = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", content)
    broken = [
        target
        for target in targets
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_requirements_are_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line.split(";")[0].strip() for line in text(name).splitlines()]
        packages = [line for line in lines if line and not line.startswith(("#", "-r"))]
        assert packages
        assert [line for line in packages if not re.search(r"==|>=.*,<", line)] == []


def test_the_version_that_is_claimed_is_the_one_that_is_checked() -> None:
    tools = tomllib.loads(text("pyproject.toml"))
    assert tools["tool"]["mypy"]["python_version"] == "3.11"
    assert "Python 3.11 or newer" in text("README.md")


def test_the_map_of_the_tree_names_every_folder_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([a-z_]+(?:/[a-z_.]+)*)`", page) if "/" in name}
    named |= set(TOP)
    folders = {
        file.parent.relative_to(ROOT).as_posix()
        for top in TOP
        for file in (ROOT / top).rglob("*.py")
        if file.parent.name != "versions" and top != "tests"
    }
    assert folders - named - {"tests"} == set()
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_map_names_the_rooms_of_core_in_their_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `core/([a-z_]+)(?:\.py)?` \|", page, re.MULTILINE)
    assert tuple(rows) == ORDER


def test_the_recipes_name_files_that_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|demo|docs|tests|benchmarks|dashboard)/[\w/.]+)`", page)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
