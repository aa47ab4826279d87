"""The numbers that make a cause proven, partial or refuted (docs/diagnosis.md).

Arrays are candles × sides; NaN where there is no difference to speak of.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.arrays import Floats
from core.diagnosis.finding import Verdict

PROVEN_RATIO = 0.95  # a share, since rounding in logs hides the last few per cent
REFUTED_RATIO = 0.05  # what a wrong change removes by chance on some hundred candles
REPAIRED_SHARE = 0.95  # of differing candles: a mean may fall by few large ones
DAMAGED_SHARE = 0.01  # of agreeing candles: undoing the true cause breaks hardly any
MIN_DIFFERING = 8  # were each made equal by a coin, all eight would be in 1 of 256 cases
MIN_BLOCKS = 2  # neighbouring candles are alike: one block is one case


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one trial did on held-out candles."""

    verdict: Verdict
    explained_ratio: float | None
    residual_mean_abs_diff: float | None
    held_out_candles: int
    differing: int  # candles beyond the floor before the trial
    repaired: int  # of these, within the floor after it
    agreed: int
    damaged: int  # agreed before, differ after
    shortfall: str  # why a full explanation is only partial; empty otherwise


def judge(before: Floats, after: Floats, floor: Floats, blocks: npt.NDArray[np.int64]) -> Judgement:
    """Judge a trial by held-out candles: absolute differences before and after it.

    `before` and `after` are |production − other side|, candles × sides; `floor` is the
    largest difference called equal, same shape; `blocks` names each candle's block. A
    cell that the trial cannot compute counts as differing, and is left out of the means.
    """
    known = np.isfinite(before)
    both = known & np.isfinite(after)
    rows = known.any(axis=1)
    differed = (known & (before > floor)).any(axis=1)
    differs = (known & ~(after <= floor)).any(axis=1)
    repaired, damaged = differed & ~differs, rows & ~differed & differs
    ratio = explained_ratio(before[both], after[both])
    residual = float(after[both].mean()) if both.any() else None
    differing_blocks = len(np.unique(blocks[differed]))
    counts = _Counts(int(rows.sum()), int(differed.sum()), int(repaired.sum()), int(damaged.sum()))
    verdict, shortfall = _verdict(ratio, counts, differing_blocks)
    return Judgement(
        verdict=verdict,
        explained_ratio=ratio,
        residual_mean_abs_diff=residual,
        held_out_candles=counts.candles,
        differing=counts.differing,
        repaired=counts.repaired,
        agreed=counts.candles - counts.differing,
        damaged=counts.damaged,
        shortfall=shortfall,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    candles: int
    differing: int
    repaired: int
    damaged: int


def explained_ratio(before: Floats, after: Floats) -> float | None:
    """(R₋ − R₊) / R₋ of mean absolute differences; None with nothing to explain."""
    if before.size == 0:
        return None
    left_in = float(before.mean())
    return None if left_in == 0.0 else (left_in - float(after.mean())) / left_in


def _verdict(ratio: float | None, counts: _Counts, blocks: int) -> tuple[Verdict, str]:
    if ratio is None or ratio < REFUTED_RATIO or counts.differing == 0:
        return Verdict.REFUTED, ""
    agreed = counts.candles - counts.differing
    if counts.differing < MIN_DIFFERING or blocks < MIN_BLOCKS:
        return Verdict.PARTIAL, (
            f"too few candles: {counts.differing} differing held-out candles in {blocks} block"
            f"{'s' if blocks != 1 else ''}; a proof needs {MIN_DIFFERING} in {MIN_BLOCKS} blocks"
        )
    if ratio < PROVEN_RATIO:
        return Verdict.PARTIAL, ""
    if counts.repaired < REPAIRED_SHARE * counts.differing:
        return Verdict.PARTIAL, (
            f"only {counts.repaired} of {counts.differing} differing candles became equal"
        )
    if counts.damaged > DAMAGED_SHARE * max(agreed, 1):
        return Verdict.PARTIAL, f"{counts.damaged} of {agreed} equal candles became different"
    return Verdict.PROVEN, ""
