"""The recorded cases of published templates: parsing, rendering and grammars."""

import importlib.util
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import chatformats
import pytest

from cascade.backends.llama.chat import ChatFormat


@pytest.fixture
def checker(case_files: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(case_files))  # the checker finds its grammar matcher there
    spec = importlib.util.spec_from_file_location("chatformats_check", case_files / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(case_files))


def _failures(
    folder: Path, name: str, check: Callable[..., str | None], function: Callable[..., Any]
) -> tuple[int, dict[str, str]]:
    """The number of cases in a file, and what is wrong with those that fail."""
    wrong: dict[str, str] = {}
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    for line in lines:
        case = json.loads(line)
        with (folder / "templates" / case["template"]).open(encoding="utf-8", newline="") as file:
            template = file.read()
        try:
            why = check(case, function, template, Namespace(exact=False))
        except Exception as error:  # noqa: BLE001 - a crash is the failure of one case
            why = repr(error)
        if why:
            wrong[case["id"]] = why
    return len(lines), wrong


def test_outputs_of_the_reference_suite_are_read_without_a_miss(
    case_files: Path, checker: ModuleType
):
    total, wrong = _failures(case_files, "cases.jsonl", checker.check_parse, chatformats.parse)
    assert total > 150
    assert wrong == {}


def test_messages_survive_rendering_and_reading(case_files: Path, checker: ModuleType):
    total, wrong = _failures(case_files, "derived.jsonl", checker.check_parse, chatformats.parse)
    assert total > 300
    assert wrong == {}


def test_conversations_are_rendered_as_the_reference_engines_render_them(
    case_files: Path, checker: ModuleType
):
    total, wrong = _failures(
        case_files, "rendering.jsonl", checker.check_render, chatformats.render
    )
    expected_misses = ("fireworks-ai", "ibm-granite-granite-3.3", "upstage-Solar")
    assert [id_ for id_ in wrong if not id_.startswith(expected_misses)] == []
    assert len(wrong) <= 0.03 * total


def test_grammars_accept_recorded_calls_and_reject_their_mutants(
    case_files: Path, checker: ModuleType
):
    total, wrong = _failures(
        case_files, "grammar.jsonl", checker.check_grammar, chatformats.grammar
    )
    assert total > 70
    assert wrong == {}


def test_llama_cpp_accepts_every_recorded_call_from_its_trigger_on(
    case_files: Path, verdict: Callable[[str, str], str]
):
    wrong: list[str] = []
    formats: dict[str, ChatFormat] = {}
    lines = (case_files / "derived.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case["expected"]["tool_calls"]]
    for case in cases:
        name = case["template"]
        if name not in formats:
            with (case_files / "templates" / name).open(encoding="utf-8", newline="") as file:
                formats[name] = ChatFormat.from_template(file.read())
        opening = case["generation_prompt"]
        made = formats[name].grammar(case["tools"], generation_prompt=opening)
        assert made is not None
        start = made.trigger_start(case["raw_output"])
        if start is None or verdict(made.gbnf, case["raw_output"][start:]) != "accept":
            wrong.append(case["id"])
    assert len(cases) > 250
    assert wrong == []
