"""A process that is killed in the middle of a run, and another one that goes on with it."""

import subprocess
import sys
from pathlib import Path

import pytest
from event_loops import run_on

from cascade import Cascade, Result, tool
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.traces.record import read_trace

VICTIM = """
import sys
import anyio
from cascade import Cascade, tool
from cascade.backends.scripted import ScriptedBackend, calling

folder, hanging = sys.argv[1:]

async def hang(name):
    if name == hanging:
        print("inside", flush=True)
        await anyio.sleep_forever()
    return "done"

@tool(side_effect="read")
async def look() -> str:
    return await hang("look")

@tool(side_effect="write")
async def write() -> str:
    return await hang("write")

async def reply(view, request):
    if len(view.messages) == 5:
        await hang("model")
    return [calling(("look", {})), calling(("write", {})), "the answer"][len(view.messages) // 2]

async def main():
    backend = ScriptedBackend(reply)
    backends = {"scripted": backend}
    async with Cascade(lanes=[backend.lane], backends=backends, traces=folder) as cascade:
        await cascade.run("go", tools=[look, write], trajectory_id="victim")

anyio.run(main)
"""


def kill_in(hanging: str, folder: Path) -> Path:
    """Kills a run, with a signal that cannot be caught, while that tool or model call is busy."""
    command = [sys.executable, "-c", VICTIM, str(folder), hanging]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"inside\n"
        process.kill()
    assert process.returncode < 0
    return folder / "victim.jsonl"


@pytest.mark.parametrize(
    ("hanging", "last", "ran"),
    [
        ("look", "tool_started", ["look", "write"]),
        ("write", "tool_started", []),
        ("model", "decided", []),
    ],
)
def test_after_kill_9_the_run_goes_on(tmp_path: Path, hanging: str, last: str, ran: list[str]):
    path = kill_in(hanging, tmp_path)
    assert read_trace(path).events[-1].kind == last
    made: list[str] = []

    @tool(side_effect="read")
    async def look() -> str:
        made.append("look")
        return "done"

    @tool(side_effect="write")
    async def write() -> str:
        made.append("write")
        return "done"

    backend = ScriptedBackend([calling(("look", {})), calling(("write", {})), "the answer"])

    async def go_on() -> Result:
        async with Cascade(lanes=[backend.lane], backends={"scripted": backend}) as cascade:
            return await cascade.resume(path, tools=[look, write])

    result = run_on("asyncio", go_on)
    assert (result.outcome, result.answer, result.steps) == ("completed", "the answer", 3)
    assert made == ran
    assert (b"interrupted: the run stopped" in path.read_bytes()) == (hanging == "write")
    assert read_trace(path).state() == result.state
