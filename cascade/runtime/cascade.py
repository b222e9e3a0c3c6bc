"""The runtime: many trajectories at once over one ladder of lanes."""

import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from pydantic import BaseModel, JsonValue

from cascade import facts
from cascade.backends import backend_for
from cascade.backends.absent import AbsentBackend
from cascade.backends.base import Backend
from cascade.credentials import Credential
from cascade.errors import ConfigError
from cascade.events import Event, Started
from cascade.evidence import rules_of
from cascade.exchange import Delta
from cascade.lanes import Lane
from cascade.messages import Content
from cascade.policy import Policy
from cascade.rules import Rules
from cascade.runtime.beginning import Commission, started
from cascade.runtime.bundled import BUNDLED_LANE
from cascade.runtime.clock import Clock, SystemClock
from cascade.runtime.driver import Surroundings
from cascade.runtime.driving import Errand, drive
from cascade.runtime.gatekeeper import Gatekeeper, gatekeeper_for
from cascade.runtime.ladder import check_ladder
from cascade.runtime.measuring import Measurements
from cascade.runtime.opening import close_lanes, open_lanes
from cascade.runtime.recording import new_recorder
from cascade.runtime.result import Result
from cascade.runtime.resumable import check_resumable
from cascade.runtime.streaming import streamed
from cascade.state import EMPTY, State
from cascade.telemetry import Telemetry
from cascade.tools import Tool, as_tools
from cascade.traces.record import Recorder, Trace, read_trace

__all__ = ["Cascade"]

Tools = Iterable[Tool | Callable[..., Any]]


