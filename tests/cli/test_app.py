"""The command as a whole: help, start-up, errors and exit codes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
NAMES = ("run", "eval", "resume", "show", "init", "lanes", "doctor")


def test_help_teaches_each_command_the_exit_codes_and_the_models(command: Command):
    ended = command("--help")
    assert ended.code == 0
    for name in NAMES:
        assert f"\n  {name} " in ended.out
        assert f"cascade {name}" in ended.out
    for words in ("Exit codes:", "130  interrupted", "bundled:desk", "scripted:FILE.py:NAME"):
        assert words in ended.out


@pytest.mark.parametrize("name", NAMES)
def test_each_command_explains_itself_with_examples(command: Command, name: str):
    ended = command(name, "--help")
    assert ended.code == 0
    assert "Examples:" in ended.out
    assert f"cascade {name} " in ended.out


def test_help_and_the_imports_of_commands_load_nothing_heavy():
    program = (
        "import sys\n"
        "from cascade.cli.app import run_command\n"
        "run_command(['--help'])\n"
        "import cascade.cli.run, cascade.cli.eval, cascade.cli.doctor\n"
        "heavy = {'llama_cpp', 'numpy', 'opentelemetry.sdk', 'jinja2', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr == "[]\n"


def test_the_module_is_the_command():
    ended = subprocess.run(
        [sys.executable, "-m", "cascade", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("cascade, version ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["run"], "Missing argument 'TASK'"),
        (["run", "x", "--max-steps", "0"], "--max-steps"),
        (["eval", "desk", "--otel", "syslog"], "'syslog' is not one of 'console', 'otlp'"),
    ],
)
def test_a_wrong_command_line_ends_with_two(command: Command, arguments: list[str], message: str):
    ended = command(*arguments)
    assert ended.code == 2
    assert message in ended.err


def test_tracebacks_are_shown_on_request_only(command: Command):
    assert "Traceback" not in command("show", "nowhere.jsonl").err
    ended = command("--debug", "show", "nowhere.jsonl")
    assert ended.code == 3
    assert "Traceback" in ended.err
    assert ended.err.endswith("cascade: nowhere.jsonl: cannot be read: No such file or directory\n")


def test_a_bug_is_not_hidden(command: Command):
    Path("faulty.py").write_text(
        "def replies(view, request):\n    raise RuntimeError('a bug')", encoding="utf-8"
    )
    with pytest.raises(RuntimeError, match="a bug"):
        command("run", "x", "--model", "scripted:faulty.py:replies")
