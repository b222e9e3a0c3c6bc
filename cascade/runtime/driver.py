"""The live driver: does what the controller asks for and appends what came of it."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Self, assert_never

import anyio
from opentelemetry.trace import Span

from cascade import facts
from cascade.backends.base import Backend, Hop
from cascade.controller import CallLane, Record, ResetWorld, RunTools, Stop, Wait, decide
from cascade.conversation import is_redacted
from cascade.errors import BackendError, BackendTimeout, ConfigError
from cascade.events import Consulted, Drafted, Event, Failed, Interrupted
from cascade.exchange import Delta, Draft, Request, Usage
from cascade.fold import fold
from cascade.messages import ToolCall
from cascade.redaction.rehydration import StreamRehydrator
from cascade.rules import NO_RULES, Rules
from cascade.runtime.clock import Clock
from cascade.runtime.exceptions import one_exception
from cascade.runtime.gatekeeper import Gatekeeper
from cascade.runtime.toolbox import run_tool
from cascade.state import State
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
        rules: Rules = NO_RULES,
        reset: Callable[[], Awaitable[None]] | None = None,
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
        self._rules = rules
        self._reset = reset
        """Brings the world of the task back to how it was at first."""
        self._closed = False
        """Whether nothing more may be appended: the log has its last word, or cannot be written."""
        self._said = False
        """Whether the listener was given text of the call under way."""
        self._span: Span | None = None
        """The trajectory's, while it runs."""

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
        if self._span is not None:
            self._telemetry.recorded(self._span, event, self.state)

    async def run(self) -> State:
        """Goes on until the trajectory is over.

        A cancelled run leaves a log that says so, with what the call under way had used, and can
        be resumed from it.
        """
        span = self._span = self._telemetry.trajectory(self.state.head())
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
            action = decide(self.state, self._clock.utc(), self._rules)
            match action:
                case Record():
                    self.append(action.event)
                case CallLane():
                    await self._call(action, span)
                case RunTools():
                    await self._run_tools(action, span)
                case ResetWorld():
                    await self._restart()
                case Wait():
                    wait = action.until - self._clock.utc()
                    await self._clock.sleep(wait.total_seconds())
                case Stop():
                    return
                case _:
                    assert_never(action)

    async def _restart(self) -> None:
        if self._reset is None:
            raise ConfigError(
                "the policy begins the task anew, and there is no `reset` that would bring its "
                "world back: pass the one that the trajectory was started with"
            )
        await self._reset()
        self.append(facts.restarted(self.state, self._clock.utc()))

    async def _call(self, action: CallLane, parent: Span) -> None:
        span = self._telemetry.call(parent, action, self.state)
        began = self._clock.monotonic()
        listens = self._on_delta is not None and action.purpose == "draft"
        request = replace(action.request, stream=True) if listens else action.request
        event: Drafted | Consulted | Failed | Interrupted | None = None
        hop: Hop | None = None
        self._said = False
        try:
            # Inside, so that a call that hangs counts against its lane.
            async with self._gatekeeper.call(action.lane, action.view, request) as admitted:
                request = _shortened(request, admitted.waited_s)
                with _limited(request) as scope:
                    async with self._backends[action.lane.name].call(action.view, request) as hop:
                        await self._listen(hop, action)
                        scope.deadline = math.inf  # the draft is there and will not be thrown away
                        admitted.served(hop.draft.usage)
                        event = self._came(hop.draft)
                        self.append(event)
                if scope.cancelled_caught:
                    message = f"no answer {GRACE_S:g} s after its deadline"
                    raise BackendTimeout(message, backend=action.lane.backend)  # noqa: TRY301 - to record it like one of the backend's own
        except BaseException as error:
            if event is not None:
                raise
            usage = Usage() if hop is None else hop.usage
            if not isinstance(error, BackendError):
                event = facts.interrupted(
                    self.state, self._clock.utc(), usage=usage, said=self._said
                )
                self.append(event)
                raise
            event = facts.failed(self.state, error, self._clock.utc(), usage=usage, said=self._said)
            self.append(event)
        finally:
            self._telemetry.end_call(span, action.lane, event, self._clock.monotonic() - began)

    def _came(self, draft: Draft) -> Drafted | Consulted:
        decision, _ = facts.outstanding(self.state)
        problem = None
        if self._check is not None and decision.purpose == "draft":
            problem = self._check(draft)
        return facts.came(
            self.state,
            draft,
            self._clock.utc(),
            problem=problem,
            said=self._said,
            rules=self._rules,
        )

    async def _listen(self, hop: Hop, action: CallLane) -> None:
        deltas = aiter(hop)
        tell = self._on_delta if action.purpose == "draft" else None
        words: StreamRehydrator | None = None
        if self.state.head().policy.redaction.enabled and is_redacted(self.state, action.lane):
            words = StreamRehydrator(self.state.vault)
        try:
            async for delta in deltas:
                if tell is not None:
                    self._said = self._said or bool(delta.text)
                    tell(delta if words is None else replace(delta, text=words.feed(delta.text)))
            if tell is not None and words is not None and (rest := words.end()):
                tell(Delta(text=rest, tokens=0))
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
