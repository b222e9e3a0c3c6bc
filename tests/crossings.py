"""Random trajectories whose every step may run on another lane, over simulated providers.

Who chooses the lane is the dice: the controller's decision is given another lane before it is
folded, as a policy would have done. All else is the real thing: views, backends, wire formats,
failover, and providers that refuse what the real ones refuse.
"""

import random
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cascade import facts
from cascade.backends.anthropic import anthropic_backend
from cascade.backends.base import Backend, Hop
from cascade.backends.openai import openai_backend
from cascade.backends.scripted import ScriptedBackend, calling
from cascade.controller import CallLane, Record, RunTools, Stop, Wait, decide
from cascade.credentials import Credential
from cascade.errors import BackendError
from cascade.events import Decided, Event, Started
from cascade.exchange import Request, ToolSpec, Usage, View
from cascade.lanes import ApiMode, Capabilities, Lane, Prices
from cascade.messages import AssistantMessage, Reasoning, Text, ToolCall, ToolResult, UserMessage
from cascade.policy import Budget, Policy, Retries
from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.faults import CutsOff, Fails, Fault, Garbles, WrongType, at_random, no_faults
from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Conversation
from cascade.simulated.script import Calls, Turn
from cascade.simulated.server import served
from cascade.simulated.simulation import Simulation
from cascade.state import EMPTY, State, fold

