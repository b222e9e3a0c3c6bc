"""Ctrl-C, SIGTERM and `kill -9`, in a process of its own."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.state import State
from cascade.traces.record import read_trace

Command = Callable[..., Any]
Start = Callable[..., Any]

RUN = ("run", "What are they?", "--model", "scripted:tools.py:waiting", "--tools", "tools.py")


def only_trace() -> Path:
    (path,) = Path("runs").glob("*.jsonl")
    return path


def answers(state: State) -> list[str]:
    return [
        result.text
        for message in state.transcript
        if message.role == "tool"
        for result in message.parts
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_and_says_how_to_resume(
    start: Start, command: Command, number: signal.Signals
):
    with start(*RUN) as process:
        process.read_until("← look: it is 14")
        process.send_signal(number)
        out, err = process.communicate()
    path = only_trace()
    assert process.returncode == 130
    assert f"go on with: cascade resume {path} --tools tools.py" in err
    assert "Traceback" not in out + err
    assert read_trace(path).events[-1].kind == "interrupted"
    Path("go").touch()
    assert command("resume", str(path), "--tools", "tools.py").code == 0


def test_a_stopped_run_without_content_is_not_said_to_go_on(start: Start):
    with start(*RUN, "--no-content") as process:
        process.read_until("← look")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert f"{only_trace()} was recorded without content, so start again" in err
    assert "cascade resume" not in err


def test_a_killed_run_is_resumed_where_it_was(start: Start, command: Command):
    with start(*RUN) as process:
        process.read_until("← look: it is 14")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    path = only_trace()
    assert process.returncode == -signal.SIGKILL
    assert read_trace(path).state().finished is None
    with path.open("ab") as file:
        file.write(b'{"schema_version":1,"seq":')
    assert "the last line was cut short (26 bytes)" in command("show", str(path)).out
    Path("go").touch()
    ended = command("resume", str(path), "--tools", "tools.py", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["answer"] == "7, 14 and 21."
    assert answers(read_trace(path).state()) == ["it is 7", "it is 14", "it is 21"]


def test_a_second_signal_ends_a_run_that_does_not_stop(start: Start):
    Path("stubborn.py").write_text(
        "import anyio\n"
        "async def replies(view, request):\n"
        "    print('working', flush=True)\n"
        "    with anyio.CancelScope(shield=True):\n"
        "        await anyio.sleep_forever()\n",
        encoding="utf-8",
    )
    with start("run", "x", "--model", "scripted:stubborn.py:replies") as process:
        process.read_until("working")
        process.send_signal(signal.SIGINT)
        process.read_error_until("once more to quit at once")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == -signal.SIGINT


def test_a_tool_that_blocks_its_thread_does_not_keep_a_stopped_run_alive(start: Start):
    Path("blocking.py").write_text(
        "import threading\n"
        "from cascade import tool\n"
        "from cascade.backends.scripted import calling\n"
        "@tool\n"
        "def block() -> str:\n"
        "    '''Blocks.'''\n"
        "    print('blocked', flush=True)\n"
        "    threading.Event().wait()\n"
        "replies = [calling(('block', {}))]\n",
        encoding="utf-8",
    )
    with start(
        "run", "x", "-t", "blocking.py", "--model", "scripted:blocking.py:replies"
    ) as process:
        process.read_until("blocked")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "go on with" in err


def test_a_stopped_suite_says_how_far_it_came_and_goes_on(
    start: Start, command: Command, examples: Path
):
    Path("halting.py").write_text(
        "from pathlib import Path\n"
        "import anyio\n"
        "from own_suite import replies as shelf\n"
        "async def replies(view, request):\n"
        "    if 'bowls, cups' in str(view.messages[0]) and not Path('go').exists():\n"
        "        await anyio.sleep_forever()\n"
        "    return shelf(view, request)\n",
        encoding="utf-8",
    )
    suite = f"{examples / 'own_suite.py'}:suite"
    arguments = ("eval", suite, "--tasks", "8", "--model", "scripted:halting.py:replies")
    with start(*arguments, "--concurrency", "4") as process:
        process.read_until("[6/8]")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    (folder,) = Path("runs").iterdir()
    assert process.returncode == 130
    assert "interrupted: 6 of 8 tasks are judged" in err
    assert f"--concurrency 4 --out {folder}" in err
    Path("go").touch()
    ended = command(*arguments, "--json", "--out", str(folder))
    undisturbed = command(*arguments, "--json", "--out", "undisturbed")
    assert ended.code == 0
    assert sorted(path.name for path in (folder / "unfinished").iterdir()) != []
    for figure in ("tasks", "by_family", "steps", "usage", "outcomes"):
        assert (
            json.loads(ended.out)["arms"][0][figure]
            == json.loads(undisturbed.out)["arms"][0][figure]
        )


def test_a_reader_that_leaves_ends_the_run_and_spoils_nothing(start: Start):
    endless = ("--model", "scripted:tools.py:endless", "--tools", "tools.py")
    with start("run", "x", *endless, "--max-steps", "100000", "--max-tool-calls", "100000") as (
        process
    ):
        process.read_until("← look: it is 7")
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait()
    assert (code, err) == (1, "")
    assert read_trace(only_trace()).state().finished is None
