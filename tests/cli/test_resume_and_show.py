"""`cascade resume` and `cascade show` on recorded files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.events import Scored
from cascade.traces.record import read_trace

Command = Callable[..., Any]
REPLIES = ("--model", "scripted:tools.py:replies", "--tools", "tools.py")


@pytest.fixture
def finished(command: Command) -> Path:
    return Path(json.loads(command("run", "What is it?", *REPLIES, "--json").out)["trace"])


def cut(path: Path, events: int) -> Path:
    """The record as it would be if the process had died after that many events."""
    lines = path.read_bytes().splitlines(keepends=True)[:events]
    shorter = path.with_name(f"cut-{events}.jsonl")
    shorter.write_bytes(b"".join(lines))
    return shorter


def test_a_finished_trajectory_is_shown_whole(command: Command, finished: Path):
    ended = command("show", str(finished))
    assert ended.code == 0
    for words in ("task    What is it?", "step 1", "→ look(number=6)", "completed", "accepted"):
        assert words in ended.out
    assert "\x1b" not in ended.out


def test_an_unfinished_one_says_so(command: Command, finished: Path):
    ended = command("show", str(cut(finished, 4)))
    assert ended.code == 0
    assert "not over: `cascade resume` goes on with it" in ended.out


def test_show_prints_the_same_object_as_run(command: Command, finished: Path):
    printed = json.loads(command("show", str(finished), "--json").out)
    assert printed["outcome"] == "completed"
    assert printed["accounts"][0]["cause"] == "accepted"
    assert printed["trace"] == str(finished)


def test_a_run_that_died_anywhere_is_resumed_to_the_same_answer(command: Command, finished: Path):
    whole = len(finished.read_bytes().splitlines())
    for events in range(1, whole):
        ended = command("resume", str(cut(finished, events)), "--tools", "tools.py", "--json")
        assert (ended.code, json.loads(ended.out)["answer"]) == (0, "It is 42.")


def test_a_resumed_run_shows_what_it_is_about(command: Command, finished: Path):
    ended = command("resume", str(cut(finished, 5)), "--tools", "tools.py")
    assert "task    What is it?" in ended.out
    assert "resumed" in ended.out
    assert "answer  It is 42." in ended.out


def test_the_tools_must_be_given_again(command: Command, finished: Path):
    ended = command("resume", str(cut(finished, 4)))
    assert ended.code == 2
    assert "tools that were not given: look, noisy" in ended.err


def test_a_finished_trajectory_cannot_be_resumed(command: Command, finished: Path):
    ended = command("resume", str(finished), "--tools", "tools.py")
    assert ended.code == 3
    assert "is over (completed)" in ended.err


@pytest.mark.parametrize("name", ["show", "resume"])
def test_a_file_that_is_no_trace_is_one_clear_line(command: Command, name: str):
    Path("other.jsonl").write_text('{"kind": "other"}\n', encoding="utf-8")
    ended = command(name, "other.jsonl")
    assert ended.code == 3
    assert "other.jsonl, line 1: not an event of this version" in ended.err
    assert len(ended.err.splitlines()) == 1


class TestATaskOfASuite:
    @pytest.fixture
    def trace(self, command: Command, examples: Path) -> Path:
        shelf = examples / "own_suite.py"
        command(
            *("eval", f"{shelf}:suite", "--tasks", "2", "--out", "out"),
            *("--model", f"scripted:{shelf}:replies", "--json"),
        )
        return Path("out") / "00001-one-0.jsonl"

    def test_brings_its_own_tools_and_is_judged_at_its_end(self, command: Command, trace: Path):
        ended = command("resume", str(cut(trace, 5)))
        assert ended.code == 0
        assert "solved (reward 1, shelf)" in ended.out
        assert isinstance(read_trace(trace).events[-1], Scored)

    def test_is_refused_if_its_world_gives_other_results(self, command: Command, trace: Path):
        shorter = cut(trace, 5)
        (result,) = (event for event in read_trace(shorter).events if event.kind == "tool_finished")
        count = result.result.text
        before = f'"text":"{count}"'.encode()
        assert shorter.read_bytes().count(before) == 1
        shorter.write_bytes(shorter.read_bytes().replace(before, b'"text":"none"'))
        ended = command("resume", str(shorter))
        assert ended.code == 3
        problem = f"count gave 'none' in step 1 and gives '{count}'"
        assert f"the world cannot be restored: {problem}" in ended.err

    def test_is_refused_if_the_suite_lacks_it(self, command: Command, trace: Path):
        shorter = cut(trace, 3)
        shorter.write_bytes(shorter.read_bytes().replace(b'"one-0"', b'"one-9"'))
        ended = command("resume", str(shorter))
        assert ended.code == 2
        assert "has no task 'one-9' any more" in ended.err
