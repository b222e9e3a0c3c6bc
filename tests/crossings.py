"""Trajectories whose every draft may be made on another lane, over simulated providers.

Who chooses the lane is a journey (`journeys`): the controller's decision is given another lane
before it is folded, as a policy would have done. All else is the real thing: views, backends, wire
formats, failover, and providers that refuse what the real ones refuse.
"""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from journeys import TOOLS, Done, Journey, Saying

from cascade import facts
from cascade.backends.anthropic import anthropic_backend
from cascade.backends.base import Backend, Hop
from cascade.backends.openai import openai_backend
from cascade.backends.scripted import ScriptedBackend
from cascade.controller import CallLane, Record, ResetWorld, RunTools, Stop, Wait, decide
from cascade.credentials import Credential
from cascade.errors import BackendError
from cascade.events import Decided, Drafted, Event, Started
from cascade.exchange import Draft, Request, Usage, View
from cascade.fold import fold
from cascade.lanes import ApiMode, Capabilities, Lane, Prices
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.policy import Budget, Escalating, Policy, Retries
from cascade.runtime.structured import output_schema, problem_with
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import Fault
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Conversation, Received
from cascade.simulated.script import Script, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.state import EMPTY, State

__all__ = ["Crossing", "Providers", "crossing", "providers"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

TASK = re.compile(r"task [0-9]+")

FREE = Prices.free()


@dataclass(slots=True)
class Ahead:
    """What the call under way of each trajectory comes to, by the name of its task.

    Set before a call is made and read in the thread of the server that gets it.
    """

    sayings: dict[str, Saying] = field(default_factory=dict[str, Saying])
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])

    def script(self, lane: str) -> Script:
        """The model of a simulated provider."""

        def say(conversation: Conversation) -> Turn:
            return self.sayings[_task_in(conversation.turns[0].text)].turn(lane)

        return say

    def fault(self, received: Received) -> Fault | None:
        """What strikes a request; each fault strikes once."""
        if not self.faults:
            return None
        return self.faults.pop(_task_in(received.body.decode()), None)

    def reply(self, view: View, _request: Request) -> AssistantMessage | Draft:
        """The model in this process."""
        task = view.messages[0]
        assert isinstance(task, UserMessage)
        return self.sayings[_task_in(task.text)].reply()


