"""A module's source and all that it imports from the trader's tree, found without running it.

What stands in a file is remembered by its path, size and times, in this process and in the
database: a cycle with nothing new looks at the files but reads and parses none of them.
"""

import ast
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.storage.engine import snapshot
from core.storage.watermarks import read_watermark, write_watermark

STEP = "sources"
_SUFFIXES = (".py", ".so", ".pyd")
# A file may change twice within one tick of its clock: what was written just now is read again.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class _SourceFile:
    """What stood in a file of this size and these times: its sha256 and what it imports."""

    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str
    imports: tuple[str, ...]

    def is_of(self, state: os.stat_result) -> bool:
        times = (self.mtime_ns, self.ctime_ns)
        return self.size == state.st_size and times == (state.st_mtime_ns, state.st_ctime_ns)


@dataclass
class _Memory:
    """What this process knows of source files, and of which distribution gives which import."""

    files: dict[tuple[str, str], _SourceFile] = field(default_factory=dict)
    distributions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    installed: list[Any] = field(default_factory=list)  # what both rest on
    changes: int = 0
    recalled: set[tuple[str, int]] = field(default_factory=set)


_MEMORY = _Memory()


def source_closure(module: str, folders: Sequence[Path]) -> tuple[dict[str, str], set[str]]:
    """Source hashes of a module and of what it imports from `folders`, and the other imports.

    Found by reading, never by running: an import inside a function counts, so does
    `importlib.import_module` with a literal name. Files that the code opens at run
    time (parameters, models) are not seen. Keys are module names. The other imports are
    top-level names found nowhere in `folders`: the standard library and installed packages.
    """
    tree = _Tree(folders)
    sources: dict[str, str] = {}
    others: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for part in _with_parents(name):
            if part in sources:
                continue
            file = tree.file(part)
            if file is None and tree.is_namespace(part):
                continue
            if file is None:
                if "." not in part:
                    others.add(part)
                break
            content = _content(file, part)
            sources[part] = content.sha256
            waiting.extend(content.imports)
    return sources, others


def find_module(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of a module in the first folder that has it.

    A package without __init__.py has no file of its own, its modules do.
    """
    file = _Tree(folders).file(name)
    return None if file is None else Path(file)


def distributions() -> Mapping[str, Sequence[str]]:
    """Installed distributions by the top-level names that they give."""
    installed = [sys.version, *([place, _changed_ns(place)] for place in sys.path)]
    if _MEMORY.installed != installed:
        _MEMORY.distributions = metadata.packages_distributions()
        _MEMORY.versions.clear()
        _MEMORY.installed = installed
        _MEMORY.changes += 1
    return _MEMORY.distributions


def installed_version(distribution: str) -> str:
    """The version of a distribution, "absent" where there is none; as `distributions` last saw."""
    if distribution not in _MEMORY.versions:
        try:
            _MEMORY.versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            _MEMORY.versions[distribution] = "absent"
    return _MEMORY.versions[distribution]


@contextmanager
def remembered_sources(engine: sa.Engine, bot_id: int) -> Iterator[None]:
    """Recall what earlier processes knew of a bot's sources, and keep what came to be known."""
    bot = str(engine.url), bot_id
    if bot not in _MEMORY.recalled:
        with snapshot(engine) as connection:
            _recall(read_watermark(connection, bot_id, STEP) or {})
        _MEMORY.recalled.add(bot)
    before = _MEMORY.changes
    yield
    if _MEMORY.changes != before:
        with engine.begin() as connection:
            write_watermark(connection, bot_id, STEP, _kept())


def _recall(kept: Mapping[str, Any]) -> None:
    for path, module, size, mtime_ns, ctime_ns, sha256, imports in kept.get("files", ()):
        file = _SourceFile(size, mtime_ns, ctime_ns, sha256, tuple(imports))
        _MEMORY.files.setdefault((path, module), file)
    if not _MEMORY.installed and kept:
        _MEMORY.installed = kept["installed"]
        _MEMORY.distributions = kept["distributions"]


def _kept() -> dict[str, Any]:
    """The memory as JSON keeps it."""
    return {
        "files": [[*key, *astuple(file)] for key, file in _MEMORY.files.copy().items()],
        "installed": _MEMORY.installed,
        "distributions": {name: list(given) for name, given in _MEMORY.distributions.items()},
    }


def _changed_ns(place: str) -> int | None:
    """When something was last installed in or removed from a folder of the search path."""
    try:
        return os.stat(place or os.curdir).st_mtime_ns
    except OSError:
        return None


class _Tree:
    """Folders of the search path while one closure is made; each is listed once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [str(folder) for folder in folders]
        self._names: dict[str, frozenset[str]] = {}
        self._files: dict[str, str | None] = {}

    def file(self, module: str) -> str | None:
        """The file of a module in the first folder that has it."""
        if module not in self._files:
            self._files[module] = next(self._candidates(module), None)
        return self._files[module]

    def is_namespace(self, module: str) -> bool:
        """Whether some folder has a package of this name without a file of its own."""
        return any(
            name in self._listed(parent) and os.path.isdir(os.path.join(parent, name))
            for parent, name in self._places(module)
        )

    def _candidates(self, module: str) -> Iterator[str]:
        for parent, name in self._places(module):
            listed = self._listed(parent)
            found = [name + suffix for suffix in _SUFFIXES if name + suffix in listed]
            found += sorted(
                entry for entry in listed if entry.startswith(f"{name}.") and entry.endswith(".so")
            )
            if name in listed:
                found.insert(0, os.path.join(name, "__init__.py"))
            paths = (os.path.join(parent, entry) for entry in found)
            yield from (path for path in paths if os.path.isfile(path))

    def _places(self, module: str) -> Iterator[tuple[str, str]]:
        *above, name = module.split(".")
        for folder in self._folders:
            yield os.path.join(folder, *above), name

    def _listed(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]


def _content(path: str, module: str) -> _SourceFile:
    """What stands in a module's file, read only where it is not known as it now is.

    Relative imports depend on the module's name, so the same file may be known twice.
    """
    state = os.stat(path)
    known = _MEMORY.files.get((path, module))
    if known is not None and known.is_of(state):
        return known
    content = Path(path).read_bytes()
    imports: tuple[str, ...] = ()
    if path.endswith(".py"):
        is_package = os.path.basename(path) == "__init__.py"
        imports = tuple(dict.fromkeys(_imports(content, module, is_package)))
    times = state.st_mtime_ns, state.st_ctime_ns
    file = _SourceFile(state.st_size, *times, hashlib.sha256(content).hexdigest(), imports)
    if max(times) < time.time_ns() - _SETTLED_NS and file.is_of(os.stat(path)):
        _MEMORY.files[path, module] = file
        _MEMORY.changes += 1
    return file


def _with_parents(name: str) -> list[str]:
    """a.b.c → a, a.b, a.b.c: importing a module runs the packages above it."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _imports(content: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Names of modules that a source may import; unreadable source imports nothing."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_imports(node, module, is_package)
        elif isinstance(node, ast.Call):
            yield from _literal_import(node)


def _from_imports(node: ast.ImportFrom, module: str, is_package: bool) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        parts = module.split(".")
        kept = len(parts) - node.level + (1 if is_package else 0)
        base = ".".join([*parts[: max(kept, 0)], *([base] if base else [])])
    if base:
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _literal_import(node: ast.Call) -> Iterator[str]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("import_module", "__import__") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value
