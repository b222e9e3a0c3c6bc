"""The live driver: does what the controller asks for and appends what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import anyio
from opentelemetry.trace import Span

from cascade import facts
from cascade.backends.base import Backend, Hop
from cascade.controller import CallLane, Record, RunTools, Stop, decide
from cascade.errors import BackendError, BackendRefused
from cascade.events import Drafted, Event, Failed, Finished, Interrupted
from cascade.exchange import Delta, Usage
from cascade.messages import ToolCall
from cascade.runtime.clock import Clock
from cascade.runtime.exceptions import one_exception
from cascade.runtime.toolbox import run_tool
from cascade.state import State, fold
from cascade.telemetry import Telemetry
from cascade.tools import Tool

__all__ = ["Driver", "Surroundings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all trajectories of a runtime share."""

    backends: Mapping[str, Backend]
    """By lane name."""
    clock: Clock
    telemetry: Telemetry


class Driver:
    """Drives one trajectory to its end.

    Every event is written before anything follows from it: first to the sinks (the recorder comes
    first among them), then into the state.
    """

    def __init__(
        self,
        state: State,
        *,
        surroundings: Surroundings,
        tools: Mapping[str, Tool],
        sinks: Sequence[Callable[[Event], None]] = (),
        on_delta: Callable[[Delta], None] | None = None,
    ) -> None:
        self.state = state
        self._backends = surroundings.backends
        self._clock = surroundings.clock
        self._telemetry = surroundings.telemetry
        self._tools = tools
        self._sinks = sinks
        self._on_delta = on_delta
        self._closed = False
        """Whether nothing more may be appended: the log has its last word, or cannot be written."""

    def append(self, event: Event) -> None:
        """Makes *event* part of the log.

        Raises:
            TraceError: It could not be written.
        """
        try:
            for sink in self._sinks:
                sink(event)
        except BaseException:
            self._closed = True
            raise
        self.state = fold(self.state, event)
        self._closed = isinstance(event, Interrupted | Finished)

    async def run(self) -> State:
        """Goes on until the trajectory is over.

        A cancelled run leaves a log that says so, with what the call under way had used, and can
        be resumed from it.
        """
        span = self._telemetry.trajectory(self.state.head())
        try:
            await self._loop(span)
        except BaseException:
            if not self._closed:
                self.append(facts.interrupted(self.state, self._clock.utc(), usage=None))
            raise
        finally:
            self._telemetry.end_trajectory(span, self.state)
        return self.state

    async def _loop(self, span: Span) -> None:
        while True:
            action = decide(self.state, self._clock.utc())
            match action:
                case Record():
                    self.append(action.event)
                case CallLane():
                    await self._call(action, span)
                case RunTools():
                    await self._run_tools(action, span)
                case Stop():
                    return

    async def _call(self, action: CallLane, parent: Span) -> None:
        span = self._telemetry.call(parent, action, self.state)
        began = self._clock.monotonic()
        event: Drafted | Failed | Interrupted | None = None
        hop: Hop | None = None
        try:
            async with self._backends[action.lane.name].call(action.view, action.request) as hop:
                async for delta in hop:
                    if self._on_delta is not None:
                        self._on_delta(delta)
                event = facts.drafted(self.state, hop.draft, self._clock.utc())
                self.append(event)
        except BaseException as error:
            if event is not None:
                raise
            usage = Usage() if hop is None else hop.usage
            if not isinstance(error, BackendError):
                event = facts.interrupted(self.state, self._clock.utc(), usage=usage)
                self.append(event)
                raise
            retryable = not isinstance(error, BackendRefused)
            event = facts.failed(
                self.state, error, self._clock.utc(), usage=usage, retryable=retryable
            )
            self.append(event)
        finally:
            self._telemetry.end_call(span, action.lane, event, self._clock.monotonic() - began)

    async def _run_tools(self, action: RunTools, span: Span) -> None:
        """Runs the calls in order; neighbours that may run in parallel do."""
        for parallel, group in groupby(action.calls, self._may_run_in_parallel):
            calls = tuple(group)
            if not parallel or len(calls) == 1:
                for call in calls:
                    await self._run_tool(call, action.remaining_s, span)
                continue
            with one_exception():
                async with anyio.create_task_group() as tasks:
                    for call in calls:
                        tasks.start_soon(self._run_tool, call, action.remaining_s, span)

    async def _run_tool(self, call: ToolCall, remaining_s: float | None, parent: Span) -> None:
        started = facts.tool_started(self.state, call, self._clock.utc())
        self.append(started)
        with self._telemetry.tool(parent, call, started.side_effect) as span:
            began = self._clock.monotonic()
            run = await run_tool(self._tools, call, remaining_s=remaining_s)
            finished = facts.tool_finished(
                self.state,
                run.result,
                self._clock.utc(),
                outcome=run.outcome,
                duration_s=self._clock.monotonic() - began,
                omitted_characters=run.omitted_characters,
            )
            self.append(finished)
            self._telemetry.end_tool(span, finished)

    def _may_run_in_parallel(self, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        return tool is not None and tool.spec.parallel
