"""Where compiled kernels are kept.

numba decides whether a cached function is fresh by its own file alone, so a
caller would go on with the old machine code of a kernel that was changed in
another file. The folder's name therefore carries a hash over all sources of
this package: changed sources never meet old machine code.
"""

import hashlib
import os
import tempfile
from pathlib import Path

_SOURCES = Path(__file__).parent


def kernel_cache_folder() -> Path | None:
    """A writable folder for these very sources, or None: then every process compiles anew.

    NUMBA_CACHE_DIR where it is set, else beside the sources, else (a read-only
    installation) the user's cache. Never a folder that others may write, since
    a cache entry is code.
    """
    name = f"align-reference-{source_hash(_SOURCES)}"
    for parent in _candidates():
        folder = parent / name
        if _is_writable(folder):
            return folder
    return None


def source_hash(folder: Path) -> str:
    """A hash over the Python sources directly inside a folder, names included."""
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _candidates() -> list[Path]:
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return [Path(named)]
    candidates = [_SOURCES / "__pycache__"]
    cache_home = os.environ.get("XDG_CACHE_HOME")
    if cache_home:
        candidates.append(Path(cache_home) / "align")
    elif os.environ.get("HOME"):
        candidates.append(Path(os.environ["HOME"]) / ".cache" / "align")
    return candidates


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
