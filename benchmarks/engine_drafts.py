"""Desk trajectories with tokens guessed ahead against the same ones without.

    python benchmarks/engine_drafts.py

Two runtimes on the bundled model take turns at the same tasks, a few at a time, so that both meet
the same machine; one after another, then 16 at once. The ratio is what trajectories take without
drafts over what they take with them, all that the runtime does included; the engine's part is given
as well. Trajectories that end alike are counted: rounding differs with the size of a batch, so that
a tie of two tokens can fall the other way.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
from engine_workload import Cost, Stopwatch

from cascade import Cascade, Lane
from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.llama.engine import EngineStatistics
from cascade.desk import DeskSuite
from cascade.suites import Task

__all__ = ["main"]


@dataclass(slots=True)
class Arm:
    """A runtime and what its trajectories took so far."""

    cascade: Cascade
    backend: LlamaBackend
    costs: list[Cost]
    answers: dict[str, tuple[str | None, int]]

    async def run(self, tasks: Sequence[Task], *, concurrent: bool) -> None:
        """Run tasks, all at once or one after another."""
        limit = anyio.CapacityLimiter(len(tasks) if concurrent else 1)

        async def one(task: Task) -> None:
            async with limit:
                result = await self.cascade.run(
                    task.prompt, system=task.system, tools=task.open().tools
                )
            self.answers[task.id] = (result.answer, result.usage.output_tokens)

        with Stopwatch() as watch:
            async with anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(one, task)
        self.costs.append(watch.cost)


def arm(model: str, draft_tokens: int, *, flash: bool | None) -> Arm:
    """Make a runtime whose engine guesses at most so many tokens."""
    lane = Lane(
        name=f"{draft_tokens} drafts",
        backend="llama_cpp",
        locality="local",
        max_output_tokens=256,
        model=model,
        settings={"draft_tokens": draft_tokens, "threads": 1, "flash_attention": flash},
    )
    backend = LlamaBackend(lane)
    return Arm(Cascade(lanes=(lane,), backends={lane.name: backend}), backend, [], {})


def ratios(off: Sequence[float], on: Sequence[float]) -> str:
    """Say how the sums compare, and how the rounds spread."""
    each = sorted(without / with_ for without, with_ in zip(off, on, strict=True))
    middle = each[len(each) // 2]
    spread = f"rounds {each[0]:.2f} to {each[-1]:.2f}, median {middle:.2f}"
    return f"{sum(off) / sum(on):5.2f} x  ({spread})"


async def compare(arguments: argparse.Namespace, *, concurrent: bool) -> None:
    """Let two runtimes take turns, and print their ratio."""
    size = 16 if concurrent else arguments.turn
    tasks = DeskSuite().tasks(arguments.tasks, seed=arguments.seed)
    flash = {"on": True, "off": False}
    arms = [
        arm(arguments.model, 0, flash=flash.get(arguments.flash_without)),
        arm(arguments.model, arguments.draft_tokens, flash=flash.get(arguments.flash)),
    ]
    async with arms[0].cascade, arms[1].cascade:
        for each in arms:
            await each.run(DeskSuite().tasks(2, seed=arguments.seed + 1), concurrent=False)
            each.costs.clear()
        before = [each.backend.engine.statistics() for each in arms]
        for number, start in enumerate(range(0, len(tasks), size)):
            for each in arms[:: 1 if number % 2 else -1]:
                await each.run(tasks[start : start + size], concurrent=concurrent)
        after = [each.backend.engine.statistics() for each in arms]
    off, on = arms
    print(f"{'16 at once' if concurrent else 'one after another'}: {len(tasks)} desk trajectories")
    for each, first, last in zip(arms, before, after, strict=True):
        print("  " + row(each, first, last))
    same = sum(off.answers[task.id] == on.answers[task.id] for task in tasks)
    print(f"  ended alike: {same} of {len(tasks)}")
    print("  CPU  " + ratios([c.cpu_s for c in off.costs], [c.cpu_s for c in on.costs]))
    print("  wall " + ratios([c.wall_s for c in off.costs], [c.wall_s for c in on.costs]))


def row(each: Arm, first: EngineStatistics, last: EngineStatistics) -> str:
    """Say what an arm took and what its engine did."""
    drafted = last.draft_tokens - first.draft_tokens
    accepted = last.draft_tokens_accepted - first.draft_tokens_accepted
    return (
        f"{sum(cost.cpu_s for cost in each.costs):7.2f} s CPU, "
        f"{last.decode_s - first.decode_s:6.2f} s in llama_decode, "
        f"{last.outside_s - first.outside_s:6.2f} s of the thread outside, "
        f"{last.tokens_sampled - first.tokens_sampled} tokens in {last.decodes - first.decodes} "
        f"decodes, {accepted} of {drafted} drafts right"
    )


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled:desk", help="a model reference")
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--turn", type=int, default=4, help="tasks of a turn, one after another")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--draft-tokens", type=int, default=8)
    for name, which in (("--flash", "with"), ("--flash-without", "without")):
        parser.add_argument(
            name,
            choices=["default", "on", "off"],
            default="default",
            help=f"flash attention in the engine {which} drafts",
        )
    arguments = parser.parse_args()
    for concurrent in (False, True):
        anyio.run(lambda kind=concurrent: compare(arguments, concurrent=kind))


if __name__ == "__main__":
    main()
