"""`cascade run`."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.events import Started
from cascade.traces.record import read_trace

Command = Callable[..., Any]
REPLIES = ("--model", "scripted:tools.py:replies", "--tools", "tools.py")


def test_a_piped_run_prints_plain_lines_and_records_the_trajectory(command: Command):
    ended = command("run", "What is it?", *REPLIES, "--seed", "5")
    assert ended.code == 0
    assert ended.err == ""
    assert "step 1" in ended.out
    assert "→ look(number=6)" in ended.out
    assert "← look: it is 42" in ended.out
    assert "answer  It is 42." in ended.out
    assert "\x1b" not in ended.out
    (path,) = Path("runs").iterdir()
    assert f"recorded in {path}" in ended.out
    assert read_trace(path).started.seed == 5


def test_json_prints_one_object_with_the_documented_keys(command: Command):
    ended = command("run", "What is it?", *REPLIES, "--json", "--system", "Be short.")
    printed = json.loads(ended.out)
    assert list(printed) == [
        "trajectory_id",
        "task",
        "outcome",
        "reason",
        "answer",
        "steps",
        "tool_calls",
        "usage",
        "cost_usd",
        "elapsed_s",
        "accounts",
        "scores",
        "trace",
    ]
    assert printed["answer"] == "It is 42."
    assert printed["cost_usd"] == 0
    assert ended.err == ""
    assert read_trace(Path(printed["trace"])).started.system == "Be short."


def test_a_budget_that_runs_out_ends_with_one(command: Command):
    ended = command(
        "run", "x", "--model", "scripted:tools.py:endless", "-t", "tools.py", "--max-steps", "3"
    )
    assert ended.code == 1
    assert "budget exhausted" in ended.out
    assert "3 steps" in ended.out


def test_budgets_are_recorded_as_the_policy(command: Command):
    ended = command(
        "run",
        "x",
        *REPLIES,
        "--json",
        *("--max-tool-calls", "7", "--max-tokens", "99", "--max-usd", "0.5", "--max-seconds", "9"),
    )
    budget = read_trace(Path(json.loads(ended.out)["trace"])).started.policy.budget
    assert budget.model_dump(mode="json") == {
        "steps": 50,
        "tool_calls": 7,
        "tokens": 99,
        "usd": "0.5",
        "wall_s": 9.0,
    }


def test_a_model_that_cannot_be_reached_is_an_outcome_and_not_a_traceback(command: Command):
    ended = command("run", "x", "--model", "scripted:tools.py:broken")
    assert ended.code == 1
    assert "model call failed on scripted: BackendUnavailable: nobody is there" in ended.out


def test_nothing_is_recorded_where_that_is_asked_for(command: Command):
    ended = command("run", "x", *REPLIES, "--no-record", "--json")
    assert json.loads(ended.out)["trace"] is None
    assert not Path("runs").exists()


def test_content_can_be_left_out_of_the_record(command: Command):
    ended = command("run", "Open sesame", *REPLIES, "--no-content", "--traces", "elsewhere")
    (path,) = Path("elsewhere").iterdir()
    assert ended.code == 0
    assert "sesame" not in path.read_text(encoding="utf-8")
    assert "recorded without message content" in command("show", str(path)).out


def test_what_a_tool_or_model_says_cannot_steer_the_terminal(command: Command):
    ended = command("run", "x", "--model", "scripted:tools.py:loud", "-t", "tools.py")
    assert "gone" in ended.out
    assert "loud." in ended.out
    assert not {"\x1b", "\x07"} & set(ended.out)


def test_a_plain_task_needs_no_tools(command: Command):
    Path("plain.py").write_text("replies = ['Hello.']", encoding="utf-8")
    ended = command("run", "Say hello", "--model", "scripted:plain.py:replies", "--no-record")
    assert ended.code == 0
    assert "tools   none" in ended.out


class TestTheTaskOnStandardInput:
    @pytest.fixture(autouse=True)
    def standard_input(self, request: pytest.FixtureRequest):
        before = sys.stdin
        sys.stdin = io.StringIO(request.param)
        yield
        sys.stdin = before

    @pytest.mark.parametrize("standard_input", ["What is it?\n"], indirect=True)
    def test_is_read_for_a_dash(self, command: Command):
        ended = command("run", "-", *REPLIES, "--json")
        assert json.loads(ended.out)["task"] == "What is it?"

    @pytest.mark.parametrize("standard_input", [" \n"], indirect=True)
    def test_must_not_be_empty(self, command: Command):
        ended = command("run", "-", *REPLIES)
        assert ended.code == 2
        assert "the task is empty" in ended.err


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("scripted:tools.py", 2, "'tools.py' names no object"),
        ("scripted:tools.py:nothing", 2, "tools.py has no 'nothing'"),
        ("nowhere.gguf", 3, "nowhere.gguf"),
    ],
)
def test_a_model_that_is_not_there_is_one_clear_line(
    command: Command, model: str, code: int, message: str
):
    ended = command("run", "x", "--model", model, "--no-record")
    assert ended.code == code
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


def test_model_settings_reach_the_lane(command: Command):
    ended = command("run", "x", *REPLIES, "--json")
    started = read_trace(Path(json.loads(ended.out)["trace"])).events[0]
    assert isinstance(started, Started)
    assert started.lanes[0].model == "tools.py:replies"
