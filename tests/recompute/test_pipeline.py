from pathlib import Path

import pytest

from core.errors import PipelineError
from core.recompute.pipeline import load_pipeline
from core.recompute.source_closure import source_closure


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """bot/features.py → helpers (a package), lazily shared.config; unrelated.py beside."""
    files = {
        "bot/features.py": (
            "import numpy\nfrom helpers import rsi\nfrom . import local\n"
            "def compute(candles):\n    import shared.config\n    return candles\n"
        ),
        "bot/local.py": "import importlib\nlevel = importlib.import_module('shared.levels')\n",
        "helpers/__init__.py": "from .base import smooth\n",
        "helpers/base.py": "from ..nothing import x\n",
        "helpers/rsi.py": "PERIOD = 14\n",
        "shared/config.py": "from shared import *\n",
        "shared/levels.py": "raise RuntimeError('importing me would fail')\n",
        "unrelated.py": "x = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_closure_holds_all_that_is_imported_and_runs_nothing(tree: Path) -> None:
    sources, others = source_closure("bot.features", [tree])
    assert sorted(sources) == [
        "bot.features",
        "bot.local",
        "helpers",
        "helpers.base",
        "helpers.rsi",
        "shared.config",
        "shared.levels",
    ]
    assert {"numpy", "importlib"} <= others


@pytest.mark.parametrize(
    "name", ["bot/features.py", "helpers/rsi.py", "helpers/__init__.py", "shared/config.py"]
)
def test_change_of_any_imported_source_is_another_pipeline(tree: Path, name: str) -> None:
    before = load_pipeline("bot.features:compute", [tree])
    (tree / name).write_text((tree / name).read_text() + "# changed\n")
    assert load_pipeline("bot.features:compute", [tree]).hash != before.hash


def test_unrelated_change_is_the_same_pipeline(tree: Path) -> None:
    before = load_pipeline("bot.features:compute", [tree])
    (tree / "unrelated.py").write_text("x = 2\n")
    assert load_pipeline("bot.features:compute", [tree]).hash == before.hash


def test_place_of_the_tree_does_not_matter(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("copy") / "tree"
    elsewhere.symlink_to(tree)
    here = load_pipeline("bot.features:compute", [tree])
    assert load_pipeline("bot.features:compute", [elsewhere]).hash == here.hash


def test_library_versions_are_part_of_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_pipeline("bot.features:compute", [tree])
    assert {"python", "pandas", "numpy", "TA-Lib"} <= set(before.versions)
    monkeypatch.setattr("core.recompute.pipeline.installed_version", lambda name: "0.0")
    assert load_pipeline("bot.features:compute", [tree]).hash != before.hash


def test_source_that_cannot_be_parsed_still_has_an_identity(tree: Path) -> None:
    (tree / "bot/features.py").write_text("def broken(:\n")
    assert list(load_pipeline("bot.features:compute", [tree]).sources) == ["bot.features"]


def test_reference_pipeline_has_an_identity_over_its_families() -> None:
    pipeline = load_pipeline("reference", [])
    assert pipeline.is_reference
    assert {"reference_pipeline.pipeline", "reference_pipeline.momentum"} <= set(pipeline.sources)
    assert "numba" in pipeline.versions


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("bot.features", 'write "module:function"'),
        (":compute", 'write "module:function"'),
        ("bot.feature:compute", "no module bot.feature under"),
    ],
)
def test_spec_that_names_nothing_is_refused(tree: Path, spec: str, sentence: str) -> None:
    with pytest.raises(PipelineError, match=sentence):
        load_pipeline(spec, [tree])


def test_absent_folder_is_named(tree: Path) -> None:
    with pytest.raises(PipelineError, match="nowhere: no such folder"):
        load_pipeline("bot.features:compute", [tree, tree / "nowhere"])
