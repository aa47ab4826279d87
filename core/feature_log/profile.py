"""What a layout's columns have held in rows that their own header describes.

Kept as facts that only ever become true ("held a number", "was far from the
price"), so the profile is the same in whatever order the rows were read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import Flags, Floats

ENOUGH_ROWS = 20  # before "always near the price" says anything
_NEAR = 0.1  # a moving average stays this near to the close ...
_FAR = 2.0  # ... and is never off by this factor in the next rows


@dataclass(frozen=True, slots=True)
class Profile:
    """One flag a column: has it held a number, a text, a number far from the close?"""

    rows: int
    number: Flags
    text: Flags
    far: Flags

    @classmethod
    def empty(cls, width: int) -> "Profile":
        return cls(0, np.zeros(width, bool), np.zeros(width, bool), np.zeros(width, bool))

    @classmethod
    def of(cls, matrix: Floats, text: Flags, close: int | None, known: "Profile") -> "Profile":
        """The profile of some rows (n × columns); columns that `known` has settled are left out."""
        width = matrix.shape[1]
        number, far = np.zeros(width, bool), np.zeros(width, bool)
        open_number = np.flatnonzero(~known.number)
        number[open_number] = (~np.isnan(matrix[:, open_number])).any(axis=0)
        open_far = np.flatnonzero(~known.far)
        if close is not None and len(open_far):
            with np.errstate(all="ignore"):
                ratio = matrix[:, open_far] / matrix[:, [close]]
                far[open_far] = (np.abs(ratio - 1) > _NEAR).any(axis=0)
        return cls(min(len(matrix), ENOUGH_ROWS), number, text, far)

    def merge(self, other: "Profile") -> "Profile":
        return Profile(
            min(self.rows + other.rows, ENOUGH_ROWS),
            self.number | other.number,
            self.text | other.text,
            self.far | other.far,
        )

    def mismatch(
        self, values: Sequence[float], texts: Mapping[int, str], close: float
    ) -> tuple[int, str] | None:
        """The first column that cannot hold what these cells hold, and why; None when all can."""
        for position, text in texts.items():
            if self.number[position] and not self.text[position] and _is_nan(values[position]):
                return position, f"holds numbers, here {text[:60]!r}"
        row = np.asarray(values)
        misplaced = np.flatnonzero(~np.isnan(row) & self.text & ~self.number)
        for position in misplaced.tolist():
            if position not in texts:
                return position, f"holds text, here {values[position]!r}"
        if self.rows >= ENOUGH_ROWS and close > 0:
            with np.errstate(all="ignore"):
                ratio = row / close
                off = self.number & ~self.far & ((ratio > _FAR) | (ratio < 1 / _FAR))
            for position in np.flatnonzero(off).tolist():
                return position, f"follows the price {close!r}, here {values[position]!r}"
        return None

    def document(self) -> dict[str, Any]:
        """The stored form (JSON)."""
        flags = {"number": self.number, "text": self.text, "far": self.far}
        return {"rows": self.rows} | {
            name: "".join("1" if flag else "0" for flag in values) for name, values in flags.items()
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None, width: int) -> "Profile":
        if not document:
            return cls.empty(width)
        flags = [
            np.array([flag == "1" for flag in document[name]], bool)
            for name in ("number", "text", "far")
        ]
        return cls(document["rows"], *flags)


def _is_nan(value: float) -> bool:
    return value != value
