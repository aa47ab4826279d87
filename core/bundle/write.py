"""Models, scalers and inputs → a bundle folder, whole or not at all."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.bundle.booster import ModelFormat
from core.bundle.load import side_model
from core.bundle.manifest import (
    MANIFEST,
    Manifest,
    SideManifest,
    check_features,
    read_manifest,
)
from core.bundle.scaler import Scaler
from core.errors import BundleError
from core.market import Side


@dataclass(frozen=True)
class SideContent:
    """What one side of a bundle is written from; `model` in XGBoost's own format."""

    model: bytes
    features: tuple[str, ...]
    scaler: Scaler
    format: ModelFormat = ModelFormat.JSON
    training: Mapping[str, str] | None = None  # from, until, as ISO text


def write_bundle(out: Path, name: str, sides: Mapping[Side, SideContent]) -> Path:
    """Write a bundle folder and return it; writing the same bundle again changes nothing.

    Raises BundleError when the parts do not fit each other, or when `out` holds
    something else already.
    """
    manifest = _checked_manifest(name, sides)
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        return _same_as_there(out, manifest)
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for side, content in sides.items():
            (partial / manifest.sides[side].model).write_bytes(content.model)
        text = json.dumps(manifest.as_json(), indent=1, ensure_ascii=False)
        (partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        raise BundleError(f"{out}: cannot be written: {error.strerror}") from error
    return out


def _checked_manifest(name: str, sides: Mapping[Side, SideContent]) -> Manifest:
    if not sides:
        raise BundleError("a bundle needs a LONG model, a SHORT model, or both")
    entries = {}
    for side, content in sides.items():
        try:
            features = check_features(content.features)
            side_model(content.model, content.format, content.scaler, features)
        except BundleError as error:
            raise BundleError(f"{side}: {error}") from error
        entries[side] = SideManifest(
            model=f"{side.lower()}.{content.format}",
            sha256=hashlib.sha256(content.model).hexdigest(),
            scaler=content.scaler,
            features=features,
            training=content.training,
        )
    return Manifest(name, entries)


def _same_as_there(out: Path, manifest: Manifest) -> Path:
    if out.is_dir() and (out / MANIFEST).exists() and read_manifest(out).hash == manifest.hash:
        return out
    raise BundleError(f"{out}: is there already and holds something else; choose another folder")
