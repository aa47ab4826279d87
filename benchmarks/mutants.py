"""`make mutants`: change a number that decides, in a copy of the tree; a test has to fail.

Each mutation names the tests that hold its line. A survivor is a line that could be
wrong without anybody noticing.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("core", "collector", "dashboard", "demo", "reference_pipeline", "tests", "docs")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One text in one file becomes another; `tests` have to notice."""

    file: str
    old: str
    new: str
    tests: str


VERDICT = "core/diagnosis/verdict.py", "tests/diagnosis/test_verdict.py"
BLOCKS = "core/diagnosis/evidence/blocks.py", "tests/diagnosis/evidence/test_blocks.py"
PRICES = "core/diagnosis/evidence/prices.py", "tests/diagnosis/evidence/test_prices.py"
JUDGING = "core/diagnosis/judging.py", "tests/diagnosis/test_judging.py"
ROUNDS = (
    "core/diagnosis/examination/rounds.py",
    "tests/diagnosis/examination/test_rounds.py",
)
ASSEMBLE = (
    "core/diagnosis/examination/assemble.py",
    "tests/diagnosis/examination/test_assemble.py",
)
DRAWN = "core/diagnosis/evidence/drawn.py", "tests/diagnosis/evidence/test_drawn.py"
SCOPING = "core/diagnosis/search/scoping.py", "tests/diagnosis/search/test_scoping.py"
COLLISION = (
    "core/diagnosis/causes/column_collision.py",
    "tests/diagnosis/causes/test_column_collision.py",
)
MISSING = (
    "core/diagnosis/causes/missing_features.py",
    "tests/diagnosis/causes/test_missing_features.py",
)
HISTORY = "core/diagnosis/search/history.py", "tests/diagnosis/search/test_history.py"
SEARCH = "core/diagnosis/search/search.py", "tests/diagnosis/search/test_search.py"
SOUNDNESS = "core/diagnosis/search/soundness.py", "tests/diagnosis/search/test_soundness.py"
PAIRS = "core/alignment/pairs.py", "tests/alignment/test_pairs.py"
WORST = "dashboard/sections/worst.py", "tests/dashboard/test_tables.py"
DAY_BLOCK = "core/alignment/day_block.py", "tests/dashboard/test_tables.py"
CANDLE = "dashboard/sections/candle_features.py", "tests/dashboard/test_tables.py"
FEATURES = "dashboard/sections/features.py", "tests/dashboard/test_tables.py"
COLLECTION = "core/collection/completeness.py", "tests/collection/test_completeness.py"
UNITS = "core/features/units.py", "tests/features"
ATTRIBUTE = "core/features/attribute.py", "tests/features/test_attribute.py"


def mutation(place: tuple[str, str], old: str, new: str) -> Mutation:
    file, tests = place
    return Mutation(file, old, new, tests)


