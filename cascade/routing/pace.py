"""Pace: what a step of this trajectory usually takes, for estimates of the steps to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cascade.messages import AssistantMessage
from cascade.routing.estimate import tokens_of
from cascade.steps import Step

__all__ = ["Pace", "pace_of"]

_LAST = 8
"""So many of the last steps count: a task reads at first and writes later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Averages over the last steps; for a trajectory without any, a guess."""

    output_tokens: int = 100
    """Of one draft."""
    growth_tokens: int = 250
    """By how much a prompt grows: the draft and the results of its calls."""
    step_s: float = 10.0
    """From one complete step to the next, in seconds of running time."""


def pace_of(steps: Sequence[Step]) -> Pace:
    """The pace of the last of *steps*."""
    last = steps[-_LAST:]
    if not last:
        return Pace()
    before_s = steps[-_LAST - 1].at_s if len(steps) > _LAST else 0.0
    output_tokens = fmean(_output_tokens(step) for step in last)
    result_tokens = fmean(sum(tokens_of(done.result.text) for done in step.calls) for step in last)
    return Pace(
        output_tokens=round(output_tokens),
        growth_tokens=round(output_tokens + result_tokens),
        step_s=max(last[-1].at_s - before_s, 0.0) / len(last),
    )


def _output_tokens(step: Step) -> int:
    return step.usage.output_tokens or _written(step.message)


def _written(message: AssistantMessage) -> int:
    """For a server that does not report what it wrote."""
    calls = sum(len(call.name) + len(str(call.arguments)) for call in message.calls)
    return tokens_of(len(message.text) + calls)
