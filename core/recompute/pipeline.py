"""A pipeline: candles → features, the trader's own or the reference, with its identity.

That is the source of the callable, all that it imports from the trader's tree, and versions.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import PipelineError
from core.recompute.frame_task import FRAME_CONTRACT
from core.recompute.source_closure import (
    distributions,
    find_module,
    installed_version,
    source_closure,
)

REFERENCE = "reference"
_REFERENCE_MODULE = "reference_pipeline.pipeline"
_ROOT = Path(__file__).resolve().parents[2]
_LIBRARIES = ("pandas", "numpy", "TA-Lib")


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


def library_versions(imported: set[str] | frozenset[str] = frozenset()) -> dict[str, str]:
    """Versions of Python, of the numeric libraries, and of installed packages among `imported`."""
    given = distributions()
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        versions[name] = installed_version(name)
    for top in sorted(imported):
        for distribution in given.get(top, ()):
            versions[distribution] = installed_version(distribution)
    return versions
