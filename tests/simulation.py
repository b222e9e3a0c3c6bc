"""The core driven by hand: no loop, no backend, no tools, only `decide`, facts and `fold`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cascade import facts
from cascade.controller import Action, CallLane, Record, ResetWorld, RunTools, Stop, Wait, decide
from cascade.errors import BackendError
from cascade.events import Event, Started
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.fold import fold
from cascade.lanes import Lane, Prices
from cascade.messages import AssistantMessage, Text, ToolCall, ToolResult, UserMessage
from cascade.policy import Policy
from cascade.rules import NO_RULES, Rules
from cascade.state import EMPTY, State

__all__ = ["AT", "LANE", "Simulation", "draft", "started"]

AT = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

LANE = Lane(
    name="local",
    backend="scripted",
    model="script",
    locality="local",
    prices=Prices(
        input_usd=Decimal(1),
        output_usd=Decimal(10),
        cache_read_usd=Decimal("0.1"),
        cache_write_usd=Decimal("1.25"),
    ),
)

TOOLS = (
    ToolSpec(name="look", description="", parameters={"type": "object"}, side_effect="read"),
    ToolSpec(name="write", description="", parameters={"type": "object"}, side_effect="write"),
)


def started(policy: Policy | None = None, lanes: tuple[Lane, ...] = (LANE,)) -> Started:
    """The head of a trajectory."""
    policy = policy or Policy()
    return Started(
        seq=1,
        at=AT,
        trajectory_id="t",
        task=UserMessage.of("the task"),
        system=None,
        tools=TOOLS,
        policy=policy,
        policy_digest=policy.digest,
        lanes=lanes,
        seed=7,
    )


def draft(
    *tools: str, text: str = "", usage: Usage | None = None, problem: str | None = None
) -> Draft:
    """A draft that says *text* and calls these tools without arguments."""
    said = (Text(text=text),) if text else ()
    calls = (
        ToolCall(id=f"call_{index}", name=name, arguments={}) for index, name in enumerate(tools)
    )
    return Draft(
        message=AssistantMessage(parts=(*said, *calls)),
        finish_reason="tool_calls" if tools else "stop",
        usage=usage or Usage(input_tokens=10, output_tokens=2),
        timing=Timing(),
        served_model="script",
        problem=problem,
    )


@dataclass
class Simulation:
    """Plays replies in order; every action takes one second, and a wait as long as it says."""

    replies: Sequence[Draft | BackendError]
    policy: Policy = field(default_factory=Policy)
    lanes: tuple[Lane, ...] = (LANE,)
    events: list[Event] = field(default_factory=list[Event])
    actions: list[Action] = field(default_factory=list[Action])
    state: State = EMPTY
    waited_until: datetime = AT
    said: bool = False
    """Whether a call that fails had given text to a listener."""
    rules: Rules = NO_RULES
    head: Started | None = None
    """Instead of one with the policy and the lanes."""
    results: Sequence[str] = ()
    """What tools give back, in order; then `done`."""

    def append(self, event: Event) -> None:
        """Makes an event part of the log."""
        self.state = fold(self.state, event)
        self.events.append(event)

    def now(self) -> datetime:
        """A second later than the last event, or the end of the wait after it."""
        return max((self.state.at or AT) + SECOND, self.waited_until)

    def run(self) -> State:
        """Goes on to the end."""
        self.append(self.head or started(self.policy, self.lanes))
        return self.go_on()

    def go_on(self) -> State:
        """Goes on to the end from where the log stands."""
        replies = iter(self.replies)
        while True:
            action = decide(self.state, self.now(), self.rules)
            self.actions.append(action)
            match action:
                case Record():
                    self.append(action.event)
                case CallLane():
                    self._report(next(replies))
                case RunTools():
                    for call in action.calls:
                        self._run(call)
                case ResetWorld():
                    self.append(facts.restarted(self.state, self.now()))
                case Wait():
                    self.waited_until = action.until
                case Stop():
                    return self.state

    def _report(self, reply: Draft | BackendError) -> None:
        if isinstance(reply, BackendError):
            usage = Usage(input_tokens=3)
            self.append(facts.failed(self.state, reply, self.now(), usage=usage, said=self.said))
            return
        parts = tuple(
            part.model_copy(update={"id": f"call_{self.state.hop}_{index}"})
            if isinstance(part, ToolCall)
            else part
            for index, part in enumerate(reply.message.parts)
        )
        message = AssistantMessage(parts=parts)
        made = reply.model_copy(update={"message": message})
        self.append(facts.came(self.state, made, self.now(), said=self.said, rules=self.rules))

    def _run(self, call: ToolCall) -> None:
        self.append(facts.tool_started(self.state, call, self.now()))
        made = self.state.tool_calls
        text = self.results[made] if made < len(self.results) else "done"
        result = ToolResult(call_id=call.id, name=call.name, parts=(Text(text=text),))
        self.append(
            facts.tool_finished(self.state, result, self.now(), outcome="ok", duration_s=1.0)
        )
