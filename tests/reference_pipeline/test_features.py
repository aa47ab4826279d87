import re
from pathlib import Path

from reference_pipeline.features import CATALOGUE

DOC = Path(__file__).parents[2] / "docs" / "reference_pipeline.md"


def documented_rows() -> list[tuple[str, ...]]:
    """The cells of each table row that describes a feature (family headings are bold)."""
    lines = DOC.read_text(encoding="utf-8").splitlines()
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in row) for row in rows]
    return [row for row in cells if not row[0].startswith("**") and row[0] != "feature"]


def test_the_doc_lists_every_feature_in_order_with_its_unit_history_and_reach() -> None:
    shown = [(name, unit, history, reach) for name, _, unit, history, reach in documented_rows()]
    assert shown == [
        (feature.name, feature.unit.value, str(feature.history_bars), feature.reach.value)
        for feature in CATALOGUE
    ]


def test_every_documented_formula_says_something() -> None:
    assert [name for name, formula, *_ in documented_rows() if len(formula) < 5] == []


def test_a_pct_or_quote_name_has_that_unit() -> None:
    for feature in CATALOGUE:
        for suffix in ("pct", "quote", "ratio", "deviations"):
            if feature.name.endswith(f"_{suffix}"):
                assert feature.unit.value == suffix, feature.name
