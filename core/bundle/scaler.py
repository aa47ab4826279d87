"""What a model's inputs go through before it: bit for bit as scikit-learn does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from core.arrays import Floats
from core.errors import BundleError


class ScalerKind(StrEnum):
    STANDARD = "standard"  # (x - offset) / scale
    MIN_MAX = "min-max"  # x * scale + offset, then cut to `clip`
    NONE = "none"


@dataclass(frozen=True)
class Scaler:
    """One number a feature and per part; a part that is None leaves the inputs as they are.

    Raises BundleError for numbers that are not finite, zero scales and unequal lengths.
    """

    kind: ScalerKind = ScalerKind.NONE
    offset: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for part, numbers in (("offset", self.offset), ("scale", self.scale), ("clip", self.clip)):
            if numbers is not None and not np.isfinite(numbers).all():
                raise BundleError(f"scaler: {part} holds a number that is not finite")
        if self.scale is not None and 0.0 in self.scale:
            raise BundleError(
                f"scaler: scale is 0 for feature {self.scale.index(0.0) + 1}; "
                "scikit-learn writes 1 for a constant feature"
            )
        if self.kind is ScalerKind.MIN_MAX and (self.scale is None or self.offset is None):
            raise BundleError("scaler: min-max needs both scale and offset (scale_ and min_)")
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise BundleError(f"scaler: clip {list(self.clip)} is no range")

    def check_length(self, features: int) -> None:
        """Raise BundleError unless every part has one number a feature."""
        for part, numbers in (("offset", self.offset), ("scale", self.scale)):
            if numbers is not None and len(numbers) != features:
                raise BundleError(
                    f"scaler: {len(numbers)} numbers in {part} for {features} features"
                )

    def scale_in_place(self, matrix: Floats) -> Floats:
        """Scale rows × features in the array itself, which is returned."""
        offset, scale = self._arrays
        if self.kind is ScalerKind.STANDARD:
            if offset is not None:
                matrix -= offset
            if scale is not None:
                matrix /= scale  # multiplying by 1 / scale gives other last bits
        elif offset is not None and scale is not None:
            matrix *= scale
            matrix += offset
            if self.clip is not None:
                np.clip(matrix, *self.clip, out=matrix)
        return matrix

    def unit(self, features: int) -> Floats:
        """How much of each raw feature is one unit after scaling (1 where nothing scales)."""
        _, scale = self._arrays
        if scale is None:
            return np.ones(features)
        return np.abs(1.0 / scale if self.kind is ScalerKind.MIN_MAX else scale)

    def centre(self, features: int) -> Floats:
        """The raw value of each feature that scaling turns into 0 (0 where nothing scales)."""
        offset, scale = self._arrays
        if offset is None:
            return np.zeros(features)
        if self.kind is ScalerKind.MIN_MAX and scale is not None:
            return np.asarray(-offset / scale)
        return offset if self.kind is ScalerKind.STANDARD else np.zeros(features)

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {"kind": str(self.kind)}
        for part in ("offset", "scale", "clip"):
            numbers = getattr(self, part)
            if numbers is not None:
                content[part] = list(numbers)
        return content

    @cached_property
    def _arrays(self) -> tuple[Floats | None, Floats | None]:
        def array(numbers: tuple[float, ...] | None) -> Floats | None:
            return None if numbers is None else np.array(numbers, dtype="float64")

        return array(self.offset), array(self.scale)


def scaler_from_manifest(content: Any) -> Scaler:
    """The scaler of a bundle.json; raises BundleError for anything not understood."""
    if not isinstance(content, Mapping):
        raise BundleError('scaler: needs a table with "kind"')
    unknown = set(content) - {"kind", "offset", "scale", "clip"}
    if unknown:
        raise BundleError(f"scaler: unknown key {', '.join(sorted(map(str, unknown)))}")
    try:
        kind = ScalerKind(str(content.get("kind")))
    except ValueError as error:
        known = ", ".join(ScalerKind)
        raise BundleError(
            f"scaler: kind {content.get('kind')!r} is unknown (known: {known})"
        ) from error
    clip = _numbers(content, "clip")
    if clip is not None and len(clip) != 2:
        raise BundleError(f"scaler: clip needs two numbers, got {len(clip)}")
    return Scaler(
        kind=kind,
        offset=_numbers(content, "offset"),
        scale=_numbers(content, "scale"),
        clip=None if clip is None else (clip[0], clip[1]),
    )


def scaler_from_sklearn(content: Any) -> Scaler:
    """A scaler.json with the attributes of a fitted scikit-learn scaler → Scaler.

    Told apart by "type" (StandardScaler, MinMaxScaler, none) or, without it, by the
    attributes. Raises BundleError for other scalers and missing attributes.
    """
    if not isinstance(content, Mapping):
        raise BundleError("a scaler file holds one JSON object with the scaler's attributes")
    name = content.get("type")
    if name is None:
        name = "StandardScaler" if "mean_" in content else "MinMaxScaler"
    if name == "StandardScaler":
        return _standard(content)
    if name == "MinMaxScaler":
        return _min_max(content)
    if name in ("none", "None"):
        return Scaler()
    raise BundleError(
        f"scaler type {name!r} is not supported: StandardScaler, MinMaxScaler or none"
    )


def _standard(content: Mapping[str, Any]) -> Scaler:
    offset = _numbers(content, "mean_") if content.get("with_mean", True) else None
    scale = _numbers(content, "scale_") if content.get("with_std", True) else None
    if offset is None and content.get("with_mean", True):
        raise BundleError(
            'StandardScaler without "mean_" (write "with_mean": false if it has none)'
        )
    if scale is None and content.get("with_std", True):
        raise BundleError(
            'StandardScaler without "scale_" (write "with_std": false if it has none)'
        )
    return Scaler(kind=ScalerKind.STANDARD, offset=offset, scale=scale)


def _min_max(content: Mapping[str, Any]) -> Scaler:
    scale, offset = _numbers(content, "scale_"), _numbers(content, "min_")
    if scale is None or offset is None:
        raise BundleError('MinMaxScaler needs "scale_" and "min_"')
    clip = None
    if content.get("clip", False):
        span = _numbers(content, "feature_range") or (0.0, 1.0)
        clip = (span[0], span[-1])
    return Scaler(kind=ScalerKind.MIN_MAX, offset=offset, scale=scale, clip=clip)


def _numbers(content: Mapping[str, Any], key: str) -> tuple[float, ...] | None:
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BundleError(f"scaler: {key} must be a list of numbers")
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in value):
        raise BundleError(f"scaler: {key} holds something that is no number")
    try:
        return tuple(float(item) for item in value)
    except OverflowError as error:  # an integer beyond every float
        raise BundleError(f"scaler: {key} holds a number that is not finite") from error
