"""Desk trajectories on the whole runtime against one `Llama` behind a lock.

    python benchmarks/desk_concurrent.py

Our side does all that a run does: rendering, tools, events, parsing, generation. The other side
is what users of llama-cpp-python do: `create_completion`, greedy, on the very prompts that our side
rendered, on one `Llama` that takes the calls in the order in which a fair lock would: each step of
a trajectory waits for its tool, and the others go first. Nothing but generation is counted there.
It is measured with the prefix match that `Llama` always makes, and with its RAM cache besides,
empty at first. The arms take turns; the median of the rounds is given.
"""

import argparse
import statistics
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
from engine_workload import Cost, Stopwatch, model_argument

from cascade import Cascade, Lane
from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.llama.engine import GenerateRequest, Generation
from cascade.backends.llama.engine.bindings import llama_library
from cascade.desk import DeskSuite
from cascade.runtime import BUNDLED_LANE
from cascade.suites import Task

__all__ = ["main"]

Prompts = dict[str, list[tuple[list[int], int]]]
"""By trajectory: the prompt of each call, and how many tokens it may write."""


class ListeningBackend(LlamaBackend):
    """Notes each prompt that is given to the engine."""

    def __init__(self, lane: Lane, prompts: Prompts) -> None:
        super().__init__(lane)
        self._prompts = prompts

    async def open(self) -> Lane:
        """Opens the engine and listens to it."""
        lane = await super().open()
        generate = self.engine.generate

        async def listening(request: GenerateRequest) -> Generation:
            given = [int(token) for token in request.prompt]
            self._prompts.setdefault(request.key, []).append((given, request.max_tokens))
            return await generate(request)

        setattr(self.engine, "generate", listening)  # noqa: B010 - the instance's, not the class's
        return lane


async def run_ours(cascade: Cascade, tasks: Sequence[Task], *, at_once: int) -> Cost:
    """Runs the tasks on an open runtime, so many at once."""
    limit = anyio.CapacityLimiter(at_once)

    async def one(task: Task) -> None:
        async with limit:
            await cascade.run(task.prompt, system=task.system, tools=task.open().tools)

    with Stopwatch() as watch:
        async with anyio.create_task_group() as group:
            for task in tasks:
                group.start_soon(one, task)
    return watch.cost


def run_llama(llama: Any, prompts: Prompts, *, at_once: bool) -> Cost:
    """The same prompts through `create_completion`; at once, the trajectories take turns."""
    waiting = deque(deque(calls) for calls in prompts.values())
    with Stopwatch() as watch:
        while waiting:
            calls = waiting.popleft()
            for _ in range(1 if at_once else len(calls)):
                prompt, most = calls.popleft()
                llama.create_completion(
                    prompt, max_tokens=most, temperature=0.0, repeat_penalty=1.0
                )
            if calls:
                waiting.append(calls)
    return watch.cost


def llamas(path: Path, context: int) -> dict[str, Any]:
    """The baselines: with and without the RAM cache."""
    import llama_cpp  # noqa: PLC0415 - a slow import, and after its log is silenced

    llama_library()
    package: Any = llama_cpp
    made: dict[str, Any] = {}
    for name in ("prefix match", "RAM cache"):
        made[name] = package.Llama(
            str(path), n_ctx=context, n_threads=1, n_threads_batch=1, verbose=False
        )
    forget(made["RAM cache"])
    return made


def forget(llama: Any) -> None:
    """Gives a baseline an empty RAM cache: the last round's would hold this round's prompts."""
    import llama_cpp  # noqa: PLC0415 - a slow import, and after its log is silenced

    package: Any = llama_cpp
    llama.set_cache(package.LlamaRAMCache(capacity_bytes=2 << 30))


async def compare(arguments: argparse.Namespace) -> None:
    """Prints a table for both ways of running."""
    tasks = DeskSuite().tasks(arguments.tasks, seed=arguments.seed)
    first_tasks = DeskSuite().tasks(2, seed=arguments.seed + 1)
    prompts: Prompts = {}
    listening = ListeningBackend(BUNDLED_LANE, prompts)
    async with Cascade(backends={BUNDLED_LANE.name: listening}) as cascade:
        await run_ours(cascade, tasks, at_once=1)
    calls = sum(map(len, prompts.values()))
    print(f"{len(tasks)} desk trajectories, {calls} model calls")
    others = llamas(model_argument(BUNDLED_LANE.model), 2048)
    for at_once in (arguments.tasks, 1):
        print(f"{at_once} at once" if at_once > 1 else "one after another")
        ratios: dict[str, list[tuple[float, float]]] = {name: [] for name in others}
        for _ in range(arguments.rounds):
            async with Cascade() as cascade:
                await run_ours(cascade, first_tasks, at_once=1)
                ours = await run_ours(cascade, tasks, at_once=at_once)
            print(f"  cascade              {ours.wall_s:7.2f} s wall {ours.cpu_s:7.2f} s CPU")
            forget(others["RAM cache"])
            for name, llama in others.items():
                cost = run_llama(llama, prompts, at_once=at_once > 1)
                print(f"  Llama, {name:12s}  {cost.wall_s:7.2f} s wall {cost.cpu_s:7.2f} s CPU")
                ratios[name].append((cost.wall_s / ours.wall_s, cost.cpu_s / ours.cpu_s))
        for name, rounds in ratios.items():
            wall = statistics.median(wall for wall, _ in rounds)
            cpu = statistics.median(cpu for _, cpu in rounds)
            print(f"  Llama, {name} / cascade: {wall:.2f} x wall, {cpu:.2f} x CPU")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=3)
    anyio.run(compare, parser.parse_args())


if __name__ == "__main__":
    main()
