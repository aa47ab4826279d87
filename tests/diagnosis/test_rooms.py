"""The folders of the diagnosis stand in one order: each knows itself and those before it."""

import ast

from core.diagnosis.causes.catalogue import CODES
from tests.test_layers import ROOT, files, imported, within

# Records and numbers, evidence, what can be altered, how it is searched; what a cause is and how
# one is judged and told; the causes, the examination by all of them, and what is told and stored.
ORDER = (
    "finding",
    "verdict",
    "evidence",
    "lab",
    "search",
    "cause",
    "sentences",
    "judging",
    "causes",
    "examination",
    "attribution",
    "drift",
    "report",
    "load",
    "watch",
    "writes",
    "diagnose",
    "reads",
    "waterfall",
    "candle_trials",
)
PACKAGE = "core.diagnosis"


def floor(name: str) -> int:
    """Where a module of the diagnosis stands in the order."""
    return ORDER.index(name.removeprefix(f"{PACKAGE}.").split(".")[0])


def test_each_room_of_the_diagnosis_knows_only_those_before_it() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files("core/diagnosis")
        if file.parent.name != "diagnosis" or file.name != "__init__.py"
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        if name.startswith(f"{PACKAGE}.")
        and floor(name) > floor(".".join(file.relative_to(ROOT).with_suffix("").parts))
    ]
    assert wrong == []


def test_the_order_names_every_room_of_the_diagnosis() -> None:
    folder = ROOT / "core" / "diagnosis"
    rooms = {file.relative_to(folder).parts[0].removesuffix(".py") for file in files(str(folder))}
    assert rooms - {"__init__"} == set(ORDER)


def test_no_module_but_the_causes_tells_one_cause_from_another() -> None:
    folder = ROOT / "core" / "diagnosis"
    trees = {
        file.relative_to(ROOT): ast.parse(file.read_text(encoding="utf-8"))
        for file in files(str(folder))
        if file.parent != folder / "causes"
    }
    named = [f"{file} names {code}" for file, tree in trees.items() for code in told_apart(tree)]
    assert len(trees) > 20
    assert named == []


def told_apart(tree: ast.AST) -> list[str]:
    """Codes of causes that a module compares with, and what it imports of them."""
    compared = [
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in CODES
    ]
    causes = [name for name in imported(tree) if name.startswith(f"{PACKAGE}.causes.")]
    catalogue = f"{PACKAGE}.causes.catalogue"
    return [*compared, *(name for name in causes if not within(name, catalogue))]


def test_a_cause_told_apart_would_be_seen() -> None:
    assert told_apart(ast.parse('skip = cause.code == "threshold"')) == ["threshold"]
    assert told_apart(ast.parse("from core.diagnosis.causes.labels import shifts")) != []
    assert told_apart(ast.parse("from core.diagnosis.causes.catalogue import CAUSES")) == []


def test_no_cause_imports_another() -> None:
    wrong = [
        f"{file.name} imports {name}"
        for file in files("core/diagnosis/causes")
        if file.name != "catalogue.py"
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        if within(name, f"{PACKAGE}.causes")
    ]
    assert wrong == []


def test_evidence_is_made_once_and_altered_by_no_room() -> None:
    rooms = [
        file
        for file in files("core/diagnosis")
        if file != ROOT / "core" / "diagnosis" / "evidence" / "evidence.py"
    ]
    wrong = [
        f"{file.relative_to(ROOT)} alters {name}"
        for file in rooms
        for name in altered(ast.parse(file.read_text(encoding="utf-8")))
        if name == "evidence" or (name == "whole" and file.name == "examine.py")
    ]
    assert wrong == []


def altered(tree: ast.AST) -> list[str]:
    """Names of what `dataclasses.replace` is called on."""
    called = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("replace") and node.args
    ]
    return [ast.unparse(first).split(".")[-1] for first in called]


def test_an_altered_evidence_would_be_seen() -> None:
    assert altered(ast.parse("found = replace(search.evidence, live=None)")) == ["evidence"]
