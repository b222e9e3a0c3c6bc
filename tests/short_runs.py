"""Short trajectories with scripted models, gates and monitors, and what came of them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simulation import LANE, Simulation, started

from cascade.controller import CallLane
from cascade.errors import BackendError, BackendUnavailable
from cascade.events import ToolFinished
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.lanes import Lane, Prices
from cascade.messages import AssistantMessage, Text, ToolCall
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    MilestoneSettings,
    Policy,
)
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = [
    "BROKEN",
    "FINAL",
    "GONE",
    "HOME",
    "TOOLS",
    "TOP",
    "Gate",
    "Sees",
    "answer",
    "call",
    "hops",
    "played",
    "ran",
    "review",
    "said",
]

HOME = LANE.model_copy(update={"prices": Prices.free()})
TOP = HOME.model_copy(update={"name": "top", "tier": 1, "locality": "remote", "model": "large"})
OBJECT: dict[str, Any] = {"type": "object"}
TOOLS = (
    ToolSpec(name="look", description="", parameters=OBJECT, side_effect="read"),
    ToolSpec(name="poll", description="", parameters=OBJECT, side_effect="read", waits=True),
    ToolSpec(name="send", description="", parameters=OBJECT, side_effect="irreversible"),
)
GONE = BackendUnavailable("no route", backend="scripted", failure="quota")
BROKEN = "It is broken."


def said(*parts: ToolCall | Text, problem: str | None = None) -> Draft:
    """A draft of these parts."""
    return Draft(
        message=AssistantMessage(parts=parts),
        finish_reason="stop",
        usage=Usage(input_tokens=100, output_tokens=10),
        timing=Timing(),
        served_model="script",
        problem=problem,
    )


def call(*names: str, **arguments: str) -> Draft:
    """A draft that calls these tools."""
    return said(
        *(ToolCall(id=f"c{n}", name=name, arguments={**arguments}) for n, name in enumerate(names))
    )


def answer(text: str = "All done.") -> Draft:
    """A draft that answers."""
    return said(Text(text=text))


def review(*, on_track: bool) -> Draft:
    """A reviewer's verdict."""
    words = {"milestone": "m", "on_track": on_track, "reason": "r", "correction": "look first"}
    return answer(json.dumps(words))


@dataclass(frozen=True)
class Gate:
    """A gate with these scores by step; `None` refuses the draft outright."""

    scores: dict[int, float | None]
    name: str = "confidence"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """By the step, drafts of the home lane only."""
        del draft
        p_fail = self.scores.get(prefix.step, 0.0) if lane.tier == 0 else 0.0
        passed = p_fail is not None and p_fail < 0.5
        return Verdict(gate=self.name, passed=passed, reason="by script", p_fail=p_fail)


@dataclass(frozen=True)
class Sees:
    """A monitor that goes by a rule over the steps so far."""

    rule: Callable[[Prefix], Iterable[str]]
    hard: bool = True
    name: str = "sees"

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Before a draft."""
        if prefix.draft is None:
            for words in self.rule(prefix):
                yield Signal(
                    monitor=self.name, kind="stuck", code="s", hard=self.hard, evidence=words
                )


def played(
    *replies: Draft | BackendError,
    policy: Policy | None = None,
    rules: Rules | None = None,
    lanes: tuple[Lane, ...] = (HOME, TOP),
    results: Sequence[str] = (),
    said_aloud: bool = False,
    **head: Any,
) -> Simulation:
    """A trajectory to its end."""
    policy = policy or Policy()
    simulation = Simulation(
        list(replies),
        policy=policy,
        lanes=lanes,
        rules=rules or Rules(),
        head=started(policy, lanes).model_copy(update={"tools": TOOLS, **head}),
        results=results,
        said=said_aloud,
    )
    simulation.run()
    return simulation


def hops(run: Simulation) -> list[str]:
    """Lane and purpose of each model call."""
    calls = [action for action in run.actions if isinstance(action, CallLane)]
    return [
        each.lane.name if each.purpose == "draft" else f"{each.lane.name}:{each.purpose}"
        for each in calls
    ]


def ran(run: Simulation) -> list[str]:
    """The tools that were run, in order."""
    return [
        event.result.name
        for event in run.events
        if isinstance(event, ToolFinished) and event.outcome == "ok"
    ]


FINAL = Rules(monitors=(Milestones(MilestoneSettings()),), gates=(Gate({1: 0.9}),))
