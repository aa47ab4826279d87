from pathlib import Path

import numba
import pytest

from reference_pipeline import compiled, kernel_cache
from reference_pipeline.kernel_cache import kernel_cache_folder, source_hash


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one source, nothing in the environment."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(kernel_cache, "_SOURCES", folder)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_kernels_are_kept_beside_their_sources(sources: Path) -> None:
    folder = kernel_cache_folder()
    assert folder is not None and folder.is_dir()
    assert folder.parent == sources / "__pycache__"


def test_changed_sources_get_another_folder(sources: Path) -> None:
    before = kernel_cache_folder()
    (sources / "one.py").write_text("x = 2\n")
    changed = kernel_cache_folder()
    (sources / "two.py").write_text("")
    assert len({before, changed, kernel_cache_folder()}) == 3


def test_the_hash_tells_file_names_and_borders_apart(tmp_path: Path) -> None:
    hashes = set()
    for number, files in enumerate([{"a": "x", "b": "y"}, {"a": "xy"}, {"a": "y", "b": "x"}, {}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        hashes.add(source_hash(folder))
    assert len(hashes) == 4


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_read_only_installation_uses_the_users_cache(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (sources / "__pycache__").write_text("a file, so no folder can be made here")
    monkeypatch.setenv(variable, str(tmp_path / "user"))
    folder = kernel_cache_folder()
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "user")


def test_numba_cache_dir_is_respected(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    folder = kernel_cache_folder()
    assert folder is not None and folder.parent == tmp_path / "named"


def test_without_a_writable_folder_nothing_is_kept(sources: Path) -> None:
    (sources / "__pycache__").write_text("")
    assert kernel_cache_folder() is None


def _double(value: float) -> float:
    return 2.0 * value


def test_a_kernel_works_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "kernel_cache_folder", lambda: None)
    assert compiled.entry_kernel(_double)(1.5) == 3.0


def test_a_kernel_is_written_to_its_folder_and_numbas_own_setting_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = numba.config.CACHE_DIR
    monkeypatch.setattr(compiled, "kernel_cache_folder", lambda: tmp_path)
    assert compiled.entry_kernel(_double)(1.5) == 3.0
    assert list(tmp_path.rglob("*.nbc")) != []
    assert before == numba.config.CACHE_DIR
