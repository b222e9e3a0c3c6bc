"""The command over the bundled suite and its model, by real inference."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.traces.record import Trace, read_trace

Command = Callable[..., Any]
Start = Callable[..., Any]

pytestmark = pytest.mark.slow


def said(trace: Trace) -> list[tuple[str, list[tuple[str, object]]]]:
    """What the model wrote, message by message; the ids of calls follow the numbers of hops."""
    messages = [
        event.draft.message for event in trace.events if event.kind == "drafted" and event.accepted
    ]
    return [(one.text, [(call.name, call.arguments) for call in one.calls]) for one in messages]


def test_the_bundled_suite_is_run_and_judged(command: Command):
    ended = command("eval", "desk", "--tasks", "3", "--json", "--out", "out")
    assert ended.code == 0
    (arm,) = json.loads(ended.out)["arms"]
    assert (arm["name"], arm["tasks"], arm["cost_usd"]) == ("local", 3, 0.0)
    assert arm["usage"]["output_tokens"] > 0
    (first,) = Path("out").glob("00001-*")
    shown = command("show", str(first)).out
    assert "confidence 0." in shown or "confidence 1." in shown
    assert "tokens/s" in shown


def test_a_killed_task_is_resumed_in_its_own_world(start: Start, command: Command):
    with start("eval", "desk", "--tasks", "1", "--out", "whole") as process:
        process.communicate()
    (whole,) = Path("whole").glob("*.jsonl")
    lines = whole.read_bytes().splitlines(keepends=True)
    for events in (2, len(lines) // 2):
        cut = Path(f"cut-{events}.jsonl")
        cut.write_bytes(b"".join(lines[:events]) + b'{"torn')
        ended = command("resume", str(cut), "--json")
        assert said(read_trace(cut)) == said(read_trace(whole))
        assert json.loads(ended.out)["scores"][0]["source"] == "desk"


def test_an_evaluation_that_was_killed_goes_on(start: Start, command: Command):
    arguments = ("eval", "desk", "--tasks", "4", "--concurrency", "2", "--out", "out")
    with start(*arguments) as process:
        process.read_until("[1/4]")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not Path("out/summary.json").exists()
    ended = command(*arguments, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["arms"][0]["tasks"] == 4
    judged = [path for path in Path("out").glob("*.jsonl") if read_trace(path).state().scores]
    assert len(judged) == 4


def test_doctor_lets_the_bundled_model_answer(command: Command):
    ended = command("doctor", "--json")
    printed = json.loads(ended.out)
    assert ended.code == 0, printed
    model = printed["checks"][-1]
    assert model["name"] == "model bundled:desk"
    assert "tokens/s" in model["detail"]
