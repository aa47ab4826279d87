"""A pipeline: candles → features, the trader's own or the reference, with its identity.

That is the source of the callable, all that it imports from the trader's tree, and versions.
"""

import ast
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from core.errors import PipelineError
from core.recompute.frame_task import FRAME_CONTRACT

REFERENCE = "reference"
_REFERENCE_MODULE = "reference_pipeline.pipeline"
_ROOT = Path(__file__).resolve().parents[2]
_LIBRARIES = ("pandas", "numpy", "TA-Lib")
_SUFFIXES = (".py", ".so", ".pyd")


@dataclass(frozen=True)
class Pipeline:
    """A feature function that has been found but not run.

    spec: "module:function" or "reference". hash: identity of its source and of
    the libraries; a pipeline with another hash is another pipeline. sources:
    sha256 by module of the trader's own tree.
    """

    spec: str
    pipeline_path: tuple[str, ...]
    hash: str
    sources: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def is_reference(self) -> bool:
        """Whether it is our own: runs in this process and has a fast path."""
        return self.spec == REFERENCE

    def document(self) -> dict[str, object]:
        """What a run stores about it."""
        return {
            "spec": self.spec,
            "hash": self.hash,
            "sources": dict(self.sources),
            "versions": dict(self.versions),
        }


def load_pipeline(spec: str, pipeline_path: Sequence[str | Path]) -> Pipeline:
    """Find a pipeline on the path and hash it, without running any of its code.

    Raises PipelineError where the spec or the path cannot be right.
    """
    if spec == REFERENCE:
        return _pipeline(spec, _REFERENCE_MODULE, (_ROOT,))
    module, separator, attribute = spec.partition(":")
    if not separator or not module or not attribute:
        raise PipelineError(
            f'pipeline "{spec}" is not understood: write "module:function", or "reference"'
        )
    folders = tuple(Path(folder).absolute() for folder in pipeline_path)
    absent = [str(folder) for folder in folders if not folder.is_dir()]
    if absent:
        raise PipelineError(f"pipeline_path {', '.join(absent)}: no such folder; correct it")
    if find_module(module, folders) is None:
        raise PipelineError(
            f"pipeline {spec}: no module {module} under {', '.join(map(str, folders))}; "
            "correct pipeline or pipeline_path"
        )
    return _pipeline(spec, module, folders)


def _pipeline(spec: str, module: str, folders: tuple[Path, ...]) -> Pipeline:
    try:
        sources, others = source_closure(module, folders)
    except OSError as error:
        raise PipelineError(f"pipeline {spec}: its source cannot be read: {error}") from error
    versions = library_versions(others)
    return Pipeline(
        spec=spec,
        pipeline_path=tuple(str(folder) for folder in folders),
        hash=pipeline_identity(spec, sources, versions),
        sources=sources,
        versions=versions,
    )


def pipeline_identity(spec: str, sources: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """sha256 over spec, source hashes, library versions and the frame contract."""
    content = [FRAME_CONTRACT, spec, sorted(sources.items()), sorted(versions.items())]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def source_closure(module: str, folders: Sequence[Path]) -> tuple[dict[str, str], set[str]]:
    """Source hashes of a module and of what it imports from `folders`, and the other imports.

    Found by reading, never by running: an import inside a function counts, so does
    `importlib.import_module` with a literal name. Files that the code opens at run
    time (parameters, models) are not seen. Keys are module names. The other imports are
    top-level names found nowhere in `folders`: the standard library and installed packages.
    """
    sources: dict[str, str] = {}
    others: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        for part in _with_parents(name):
            if part in sources:
                continue
            file = find_module(part, folders)
            if file is None and _is_namespace(part, folders):
                continue
            if file is None:
                if "." not in part:
                    others.add(part)
                break
            content = file.read_bytes()
            sources[part] = hashlib.sha256(content).hexdigest()
            if file.suffix == ".py":
                waiting.extend(_imports(content, part, file.name == "__init__.py"))
    return sources, others


def find_module(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of a module in the first folder that has it.

    A package without __init__.py has no file of its own, its modules do.
    """
    parts = name.split(".")
    for folder in folders:
        base = folder.joinpath(*parts)
        candidates = [base / "__init__.py", *(base.parent / (base.name + s) for s in _SUFFIXES)]
        candidates += sorted(base.parent.glob(base.name + ".*.so")) if base.parent.is_dir() else []
        for file in candidates:
            if file.is_file():
                return file
    return None


def _is_namespace(name: str, folders: Sequence[Path]) -> bool:
    return any(folder.joinpath(*name.split(".")).is_dir() for folder in folders)


def library_versions(imported: set[str] | frozenset[str] = frozenset()) -> dict[str, str]:
    """Versions of Python, of the numeric libraries, and of installed packages among `imported`."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        versions[name] = _version(name)
    for top in sorted(imported):
        for distribution in _distributions().get(top, ()):
            versions[distribution] = _version(distribution)
    return versions


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _distributions() -> Mapping[str, Sequence[str]]:
    return metadata.packages_distributions()


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
