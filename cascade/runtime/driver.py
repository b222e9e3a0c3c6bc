"""The live driver: does what the controller asks for and appends what came of it."""

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Self, assert_never

import anyio
from opentelemetry.trace import Span

from cascade import facts
from cascade.backends.base import Backend, Hop
from cascade.controller import CallLane, Record, RunTools, Stop, Wait, decide
from cascade.errors import BackendError, BackendTimeout
from cascade.events import Drafted, Event, Failed, Interrupted
from cascade.exchange import Delta, Draft, Request, Usage
from cascade.messages import ToolCall
from cascade.runtime.clock import Clock
from cascade.runtime.exceptions import one_exception
from cascade.runtime.gatekeeper import Gatekeeper
from cascade.runtime.toolbox import run_tool
from cascade.state import State, fold
from cascade.telemetry import Telemetry
from cascade.tools import Tool

__all__ = ["Driver", "Surroundings"]

_LAST_WORDS = frozenset({"interrupted", "finished"})

GRACE_S = 5.0
"""What a backend may take beyond a call's deadline to end it with what it has, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all trajectories of a runtime share."""

    backends: Mapping[str, Backend]
    """By lane name."""
    clock: Clock
    telemetry: Telemetry
    gatekeeper: Gatekeeper
    threads: anyio.CapacityLimiter | None = None
    """For sync tools; without a limit, as waiting for a thread would count as running time."""


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
        check: Callable[[Draft], str | None] | None = None,
    ) -> None:
        self.state = state
        self._backends = surroundings.backends
        self._clock = surroundings.clock
        self._telemetry = surroundings.telemetry
        self._gatekeeper = surroundings.gatekeeper
        self._threads = surroundings.threads
        self._tools = tools
        self._sinks = sinks
        self._on_delta = on_delta
        self._check = check
        """Says what is wrong with a draft that is well formed, in words for the model."""
        self._closed = False
        """Whether nothing more may be appended: the log has its last word, or cannot be written."""
        self._said = False
        """Whether the listener was given text of the call under way."""

    def append(self, event: Event) -> None:
        """Makes *event* part of the log.

        After the log's last word nothing more is, nor after an event that could not be written:
        what a call beside it still has to say would follow a torn line, or repeat its number.

        Raises:
            TraceError: It could not be written.
        """
        if self._closed:
            return
        try:
            for sink in self._sinks:
                sink(event)
        except BaseException:
            self._closed = True
            raise
        self.state = fold(self.state, event)
        self._closed = event.kind in _LAST_WORDS

    async def run(self) -> State:
        """Goes on until the trajectory is over.

        A cancelled run leaves a log that says so, with what the call under way had used, and can
        be resumed from it.
        """
        span = self._telemetry.trajectory(self.state.head())
        try:
            await self._loop(span)
        except BaseException:
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
                case Wait():
                    wait = action.until - self._clock.utc()
                    await self._clock.sleep(wait.total_seconds())
                case Stop():
                    return
                case _:
                    assert_never(action)

    async def _call(self, action: CallLane, parent: Span) -> None:
        span = self._telemetry.call(parent, action, self.state)
        began = self._clock.monotonic()
        request = action.request if self._on_delta is None else replace(action.request, stream=True)
        event: Drafted | Failed | Interrupted | None = None
        hop: Hop | None = None
        self._said = False
        try:
            # Inside, so that a call that hangs counts against its lane.
            async with self._gatekeeper.call(action.lane, action.view, request) as admitted:
                request = _shortened(request, admitted.waited_s)
                with _limited(request) as scope:
                    async with self._backends[action.lane.name].call(action.view, request) as hop:
                        await self._listen(hop)
                        scope.deadline = math.inf  # the draft is there and will not be thrown away
                        admitted.served(hop.draft.usage)
                        event = self._drafted(hop.draft)
                        self.append(event)
                if scope.cancelled_caught:
                    message = f"no answer {GRACE_S:g} s after its deadline"
                    raise BackendTimeout(message, backend=action.lane.backend)  # noqa: TRY301 - to record it like one of the backend's own
        except BaseException as error:
            if event is not None:
                raise
            usage = Usage() if hop is None else hop.usage
            if not isinstance(error, BackendError):
                event = facts.interrupted(self.state, self._clock.utc(), usage=usage)
                self.append(event)
                raise
            event = facts.failed(self.state, error, self._clock.utc(), usage=usage, said=self._said)
            self.append(event)
        finally:
            self._telemetry.end_call(span, action.lane, event, self._clock.monotonic() - began)

    def _drafted(self, draft: Draft) -> Drafted:
        problem = None if self._check is None else self._check(draft)
        return facts.drafted(self.state, draft, self._clock.utc(), problem=problem)

    async def _listen(self, hop: Hop) -> None:
        deltas = aiter(hop)
        try:
            async for delta in deltas:
                if self._on_delta is not None:
                    self._said = self._said or bool(delta.text)
                    self._on_delta(delta)
        except BaseException:
            # A listener that raised leaves a generator in the middle of its work.
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()
            raise

    async def _run_tools(self, action: RunTools, span: Span) -> None:
        """Runs the first call, together with those after it as far as all of them are parallel.

        The rest comes with the next action, so that limits are looked at in between.
        """
        calls = tuple(takewhile(self._may_run_in_parallel, action.calls)) or action.calls[:1]
        # All are marked before the first one runs: in which order a loop starts tasks is its own
        # affair, and the log is not to depend on it.
        for call in calls:
            self.append(facts.tool_started(self.state, call, self._clock.utc()))
        if len(calls) == 1:
            await self._run_tool(calls[0], action.remaining_s, span)
            return
        with one_exception():
            async with anyio.create_task_group() as tasks:
                for call in calls:
                    tasks.start_soon(self._run_tool, call, action.remaining_s, span)

    async def _run_tool(self, call: ToolCall, remaining_s: float | None, parent: Span) -> None:
        side_effect = facts.side_effect_of(self.state, call.name)
        known = call.name in self._tools
        with self._telemetry.tool(parent, call, side_effect, known=known) as span:
            began = self._clock.monotonic()
            run = await run_tool(self._tools, call, remaining_s=remaining_s, threads=self._threads)
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


class _Unlimited:
    """Stands in for a cancel scope where there is no deadline: a scope costs a tenth of a call."""

    deadline = math.inf
    cancelled_caught = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to catch."""


def _limited(request: Request) -> anyio.CancelScope | _Unlimited:
    if request.timeout_s is None:
        return _Unlimited()
    return anyio.move_on_after(request.timeout_s + GRACE_S)


def _shortened(request: Request, waited_s: float) -> Request:
    """The request with what is left of its time."""
    if request.timeout_s is None or not waited_s:
        return request
    return replace(request, timeout_s=max(request.timeout_s - waited_s, 0.0))
