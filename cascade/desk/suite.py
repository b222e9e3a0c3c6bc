"""Desk as a suite: tasks dealt out evenly over the families, a fresh office for every run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from cascade.desk.families import FAMILIES
from cascade.desk.tasks import SYSTEM, DeskTask, Split, make_task
from cascade.desk.world import Office
from cascade.suites import Score
from cascade.tools import Tool

__all__ = ["DeskEpisode", "DeskSuite", "SuiteTask", "suite"]

_STRIDE = 1_000_003  # keeps the task seeds of neighbouring suite seeds apart


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskEpisode:
    """One run's office.

    Attributes:
        task: What is to be done in it.
        office: The world.
        restorable: An office is in memory only and answers equal calls equally.
    """

    task: DeskTask
    office: Office
    restorable: ClassVar[bool] = True

    @property
    def tools(self) -> Sequence[Tool]:
        """The office's tools."""
        return self.office.tools()

    def check(self, answer: str | None) -> Score:
        """Judge the office as it stands and the final answer."""
        return self.task.verdict(self.office, answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteTask:
    """A desk task as the runtime sees it; the `DeskTask` inside is for the oracle."""

    desk: DeskTask

    @property
    def id(self) -> str:
        """Family, split and seed."""
        return self.desk.task_id

    @property
    def family(self) -> str:
        """Name of the family."""
        return self.desk.family

    @property
    def seed(self) -> int:
        """Seed of this task."""
        return self.desk.seed

    @property
    def prompt(self) -> str:
        """What the user asks."""
        return self.desk.prompt

    @property
    def system(self) -> str:
        """The system text of every desk task."""
        return SYSTEM

    def open(self) -> DeskEpisode:
        """Return a fresh office."""
        return DeskEpisode(task=self.desk, office=Office(self.desk.records))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSuite:
    """The bundled suite.

    Attributes:
        split: Which names and wordings the tasks use; by default those never trained on.
        families: Which families to deal from, in turn.
        name: Name for reports.
    """

    split: Split = "evaluation"
    families: tuple[str, ...] = field(default=tuple(FAMILIES))
    name: str = "desk"

    def tasks(self, count: int, seed: int) -> Sequence[SuiteTask]:
        """Return `count` tasks, the families taking turns; equal arguments return equal tasks.

        Args:
            count: How many.
            seed: Seeds give different tasks as long as `count` is below a million.
        """
        return [
            SuiteTask(
                desk=make_task(
                    self.families[i % len(self.families)], self.split, seed * _STRIDE + i
                )
            )
            for i in range(count)
        ]


suite = DeskSuite()
