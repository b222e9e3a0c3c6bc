"""`cascade doctor`."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.cli.checks import Check, Examination, examine
from cascade.cli.mending import OTLP_PACKAGE, install_command
from cascade.cli.options import RuntimeOptions

Command = Callable[..., Any]
Start = Callable[..., Any]
SCRIPTED = RuntimeOptions(model="scripted:tools.py:replies")


def found(examination: Examination, name: str) -> Check:
    (check,) = (check for check in examination.checks if check.name.startswith(name))
    return check


def test_it_names_versions_machine_and_what_the_build_supports(command: Command):
    ended = command("doctor", "--model", "scripted:tools.py:replies")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    for words in ("cascade", "Python", "CPUs", "llama-cpp-python", "CPU :", "tokens"):
        assert words in ended.out


def test_json_prints_the_documented_keys(command: Command):
    printed = json.loads(command("doctor", "--json", "--model", "scripted:tools.py:replies").out)
    assert list(printed) == ["ok", "checks"]
    assert printed["ok"] is True
    assert list(printed["checks"][0]) == ["name", "status", "detail", "mend"]


def test_a_model_that_cannot_be_used_is_broken_and_ends_with_one(command: Command):
    ended = command("doctor", "--model", "nowhere.gguf")
    assert ended.code == 1
    assert "nowhere.gguf" in ended.out
    assert "→ give another --model" in ended.out


def test_a_model_that_does_not_answer_is_broken():
    check = found(examine(RuntimeOptions(model="scripted:tools.py:broken")), "model")
    assert check.status == "broken"
    assert "nobody is there" in check.detail


def test_a_missing_compiler_is_told_with_the_command_that_mends_it():
    examination = examine(SCRIPTED, find_program=lambda _: None)
    assert found(examination, "CMake").status == "missing"
    assert "cmake" in str(found(examination, "CMake").mend)
    assert "build-essential" in str(found(examination, "C++").mend)
    assert examination.ok


def test_a_missing_exporter_is_told_whether_its_parents_are_there_or_not():
    def no_parent(name: str) -> None:
        raise ModuleNotFoundError(name)

    def not_there(name: str) -> None:
        del name

    for find in (no_parent, not_there):
        check = found(examine(SCRIPTED, find_module=find), "OTLP")
        assert (check.status, check.mend) == ("missing", install_command(OTLP_PACKAGE))


def test_being_offline_is_told():
    check = found(examine(SCRIPTED, environment={"HF_HUB_OFFLINE": "1"}), "Hugging")
    assert (check.status, check.mend) == ("missing", "unset HF_HUB_OFFLINE")
    assert found(examine(SCRIPTED, environment={}), "Hugging").status == "ok"


@pytest.mark.parametrize("fault", ["OSError('wrong ELF class')", "RuntimeError('no library')"])
def test_an_engine_that_cannot_be_loaded_is_told_with_the_command_that_mends_it(
    start: Start, fault: str
):
    Path("llama_cpp").mkdir()
    Path("llama_cpp/__init__.py").write_text(f"raise {fault}\n", encoding="utf-8")
    with start("doctor", "--json") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (1, "")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    for name in ("llama-cpp-python", "model bundled:desk"):
        assert checks[name]["status"] == "broken"
        assert fault.partition("'")[2][:-2] in checks[name]["detail"]
        assert "--reinstall-package llama-cpp-python" in checks[name]["mend"]


def test_a_mending_command_names_this_environment_and_needs_no_pip_in_it():
    words = shlex.split(install_command("one", options=["--no-cache"]))
    assert words == ["uv", "pip", "install", "--python", sys.executable, "--no-cache", "one"]
