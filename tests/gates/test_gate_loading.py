"""From settings to gates, with errors that teach."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from gate_drafts import LANE, a_call, a_prefix

from cascade.errors import ConfigError
from cascade.exchange import Draft
from cascade.gates.base import Gate
from cascade.gates.loading import gate_named, gates_of
from cascade.lanes import Lane
from cascade.policy.gating import ConfidenceSettings, Gating
from cascade.steps import Prefix
from cascade.verdicts import Verdict

README = Path(sys.modules["cascade.gates.loading"].__file__ or "").with_name("README.md")


class Strict:
    """Passes nothing."""

    name = "strict"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:  # noqa: ARG002 - the protocol's
        return Verdict(gate=self.name, passed=False, reason="nothing passes")


class NeedsMore:
    def __init__(self, limit: int) -> None:
        self.limit = limit


class Double(Strict):
    name = "schema"


def strict() -> Gate:
    return Strict()


def fails() -> Gate:
    raise RuntimeError("no")


STRICT = Strict()
NUMBER = 5


def names(settings: Gating) -> list[str]:
    return [gate.name for gate in gates_of(settings)]


def test_the_built_in_gates_come_first_and_in_order() -> None:
    assert names(Gating()) == ["schema", "confidence"]
    assert names(Gating(confidence=ConfidenceSettings(enabled=False))) == ["schema"]


@pytest.mark.parametrize("attribute", ["Strict", "strict", "STRICT"])
def test_a_gate_of_ones_own_is_named_as_module_and_attribute(attribute: str) -> None:
    reference = f"{__name__}:{attribute}"
    assert names(Gating(extra=(reference,))) == ["schema", "confidence", "strict"]
    assert gate_named(reference).judge(a_prefix(), a_call(), LANE).passed is False


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (":Strict", "write module:attribute"),
        ("no_such_module:Strict", "cannot be imported: ModuleNotFoundError"),
        (f"{__name__}:Missing", "has no 'Missing'; it has: .*Strict"),
        (f"{__name__}:NUMBER", "is no gate but of type int"),
        (f"{__name__}:NeedsMore", "cannot be made without arguments"),
        (f"{__name__}:fails", "RuntimeError: no"),
        (f"{__name__}:ModuleType", "cannot be made without arguments"),
        (f"{__name__}:dict_maker", "is no gate but of type dict"),
        ("nobody_offers_this", "no installed package offers a gate 'nobody_offers_this'"),
    ],
)
def test_what_is_no_gate_is_refused_with_what_would_be_one(reference: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        gate_named(reference)


def dict_maker() -> dict[str, Any]:
    return {}


def test_two_gates_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="given twice: schema"):
        gates_of(Gating(extra=(f"{__name__}:Double",)))


@pytest.fixture
def package(tmp_path: Path) -> Any:
    """An installed package that offers a gate, and one that is broken."""
    (tmp_path / "offered_gates.py").write_text(
        "class Offered:\n    name = 'offered'\n\n    def judge(self, prefix, draft, lane):\n"
        "        raise NotImplementedError\n",
        encoding="utf-8",
    )
    metadata = tmp_path / "offered_gates-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: offered-gates\nVersion: 1\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        "[cascade.gates]\noffered = offered_gates:Offered\nbroken = offered_gates:Missing\n",
        encoding="utf-8",
    )
    sys.path.insert(0, str(tmp_path))
    yield
    sys.path.remove(str(tmp_path))
    sys.modules.pop("offered_gates", None)


@pytest.mark.usefixtures("package")
def test_a_package_offers_gates_as_entry_points() -> None:
    assert gate_named("offered").name == "offered"
    with pytest.raises(ConfigError, match=r"'broken' of offered_gates:Missing cannot be imported"):
        gate_named("broken")
    with pytest.raises(ConfigError, match="broken, offered"):
        gate_named("other")


def test_the_gate_in_the_readme_works() -> None:
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("my_gates")
    exec(compile(code, str(README), "exec"), vars(module))  # noqa: S102 - our own README
    sys.modules[module.__name__] = module
    try:
        gate = gates_of(Gating(extra=("my_gates:NoLateRefunds",)))[-1]
    finally:
        del sys.modules[module.__name__]
    assert gate.judge(a_prefix(), a_call("issue_refund"), LANE).passed is True
    late = a_prefix().__class__(task=a_prefix().task, tools=(), steps=(), step=6)
    assert gate.judge(late, a_call("issue_refund"), LANE).passed is False
