"""State: what the events of a trajectory amount to, one event at a time.

`fold(state, event)` does no I/O, reads no clock and takes the same time at step 2 and step 2,000.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, assert_never

from cascade.appended import Appended
from cascade.decision import Decision, HopRole
from cascade.errors import TraceError
from cascade.events import (
    BudgetReached,
    Decided,
    Drafted,
    Event,
    Failed,
    Finished,
    Interrupted,
    Outcome,
    Resumed,
    Scored,
    Started,
    ToolFinished,
    ToolStarted,
)
from cascade.exchange import Usage
from cascade.frozen import made
from cascade.ledger import Account, Ledger
from cascade.messages import (
    AssistantMessage,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

__all__ = ["EMPTY", "REDRAFT_REQUEST", "PendingCall", "Rejected", "State", "fold", "fold_all"]

REDRAFT_REQUEST = (
    "Your last message could not be used: {reason} "
    "Write it again: either well-formed tool calls or the final answer."
)
"""What a lane is told when its draft was rejected."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A tool call of the step under way."""

    call: ToolCall
    started: bool = False
    result: ToolResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A draft that cannot be used, kept until its step has a better one."""

    message: AssistantMessage
    reason: str
    lane: str

    def shown(self, lane: str) -> tuple[Message, Message]:
        """What *lane* sees of it: the draft as text, and what was wrong.

        Without calls, as they will never have results. The exact text of a model with its thoughts
        and marks is for that model alone.
        """
        said = self.message
        if said.calls:
            raw = None if said.artefact is None or lane != self.lane else said.artefact.raw
            text = raw.get("text") if isinstance(raw, dict) else None
            text = text if isinstance(text, str) else said.text
            said = AssistantMessage(parts=(Text(text=text or "(a tool call)"),))
        return said, UserMessage.of(REDRAFT_REQUEST.format(reason=self.reason))


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that the next decision may depend on.

    Without slots, unlike its neighbours: `advance` copies the instance dictionary, which takes a
    tenth of the time of `dataclasses.replace`, and a fold runs several times a step.
    """

    started: Started | None = None
    seq: int = 0
    """Position of the last event; 0 before the first."""
    at: datetime | None = None
    """UTC time of the last event."""
    elapsed_s: float = 0.0
    """Seconds in which the trajectory was being run, up to the last event."""
    transcript: Appended[Message] = field(default_factory=Appended[Message])
    """The accepted conversation, the task first."""
    own_transcripts: Mapping[str, Appended[Message]] = field(default_factory=lambda: _NOTHING)
    """The conversation as a lane saw it, where that holds more than what was accepted: reasoning
    signed over a rejected draft is only good after that draft."""
    plain_until: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """By lane: so many messages of its conversation go there without opaque blocks, as it refused
    them."""
    step: int = 1
    """The step under way, from 1."""
    steps_done: int = 0
    """Accepted assistant messages."""
    hop: int = 0
    """The last model call's number, from 1; 0 before the first."""
    decision: Decision | None = None
    """The choice that the outstanding model call follows; `None` where none is outstanding."""
    rejected: tuple[Rejected, ...] = ()
    """Drafts of this step that could not be used."""
    calls_of_step: int = 0
    """Model calls that were made for this step."""
    failures: tuple[Failed, ...] = ()
    """Model calls of this step that failed, since the last one that did not."""
    pending: tuple[PendingCall, ...] = ()
    """Calls of the last accepted message, until all have their results."""
    tool_calls: int = 0
    """Tool calls that have their results."""
    ledger: Ledger = field(default_factory=Ledger)
    last_usage: Usage | None = None
    """Usage of the last draft."""
    last_lane: str | None = None
    """The lane that made it."""
    final_text: str | None = None
    """Text of the last accepted message if it called no tool: a claim to be finished."""
    limit: BudgetReached | None = None
    finished: Finished | None = None
    scores: tuple[Scored, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; `None` while it has not."""
        return None if self.finished is None else self.finished.outcome

    def advance(self, event: Event, *, idle: bool = False, **changes: Any) -> "State":
        """The state after *event*, with these fields changed besides position and time.

        Args:
            event: The event that is being folded.
            idle: Whether the time before the event is not to count as running time.
            changes: Fields of the state and their new values.
        """
        successor = object.__new__(State)
        fields = successor.__dict__
        fields.update(self.__dict__)
        fields.update(changes)
        fields["seq"] = event.seq
        fields["at"] = event.at
        if not idle and self.at is not None:
            passed = (event.at - self.at).total_seconds()
            fields["elapsed_s"] = self.elapsed_s + max(passed, 0.0)
        return successor

    def head(self) -> Started:
        """The first event.

        Raises:
            TraceError: There is none yet.
        """
        if self.started is None:
            raise TraceError("the log is empty: a trajectory begins with a `started` event")
        return self.started


EMPTY = State()


def fold(state: State, event: Event) -> State:
    """The state after *event*.

    Raises:
        TraceError: The event does not follow from the log so far.
    """
    if event.seq != state.seq + 1:
        raise TraceError(f"event {event.seq} follows event {state.seq}; a log has no gaps")
    if state.started is None and not isinstance(event, Started):
        raise TraceError(f"the log begins with a `{event.kind}` event instead of `started`")
    if state.finished is not None and not isinstance(event, Scored):
        raise TraceError(f"event {event.seq}, `{event.kind}`, follows the end of the trajectory")
    return _apply(state, event)


def fold_all(events: Iterable[Event], state: State = EMPTY) -> State:
    """The state after all of *events*, from *state* on."""
    for event in events:
        state = fold(state, event)
    return state


def _apply(state: State, event: Event) -> State:  # noqa: C901, PLR0912 - an arm a kind
    match event:
        case Decided():
            return state.advance(event, hop=event.hop, decision=event.decision)
        case Drafted():
            return _drafted(state, event)
        case Failed():
            return _failed(state, event)
        case ToolStarted():
            pending = [
                PendingCall(call=entry.call, started=True, result=entry.result)
                if entry.call.id == event.call_id
                else entry
                for entry in state.pending
            ]
            return state.advance(event, pending=tuple(pending))
        case ToolFinished():
            return _tool_finished(state, event)
        case Interrupted():
            if event.lane is None or event.role is None:
                return state.advance(event, decision=None)
            ledger = _charge(state, event.lane, event.role, event)
            return state.advance(event, decision=None, ledger=ledger)
        case Resumed():
            # A call that was under way when the process died is made again from a new decision.
            # So is one that failed: what kept a lane from serving may be over by now.
            said = tuple(failure for failure in state.failures if failure.said)
            return state.advance(event, idle=True, decision=None, failures=said)
        case BudgetReached():
            return state.advance(event, limit=event)
        case Finished():
            return state.advance(event, decision=None, finished=event)
        case Scored():
            return state.advance(event, idle=True, scores=(*state.scores, event))
        case Started():
            if state.started is None:
                transcript = state.transcript.append(event.task)
                return state.advance(event, started=event, transcript=transcript)
            raise TraceError("a second `started` event: each trajectory has a log of its own")
        case _:
            assert_never(event)


def _failed(state: State, event: Failed) -> State:
    ledger = _charge(state, event.lane, event.role, event) if event.sent else state.ledger
    plain_until = state.plain_until
    if event.failure == "signature":
        shown = state.own_transcripts.get(event.lane, state.transcript)
        # The drafts that this step rejected stand behind the conversation, two messages each.
        plain_until = {**plain_until, event.lane: len(shown) + 2 * len(state.rejected)}
    return state.advance(
        event,
        decision=None,
        failures=(*state.failures, event),
        calls_of_step=state.calls_of_step + event.sent,
        ledger=ledger,
        plain_until=plain_until,
    )


def _charge(state: State, lane: str, role: HopRole, event: Failed | Interrupted) -> Ledger:
    cause = "failed" if isinstance(event, Failed) else "cancelled"
    return state.ledger.charge(Account(lane, role, cause), event.usage, event.cost_usd)


def _drafted(state: State, event: Drafted) -> State:
    account = Account(event.lane, event.role, "accepted" if event.accepted else "rejected")
    ledger = state.ledger.charge(account, event.draft.usage, event.cost_usd)
    message = event.draft.message
    if not event.accepted:
        reason = event.rejection or "it cannot be used"
        rejected = Rejected(message=message, reason=reason, lane=event.lane)
        return state.advance(
            event,
            decision=None,
            ledger=ledger,
            failures=(),
            calls_of_step=state.calls_of_step + 1,
            rejected=(*state.rejected, rejected),
        )
    calls = message.calls
    own_transcripts = state.own_transcripts
    if state.rejected and _is_signed(message):
        seen = own_transcripts.get(event.lane, state.transcript)
        for rejected in state.rejected:
            for shown in rejected.shown(event.lane):
                seen = seen.append(shown)
        own_transcripts = {**own_transcripts, event.lane: seen}
    return state.advance(
        event,
        decision=None,
        ledger=ledger,
        failures=(),
        calls_of_step=0,
        rejected=(),
        last_usage=event.draft.usage,
        last_lane=event.lane,
        transcript=state.transcript.append(message),
        own_transcripts=_all_append(own_transcripts, message),
        steps_done=state.steps_done + 1,
        pending=tuple([PendingCall(call=call) for call in calls]),
        final_text=None if calls else message.text,
    )


def _is_signed(message: AssistantMessage) -> bool:
    return any(isinstance(part, Reasoning) and part.artefact for part in message.parts)


def _all_append(
    own: Mapping[str, Appended[Message]], message: Message
) -> Mapping[str, Appended[Message]]:
    return {lane: seen.append(message) for lane, seen in own.items()} if own else own


def _tool_finished(state: State, event: ToolFinished) -> State:
    call_id = event.result.call_id
    pending = list(state.pending)
    awaited = [
        index
        for index, entry in enumerate(pending)
        if entry.call.id == call_id and entry.result is None
    ]
    if not awaited:
        raise TraceError(f"event {event.seq} is the result of {call_id}, which nobody waits for")
    for index in awaited:
        entry = pending[index]
        pending[index] = PendingCall(call=entry.call, started=entry.started, result=event.result)
    done = state.tool_calls + 1
    results = [entry.result for entry in pending if entry.result is not None]
    if len(results) < len(pending):
        return state.advance(event, pending=tuple(pending), tool_calls=done)
    message = made(ToolMessage, parts=tuple(results))
    return state.advance(
        event,
        pending=(),
        tool_calls=done,
        transcript=state.transcript.append(message),
        own_transcripts=_all_append(state.own_transcripts, message),
        step=state.step + 1,
    )