MUTATIONS = (
    mutation(VERDICT, "PROVEN_RATIO = 0.95", "PROVEN_RATIO = 0.80"),
    mutation(VERDICT, "REFUTED_RATIO = 0.05", "REFUTED_RATIO = 0.04"),
    mutation(VERDICT, "REPAIRED_SHARE = 0.95", "REPAIRED_SHARE = 0.80"),
    mutation(VERDICT, "DAMAGED_SHARE = 0.01", "DAMAGED_SHARE = 0.03"),
    mutation(VERDICT, "MIN_DIFFERING = 8", "MIN_DIFFERING = 7"),
    mutation(VERDICT, "MIN_BLOCKS = 2", "MIN_BLOCKS = 1"),
    mutation(
        VERDICT, "differs = (known & ~(after <= floor))", "differs = (both & (after > floor))"
    ),
    mutation(BLOCKS, "MIN_BLOCK_CANDLES = 12", "MIN_BLOCK_CANDLES = 11"),
    mutation(BLOCKS, "MIN_BLOCKS = 6", "MIN_BLOCKS = 5"),
    mutation(BLOCKS, "_MAX_BLOCK_CANDLES = 48", "_MAX_BLOCK_CANDLES = 60"),
    mutation(BLOCKS, "_BLOCKS_AIMED_AT = 24", "_BLOCKS_AIMED_AT = 20"),
    mutation(BLOCKS, "GAP_US = 3_600_000_000", "GAP_US = 3_000_000_000"),
    mutation(PRICES, "MIN_MATCHES = 5", "MIN_MATCHES = 4"),
    mutation(PRICES, "MIN_ROWS = 8", "MIN_ROWS = 7"),
    mutation(PRICES, "MIN_MATCH_SHARE = 0.25", "MIN_MATCH_SHARE = 0.24"),
    mutation(PRICES, "SIGNIFICANCE = 0.001", "SIGNIFICANCE = 0.01"),
    mutation(PRICES, "_RUNNER_UP = 0.9 ", "_RUNNER_UP = 0.95 "),
    mutation(JUDGING, "np.flatnonzero(blocks.is_held_out & scoped)", "np.flatnonzero(scoped)"),
    mutation(
        JUDGING, "others = tuple(other for other in accepted if other is not entry)", "others = ()"
    ),
    mutation(JUDGING, "and not blocks.is_enough", "and False"),
    mutation(ROUNDS, "_SPECIFIC = 0.2 ", "_SPECIFIC = 0.1 "),
    mutation(ROUNDS, "_ALL = 0.98", "_ALL = 0.95"),
    mutation(
        ASSEMBLE,
        "key=lambda j: j.judgement.explained_ratio or 0.0",
        "key=lambda j: -(j.judgement.explained_ratio or 0.0)",
    ),
    mutation(DRAWN, "_RUN_ROWS = 8", "_RUN_ROWS = 7"),
    mutation(DRAWN, "_FOLLOWS = 0.5", "_FOLLOWS = 0.4"),
    mutation(DRAWN, "_NEAR_RANGES = 3.0", "_NEAR_RANGES = 4.0"),
    mutation(DRAWN, "_FAR_RANGES = 0.5", "_FAR_RANGES = 0.4"),
    mutation(DRAWN, "_FEW = 0.05", "_FEW = 0.06"),
    mutation(SCOPING, "_FURTHER_RANGE = 0.1", "_FURTHER_RANGE = 0.05"),
    mutation(SCOPING, "_MIN_RANGE_CANDLES = 6", "_MIN_RANGE_CANDLES = 5"),
    mutation(SCOPING, "_MAX_RANGES = 12", "_MAX_RANGES = 13"),
    mutation(COLLISION, "_MIN_ROWS = 8", "_MIN_ROWS = 7"),
    mutation(COLLISION, "_RELATIVE = 1e-9", "_RELATIVE = 1e-8"),
    mutation(MISSING, "_BETTER = 0.01", "_BETTER = 0.005"),
    mutation(SCOPING, "_WHOLE_IS_ENOUGH = 0.9", "_WHOLE_IS_ENOUGH = 0.89"),
    mutation(HISTORY, "_EXACT_DIGITS = -11.8", "_EXACT_DIGITS = -11.7"),
    mutation(HISTORY, "_POINTS = 7", "_POINTS = 6"),
    mutation(SEARCH, "_CLEARLY_BETTER = 1e-9", "_CLEARLY_BETTER = 2e-9"),
    mutation(SOUNDNESS, "_EVERYWHERE = 0.9", "_EVERYWHERE = 0.91"),
    mutation(SOUNDNESS, "_MAX_SHIFTS = 3", "_MAX_SHIFTS = 2"),
    mutation(PAIRS, "<= tolerance + NOISE", "< tolerance - NOISE"),
    mutation(PAIRS, "production >= threshold", "production > threshold"),
    mutation(WORST, "signed(pair.diff)", "signed(-pair.diff)"),
    mutation(WORST, "probability(pair.production)", "probability(pair.backtest)"),
    mutation(DAY_BLOCK, "diff = production - backtest", "diff = backtest - production"),
    mutation(CANDLE, 'number(row["logged"], 7)', 'number(row["recomputed"], 7)'),
    mutation(
        FEATURES, '"nan_logged": "Missing in the log"', '"nan_recomputed": "Missing in the log"'
    ),
    mutation(COLLECTION, "success_ratio=len(logged) / expected", "success_ratio=1.0"),
    mutation(ATTRIBUTE, "CARRIES = 0.95", "CARRIES = 0.90"),
    mutation(ATTRIBUTE, "if lefts[needless] > enough:", "if lefts[needless] >= 0:"),
    mutation(UNITS, "units[name] = min(unit,", "units[name] = max(unit,"),
)


def passes(copy: Path, tests: str) -> bool:
    """Whether these tests pass in the copy; raises ValueError where they do not run."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    run = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise ValueError(f"{tests} did not run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode == 0


def survives(copy: Path, change: Mutation) -> bool:
    """Whether the tests pass with the mutation; raises ValueError where it has no place."""
    file = copy / change.file
    original = file.read_text(encoding="utf-8")
    if original.count(change.old) != 1:
        raise ValueError(f"{change.file}: {change.old!r} has to stand there exactly once")
    file.write_text(original.replace(change.old, change.new), encoding="utf-8")
    try:
        return passes(copy, change.tests)
    finally:
        file.write_text(original, encoding="utf-8")


def main() -> int:
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "requirements.txt", "align.example.toml"):
            shutil.copy(ROOT / name, copy / name)
        for tests in dict.fromkeys(change.tests for change in MUTATIONS):
            if not passes(copy, tests):
                raise ValueError(f"{tests} fails without a mutation; nothing is shown by it")
        for change in MUTATIONS:
            lives = survives(copy, change)
            survivors += lives
            print(
                f"{'SURVIVED' if lives else 'killed'}: {change.file}: {change.old} → {change.new}"
            )
    print(f"{len(MUTATIONS) - survivors} killed, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
