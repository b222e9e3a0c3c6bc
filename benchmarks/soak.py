"""Thousands of desk trajectories in one process: does memory stay flat, is any trajectory lost?

    python benchmarks/soak.py --tasks 2000 --concurrency 16

Prints resident memory as the run goes on. Warm-up is the first fifth; after it, growth is the slope
of a straight line through the samples, in bytes a trajectory, and the last sample as a ratio to the
first one after warm-up. Exit code 1 if a trajectory is missing or memory grew by more than 5 %.
"""

import argparse
import gc
import os
import sys
import time
from collections import Counter
from pathlib import Path

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream

from cascade import Cascade
from cascade.desk import DeskSuite
from cascade.suites import Task

WARM_UP = 0.2
ALLOWED_GROWTH = 1.05


def resident_bytes() -> int:
    """Resident memory of this process, from the kernel."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def soak(tasks: int, concurrency: int, seed: int, samples: int) -> bool:
    """Runs the tasks; true if all came back and memory stayed flat."""
    outcomes: Counter[str] = Counter()
    measured: list[tuple[int, int]] = []
    every = max(1, tasks // samples)
    began = time.monotonic()
    send, receive = anyio.create_memory_object_stream[Task](0)

    async def work(cascade: Cascade, todo: MemoryObjectReceiveStream[Task]) -> None:
        async with todo:
            async for task in todo:
                episode = task.open()
                result = await cascade.run(task.prompt, system=task.system, tools=episode.tools)
                outcomes[result.outcome] += 1
                done = outcomes.total()
                if done % every == 0:
                    gc.collect()
                    measured.append((done, resident_bytes()))
                    passed = time.monotonic() - began
                    print(
                        f"{done:6d} trajectories  {measured[-1][1] / 2**20:7.1f} MiB"
                        f"  {passed:6.0f} s  {dict(outcomes)}",
                        flush=True,
                    )

    async with Cascade(max_trajectories=concurrency) as cascade, anyio.create_task_group() as group:
        for _ in range(concurrency):
            group.start_soon(work, cascade, receive.clone())
        receive.close()
        async with send:
            for task in DeskSuite().tasks(tasks, seed=seed):
                await send.send(task)
    after = np.array([row for row in measured if row[0] > tasks * WARM_UP], dtype=float)
    slope = float(np.polyfit(after[:, 0], after[:, 1], 1)[0])
    growth = float(after[-1, 1] / after[0, 1])
    lost = tasks - outcomes.total()
    print(
        f"after warm-up: {slope:+.0f} bytes a trajectory, last / first = {growth:.4f}; lost: {lost}"
    )
    return lost == 0 and growth <= ALLOWED_GROWTH


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--samples", type=int, default=40)
    chosen = parser.parse_args()
    flat = anyio.run(soak, chosen.tasks, chosen.concurrency, chosen.seed, chosen.samples)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
