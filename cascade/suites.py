"""What a task suite is: tasks with their tools and a check of the outcome.

A suite of one's own is any object with these few attributes; `cascade eval module:suite` runs it.
Nothing has to be inherited.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cascade.tools import Tool

__all__ = ["Episode", "Score", "Suite", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The judgement of one finished run.

    Attributes:
        success: Whether the task was solved.
        reward: In [0, 1]; 1 for success, and what the suite thinks fit below that.
        reason: One clause that says why, for a person to read.
    """

    success: bool
    reward: float
    reason: str


class Episode(Protocol):
    """One run's own world.

    A world may say `restorable = True`: it lives in memory only, and the same calls on a fresh one
    always give the same results. Then `cascade resume` brings it back by making all recorded calls
    again, writes included. Without that nothing is ever called twice: a resumed trajectory goes on
    with the recorded results, and `check` sees what `open` returned then.
    """

    @property
    def tools(self) -> Sequence[Tool | Callable[..., Any]]:
        """The tools over this world: typed functions, or `Tool`s made of them."""
        ...

    def check(self, answer: str | None) -> Score:
        """Judge the world as it stands and the final answer; `None` if there is none."""
        ...


class Task(Protocol):
    """One thing to do, which can be opened any number of times."""

    @property
    def id(self) -> str:
        """Name of the task, unique in its suite."""
        ...

    @property
    def family(self) -> str:
        """The kind of task, by which figures are broken down."""
        ...

    @property
    def seed(self) -> int:
        """What the task was made from."""
        ...

    @property
    def prompt(self) -> str:
        """What the user asks."""
        ...

    @property
    def system(self) -> str:
        """The system text that the task is to be run under; may be empty."""
        ...

    def open(self) -> Episode:
        """Return a fresh world for one run."""
        ...


class Suite(Protocol):
    """A set of tasks that can be drawn from by seed."""

    @property
    def name(self) -> str:
        """Short name, for reports."""
        ...

    @property
    def families(self) -> Sequence[str]:
        """The kinds of tasks in it."""
        ...

    def tasks(self, count: int, seed: int) -> Sequence[Task]:
        """Return `count` tasks, or fewer if there are no more.

        The same arguments always return the same tasks.
        """
        ...