__all__ = ["Crossing", "Providers", "crossing", "providers"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

FAULTS: tuple[Fault, ...] = (
    Fails(failure="rate_limit", retry_after_s=1),
    Fails(failure="overloaded"),
    Fails(failure="overloaded", after_events=2),
    Fails(failure="server"),
    Fails(failure="unavailable", retry_after_ms=20),
    Fails(failure="quota"),
    Fails(failure="timeout"),
    CutsOff(),
    CutsOff(after_bytes=300),
    Garbles(event=1),
    WrongType(),
)

WORK = ToolSpec(
    name="work",
    description="Does a piece of work.",
    parameters={
        "type": "object",
        "properties": {"piece": {"type": "string"}},
        "required": ["piece"],
        "additionalProperties": False,
    },
    side_effect="write",
    parallel=True,
)

FREE = Prices.free()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is said in turn number *turn* of a trajectory, whoever says it."""

    text: str
    thinking: str | None
    pieces: tuple[str, ...]


def planned(task: str, turn: int) -> Plan:
    """The plan of a task, a pure function so that all lanes follow the same one."""
    rng = random.Random(f"{task}/{turn}")
    length = random.Random(task).randrange(1, 7)
    thinking = f"thought {turn} of {task}" if rng.random() < 0.6 else None
    if turn >= length:
        return Plan(text=f"{task} is done", thinking=thinking, pieces=())
    pieces = tuple(f"{task}.{turn}.{index}" for index in range(rng.randrange(1, 4)))
    return Plan(text=rng.choice(("", "On it.")), thinking=thinking, pieces=pieces)


def simulated_turn(conversation: Conversation) -> Turn:
    """The plan as a simulated provider says it."""
    task = conversation.turns[0].text
    said = sum(turn.role == "assistant" for turn in conversation.turns)
    plan = planned(task, said)
    calls = tuple(Calls(name="work", arguments={"piece": piece}) for piece in plan.pieces)
    return Turn(text=plan.text, thinking=plan.thinking, calls=calls)


def scripted_turn(view: View, _request: Request) -> AssistantMessage:
    """The plan as a model in this process says it."""
    task = view.messages[0]
    assert isinstance(task, UserMessage)
    plan = planned(task.text, sum(message.role == "assistant" for message in view.messages))
    if plan.pieces:
        return calling(*(("work", {"piece": piece}) for piece in plan.pieces), text=plan.text)
    thought = (Reasoning(text=plan.thinking),) if plan.thinking else ()
    return AssistantMessage(parts=(*thought, Text(text=plan.text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Lanes to everything, open, with the simulations behind them."""

    lanes: tuple[Lane, ...]
    backends: Mapping[str, Backend]
    simulations: Mapping[str, Simulation]

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
async def providers(*, faults: float, seed: int) -> AsyncGenerator[Providers]:
    """Serves all wire formats, with faults in that share of the calls."""
    wires = {
        "claude": AnthropicMessages(),
        "gpt": OpenAIResponses(),
        "chat": OpenAIChat(),
    }
    models = {"claude": "claude-opus-5-5", "gpt": "gpt-6.1-sol", "chat": "gpt-4.1"}
    simulations = {
        name: Simulation(
            wires=[wire],
            script=simulated_turn,
            faults=at_random(faults, FAULTS, seed=seed) if faults else no_faults,
            keep=2000,
        )
        for name, wire in wires.items()
    }
    with ExitStack() as stack:
        addresses = {
            name: stack.enter_context(served(simulation))
            for name, simulation in simulations.items()
        }
        backends: dict[str, Backend] = {"local": ScriptedBackend(scripted_turn, lane=_local())}
        for name, address in addresses.items():
            lane = _remote(name, models[name], address)
            make = anthropic_backend if name == "claude" else openai_backend
            backends[name] = make(lane, Credential(lane=name, command=("echo", f"key-{name}")))
        try:
            lanes = tuple([await backend.open() for backend in backends.values()])
            yield Providers(lanes=lanes, backends=backends, simulations=simulations)
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

    events: list[Event] = field(default_factory=list[Event])
    state: State = EMPTY
    worked: Counter[str] = field(default_factory=Counter[str])
    lanes: list[str] = field(default_factory=list[str])
    """Of the calls, in order."""

    def append(self, event: Event) -> None:
        """Makes an event part of the log."""
        self.state = fold(self.state, event)
        self.events.append(event)

    @property
    def wanted(self) -> Counter[str]:
        """Every piece of work that the plan asks for, once."""
        task = self.state.head().task.text
        plans = (planned(task, turn) for turn in range(self.state.steps_done))
        return Counter(piece for plan in plans for piece in plan.pieces)


async def crossing(there: Providers, seed: int) -> Crossing:
    """Runs one trajectory to its end; waits take no time."""
    rng = random.Random(f"crossing/{seed}")
    made = Crossing()
    policy = Policy(
        budget=Budget(steps=40), retries=Retries(on_a_lane=2, on_a_step=12, first_wait_s=0.1)
    )
    made.append(
        Started(
            seq=1,
            at=AT,
            trajectory_id=f"crossing-{seed}",
            task=UserMessage.of(f"task {seed}"),
            system="Do the work." if rng.random() < 0.5 else None,
            tools=(WORK,),
            policy=policy,
            policy_digest=policy.digest,
            lanes=there.lanes,
            seed=seed,
        )
    )
    now = AT
    while True:
        now = max(now, made.state.at or AT) + SECOND
        action = decide(made.state, now)
        match action:
            case Record():
                made.append(_diced(action.event, there, rng, made.state))
            case CallLane():
                made.lanes.append(action.lane.name)
                await _call(there, action, made, now)
            case RunTools():
                for call in action.calls:
                    _work(call, made, now)
            case Wait():
                now = action.until
            case Stop():
                for backend in there.backends.values():
                    backend.release(f"crossing-{seed}")
                return made


def _diced(event: Event, there: Providers, rng: random.Random, state: State) -> Event:
    if not isinstance(event, Decided) or state.failures or state.rejected:
        return event
    lane = rng.choice(there.lanes)
    decision = event.decision.model_copy(update={"lane": lane.name, "model": lane.model})
    return event.model_copy(update={"decision": decision})


async def _call(there: Providers, action: CallLane, made: Crossing, now: datetime) -> None:
    backend = there.backends[action.lane.name]
    hop: Hop | None = None
    try:
        async with backend.call(action.view, action.request) as hop:
            async for _delta in hop:
                pass
            event: Event = facts.drafted(made.state, hop.draft, now)
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
