"""A live ladder of two scripted lanes: a home lane that needs help, and one that gives it."""

import json
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.lowlevel import checkpoint

from cascade import Cascade, Policy, Tool, tool
from cascade.backends.scripted import Reply, ScriptedBackend, calling
from cascade.exchange import Draft, Request, View
from cascade.lanes import Capabilities, Lane, Prices
from cascade.policy import Escalating, Gating, Monitoring
from cascade.runtime import Clock, TickingClock
from cascade.signals import Signal
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = [
    "BROKEN_MONITOR",
    "CALLS",
    "GUARDED",
    "HOME",
    "SPANNED",
    "TASK",
    "TOP",
    "BrokenGate",
    "BrokenMonitor",
    "Doubtful",
    "Maybe",
    "Office",
    "StuckAtTwo",
    "Traffic",
    "home_says",
    "live",
    "top_says",
]

TASK = "Look a and b up, ask, send x, and answer."

HOME = Lane(
    name="home",
    backend="scripted",
    model="small",
    locality="local",
    capabilities=Capabilities(parallel_tools=True),
    prices=Prices.free(),
)
TOP = Lane(
    name="top",
    backend="scripted",
    model="large",
    tier=1,
    locality="remote",
    capabilities=Capabilities(parallel_tools=True),
    prices=Prices.model_validate(
        {"input_usd": 2, "output_usd": 10, "cache_read_usd": 0, "cache_write_usd": 0}
    ),
)

HOME_STEPS: tuple[Reply, ...] = (
    calling(("look", {"key": "a"}), text="First a."),
    calling(("look", {"key": "unsure"})),
    calling(("ask_expert", {"question": "may I send x?"})),
    calling(("send", {"to": "x"})),
    "All is done.",
)
CALLS = ("home", "home", "top", "home", "top:advice", "home", "top:review", "home")
"""Which lane is called for what, in order, where nothing goes wrong."""


class Doubtful:
    """A gate of a user's own: no call whose key is `unsure`."""

    name = "doubtful"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """By the arguments."""
        del prefix, lane
        unsure = any(call.arguments.get("key") == "unsure" for call in draft.message.calls)
        return Verdict(gate=self.name, passed=not unsure, reason="it says itself it is unsure")


class Maybe:
    """A gate that is in doubt about one key."""

    name = "maybe"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """A probability in the middle for that key."""
        del prefix, lane
        doubt = any(call.arguments.get("key") == "maybe" for call in draft.message.calls)
        p_fail = 0.4 if doubt else 0.0
        return Verdict(gate=self.name, passed=True, reason="by the key", p_fail=p_fail)


class StuckAtTwo:
    """A monitor of a user's own: the second step is always stuck."""

    name = "at_two"

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Before the draft of step 2."""
        if prefix.draft is None and prefix.step == 2:
            yield Signal(
                monitor=self.name, kind="stuck", code="two", hard=True, evidence="it is step 2"
            )


class BrokenMonitor:
    """A monitor with a fault in it."""

    name = "broken"

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Divides by what is 0 in step 2."""
        if 1 / (2 - prefix.step) < 0:
            return ()
        return ()


class BrokenGate:
    """A gate that forgets its verdict."""

    name = "forgetful"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """Nothing, whatever the signature says."""
        del prefix, draft, lane
        forgotten: Any = None
        return forgotten


BROKEN_MONITOR = Policy(monitors=Monitoring(extra=("live_ladder:BrokenMonitor",)))
GUARDED = Policy(gates=Gating(extra=("live_ladder:Doubtful",)))
SPANNED = Policy(
    monitors=Monitoring(extra=("live_ladder:StuckAtTwo",)),
    escalation=Escalating(nudge=False, span_steps=2),
)


@dataclass
class Office:
    """The world, with what was done to it."""

    looked: list[str] = field(default_factory=list[str])
    sent: list[str] = field(default_factory=list[str])

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the models may call."""

        @tool(side_effect="read")
        async def look(key: str) -> str:
            """Looks a value up."""
            await checkpoint()
            self.looked.append(key)
            return f"the value of {key}"

        @tool(side_effect="irreversible")
        async def send(to: str) -> str:
            """Sends a letter, which nobody can take back."""
            await checkpoint()
            self.sent.append(to)
            return "sent"

        return look, send


def home_says(view: View, _request: Request) -> Reply:
    """The home lane by its place in the conversation, in which it sees every step."""
    return HOME_STEPS[sum(message.role == "assistant" for message in view.messages)]


def top_says(view: View, _request: Request) -> Reply:
    """The higher lane by what it is asked for."""
    match view.trajectory_id.rpartition(":")[2]:
        case "review":
            return json.dumps(
                {"milestone": "x is right", "reason": "r", "on_track": True, "correction": ""}
            )
        case "advice":
            return "Call `send`."
        case "judge":
            return "yes"
        case _:
            return calling(("look", {"key": "b"}))


Script = Callable[[View, Request], Reply]
Passing = Callable[[str, View], Awaitable[None]]


@dataclass
class Traffic:
    """Remembers the model calls of a ladder, in order, and lets a test step in."""

    passing: Passing | None = None
    calls: list[str] = field(default_factory=list[str])
    views: list[View] = field(default_factory=list[View])

    def through(self, lane: Lane, script: Script) -> ScriptedBackend:
        """A backend whose calls are remembered."""

        async def reply(view: View, request: Request) -> Reply:
            kind = view.trajectory_id.partition(":")[2]
            told = f"{lane.name}:{kind}" if kind else lane.name
            self.calls.append(told)
            self.views.append(view)
            if self.passing is not None:
                await self.passing(told, view)
            return script(view, request)

        return ScriptedBackend(reply, lane=lane)


def live(
    traffic: Traffic | None = None,
    *,
    home: Script = home_says,
    top: Script = top_says,
    lanes: Sequence[Lane] = (HOME, TOP),
    policy: Policy = GUARDED,
    traces: Path | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> Cascade:
    """A runtime over the two lanes."""
    traffic = traffic or Traffic()
    scripts = {"home": home, "top": top}
    backends = {lane.name: traffic.through(lane, scripts[lane.name]) for lane in lanes}
    return Cascade(
        lanes=lanes,
        backends=backends,
        policy=policy,
        traces=traces,
        clock=clock or TickingClock(),
        rng=random.Random(0),
        **options,
    )
