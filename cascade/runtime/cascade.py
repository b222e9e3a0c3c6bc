"""The runtime: many trajectories at once over one ladder of lanes."""

import math
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
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
from cascade.backends.base import Backend
from cascade.credentials import Credential
from cascade.errors import ConfigError
from cascade.events import Event, Started
from cascade.exchange import Delta
from cascade.lanes import Capabilities, Lane, Prices
from cascade.messages import Content
from cascade.policy import Policy
from cascade.runtime.beginning import Commission, started
from cascade.runtime.clock import Clock, SystemClock
from cascade.runtime.driver import Driver, Surroundings
from cascade.runtime.gatekeeper import Gatekeeper
from cascade.runtime.ladder import check_ladder
from cascade.runtime.opening import open_lanes
from cascade.runtime.recording import new_recorder
from cascade.runtime.result import Result
from cascade.runtime.resumable import check_resumable
from cascade.runtime.streaming import CLOSE_S, streamed
from cascade.runtime.structured import problem_with
from cascade.state import EMPTY, State
from cascade.telemetry import Telemetry
from cascade.tools import Tool, as_tools
from cascade.traces.record import Recorder, Trace, read_trace

__all__ = ["BUNDLED_LANE", "Cascade"]

BUNDLED_LANE = Lane(
    name="local",
    backend="llama_cpp",
    model="bundled:desk",
    locality="local",
    capabilities=Capabilities(log_probabilities=True, grammar=True),
    max_output_tokens=256,
    prices=Prices.free(),
)
"""The small model that ships with the package, in this process."""

Tools = Iterable[Tool | Callable[..., Any]]


class Cascade:
    """Runs trajectories.

    Use it as an async context manager: entering opens the lanes (models are loaded, errors in
    them show), leaving stops open streams and gives everything back. Runs of other tasks have to
    be over by then: put their task group inside the block.

    Args:
        lanes: The ladder; the bundled local model by default.
        backends: Ready backends by lane name, for lanes that the package cannot open by itself.
        credentials: Where keys come from, by lane name; a lane without an entry looks into its
            provider's usual variable. A lane whose key is missing is left out with a warning.
        policy: What trajectories may spend and how they are run, unless a run says otherwise.
        traces: Folder in which each trajectory is recorded; `None` records nothing.
        record_content: Whether recorded trajectories hold what was said. Without it they cannot
            be resumed.
        fsync: Whether each recorded event is on the disk before the run goes on.
        max_trajectories: How many run at once; further ones wait for their turn.
        clock: Where the time comes from.
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
        self._backends = {
            lane.name: given.get(lane.name) or backend_for(lane, keys.get(lane.name))
            for lane in lanes
        }
        self._lanes: tuple[Lane, ...] = ()
        self._traces = None if traces is None else Path(traces)
        self._record_content = record_content
        self._fsync = fsync
        self._clock = clock or SystemClock()
        self._rng = rng or random.SystemRandom()
        self._surroundings = Surroundings(
            backends=self._backends,
            clock=self._clock,
            telemetry=Telemetry(tracer_provider, meter_provider, trace_content),
            gatekeeper=Gatekeeper(self._clock),
        )
        self._max_trajectories = max_trajectories
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
            opened = await open_lanes(self._backends, home=self._policy.home_lane)
            self._tasks = await anyio.create_task_group().__aenter__()
        except BaseException:
            self._entered = False
            await self._close_backends()
            raise
        self._lanes = opened
        self._places = anyio.Semaphore(self._max_trajectories)
        self._surroundings = replace(
            self._surroundings,
            backends={lane.name: self._backends[lane.name] for lane in opened},
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
            await self._close_backends()
            self._entered = False

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
        on_event: Callable[[Event], None] | None = None,
        on_delta: Callable[[Delta], None] | None = None,
    ) -> Result:
        """Goes on with a recorded trajectory, in its own file.

        A tool call whose result was not recorded is run again if it is a `read`; of any other the
        model is told that it was interrupted. A finished trajectory is returned as it is.

        Args:
            trace: The recorded trajectory or its file.
            tools: The same tools as before.
            response_format: The same form of the answer as before.
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
        check_resumable(
            state,
            tools=made,
            lanes=self._lanes,
            response_format=response_format,
            path=trace.path,
        )
        async with place:
            return await self._drive(
                state,
                facts.resumed(state, self._clock.utc()),
                tools=made,
                response_format=response_format,
                recorder=None if trace.path is None else Recorder.reopen(trace, fsync=self._fsync),
                on_event=on_event,
                on_delta=on_delta,
            )

    async def stream(
        self,
        task: str | Sequence[Content],
        *,
        tools: Tools = (),
        system: str | None = None,
        response_format: type[BaseModel] | None = None,
        policy: Policy | None = None,
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
            # Made when its turn has come: waiting for it is not running time.
            first = started(
                commission,
                policy=self._policy,
                lanes=self._lanes,
                clock=self._clock,
                rng=self._rng,
                content=self._record_content,
            )
            return await self._drive(
                EMPTY,
                first,
                tools=commission.tools,
                response_format=commission.response_format,
                recorder=new_recorder(self._traces, first, fsync=self._fsync),
                on_event=on_event,
                on_delta=on_delta,
            )

    async def _drive(
        self,
        state: State,
        first: Event,
        *,
        tools: Sequence[Tool],
        response_format: type[BaseModel] | None,
        recorder: Recorder | None,
        on_event: Callable[[Event], None] | None,
        on_delta: Callable[[Delta], None] | None,
    ) -> Result:
        head = first if isinstance(first, Started) else state.head()
        sinks = [] if recorder is None else [recorder.append]
        sinks += [] if on_event is None else [on_event]
        driver = Driver(
            state,
            surroundings=self._surroundings,
            tools={tool.name: tool for tool in tools},
            sinks=sinks,
            on_delta=on_delta,
            check=None if response_format is None else partial(problem_with, response_format),
        )
        try:
            driver.append(first)
            final = await driver.run()
        finally:
            if recorder is not None:
                recorder.close()
            for backend in self._surroundings.backends.values():
                backend.release(head.trajectory_id)
        return Result.of(final, None if recorder is None else recorder.path, response_format)

    def _place(self) -> anyio.Semaphore:
        if self._places is None:
            raise _not_entered()
        return self._places

    async def _close_backends(self) -> None:
        with anyio.move_on_after(CLOSE_S, shield=True):
            for backend in self._backends.values():
                await backend.aclose()


def _not_entered() -> ConfigError:
    return ConfigError("the runtime is not open: use `async with Cascade(...) as cascade:`")
