"""A suite of one's own: tasks, tools over a fresh world, and a check of what came of it.

    cd examples
    cascade eval own_suite.py:suite --tasks 8 --model scripted:own_suite.py:replies

Nothing has to be inherited. `replies` stands in for a model, so that this runs anywhere; leave
`--model` out to let the bundled one try. Run as a script, it does the same from Python.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import anyio

from cascade import Cascade, Tool, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.evaluation import evaluate
from cascade.exchange import Request, View
from cascade.messages import ToolMessage
from cascade.suites import Score

__all__ = ["Shelf", "ShelfSuite", "ShelfTask", "main", "replies", "suite"]


@dataclass
class Shelf:
    """One run's own world: how many of each thing there are."""

    stock: dict[str, int]
    wanted: int
    """The right answer, for the check."""
    restorable: ClassVar[bool] = True
    """It is in memory only, so `cascade resume` may bring it back by making its calls again."""

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools over this world."""
        return [tool(side_effect="read", parallel=True)(self.count)]

    def count(self, thing: str) -> int:
        """Says how many there are.

        Args:
            thing: What to count.
        """
        return self.stock[thing]

    def check(self, answer: str | None) -> Score:
        """Solved if the answer names the number."""
        right = answer is not None and str(self.wanted) in answer.split()
        reason = f"wanted {self.wanted}, was told {answer!r}"
        return Score(success=right, reward=float(right), reason=reason)


@dataclass(frozen=True, kw_only=True)
class ShelfTask:
    """Counting one thing, or two together."""

    id: str
    family: str
    seed: int
    things: tuple[str, ...]
    stock: dict[str, int]
    system: str = "You look after a shelf."

    @property
    def prompt(self) -> str:
        """What the user asks."""
        return "How many of these are there in all: " + ", ".join(self.things)

    def open(self) -> Shelf:
        """A fresh world."""
        wanted = sum(self.stock[thing] for thing in self.things)
        return Shelf(stock=dict(self.stock), wanted=wanted)


@dataclass(frozen=True, kw_only=True)
class ShelfSuite:
    """The tasks, drawn by seed."""

    name: str = "shelf"
    families: Sequence[str] = field(default=("one", "several"))

    def tasks(self, count: int, seed: int) -> Sequence[ShelfTask]:
        """Draws *count* tasks, the families in turn."""
        return [self._task(index, seed * 1_000_003 + index) for index in range(count)]

    def _task(self, index: int, seed: int) -> ShelfTask:
        dice = random.Random(seed)  # noqa: S311 - tasks, not secrets
        stock = {thing: dice.randrange(1, 100) for thing in ("cups", "plates", "bowls")}
        family = self.families[index % len(self.families)]
        things = dice.sample(sorted(stock), 1 if family == "one" else 2)
        return ShelfTask(
            id=f"{family}-{seed}", family=family, seed=seed, things=tuple(things), stock=stock
        )


suite = ShelfSuite()


def replies(view: View, request: Request) -> Reply:
    """A stand-in for a model that looks everything up and cannot add."""
    del request
    last = view.messages[-1]
    if isinstance(last, ToolMessage):
        return f"There are {last.parts[-1].text} of them."
    task = "".join(part.text for part in view.messages[0].parts if part.kind == "text")
    things = task.partition(": ")[2].split(", ")
    calls: list[tuple[str, dict[str, object]]] = [("count", {"thing": thing}) for thing in things]
    return calling(*calls)


async def main() -> None:
    """Evaluates the stand-in."""
    backend = ScriptedBackend(replies)
    async with Cascade(lanes=[backend.lane], backends={backend.lane.name: backend}) as cascade:
        evaluation = await evaluate(cascade, suite, tasks=8)
    arm = evaluation.report.arms[0]
    print(f"{arm.success_rate:.0%} of {arm.tasks} tasks, {arm.by_family}")


if __name__ == "__main__":
    anyio.run(main)
