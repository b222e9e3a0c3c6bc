"""`cascade resume` and `cascade show` on recorded files."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
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


def test_one_without_content_is_not_said_to_be_resumable(command: Command):
    printed = json.loads(command("run", "What is it?", *REPLIES, "--no-content", "--json").out)
    ended = command("show", str(cut(Path(printed["trace"]), 4)))
    assert "not over: without content, never resumed" in ended.out
    assert "cascade resume" not in ended.out


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


ELSEWHERE = """\
[lanes.{name}]
backend = "scripted"
model = "tools.py:loud"
[policy]
home_lane = "{name}"
"""


def test_changed_lanes_are_taken_from_the_configuration_where_that_is_asked_for(
    command: Command, finished: Path, caplog: pytest.LogCaptureFixture
):
    shorter = cut(finished, 2)
    (lane,) = read_trace(shorter).started.lanes
    Path("cascade.toml").write_text(ELSEWHERE.format(name=lane.name), encoding="utf-8")
    as_recorded = cut(finished, 3)
    ended = command("resume", str(as_recorded), "--tools", "tools.py", "--json")
    assert json.loads(ended.out)["answer"] == "It is 42."
    ended = command(
        "resume", str(shorter), "--tools", "tools.py", "--json", "--accept-changed-lanes"
    )
    assert json.loads(ended.out)["answer"].startswith("It was")
    assert "model was tools.py:replies and is tools.py:loud" in caplog.text


WITH_STAND_IN = """\
[lanes.home]
backend = "scripted"
model = "tools.py:replies"
fallbacks = ["far"]
[lanes.far]
provider = "openai"
model = "m"
endpoint = "http://127.0.0.1:9/v1"
api_key_env = "FAR_KEY"
tier = 1
"""


def test_a_stand_in_that_has_no_key_any_more_is_left_out(
    command: Command, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    Path("cascade.toml").write_text(WITH_STAND_IN, encoding="utf-8")
    monkeypatch.setenv("FAR_KEY", "sk-any")
    printed = json.loads(command("run", "What is it?", "--tools", "tools.py", "--json").out)
    shorter = cut(Path(printed["trace"]), 3)
    assert [lane.name for lane in read_trace(shorter).started.lanes] == ["home", "far"]
    monkeypatch.delenv("FAR_KEY")
    ended = command("resume", str(shorter), "--tools", "tools.py", "--json")
    assert json.loads(ended.out)["answer"] == "It is 42."
    assert "lane far of the trajectory is not served now; it is left out" in caplog.text


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


PAYMENTS = '''
    """A suite whose world is outside: what was paid stays paid."""

    from pathlib import Path
    from types import SimpleNamespace
    from cascade import tool
    from cascade.backends.scripted import calling
    from cascade.suites import Score

    @tool(side_effect="irreversible")
    def pay(amount: int) -> str:
        """Pays.

        Args:
            amount: How much.
        """
        with Path("paid").open("a", encoding="utf-8") as file:
            file.write(f"{amount}\\n")
        return f"paid {amount}"

    def check(answer):
        return Score(success=answer == "Both are paid.", reward=1.0, reason="asked the model")

    world = SimpleNamespace(tools=[pay], check=check)
    task = SimpleNamespace(
        id="t", family="f", seed=1, prompt="Pay 3, then 4.", system="", open=lambda: world
    )
    suite = SimpleNamespace(name="payments", families=["f"], tasks=lambda n, seed: [task])

    def replies(view, request):
        calls = [("pay", {"amount": 3}), ("pay", {"amount": 4})]
        step = len(view.messages) // 2
        return calling(calls[step]) if step < 2 else "Both are paid."
'''


def test_no_call_into_a_world_outside_is_repeated(command: Command):
    Path("payments.py").write_text(dedent(PAYMENTS), encoding="utf-8")
    model = ("--model", "scripted:payments.py:replies")
    assert command("eval", "payments.py:suite", "--tasks", "1", "--out", "out", *model).code == 0
    trace = Path("out/00001-t.jsonl")
    kinds = [event.kind for event in read_trace(trace).events]
    after_first = cut(trace, kinds.index("tool_finished") + 1)
    assert Path("paid").read_text("utf-8") == "3\n4\n"
    ended = command("resume", str(after_first))
    assert ended.code == 0
    assert Path("paid").read_text("utf-8") == "3\n4\n4\n"
    assert "none of its 1 recorded tool calls is repeated" in ended.err
    assert "solved (reward 1, payments)" in ended.out