def _task_in(text: str) -> str:
    found = TASK.search(text)
    assert found is not None, text
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Lanes to everything, open, with the simulations behind them."""

    lanes: tuple[Lane, ...]
    backends: Mapping[str, Backend]
    simulations: Mapping[str, Simulation]
    ahead: Ahead

    @property
    def refusals(self) -> list[str]:
        """What the providers refused, in their words."""
        return [
            f"{name}: {exchange.refusal.message}"
            for name, simulation in self.simulations.items()
            for exchange in simulation.refusals
            if exchange.refusal is not None
        ]


@asynccontextmanager
async def providers() -> AsyncGenerator[Providers]:
    """Serves all wire formats, and opens a lane to each."""
    ahead = Ahead()
    wires = {
        "claude": AnthropicMessages(),
        "gpt": OpenAIResponses(),
        "chat": OpenAIChat(),
    }
    models = {"claude": "claude-opus-5-5", "gpt": "gpt-6.1-sol", "chat": "gpt-4.1"}
    simulations = {
        name: Simulation(wires=[wire], script=ahead.script(name), faults=ahead.fault, keep=2000)
        for name, wire in wires.items()
    }
    with ExitStack() as stack:
        addresses = {
            name: stack.enter_context(served(simulation))
            for name, simulation in simulations.items()
        }
        backends: dict[str, Backend] = {"local": ScriptedBackend(ahead.reply, lane=_local())}
        for name, address in addresses.items():
            lane = _remote(name, models[name], address)
            make = anthropic_backend if name == "claude" else openai_backend
            backends[name] = make(lane, Credential(lane=name, command=("echo", f"key-{name}")))
        try:
            lanes = tuple([await backend.open() for backend in backends.values()])
            yield Providers(lanes=lanes, backends=backends, simulations=simulations, ahead=ahead)
        finally:
            for backend in backends.values():
                await backend.aclose()


def _local() -> Lane:
    capabilities = Capabilities(parallel_tools=True)
    return Lane(
        name="local",
        backend="scripted",
        model="script",
        locality="local",
        capabilities=capabilities,
        prices=FREE,
        fallbacks=("claude", "gpt", "chat"),
    )


def _remote(name: str, model: str, address: str) -> Lane:
    apis: dict[str, tuple[str, str, ApiMode]] = {
        "claude": ("anthropic", "", "messages"),
        "gpt": ("openai", "/v1", "responses"),
        "chat": ("openai", "/v1", "chat_completions"),
    }
    backend, path, api = apis[name]
    others = ("claude", "gpt", "chat")
    return Lane(
        name=name,
        backend=backend,
        model=model,
        tier=1,
        locality="remote",
        endpoint=address + path,
        api=api,
        capabilities=Capabilities(parallel_tools=True, sampling=name == "chat"),
        max_output_tokens=2000,
        fallbacks=(*(other for other in others if other != name), "local"),
        prices=FREE,
    )


@dataclass(slots=True, kw_only=True)
class Crossing:
    """One trajectory and what came of it."""

    journey: Journey
    task: str
    events: list[Event] = field(default_factory=list[Event])
    state: State = EMPTY
    worked: Counter[str] = field(default_factory=Counter[str])
    lanes: list[str] = field(default_factory=list[str])
    """Of the calls, in order."""
    struck: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    """By step and attempt, how many of its faults were sent out."""

    def append(self, event: Event) -> None:
        """Makes an event part of the log."""
        self.state = fold(self.state, event)
        self.events.append(event)

    @property
    def wanted(self) -> Counter[str]:
        """Every piece of work that the journey asks for, once."""
        return self.journey.wanted(self.task)

    @property
    def rejected(self) -> int:
        """Drafts that could not be used."""
        return sum(isinstance(event, Drafted) and not event.accepted for event in self.events)

    @property
    def position(self) -> tuple[int, int]:
        """Step and attempt that the journey is at, from 0."""
        return self.state.steps_done, len(self.state.rejected)

    @property
    def saying(self) -> Saying:
        """What the next draft comes to."""
        return self.journey.saying(self.task, *self.position)

    def next_fault(self) -> Fault | None:
        """What strikes the next call to a provider, once."""
        faults = self.saying.attempt.faults
        number = self.struck.get(self.position, 0)
        if number >= len(faults):
            return None
        self.struck[self.position] = number + 1
        return faults[number]

    def problem(self, draft: Draft) -> str | None:
        """What is wrong with the form of a draft."""
        return problem_with(Done, draft) if self.journey.structured else None


async def crossing(there: Providers, journey: Journey, number: int) -> Crossing:
    """Runs one trajectory to its end; waits take no time.

    Args:
        there: The lanes.
        journey: What is to happen.
        number: The trajectory's own among those that run there.
    """
    made = Crossing(journey=journey, task=f"task {number}")
    made.append(_started(there, made, number))
    now = AT
    while True:
        now = max(now, made.state.at or AT) + SECOND
        action = decide(made.state, now)
        match action:
            case Record():
                made.append(_led(action.event, there, made))
            case CallLane():
                made.lanes.append(action.lane.name)
                await _call(there, action, made, now)
            case RunTools():
                for call in action.calls:
                    _work(call, made, now)
            case Wait():
                now = action.until
            case ResetWorld():
                raise AssertionError("nothing here begins anew")
            case Stop():
                there.ahead.sayings.pop(made.task, None)
                for backend in there.backends.values():
                    backend.release(made.state.head().trajectory_id)
                return made


def _started(there: Providers, made: Crossing, number: int) -> Started:
    retries = Retries(on_a_lane=2, on_a_step=12, first_wait_s=0.1)
    policy = Policy(
        budget=Budget(steps=40),
        max_redrafts=2,
        retries=retries,
        # Which lane drafts what is the journey's affair alone.
        escalation=Escalating(enabled=False),
    )
    return Started(
        seq=1,
        at=AT,
        trajectory_id=f"crossing-{number}",
        task=UserMessage.of(made.task),
        system="Do the work." if made.journey.system else None,
        tools=tuple(TOOLS.values()),
        output=output_schema(Done) if made.journey.structured else None,
        policy=policy,
        policy_digest=policy.digest,
        lanes=there.lanes,
        seed=number,
    )


def _led(event: Event, there: Providers, made: Crossing) -> Event:
    """The event with the lane that the journey wants; what a failed call calls for stays."""
    if not isinstance(event, Decided) or made.state.failures:
        return event
    wanted = made.saying.attempt.lane
    lane = next(lane for lane in there.lanes if lane.name == wanted)
    decision = event.decision.model_copy(update={"lane": lane.name, "model": lane.model})
    return event.model_copy(update={"decision": decision})


async def _call(there: Providers, action: CallLane, made: Crossing, now: datetime) -> None:
    there.ahead.sayings[made.task] = made.saying
    fault = made.next_fault() if action.lane.name in there.simulations else None
    if fault is not None:
        there.ahead.faults[made.task] = fault
    backend = there.backends[action.lane.name]
    hop: Hop | None = None
    try:
        request = replace(action.request, stream=made.journey.streamed)
        async with backend.call(action.view, request) as hop:
            async for _delta in hop:
                pass
            problem = made.problem(hop.draft)
            event: Event = facts.drafted(made.state, hop.draft, now, problem=problem)
    except BackendError as error:
        usage = Usage() if hop is None else hop.usage
        event = facts.failed(made.state, error, now, usage=usage)
    made.append(event)


def _work(call: ToolCall, made: Crossing, now: datetime) -> None:
    made.append(facts.tool_started(made.state, call, now))
    piece = str(call.arguments.get("piece"))
    made.worked[piece] += 1
    result = ToolResult(call_id=call.id, name=call.name, parts=(Text(text=f"{piece} is done"),))
    made.append(facts.tool_finished(made.state, result, now, outcome="ok", duration_s=0.0))
