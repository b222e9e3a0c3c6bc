"""Short ways to write down trajectories for tests of monitors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from cascade.exchange import SideEffect, ToolSpec, Usage
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.monitors import Monitor
from cascade.policy import Budget
from cascade.signals import Signal
from cascade.steps import DoneCall, Prefix, Step

__all__ = ["Done", "Trajectory", "codes_in", "did", "done", "said", "tool_of"]

TASK = UserMessage.of("Do it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One step: the calls with their results, what was said with them, and how long it took."""

    calls: tuple[DoneCall, ...] = ()
    text: str = ""
    after_s: float = 5.0
    tokens: int = 100


def tool_of(
    name: str,
    *,
    side_effect: SideEffect = "read",
    waits: bool = False,
    goal: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> ToolSpec:
    """A tool as a policy sees it."""
    return ToolSpec(
        name=name,
        description="",
        parameters=dict(parameters or {"type": "object", "properties": {}}),
        side_effect=side_effect,
        waits=waits,
        goal=goal,
    )


def did(
    tool: ToolSpec | str,
    arguments: Mapping[str, JsonValue] | None = None,
    result: str = "",
    *,
    error: bool = False,
) -> DoneCall:
    """A call and what came of it; a tool that is only a name does not exist."""
    name = tool if isinstance(tool, str) else tool.name
    call = ToolCall(id="call_1", name=name, arguments=dict(arguments or {}))
    return DoneCall(
        call=call,
        result=ToolResult(call_id="call_1", name=name, parts=(Text(text=result),), is_error=error),
        side_effect="read" if isinstance(tool, str) else tool.side_effect,
        spec=None if isinstance(tool, str) else tool,
    )


def done(
    tool: ToolSpec | str,
    arguments: Mapping[str, JsonValue] | None = None,
    result: str = "",
    *,
    error: bool = False,
    text: str = "",
    after_s: float = 5.0,
) -> Done:
    """A step of one call."""
    calls = (did(tool, arguments, result, error=error),)
    return Done(calls=calls, text=text, after_s=after_s)


def said(text: str) -> Done:
    """A step of words only."""
    return Done(text=text)


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Steps, as prefixes that a monitor is shown."""

    done: Sequence[Done]
    tools: tuple[ToolSpec, ...] = ()
    budget: Budget = field(default_factory=lambda: Budget(steps=None))
    since: int = 1

    def steps(self) -> tuple[Step, ...]:
        """The steps, made afresh."""
        made: list[Step] = []
        now = 0.0
        for number, each in enumerate(self.done, start=1):
            now += each.after_s
            parts = (*((Text(text=each.text),) if each.text else ()), *[c.call for c in each.calls])
            made.append(
                Step(
                    number=number,
                    lane="small",
                    message=AssistantMessage(parts=parts),
                    calls=each.calls,
                    usage=Usage(input_tokens=each.tokens),
                    at_s=now,
                )
            )
        return tuple(made)

    def prefix(self, draft: AssistantMessage | None = None) -> Prefix:
        """All of it."""
        return self._prefix(self.steps(), draft)

    def prefixes(self) -> Iterable[Prefix]:
        """One after each step, the steps being the same objects throughout."""
        steps = self.steps()
        return [self._prefix(steps[:count]) for count in range(1, len(steps) + 1)]

    def _prefix(self, steps: tuple[Step, ...], draft: AssistantMessage | None = None) -> Prefix:
        declared = {each.spec.name: each.spec for step in steps for each in step.calls if each.spec}
        return Prefix(
            task=TASK,
            tools=self.tools or tuple(declared.values()),
            steps=steps,
            since=self.since,
            draft=draft,
            step=len(steps) + 1,
            budget=self.budget,
            steps_done=len(steps),
            tokens_used=sum(step.usage.total_tokens for step in steps),
        )


def codes_in(monitor: Monitor, trajectory: Trajectory) -> dict[str, list[int]]:
    """By code, after how many steps it was signalled."""
    found: dict[str, list[int]] = {}
    for count, prefix in enumerate(trajectory.prefixes(), start=1):
        signals: list[Signal] = list(monitor.watch(prefix))
        for signal in signals:
            found.setdefault(signal.code, []).append(count)
    return found
