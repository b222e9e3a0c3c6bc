"""A small world with tools, a script that works in it, and a runtime over both."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio.lowlevel import checkpoint

from cascade import Cascade, Policy, Tool, tool
from cascade.backends.scripted import Reply, Script, ScriptedBackend, calling
from cascade.exchange import Request, View
from cascade.lanes import Lane, Prices
from cascade.runtime import Clock, TickingClock
from cascade.state import State

__all__ = ["SCRIPT", "TASK", "World", "ending", "in_order", "priced_lane", "runtime", "snapshot"]

TASK = "Look a, b and c up, store d, and answer."

SCRIPT: tuple[Reply, ...] = (
    calling(("look_up", {"key": "a"}), text="First a."),
    calling(("look_up", {"key": "b"}), ("look_up", {"key": "c"})),
    calling(("store", {"key": "d", "value": 4})),
    "the answer",
)


class World:
    """Remembers what was done to it."""

    def __init__(self, passing: Callable[[], None] = lambda: None) -> None:
        self.looked_up: list[str] = []
        self.stored: list[str] = []
        self._passing = passing
        """Called at each point of interest inside a tool."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        return (self._look_up(), self._store())

    def _look_up(self) -> Tool:
        @tool(side_effect="read", parallel=True)
        async def look_up(key: str) -> str:
            """Looks a value up."""
            self._passing()
            await checkpoint()
            self.looked_up.append(key)
            return f"the value of {key}"

        return look_up

    def _store(self) -> Tool:
        @tool(side_effect="write")
        async def store(key: str, value: int) -> str:
            """Stores a value."""
            self._passing()
            await checkpoint()
            self.stored.append(key)
            self._passing()
            await checkpoint()
            return f"stored {value}"

        return store


def priced_lane(**changes: Any) -> Lane:
    """A lane whose every token costs something."""
    lane = Lane(
        name="scripted",
        backend="scripted",
        model="script",
        locality="local",
        prices=Prices.model_validate(
            {"input_usd": 1, "output_usd": 10, "cache_read_usd": 0, "cache_write_usd": 0}
        ),
    )
    return lane.model_copy(update=changes)


def runtime(
    script: Script = SCRIPT,
    *,
    traces: Path | None = None,
    lane: Lane | None = None,
    clock: Clock | None = None,
    policy: Policy | None = None,
    **options: Any,
) -> Cascade:
    """A runtime that gives the same log each time it runs the same thing."""
    backend = ScriptedBackend(script, lane=lane or priced_lane())
    return Cascade(
        lanes=[backend.lane],
        backends={backend.lane.name: backend},
        traces=traces,
        clock=clock or TickingClock(),
        rng=random.Random(0),
        policy=policy,
        **options,
    )


def in_order(*replies: Reply) -> Script:
    """A script that counts model calls and not positions, for steps that are drafted twice."""
    waiting = iter(replies)

    def reply(_view: View, _request: Request) -> Reply:
        return next(waiting)

    return reply


def ending(state: State) -> Mapping[str, object]:
    """What two runs that came to the same end have in common, however often they were resumed."""
    return {
        "outcome": state.outcome,
        "answer": None if state.finished is None else state.finished.answer,
        "steps": state.steps_done,
        "step": state.step,
        "tool_calls": state.tool_calls,
        "transcript": snapshot(state.transcript),
    }


def snapshot(transcript: Sequence[Any]) -> list[object]:
    """The messages without the ids of their calls, which count model calls."""
    said: list[object] = []
    for message in transcript:
        dumped = message.model_dump()
        for part in dumped["parts"]:
            part.pop("id", None)
            part.pop("call_id", None)
        said.append(dumped)
    return said
