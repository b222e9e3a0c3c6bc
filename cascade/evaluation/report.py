"""What an evaluation found, in the form in which it is written down and printed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from statistics import fmean
from typing import Annotated, Self

from pydantic import NonNegativeInt, PlainSerializer

from cascade.evaluation.attempt import Attempt
from cascade.exchange import Usage
from cascade.frozen import Frozen

__all__ = ["Arm", "EvaluationReport"]

Dollars = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class Arm(Frozen):
    """One way of running the tasks: here, one ladder under one policy."""

    name: str
    tasks: NonNegativeInt
    """Tasks that were run to their end and judged."""
    success_rate: float | None
    """Share of them that was solved, in [0, 1]; `None` where there were none."""
    by_family: dict[str, float]
    """The same for each family that had a task, in the suite's order."""
    steps: float
    """Mean number of steps of a task."""
    frontier_step_share: float
    """Share of all steps whose message came from above the lowest tier, in [0, 1]."""
    cost_usd: Dollars | None
    """US dollars in all; `None` where the price of a model call is not known."""
    wall_s: float
    """Seconds in which at least one of the trajectories was under way."""
    tasks_by_family: dict[str, int]
    outcomes: dict[str, int]
    """How many trajectories ended how."""
    tool_calls: float
    """Mean number of tool calls of a task."""
    reward: float | None
    """Mean reward, in [0, 1]; `None` where there were no tasks."""
    usage: Usage
    """Tokens of all model calls."""
    tokens_per_s: float
    """Output tokens of all trajectories for each second of `wall_s`."""

    @classmethod
    def of(cls, name: str, attempts: Sequence[Attempt], families: Iterable[str] = ()) -> Self:
        """Sums *attempts* up.

        Args:
            name: The arm's name.
            attempts: Judged runs, in any order.
            families: The suite's families, in the order in which they are to be listed.
        """
        steps = sum(attempt.steps for attempt in attempts)
        frontier_steps = sum(attempt.frontier_steps for attempt in attempts)
        usage = sum((attempt.usage for attempt in attempts), start=Usage())
        by_family = _by_family(attempts, families)
        wall_s = _covered_s((attempt.began_at, attempt.ended_at) for attempt in attempts)
        return cls(
            name=name,
            tasks=len(attempts),
            success_rate=_mean(attempt.success for attempt in attempts),
            by_family={
                family: fmean(attempt.success for attempt in members)
                for family, members in by_family.items()
            },
            steps=steps / len(attempts) if attempts else 0.0,
            frontier_step_share=frontier_steps / steps if steps else 0.0,
            cost_usd=_total_usd(attempts),
            wall_s=round(wall_s, 6),
            tasks_by_family={family: len(members) for family, members in by_family.items()},
            outcomes=_counts(attempt.outcome for attempt in attempts),
            tool_calls=_mean(attempt.tool_calls for attempt in attempts) or 0.0,
            reward=_mean(attempt.reward for attempt in attempts),
            usage=usage,
            tokens_per_s=round(usage.output_tokens / wall_s, 3) if wall_s else 0.0,
        )


class EvaluationReport(Frozen):
    """The figures of an evaluation; `--json` prints it and `summary.json` holds it."""

    suite: str
    """The suite's name."""
    seed: int
    """The seed that the tasks were drawn with."""
    arms: tuple[Arm, ...]


def _by_family(
    attempts: Sequence[Attempt], families: Iterable[str]
) -> dict[str, tuple[Attempt, ...]]:
    listed = dict.fromkeys([*families, *(attempt.label.family for attempt in attempts)])
    grouped = {
        family: tuple(attempt for attempt in attempts if attempt.label.family == family)
        for family in listed
    }
    return {family: members for family, members in grouped.items() if members}


def _mean(values: Iterable[float]) -> float | None:
    known = tuple(values)
    return fmean(known) if known else None


def _counts(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _total_usd(attempts: Sequence[Attempt]) -> Decimal | None:
    costs = [attempt.cost_usd for attempt in attempts if attempt.cost_usd is not None]
    return sum(costs, start=Decimal(0)) if len(costs) == len(attempts) else None


def _covered_s(intervals: Iterable[tuple[datetime, datetime]]) -> float:
    """Length of the union: pauses between a stop and going on do not count, overlaps count once."""
    covered_s = 0.0
    until: datetime | None = None
    for began, ended in sorted(intervals):
        new_from = began if until is None else max(began, until)
        covered_s += max((ended - new_from).total_seconds(), 0.0)
        until = ended if until is None else max(ended, until)
    return covered_s
