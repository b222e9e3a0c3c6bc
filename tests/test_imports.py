"""Each module imports alone, quietly and lightly, says what is public, and depends downwards."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import import_probe
import pytest

import cascade

PACKAGE = Path(cascade.__file__).parent
SOURCES = {
    ".".join(("cascade", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LAYERS = (
    {"errors", "frozen", "appended"},
    {"credentials", "endpoints"},
    {"messages"},
    {"exchange", "decision", "opinions"},
    {"lanes", "policy", "signals", "verdicts", "tools"},
    {"steps", "suites"},
    {"call_lines", "rubrics"},
    {"monitors", "gates", "routing", "redaction", "handoff"},
    {"rules", "self_escalation"},
    {"consulting", "transcripts", "evidence"},
    {"events", "ledger"},
    {"state"},
    {"conversation", "limits", "actions"},
    {"situation"},
    {"asking", "views", "failover", "acceptance"},
    {"choice", "fold"},
    {"drafting"},
    {"dead_ends"},
    {"holding", "redrafting"},
    {"standing", "facts", "desk", "backends", "prices", "simulated"},
    {"controller"},
    {"telemetry_of_evidence"},
    {"telemetry", "traces"},
    {"runtime"},
    {"config"},
    {"__init__"},
    {"evaluation"},
    {"cli"},
    {"__main__"},
)
"""From the bottom up: what stands in one layer imports only from those below it."""

NARROWER = {
    "backends": {"errors", "credentials", "endpoints", "frozen", "messages", "exchange", "lanes"},
    "simulated": {"errors", "frozen"},
    "desk": {
        "exchange",
        "gates",
        "lanes",
        "messages",
        "policy",
        "steps",
        "suites",
        "tools",
        "verdicts",
    },
}
"""Those that may know even less than their layer says."""


@pytest.fixture(scope="module")
def probed() -> dict[str, dict[str, Any]]:
    """What came of importing each module alone."""
    done = subprocess.run(
        [sys.executable, "-B", import_probe.__file__],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    reports: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {name: found for name, found in reports.items() if not needs_torch(name, found)}


def needs_torch(name: str, found: dict[str, Any]) -> bool:
    """Whether it is part of the training, which alone may need a library that users do not."""
    lacking = "No module named 'torch'" in found.get("error", "")
    return name.startswith("cascade.desk.training.") and lacking


def test_every_module_was_looked_at(probed: dict[str, dict[str, Any]]):
    missing = set(SOURCES) - set(probed)
    assert all(name.startswith("cascade.desk.training.") for name in missing)


def test_every_module_imports_alone(probed: dict[str, dict[str, Any]]):
    assert {name: found["error"] for name, found in probed.items() if "error" in found} == {}


@pytest.fixture
def loaded(probed: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those that could be imported."""
    return {name: found for name, found in probed.items() if "error" not in found}


def test_importing_prints_nothing_and_writes_nothing(loaded: dict[str, dict[str, Any]]):
    assert {name: found["printed"] for name, found in loaded.items() if found["printed"]} == {}
    assert {name: found["written"] for name, found in loaded.items() if found["written"]} == {}


def test_importing_loads_no_vendor_sdk(loaded: dict[str, dict[str, Any]]):
    for_the_terminal = {"click", "rich"}
    vendors = {
        name: set(found["forbidden"])
        - (for_the_terminal if name.startswith(("cascade.cli", "cascade.__main__")) else set())
        for name, found in loaded.items()
    }
    assert {name: found for name, found in vendors.items() if found} == {}


def test_the_package_itself_is_next_to_nothing(loaded: dict[str, dict[str, Any]]):
    assert loaded["cascade"]["exported"] == sorted(cascade.__all__)


def test_what_is_exported_is_there(loaded: dict[str, dict[str, Any]]):
    assert {name: found["missing"] for name, found in loaded.items() if found["missing"]} == {}


def tree(name: str) -> ast.Module:
    return ast.parse(SOURCES[name].read_text())


def exported(module: ast.Module) -> list[str] | None:
    for node in module.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        if isinstance(target, ast.Name) and target.id == "__all__":
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            return list(ast.literal_eval(node.value))
    return None


def collation(name: str) -> tuple[int, str]:
    """Constants, classes, functions, as ruff's RUF022 sorts."""
    if name.isupper():
        return (0, name)
    return (1, name) if name[0].isupper() else (2, name)


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_public_is_said_completely_and_in_order(name: str):
    module = tree(name)
    said = exported(module)
    if said is None:
        assert len(module.body) <= 1, f"{name} has code but no __all__"
        return
    assert said == sorted(said, key=collation)
    defined = {
        node.name
        for node in module.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    }
    assert defined <= set(said), f"{name} defines more than it says"


def imported_units(module: ast.Module) -> set[str]:
    """The first-level parts of the package that a module imports, wherever in it."""
    names: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    parts = [name.split(".") for name in names if name.split(".")[0] == "cascade"]
    submodules = {name.split(".")[1] for name in SOURCES if "." in name}
    return {each[1] if len(each) > 1 and each[1] in submodules else "__init__" for each in parts}


def layer(unit: str) -> int:
    found = [index for index, units in enumerate(LAYERS) if unit in units]
    assert found, f"{unit} has no place in LAYERS: say where it stands"
    return found[0]


@pytest.mark.parametrize("name", SOURCES)
def test_dependencies_point_downwards(name: str):
    unit = name.split(".")[1] if "." in name else "__init__"
    imported = imported_units(tree(name)) - {unit}
    upwards = {other for other in imported if layer(other) >= layer(unit)}
    assert upwards == set(), f"{name} imports from above"
    if unit in NARROWER:
        assert imported <= NARROWER[unit]


def test_public_names_are_found_when_they_are_first_used():
    for name in cascade.__all__:
        assert getattr(cascade, name).__name__ == name
    assert set(cascade.__all__) <= set(dir(cascade))
    assert not hasattr(cascade, "no_such_name")
