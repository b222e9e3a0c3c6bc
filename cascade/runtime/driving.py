"""One run of a trajectory, from its first step or a later one on, with its record."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel

from cascade.consulting import consulting_ids
from cascade.events import Event, Started
from cascade.exchange import Delta
from cascade.rules import Rules
from cascade.runtime.driver import Driver, Surroundings
from cascade.runtime.result import Result
from cascade.runtime.structured import problem_with
from cascade.state import State
from cascade.tools import Tool
from cascade.traces.record import Recorder

__all__ = ["Errand", "drive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What belongs to one run of a trajectory and is not in its log.

    Attributes:
        tools: What the models may call.
        response_format: What the final answer is to be one of.
        recorder: Where events are written; closed at the end.
        on_event: Called with each event when it has been recorded.
        on_delta: Called with each piece of text as it is generated.
        reset: Brings the world of the task back to how it was at first.
    """

    tools: Sequence[Tool]
    response_format: type[BaseModel] | None
    recorder: Recorder | None
    on_event: Callable[[Event], None] | None
    on_delta: Callable[[Delta], None] | None
    reset: Callable[[], Awaitable[None]] | None


async def drive(
    state: State, first: Event, errand: Errand, *, surroundings: Surroundings, rules: Rules
) -> Result:
    """Runs a trajectory to its end.

    Args:
        state: Before *first*.
        first: The event with which it begins or goes on.
        errand: What else belongs to the run.
        surroundings: What it shares with others.
        rules: Those of its policy.

    Raises:
        TraceError: It cannot be recorded.
    """
    head = first if isinstance(first, Started) else state.head()
    recorder, form = errand.recorder, errand.response_format
    sinks = [] if recorder is None else [recorder.append]
    sinks += [] if errand.on_event is None else [errand.on_event]
    driver = Driver(
        state,
        surroundings=surroundings,
        tools={tool.name: tool for tool in errand.tools},
        sinks=sinks,
        on_delta=errand.on_delta,
        check=None if form is None else partial(problem_with, form),
        rules=rules,
        reset=errand.reset,
    )
    try:
        driver.append(first)
        final = await driver.run()
    finally:
        if recorder is not None:
            recorder.close()
        consultations = consulting_ids(head.trajectory_id) if len(head.lanes) > 1 else ()
        views = (head.trajectory_id, *consultations)
        for backend in surroundings.backends.values():
            for one in views:
                backend.release(one)
    return Result.of(final, None if recorder is None else recorder.path, form)
