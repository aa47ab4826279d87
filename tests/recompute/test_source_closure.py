import ast
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.recompute import source_closure as module
from core.recompute.source_closure import (
    distributions,
    find_module,
    installed_version,
    remembered_sources,
)
from core.recompute.source_closure import source_closure as closure_of
from core.storage.engine import migrate, writer_engine


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows nothing yet, and files that count as settled at once."""
    monkeypatch.setattr(module, "_MEMORY", module._Memory())
    monkeypatch.setattr(module, "_SETTLED_NS", -(10**12))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = writer_engine(f"sqlite:///{tmp_path}/align.db")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def bot_id(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return ensure_bot(connection, "btc-5m", "5m")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every source that is parsed."""
    seen: list[bytes] = []
    parse = ast.parse

    def noting(content: bytes) -> ast.AST:
        seen.append(content)
        return parse(content)

    monkeypatch.setattr(ast, "parse", noting)
    return seen


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "late").mkdir()
    (tmp_path / "early").mkdir()
    (tmp_path / "late/bot.py").write_text("import helper, numpy\n")
    (tmp_path / "late/helper.py").write_text("LENGTH = 14\n")
    return tmp_path


def test_nothing_is_parsed_twice(tree: Path, parsed: list[bytes]) -> None:
    first = closure_of("bot", [tree / "late"])
    assert len(parsed) == 2
    assert closure_of("bot", [tree / "late"]) == first
    assert len(parsed) == 2


def test_same_size_and_modification_time_hide_no_change(tree: Path) -> None:
    before, _ = closure_of("bot", [tree / "late"])
    file = tree / "late/helper.py"
    state = file.stat()
    file.write_text("LENGTH = 41\n")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    after, _ = closure_of("bot", [tree / "late"])
    assert after["helper"] != before["helper"] and after["bot"] == before["bot"]


def test_file_that_was_written_just_now_is_read_again(
    tree: Path, parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETTLED_NS", 10**12)
    closure_of("bot", [tree / "late"])
    closure_of("bot", [tree / "late"])
    assert len(parsed) == 4


def test_module_that_appears_in_an_earlier_folder_takes_the_place(tree: Path) -> None:
    folders = [tree / "early", tree / "late"]
    before, others = closure_of("bot", folders)
    assert others == {"numpy"}
    (tree / "early/helper.py").write_text("LENGTH = 15\n")
    (tree / "early/numpy.py").write_text("")
    after, others = closure_of("bot", folders)
    assert after["helper"] != before["helper"] and "numpy" in after and not others


def test_compiled_module_is_found_by_its_tagged_name(tree: Path) -> None:
    (tree / "late/fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    found = find_module("fast", [tree / "early", tree / "late"])
    assert found == tree / "late/fast.cpython-311-x86_64-linux-gnu.so"
    assert find_module("faster", [tree / "late"]) is None


def test_next_process_parses_nothing_and_asks_for_no_distributions(
    tree: Path, engine: sa.Engine, bot_id: int, parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with remembered_sources(engine, bot_id):
        first, given = closure_of("bot", [tree / "late"]), distributions()
    monkeypatch.setattr(module, "_MEMORY", module._Memory())
    monkeypatch.setattr("importlib.metadata.packages_distributions", dict)
    with remembered_sources(engine, bot_id):
        assert closure_of("bot", [tree / "late"]) == first
        assert distributions() == given
    assert len(parsed) == 2


def test_installed_package_is_noticed(
    tmp_path: Path, engine: sa.Engine, bot_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    with remembered_sources(engine, bot_id):
        distributions()
    info = tmp_path / "quick-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quick\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("quick\n")
    monkeypatch.setattr(module, "_MEMORY", module._Memory())
    with remembered_sources(engine, bot_id):
        assert distributions()["quick"] == ["quick"]


def test_version_is_asked_for_once_until_something_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    asked: list[str] = []
    version = metadata.version

    def noting(name: str) -> str:
        asked.append(name)
        return version(name)

    monkeypatch.setattr("importlib.metadata.version", noting)
    distributions()
    assert [installed_version("quick") for _ in range(2)] == ["absent"] * 2
    info = tmp_path / "quick-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quick\nVersion: 1.0\n")
    distributions()
    assert [installed_version("quick") for _ in range(2)] == ["1.0"] * 2
    assert asked == ["quick"] * 2
