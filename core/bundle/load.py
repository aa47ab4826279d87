"""A bundle folder → opened models, refused when anything is not as the manifest says.

No pickle is ever opened: models are XGBoost's own format, the rest is JSON.
"""

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.bundle.booster import BoosterModel, ModelFormat, open_model
from core.bundle.manifest import Manifest, SideManifest, read_manifest
from core.bundle.scaler import Scaler
from core.errors import BundleError
from core.market import Side
from core.regular_file import read_regular

FORMATS = {f".{format_}": format_ for format_ in ModelFormat}


@dataclass(frozen=True)
class SideModel:
    """One side of a bundle, ready to score.

    `features` in the order of the model's inputs; a name may stand twice.
    """

    features: tuple[str, ...]
    scaler: Scaler
    model_sha256: str
    booster: BoosterModel

    def score(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Rows × features, raw → class-1 probability (the model's float32 as float64).

        The argument stays as it is. NaN is passed on to the model.
        """
        return self.score_in_place(np.array(matrix, dtype="float64", order="C"))

    def contributions(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Exact TreeSHAP contributions (log-odds) of each input; raw rows × features."""
        scaled = self.scaler.scale_in_place(np.array(matrix, dtype="float64", order="C"))
        return self.booster.contributions(scaled)

    def score_in_place(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Like score, but the matrix (C order) is used up: it holds scaled values afterwards."""
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            raise BundleError(f"matrix {matrix.shape} given, {len(self.features)} features needed")
        if len(matrix) == 0:
            return np.empty(0)
        return self.booster.predict(self.scaler.scale_in_place(matrix)).astype("float64")


@dataclass(frozen=True)
class Bundle:
    """LONG and SHORT model with scaler and inputs, identified by content."""

    hash: str
    name: str
    path: Path
    sides: Mapping[Side, SideModel]
    manifest: Manifest


def load_bundle(path: Path, sound: Container[str] = ()) -> Bundle:
    """Open a bundle folder; raises BundleError naming the folder when it is damaged or changed.

    A model that this process has opened before is taken from memory, but the files'
    hashes are checked every time. sound: hashes of bundles that were opened before, whose
    models wait until something is scored.
    """
    manifest = read_manifest(path)
    is_sound = manifest.hash in sound
    sides = {}
    for side, entry in manifest.sides.items():
        try:
            sides[side] = _load_side(path, entry, is_sound)
        except BundleError as error:
            raise BundleError(f"{path}: {side}: {error}") from error
    return Bundle(manifest.hash, manifest.name, path, sides, manifest)


def _load_side(folder: Path, entry: SideManifest, is_sound: bool) -> SideModel:
    file = folder / entry.model
    if file.resolve().parent != folder.resolve():
        raise BundleError(f"{entry.model} leads outside the bundle's folder")
    raw = read_bytes(file)
    actual = hashlib.sha256(raw).hexdigest()
    if actual != entry.sha256:
        raise BundleError(
            f"{entry.model} is not the file of the manifest: sha256 {actual}, expected "
            f"{entry.sha256}; restore it, or write the bundle again with convert-model"
        )
    format_ = model_format(file)
    if is_sound:
        return SideModel(entry.features, entry.scaler, actual, open_model(raw, actual, format_))
    return side_model(raw, format_, entry.scaler, entry.features)


def side_model(
    raw: bytes, format_: ModelFormat, scaler: Scaler, features: tuple[str, ...]
) -> SideModel:
    """A model with its scaler and inputs, checked against each other; raises BundleError."""
    scaler.check_length(len(features))
    sha256 = hashlib.sha256(raw).hexdigest()
    booster = open_model(raw, sha256, format_)
    if booster.features != len(features):
        raise BundleError(
            f"the model takes {booster.features} features, the list holds {len(features)}"
        )
    _check_names(booster.feature_names, features)
    return SideModel(features, scaler, sha256, booster)


def model_format(file: Path) -> ModelFormat:
    """The format by the file's name; raises BundleError for anything else."""
    if file.suffix not in FORMATS:
        raise BundleError(f'{file.name}: a model is a .json or .ubj file, not "{file.suffix}"')
    return FORMATS[file.suffix]


def read_bytes(file: Path) -> bytes:
    """A file's bytes; raises BundleError that names it."""
    try:
        return read_regular(file)
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from error


def _check_names(own: tuple[str, ...] | None, features: tuple[str, ...]) -> None:
    """A model that knows the names of its inputs must agree with the list's order."""
    if own is None or own == tuple(f"f{place}" for place in range(len(own))):
        return
    for place, (name, listed) in enumerate(zip(own, features, strict=True), start=1):
        if name != listed:
            raise BundleError(
                f'input {place} of the model is "{name}", the feature list says "{listed}"'
            )