class Cascade:
    """Runs trajectories.

    An async context manager: entering opens the lanes (models are loaded, errors in them show),
    leaving stops open streams and gives everything back. Put other runs' task groups inside it.

    Args:
        lanes: The ladder; the bundled local model by default.
        backends: Ready ones by lane name, for lanes that the package cannot open by itself.
        credentials: Where keys come from, by lane name; a lane without an entry looks into its
            provider's usual variable. A lane whose key is missing is left out with a warning.
        policy: How trajectories are run, unless a run says otherwise.
        traces: Folder in which each trajectory is recorded; `None` records nothing.
        record_content: Whether they hold what was said; without it they cannot be resumed.
        fsync: Whether each recorded event is on the disk before the run goes on.
        max_trajectories: How many run at once; further ones wait for their turn.
        clock: Where the time comes from.
        gatekeeper: Makes lanes rest after failures and keeps rate limits; by default one for all
            runtimes on an event loop that go by the machine's clock.
        rng: Where identities and seeds come from that the caller did not give.
        tracer_provider: Where spans go; the application's global provider by default.
        meter_provider: Where metrics go; the application's global provider by default.
        trace_content: Whether spans hold what was said.
    """

    def __init__(
        self,
        *,
        lanes: Sequence[Lane] = (BUNDLED_LANE,),
        backends: Mapping[str, Backend] | None = None,
        credentials: Mapping[str, Credential] | None = None,
        policy: Policy | None = None,
        traces: Path | str | None = None,
        record_content: bool = True,
        fsync: bool = False,
        max_trajectories: int = 64,
        clock: Clock | None = None,
        gatekeeper: Gatekeeper | None = None,
        rng: random.Random | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        trace_content: bool = False,
    ) -> None:
        self._policy = policy or Policy()
        given = backends or {}
        check_ladder(lanes, home=self._policy.home_lane, backends=given)
        if max_trajectories < 1:
            raise ConfigError(f"max_trajectories is {max_trajectories}; at least 1 has to run")
        keys = credentials or {}
        self._ladder = tuple(lanes)
        self._backends = {
            lane.name: given.get(lane.name) or backend_for(lane, keys.get(lane.name))
            for lane in self._ladder
        }
        self._lanes: tuple[Lane, ...] = ()
        self._traces = None if traces is None else Path(traces)
        self._record_content = record_content
        self._fsync = fsync
        self._clock = clock or (SystemClock() if gatekeeper is None else gatekeeper.clock)
        self._gatekeeper = gatekeeper
        if gatekeeper is not None and gatekeeper.clock is not self._clock:
            raise ConfigError("the gatekeeper goes by another clock: give one clock to both")
        self._rng = rng or random.SystemRandom()
        self._telemetry = Telemetry(tracer_provider, meter_provider, trace_content)
        self._surroundings: Surroundings | None = None
        self._max_trajectories = max_trajectories
        self._measurements = Measurements()
        self._rules_made: dict[str, Rules] = {}
        self._rules(self._policy)
        self._places: anyio.Semaphore | None = None
        self._tasks: TaskGroup | None = None
        self._entered = False

    @classmethod
    def from_config(cls, path: Path | str | None = None, **overrides: Any) -> Self:
        """A runtime as a configuration file describes it, environment variables included.

        Args:
            path: The file; by default the one that `CASCADE_CONFIG` names, else `cascade.toml` in
                the current folder, else the bundled local model alone.
            overrides: Arguments of the class; they count more than the file.

        Raises:
            ConfigError: The file or a variable must be changed; all faults are listed.
        """
        # Reading files is not what most programs do that import the runtime.
        configured = import_module("cascade.config").load(path)
        given: dict[str, Any] = {} if configured is None else configured.runtime_arguments()
        return cls(**(given | overrides))

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigError("the runtime is open already: enter it once and share it")
        self._entered = True
        try:
            opened = await open_lanes(self._ladder, self._backends, home=self._policy.home_lane)
            gatekeeper = (self._gatekeeper or gatekeeper_for(self._clock)).for_runtime(opened)
            self._tasks = await anyio.create_task_group().__aenter__()
        except BaseException:
            self._entered = False
            await close_lanes(self._backends, raising=False)
            raise
        self._lanes = opened
        self._places = anyio.Semaphore(self._max_trajectories)
        self._surroundings = Surroundings(
            backends={lane.name: self._backends[lane.name] for lane in opened},
            clock=self._clock,
            telemetry=self._telemetry,
            gatekeeper=gatekeeper,
            threads=anyio.CapacityLimiter(math.inf),
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks, self._tasks, self._places = self._tasks, None, None
        try:
            if tasks is not None:
                # Streams that nobody reads any more are stopped. The caller's exception is kept
                # out of the group, so that it leaves this block as it is and not wrapped.
                tasks.cancel_scope.cancel()
                await tasks.__aexit__(None, None, None)
        finally:
            self._entered = False
            await close_lanes(self._backends, raising=exc is None)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The ladder as it was opened, with what the models told about themselves."""
        return self._lanes

    async def run(
        self,
        task: str | Sequence[Content],
        *,
        tools: Tools = (),
        system: str | None = None,
        response_format: type[BaseModel] | None = None,
        policy: Policy | None = None,
        data_classes: Iterable[str] = (),
        reset: Callable[[], Awaitable[None]] | None = None,
        seed: int | None = None,
        trajectory_id: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_delta: Callable[[Delta], None] | None = None,
    ) -> Result:
        """Runs one task to its end.

        Args:
            task: What is to be done, in the user's words, or in words and pictures.
            tools: What the models may call: tools, or plain typed functions.
            system: Text that stands before the conversation.
            response_format: A pydantic model that the final answer is to be one of; each lane is
                held to it by the best means that it has, and `Result.parsed` is the instance.
            policy: Instead of the runtime's.
            data_classes: Classes of data that the task holds; lanes that may not see them are left
                out, and where none is left a person has to look at it.
            reset: Brings the world of the task back to how it was at first; a policy that begins a
                stuck task anew on a higher lane needs it.
            seed: Decides everything random; chosen and recorded where it is left out.
            trajectory_id: Its identity and the name of its file; made where it is left out.
            metadata: The caller's own labels, recorded at the head of the trajectory.
            on_event: Called with each event when it has been recorded.
            on_delta: Called with each piece of text as it is generated.

        Raises:
            ConfigError: Something about the call must change.
            TraceError: The trajectory cannot be recorded.
        """
        commission = Commission(
            task=task,
            tools=as_tools(tools),
            system=system,
            response_format=response_format,
            policy=policy,
            data_classes=tuple(data_classes),
            reset=reset,
            seed=seed,
            trajectory_id=trajectory_id,
            metadata=metadata,
        )
        return await self._run(commission, on_event, on_delta=on_delta)

    async def resume(
        self,
        trace: Trace | Path | str,
        *,
        tools: Tools = (),
        response_format: type[BaseModel] | None = None,
        accept_changed_lanes: bool = False,
        reset: Callable[[], Awaitable[None]] | None = None,
        on_event: Callable[[Event], None] | None = None,
        on_delta: Callable[[Delta], None] | None = None,
    ) -> Result:
        """Goes on with a recorded trajectory, in its own file.

        A tool call whose result was not recorded is run again if it is a `read`; of any other the
        model is told that it was interrupted. A finished trajectory is returned as it is.

        A lane that only stands in for others may be missing; it is left out with a warning.

        Args:
            trace: The recorded trajectory or its file.
            tools: The same tools as before.
            response_format: The same form of the answer as before.
            accept_changed_lanes: Whether a lane may be another model by now, or at another server
                or account; its calls are priced as recorded. Where its data may go stays the same.
            reset: As before.
            on_event: Called with each new event.
            on_delta: Called with each piece of text as it is generated.

        Raises:
            ConfigError: A tool, a lane or the form of the answer that the trajectory uses is
                missing, or is another one.
            TraceError: The trace cannot be continued, or another run is writing it.
        """
        if not isinstance(trace, Trace):
            trace = await anyio.to_thread.run_sync(read_trace, Path(trace))
        state = trace.state()
        if state.finished is not None:
            return Result.of(state, trace.path, response_format)
        made = as_tools(tools)
        place = self._place()
        absent = check_resumable(
            state,
            tools=made,
            lanes=self._lanes,
            response_format=response_format,
            path=trace.path,
            accept_changed_lanes=accept_changed_lanes,
        )
        async with place:
            self._rules(state.head().policy)
            first = facts.resumed(state, self._clock.utc())
            errand = Errand(
                tools=made,
                response_format=response_format,
                recorder=None if trace.path is None else Recorder.reopen(trace, fsync=self._fsync),
                on_event=on_event,
                on_delta=on_delta,
                reset=reset,
            )
            return await self._drive(state, first, errand, absent=absent)

    async def stream(
        self,
        task: str | Sequence[Content],
        *,
        tools: Tools = (),
        system: str | None = None,
        response_format: type[BaseModel] | None = None,
        policy: Policy | None = None,
        data_classes: Iterable[str] = (),
        reset: Callable[[], Awaitable[None]] | None = None,
        seed: int | None = None,
        trajectory_id: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        on_delta: Callable[[Delta], None] | None = None,
    ) -> AsyncGenerator[Event]:
        """Runs one task and yields its events as they happen; the last one is `finished`.

        Leaving the loop early stops the trajectory; close the iterator (`contextlib.aclosing`) to
        be sure that it has stopped and can be resumed. Arguments and errors as for `run`.
        """
        if self._tasks is None:
            raise _not_entered()
        commission = Commission(
            task=task,
            tools=as_tools(tools),
            system=system,
            response_format=response_format,
            policy=policy,
            data_classes=tuple(data_classes),
            reset=reset,
            seed=seed,
            trajectory_id=trajectory_id,
            metadata=metadata,
        )
        run = partial(self._run, commission, on_delta=on_delta)
        events = streamed(self._tasks, run)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _run(
        self,
        commission: Commission,
        on_event: Callable[[Event], None] | None,
        *,
        on_delta: Callable[[Delta], None] | None,
    ) -> Result:
        async with self._place():
            self._rules(commission.policy or self._policy)  # what fails leaves no trace behind
            # Made when its turn has come: waiting for it is not running time.
            first = started(
                commission,
                policy=self._policy,
                lanes=self._measurements.stamped(self._lanes),
                clock=self._clock,
                rng=self._rng,
                content=self._record_content,
            )
            errand = Errand(
                tools=commission.tools,
                response_format=commission.response_format,
                recorder=new_recorder(self._traces, first, fsync=self._fsync),
                on_event=self._measurements.listening(self._lanes, on_event),
                on_delta=on_delta,
                reset=commission.reset,
            )
            return await self._drive(EMPTY, first, errand)

    async def _drive(
        self, state: State, first: Event, errand: Errand, *, absent: Sequence[Lane] = ()
    ) -> Result:
        surroundings = self._surroundings
        if surroundings is None:
            raise _not_entered()
        if absent:
            missing = {lane.name: AbsentBackend(lane) for lane in absent}
            surroundings = replace(surroundings, backends={**surroundings.backends, **missing})
        head = first if isinstance(first, Started) else state.head()
        rules = self._rules(head.policy)
        return await drive(state, first, errand, surroundings=surroundings, rules=rules)

    def _rules(self, policy: Policy) -> Rules:
        """Those of *policy*, made once: they hold nothing of a trajectory."""
        rules = self._rules_made.get(policy.digest)
        if rules is None:
            rules = self._rules_made[policy.digest] = rules_of(policy)
        return rules

    def _place(self) -> anyio.Semaphore:
        if self._places is None:
            raise _not_entered()
        return self._places


def _not_entered() -> ConfigError:
    return ConfigError("the runtime is not open: use `async with Cascade(...) as cascade:`")
