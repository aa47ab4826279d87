"""`dashboard → core ← collector`: who may import whom, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHOWS = {"streamlit", "plotly"}
# Rooms of core from the ground up: each knows itself and those before it.
ORDER = (
    "errors",
    "masking",
    "foreign_text",
    "regular_file",
    "arrays",
    "number_text",
    "market",
    "rule",
    "times",
    "time_text",
    "line_pattern",
    "settings",
    "context",
    "storage",
    "bots",
    "tailing",
    "bundle",
    "feature_log",
    "signals",
    "candles",
    "signal_log",
    "scoring",
    "recompute",
    "alignment",
    "features",
    "collection",
    "diagnosis",
    "status",
    "cycle",
)
FORBIDDEN = {
    "core": {"dashboard", "collector", "demo", "benchmarks", "tests", "apscheduler", *SHOWS},
    "reference_pipeline": {"collector", "dashboard", "demo", "sqlalchemy", *SHOWS},
    "collector": {"dashboard", "benchmarks", "tests", *SHOWS},
    "dashboard": {
        "collector",
        "demo",
        "benchmarks",
        "tests",
        "apscheduler",
        "core.cycle",
        *(f"core.{room}.{part}" for room in ORDER for part in ("writes", "ingest")),
    },
    "demo": {"collector", "dashboard", "benchmarks", "tests", "apscheduler", *SHOWS},
}
LAZY = {"xgboost", "sklearn", "numba", "talib", "scipy", "pyarrow", "requests", "ccxt"}
# What a bot copies into its own project.
STANDARD_LIBRARY_ONLY = ROOT / "core" / "feature_log" / "writer.py"


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(part.value) for part in node.args if isinstance(part, ast.Constant))


def within(name: str, forbidden: str) -> bool:
    return name == forbidden or name.startswith(f"{forbidden}.")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_layer_imports_what_it_must_not(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(package)
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        for forbidden in FORBIDDEN[package]
        if within(name, forbidden)
    ]
    assert files(package)
    assert wrong == []


def test_the_rule_sees_a_forbidden_import() -> None:
    names = list(imported(ast.parse("def late():\n    from core.alignment.writes import pairs")))
    assert any(within(name, "core.alignment.writes") for name in names)
    assert not any(within(name, "core.alignment.write") for name in names)


def test_an_import_by_name_is_seen() -> None:
    assert list(imported(ast.parse('importlib.import_module("core.cycle")'))) == ["core.cycle"]


# The page's one door to the database, and what hands it on.
READS_SQL = {"dashboard/shell.py", "dashboard/data/database.py"}


def test_pages_hold_no_sql() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files("dashboard")
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        if str(file.relative_to(ROOT)) not in READS_SQL
        and (within(name, "sqlalchemy") or within(name, "core.storage.tables"))
    ]
    assert wrong == []


def test_a_side_of_the_market_is_no_mere_text() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} says {said}"
        for package in ("core", "dashboard")
        for file in files(package)
        for said in mere_sides(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def mere_sides(tree: ast.AST) -> list[str]:
    """Parameters and fields named side or sides whose type knows text and no Side."""
    typed = [
        (node.arg, node.annotation)
        if isinstance(node, ast.arg)
        else (ast.unparse(node.target), node.annotation)
        for node in ast.walk(tree)
        if isinstance(node, (ast.arg, ast.AnnAssign))
    ]
    said = [(name, "" if kind is None else ast.unparse(kind)) for name, kind in typed]
    return [
        f"{name}: {kind}"
        for name, kind in said
        if name in ("side", "sides") and "str" in kind and "Side" not in kind
    ]


def test_a_mere_side_would_be_seen() -> None:
    assert mere_sides(ast.parse("def flips(side: str) -> int: ...")) == ["side: str"]
    assert mere_sides(ast.parse("class A:\n    sides: tuple[str, ...]")) != []
    assert mere_sides(ast.parse("def flips(side: Side | str, sides: int) -> int: ...")) == []


def test_each_room_of_core_knows_only_those_below_it() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files("core")
        for name in imported(ast.parse(file.read_text(encoding="utf-8")))
        if name.startswith("core.") and floor(name) > floor(module(file))
    ]
    assert wrong == []


def test_the_order_names_every_room_of_core() -> None:
    rooms = {file.relative_to(ROOT / "core").parts[0].removesuffix(".py") for file in files("core")}
    assert rooms - {"__init__"} == set(ORDER)


def floor(name: str) -> int:
    """Where a module of core stands in the order."""
    room = name.split(".")[1] if "." in name else "__init__"
    return ORDER.index(room) if room in ORDER else -1


@pytest.mark.parametrize("package", [*FORBIDDEN, "benchmarks", "tests"])
def test_package_files_stay_empty(package: str) -> None:
    full = [file for file in files(package) if file.name == "__init__.py" and file.stat().st_size]
    assert full == []


def test_every_folder_of_modules_is_a_package() -> None:
    bare = {
        file.parent.relative_to(ROOT)
        for package in FORBIDDEN
        for file in files(package)
        if not (file.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_the_writer_needs_the_standard_library_only() -> None:
    import sys

    tree = ast.parse(STANDARD_LIBRARY_ONLY.read_text(encoding="utf-8"))
    outside = {
        name.split(".")[0]
        for name in imported(tree)
        if name.split(".")[0] not in sys.stdlib_module_names
    }
    assert outside == set()


def test_core_has_no_import_cycle() -> None:
    graph = {
        module(file): {
            target
            for name in imported_at_start(ast.parse(file.read_text(encoding="utf-8")))
            for target in (name, name.rpartition(".")[0])
            if (ROOT / (target.replace(".", "/") + ".py")).is_file()
        }
        for package in ("core", "collector", "dashboard", "reference_pipeline")
        for file in files(package)
    }
    assert cycle(graph) is None


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def imported_at_start(tree: ast.Module) -> Iterator[str]:
    """Imports outside functions: those that run when the module is imported."""
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported(node)


def cycle(graph: dict[str, set[str]]) -> list[str] | None:
    """A cycle in the graph, if there is one."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for target in sorted(graph.get(name, ())):
            found = visit(target, [*path, name])
            if found:
                return found
        done.add(name)
        return None

    for name in sorted(graph):
        found = visit(name, [])
        if found:
            return found
    return None


def test_a_cycle_would_be_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize("package", ["collector", "dashboard"])
def test_heavy_libraries_are_imported_where_they_are_needed(package: str) -> None:
    heavy = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(package)
        for name in imported_at_start(ast.parse(file.read_text(encoding="utf-8")))
        if name.split(".")[0] in LAZY
    ]
    assert heavy == []
