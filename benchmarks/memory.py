"""What a trajectory in flight weighs, over the scripted backend.

    python benchmarks/memory.py

Every trajectory is in its last model call, with a transcript of some steps behind it; its events
go to the recorder and nowhere else. Two runs with different numbers of trajectories are compared,
so that what they share is not counted. The growth of the process (RSS) is measured in processes of
their own, without `tracemalloc`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import anyio

from cascade import Cascade, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.exchange import Request, View

__all__ = ["main"]

FEW, MANY = 200, 1200
CALL = calling(("look_up", {"key": "some key"}), text="Let me look that up.")


@tool(side_effect="read")
async def look_up(key: str) -> str:
    """Looks a value up."""
    return f"the value of {key}"


def current_rss_bytes() -> int:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def in_flight(count: int, steps: int, *, traced: bool) -> int:
    """Bytes in use while *count* trajectories wait for their last model call."""
    waiting = 0
    everybody_waits, go_on = anyio.Event(), anyio.Event()

    async def reply(view: View, _request: Request) -> Reply:
        nonlocal waiting
        if len(view.messages) // 2 < steps:
            return CALL
        waiting += 1
        if waiting == count:
            everybody_waits.set()
        await go_on.wait()
        return "Done."

    backend, used = ScriptedBackend(reply), 0
    with tempfile.TemporaryDirectory() as folder:
        async with Cascade(
            lanes=[backend.lane],
            backends={backend.lane.name: backend},
            traces=folder,
            max_trajectories=count,
        ) as cascade:

            async def one() -> None:
                await cascade.run("Look some values up.", tools=[look_up])

            async with anyio.create_task_group() as tasks:
                for _ in range(count):
                    tasks.start_soon(one)
                await everybody_waits.wait()
                used = tracemalloc.get_traced_memory()[0] if traced else current_rss_bytes()
                go_on.set()
    return used


def traced_bytes(steps: int) -> float:
    """Bytes that Python objects of one trajectory take."""
    anyio.run(lambda: in_flight(50, steps, traced=False))
    tracemalloc.start()
    few = anyio.run(lambda: in_flight(FEW, steps, traced=True))
    many = anyio.run(lambda: in_flight(MANY, steps, traced=True))
    tracemalloc.stop()
    return (many - few) / (MANY - FEW)


def resident_bytes(steps: int) -> float:
    """Bytes by which a process grows for one trajectory."""
    used: list[int] = []
    for count in (FEW, MANY):
        command = [sys.executable, __file__, "--count", str(count), "--steps", str(steps)]
        used.append(int(subprocess.run(command, check=True, capture_output=True).stdout))
    return (used[1] - used[0]) / (MANY - FEW)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, help="only print the RSS with so many in flight")
    parser.add_argument("--steps", type=int, default=0)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    del soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.count is not None:
        steps: int = arguments.steps
        count: int = arguments.count
        print(anyio.run(lambda: in_flight(count, steps, traced=False)))
        return
    print(f"one trajectory in flight, {MANY} against {FEW} of them")
    for steps in (0, 5, 10):
        traced, resident = traced_bytes(steps) / 1024, resident_bytes(steps) / 1024
        sizes = f"{traced:5.1f} KiB of objects, {resident:5.1f} KiB of RSS"
        print(f"  {steps:3} steps behind it: {sizes}")


if __name__ == "__main__":
    main()
