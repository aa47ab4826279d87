"""Models that a trader wrote out of the bot's environment → a bundle folder."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core.bundle.booster import ModelFormat
from core.bundle.load import FORMATS, model_format, read_bytes
from core.bundle.manifest import check_features, read_json
from core.bundle.scaler import Scaler, scaler_from_sklearn
from core.bundle.write import SideContent, write_bundle
from core.errors import BundleError
from core.market import Side

_TRIAL_TIME_LIMIT_S = 120
_TRIAL = """
import sys
from xgboost import Booster
Booster().load_model(bytearray(sys.stdin.buffer.read()))
"""


@dataclass(frozen=True)
class SideFiles:
    """Where one side comes from: a model file with its companions, or a folder of all three."""

    model: Path
    scaler: Path | None = None
    features: Path | None = None

    def resolved(self) -> "SideFiles":
        """A folder → the files in it; raises BundleError when it has no model or no features."""
        if not self.model.is_dir():
            return self
        models = [self.model / f"model{suffix}" for suffix in FORMATS]
        files = [file for file in models if file.is_file()]
        if len(files) != 1:
            what = "both model.json and model.ubj" if files else "neither model.json nor model.ubj"
            raise BundleError(f"{self.model}: holds {what}; exactly one is needed")
        scaler, features = self.model / "scaler.json", self.model / "features.txt"
        return SideFiles(
            files[0],
            self.scaler or (scaler if scaler.is_file() else None),
            self.features or (features if features.is_file() else None),
        )


def convert_model(
    out: Path,
    *,
    long: SideFiles | None = None,
    short: SideFiles | None = None,
    name: str | None = None,
) -> Path:
    """Write a bundle of one side or both to the folder `out`, and return it.

    A side without a scaler file is scored on raw features; without a features file
    the names that the model itself carries are taken. Raises BundleError.
    """
    sides = {}
    for side, files in ((Side.LONG, long), (Side.SHORT, short)):
        if files is not None:
            sides[side] = _read_side(files.resolved())
    return write_bundle(out, name or out.absolute().name, sides)


def _read_side(files: SideFiles) -> SideContent:
    raw = read_bytes(files.model)
    format_ = model_format(files.model)
    if format_ is ModelFormat.UBJ:
        _try_in_a_process_of_its_own(files.model, raw)
    return SideContent(
        model=raw,
        features=_features(files, raw, format_),
        scaler=Scaler() if files.scaler is None else _scaler(files.scaler),
        format=format_,
    )


def _try_in_a_process_of_its_own(file: Path, raw: bytes) -> None:
    """Open the model where a crash does no harm: XGBoost aborts on some damaged UBJ files."""
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            input=raw,
            capture_output=True,
            timeout=_TRIAL_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{file}: XGBoost did not open it within {_TRIAL_TIME_LIMIT_S} s"
        ) from error
    if trial.returncode != 0:
        raise BundleError(f"{file}: the model is damaged, XGBoost cannot read it")


def _scaler(file: Path) -> Scaler:
    try:
        return scaler_from_sklearn(read_json(file))
    except BundleError as error:
        prefix = "" if str(error).startswith(str(file)) else f"{file}: "
        raise BundleError(f"{prefix}{error}") from error


def _features(files: SideFiles, raw: bytes, format_: ModelFormat) -> tuple[str, ...]:
    if files.features is not None:
        return read_features(files.features)
    from core.bundle.booster import BoosterModel

    names = BoosterModel(raw, format_).feature_names
    if names is None:
        raise BundleError(
            f"{files.model}: the model carries no feature names and no features file was given; "
            "write the names, one a line, in the model's order"
        )
    return names


def read_features(file: Path) -> tuple[str, ...]:
    """Names of the inputs, one a line, in the model's order; a name may stand twice."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{file}: cannot be read: {error}") from error
    names = [line.strip() for line in text.splitlines()]
    try:
        return check_features([name for name in names if name])
    except BundleError as error:
        raise BundleError(f"{file}: {error}") from error
