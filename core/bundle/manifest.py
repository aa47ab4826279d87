"""bundle.json: what a bundle is made of, read and checked without opening a model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bundle.scaler import Scaler, scaler_from_manifest
from core.errors import BundleError
from core.market import SIDES, Side
from core.regular_file import read_regular

MANIFEST = "bundle.json"
FORMAT = 1
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class SideManifest:
    """One side: its model file with hash, its scaler, its inputs in order."""

    model: str
    sha256: str
    scaler: Scaler
    features: tuple[str, ...]  # a name may stand twice; the order says which input is which
    training: Mapping[str, str] | None = None  # from, until, as ISO text, if known

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "model": self.model,
            "sha256": self.sha256,
            "scaler": self.scaler.as_json(),
            "features": list(self.features),
        }
        if self.training is not None:
            content["training"] = dict(self.training)
        return content


@dataclass(frozen=True)
class Manifest:
    """A whole bundle.json."""

    name: str
    sides: Mapping[Side, SideManifest]

    @property
    def hash(self) -> str:
        """sha256 of what decides the signals: models, scalers and inputs; names do not count."""
        content = {
            str(side): [entry.sha256, entry.scaler.as_json(), list(entry.features)]
            for side, entry in self.sides.items()
        }
        text = json.dumps([FORMAT, content], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "sides": {str(side): entry.as_json() for side, entry in self.sides.items()},
        }


def read_manifest(folder: Path) -> Manifest:
    """The checked manifest of a bundle folder; raises BundleError that names the file."""
    file = folder / MANIFEST
    content = read_json(file)
    try:
        return _manifest(content)
    except BundleError as error:
        raise BundleError(f"{file}: {error}") from error


def read_json(file: Path) -> Any:
    """One JSON document of a sensible size; raises BundleError that names the file."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise BundleError(f"{file}: larger than {_MAX_BYTES // 2**20} MB")
        return json.loads(read_regular(file).decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise BundleError(f"{file}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{file}: cannot be read as JSON: {error}") from error


def _manifest(content: Any) -> Manifest:
    if not isinstance(content, Mapping):
        raise BundleError("is no bundle manifest: not a JSON object")
    if content.get("format") != FORMAT:
        raise BundleError(
            f"format {content.get('format')!r} is not known here (known: {FORMAT}); "
            "write the bundle again with convert-model"
        )
    _refuse_unknown(content, {"format", "name", "sides"})
    name, sides = content.get("name"), content.get("sides")
    if not isinstance(name, str) or not name:
        raise BundleError('"name" must be a text')
    if not isinstance(sides, Mapping) or not sides:
        raise BundleError('"sides" must hold LONG, SHORT or both')
    unknown = set(sides) - {str(side) for side in SIDES}
    if unknown:
        raise BundleError(f"side {', '.join(sorted(unknown))} is unknown: LONG or SHORT")
    return Manifest(name, {side: _side(side, sides[side]) for side in SIDES if str(side) in sides})


def _side(side: Side, content: Any) -> SideManifest:
    try:
        if not isinstance(content, Mapping):
            raise BundleError("must be an object")
        _refuse_unknown(content, {"model", "sha256", "scaler", "features", "training"})
        entry = SideManifest(
            model=_file_name(content.get("model")),
            sha256=_sha256(content.get("sha256")),
            scaler=scaler_from_manifest(content.get("scaler")),
            features=check_features(content.get("features")),
            training=_training(content.get("training")),
        )
        entry.scaler.check_length(len(entry.features))
    except BundleError as error:
        raise BundleError(f"{side}: {error}") from error
    return entry


def check_features(value: Any) -> tuple[str, ...]:
    """A list of feature names, at least one, none empty; raises BundleError."""
    if not isinstance(value, list | tuple) or not value:
        raise BundleError("features must be a list of names, at least one")
    for name in value:
        if not isinstance(name, str) or not name.strip():
            raise BundleError(f"features holds {name!r}, which is no name")
    return tuple(value)


def _file_name(value: Any) -> str:
    """A plain file name: a manifest cannot point outside its folder."""
    is_plain = isinstance(value, str) and value not in ("", ".", "..")
    if not is_plain or any(sign in value for sign in "/\\\0:"):
        raise BundleError(f"model must be a file name in the bundle's folder, got {value!r}")
    return str(value)


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise BundleError(f"sha256 must be 64 lower-case hex digits, got {value!r}")
    return value


def _training(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) - {"from", "until"}:
        raise BundleError('training must be an object with "from" and "until"')
    if not all(isinstance(moment, str) for moment in value.values()):
        raise BundleError("training: from and until are ISO texts")
    return dict(value)


def _refuse_unknown(content: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in set(content) - known)
    if unknown:
        raise BundleError(f"unknown key {', '.join(unknown)}")
