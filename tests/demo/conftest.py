"""One demo workspace and one small world for all tests of the demo."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.simulation import World, make_world
from demo.workspace import build_workspace

NOW = datetime(2026, 3, 11, 9, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "workspace"
    build_workspace(folder, now=NOW)
    return folder


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "workspace"))


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(3, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 11, 55, tzinfo=UTC))
