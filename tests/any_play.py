"""Any trajectory: what models, gates, monitors and networks do, drawn from one number."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

from any_policy import OURS, SECRET, TOOLS, Chance, ladder, policy_of, tool
from simulation import AT, started

from cascade import facts
from cascade.controller import Action, CallLane, Record, ResetWorld, RunTools, Stop, Wait, decide
from cascade.errors import BackendError, BackendRefused, BackendUnavailable, FailureKind
from cascade.events import (
    Decided,
    Drafted,
    Event,
    Failed,
    Finished,
    Started,
    ToolFinished,
)
from cascade.exchange import Draft, Timing, Usage
from cascade.fold import fold
from cascade.gates.schema import SchemaGate
from cascade.lanes import Lane
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    UserMessage,
)
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    MilestoneSettings,
)
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.state import EMPTY, State
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["LAST", "Play", "Reply", "Scores", "played"]

MOST_ACTIONS = 3000

failures: tuple[FailureKind, ...] = get_args(FailureKind)
SAID = (
    "look", "look", "look", "write", "send", "open_record", "ask_expert", "escalate", "unknown",
    "two", "escalate+send", "answer", "answer", "signed", "signed", "broken", "empty", "twins",
    "cut", "stopped",
)  # fmt: skip
OPINIONS = (
    "on track", "off track", "yes", "no", "nonsense", "", "advice", "step low", "step mid",
    "step top", "span top", "advise top", "halt top",
)  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What a model or the network between does, next time that one is called."""

    said: str
    opinion: str
    failure: FailureKind | None = None
    listened: bool = False

    def draft(self, hop: int) -> Draft:
        """For a step."""
        names = {
            "two": ("look", "write"),
            "escalate+send": ("escalate", "send"),
            "twins": ("look",) * 2,
        }
        wordless = {"answer", "empty", "broken", "cut"}
        calls = () if self.said in wordless else names.get(self.said, (self.said,))
        parts: list[Any] = []
        if self.said == "signed":
            origin = Origin(provider="p", model="m")
            artefact = Artefact(origin=origin, raw={"signature": f"s{hop}"})
            parts.append(Reasoning(text="hm", artefact=artefact))
            calls = ("look",)
        if self.said == "stopped":
            calls = ("look",)
        if self.said != "empty":
            parts.append(Text(text=f"Said in hop {hop} to {SECRET}."))
        for index, name in enumerate(calls):
            number = 0 if self.said == "twins" else index
            arguments: dict[str, Any] = (
                {"question": "what now?", "reason": "hard"} if name in OURS else {"at": str(hop)}
            )
            parts.append(ToolCall(id=f"c_{hop}_{number}", name=name, arguments=arguments))
        ends = {"cut": "length", "stopped": "stopped"}
        return _made(
            *parts,
            finish_reason=ends.get(self.said, "tool_calls" if calls else "stop"),
            problem="It is broken." if self.said == "broken" else None,
        )

    def answer(self) -> Draft:
        """For an opinion."""
        words = self.opinion
        if words.endswith("track"):
            on_track = words == "on track"
            words = json.dumps(
                {"milestone": "m", "reason": "r", "on_track": on_track, "correction": "look again"}
            )
        elif words.partition(" ")[0] in {"step", "span", "advise", "halt"}:
            scope, _, lane = words.partition(" ")
            words = json.dumps(
                {"reason": "r", "lane": lane, "scope": scope, "steps": 2, "effort": "default"}
            )
        return _made(*((Text(text=words),) if words else ()), finish_reason="stop")

    @property
    def error(self) -> BackendError | None:
        """Instead of an answer."""
        if self.failure is None:
            return None
        kind = BackendRefused if self.failure == "request" else BackendUnavailable
        rests = self.failure in {"cooling", "busy", "rate_limit"}
        return kind(
            f"{self.failure} happened",
            backend="scripted",
            failure=self.failure,
            retry_after_s=5.0 if rests else None,
        )


def _made(*parts: Any, **fields: Any) -> Draft:
    usage = Usage(input_tokens=40, output_tokens=10)
    return Draft(
        message=AssistantMessage(parts=parts),
        usage=usage,
        timing=Timing(),
        served_model="m",
        **fields,
    )


def reply_of(chance: Chance, usual: float) -> Reply:
    """What comes next; a share of it is as it should be."""
    if chance(usual):
        return Reply(
            said=chance.one("look", "write", "send", "ask_expert"),
            opinion=chance.one("on track", "advice", "yes"),
        )
    return Reply(
        said=chance.one(*SAID),
        opinion=chance.one(*OPINIONS),
        failure=chance.one(*failures) if chance(0.2) else None,
        listened=chance(0.3),
    )


LAST = Reply(said="answer", opinion="on track")


@dataclass(frozen=True)
class Scores:
    """A gate that goes by the step: a probability, nothing to go by, or a refusal."""

    of_steps: tuple[float | None, ...]
    name: str = "confidence"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """The step's score, for each lane another one."""
        del draft
        index = prefix.step + lane.tier
        p_fail = self.of_steps[index % len(self.of_steps)] if self.of_steps else None
        passed = None if p_fail is None else p_fail < 0.5
        return Verdict(gate=self.name, passed=passed, reason="by script", p_fail=p_fail)


@dataclass(frozen=True)
class Own:
    """A gate of the user's own that refuses in these steps."""

    steps: frozenset[int]
    name: str = "own"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """By the step."""
        del draft, lane
        return Verdict(gate=self.name, passed=prefix.step not in self.steps, reason="my own rule")


@dataclass(frozen=True)
class Signs:
    """A monitor that is noticed in these steps; its words tell what was spent so far."""

    hard: frozenset[int]
    soft: frozenset[int]
    name: str = "signs"

    def watch(self, prefix: Prefix) -> Iterator[Signal]:
        """Before a draft only."""
        said = f"after {prefix.elapsed_s} s and {prefix.tokens_used} tokens"
        for code, steps in (("hard", self.hard), ("soft", self.soft)):
            if prefix.draft is None and prefix.step in steps:
                yield Signal(
                    monitor=self.name, kind="stuck", code=code, hard=code == "hard", evidence=said
                )


def _told(event: Event) -> str:
    words = f"{event.seq} {event.kind}"
    match event:
        case Decided():
            made = event.decision
            words += f" {made.purpose} on {made.lane}, {made.scope}: {made.reasons}"
        case Drafted():
            said = [call.name for call in event.draft.message.calls] or event.draft.message.text
            words += f" by {event.lane}: {said}, accepted: {event.accepted} {event.rejection or ''}"
        case Failed():
            words += f" on {event.lane}: {event.failure}"
        case ToolFinished():
            words += f" {event.result.name}: {event.outcome}"
        case Finished():
            words += f" {event.outcome}: {event.reason}"
        case _:
            words += f" {event.model_dump(exclude_defaults=True, exclude={'seq', 'at', 'kind'})}"
    return words[:300]


def rules_for(chance: Chance) -> Rules:
    """Monitors and gates of any kind, or none."""
    if chance(0.1):
        return Rules()
    milestones = MilestoneSettings(
        claims=chance(0.5),
        irreversible=not chance(0.2),
        first_write_after_reads=chance.one(None, 1),
        span_ends=chance(0.5),
    )
    signs = Signs(hard=chance.some(6, 2), soft=chance.some(6, 3))
    scores = Scores(tuple(chance.one(None, 0.0, 0.0, 0.3, 0.5, 0.9) for _ in range(4)))
    gates = (SchemaGate(), scores, Own(chance.some(8, 1)))
    return Rules(monitors=(signs, Milestones(milestones)), gates=gates)


@dataclass(repr=False)
class Play:
    """A trajectory driven to its end, and everything that was asked for on the way."""

    rules: Rules
    replies: Sequence[Reply] = ()
    cuts: frozenset[int] = frozenset()
    """Model calls, from 1, in which the run is stopped and resumed."""
    kills: frozenset[int] = frozenset()
    """Events after which the process dies and the run is resumed."""
    events: list[Event] = field(default_factory=list[Event])
    state: State = EMPTY
    decided: list[tuple[int, Any, Action]] = field(default_factory=list[tuple[int, Any, Action]])
    """How many events there were, the time, and what was to be done."""
    calls: list[tuple[State, CallLane]] = field(default_factory=list[tuple[State, CallLane]])
    ran: Counter[str] = field(default_factory=Counter[str])
    """By id of a tool call, how often it was run to its end."""
    waited: Any = AT

    def __repr__(self) -> str:
        """The lanes, the settings that are not the default, and what happened."""
        head = self.state.head()
        lanes = [each.model_dump(exclude_defaults=True) for each in head.lanes]
        policy = head.policy.model_dump(exclude_defaults=True)
        told = "\n".join(map(_told, self.events))
        return f"{lanes}\n{policy}\n{self.rules}\n{self.cuts} {self.kills}\n{told}"[:7000]

    def append(self, event: Event) -> None:
        """Makes an event part of the log; the process may die after it."""
        self.state = fold(self.state, event)
        self.events.append(event)
        if len(self.events) in self.kills and event.kind not in {"started", "finished"}:
            self.append(facts.resumed(self.state, self.now()))

    def now(self) -> Any:
        """A second after the last event, or when a wait is over."""
        return max((self.state.at or AT) + timedelta(seconds=1), self.waited)

    def run(self, head: Started) -> "Play":
        """To the end."""
        self.append(head)
        replies = iter(self.replies)
        for _ in range(MOST_ACTIONS):
            at = self.now()
            action = decide(self.state, at, self.rules)
            self.decided.append((len(self.events), at, action))
            match action:
                case Record():
                    self.append(action.event)
                case CallLane():
                    self.calls.append((self.state, action))
                    self._report(action, next(replies, LAST))
                case RunTools():
                    self._run(action.calls[0])
                case ResetWorld():
                    self.append(facts.restarted(self.state, self.now()))
                case Wait():
                    self.waited = action.until
                case Stop():
                    return self
        raise AssertionError(f"no end after {MOST_ACTIONS} actions: {self.decided[-6:]}")

    def _report(self, action: CallLane, reply: Reply) -> None:
        said = reply.listened and action.purpose == "draft"
        usage = Usage(input_tokens=40)
        if len(self.calls) in self.cuts:
            self.append(facts.interrupted(self.state, self.now(), usage=usage, said=said))
            self.append(facts.resumed(self.state, self.now()))
            return
        if reply.error is not None:
            self.append(facts.failed(self.state, reply.error, self.now(), usage=usage, said=said))
            return
        is_step = action.purpose in {"draft", "sample"}
        draft = reply.draft(self.state.hop) if is_step else reply.answer()
        said = said and bool(draft.message.text)
        self.append(facts.came(self.state, draft, self.now(), said=said, rules=self.rules))

    def _run(self, call: ToolCall) -> None:
        self.append(facts.tool_started(self.state, call, self.now()))
        if self.events[-1].kind == "resumed":
            return
        self.ran[call.id] += 1
        result = ToolResult(call_id=call.id, name=call.name, parts=(Text(text=f"Ask {SECRET}."),))
        self.append(
            facts.tool_finished(self.state, result, self.now(), outcome="ok", duration_s=1.0)
        )


def played(number: int) -> Play:
    """Any policy on any ladder with anything that may happen."""
    chance = Chance(random.Random(number))
    lanes, policy = ladder(chance), policy_of(chance)
    own_names = chance.rarely((), ("ask_expert",), ("escalate",), OURS)
    head = started(policy, lanes).model_copy(
        update={
            "task": UserMessage.of(f"Write to {SECRET}."),
            "tools": (*TOOLS, *(tool(name, "write") for name in own_names)),
            "resettable": chance(0.5),
            "data_classes": chance.rarely((), ("personal",), ("secret",)),
            "seed": chance.one(0, 1, 2),
        }
    )
    usual = chance.one(0.3, 0.7)
    play = Play(
        rules=rules_for(chance),
        replies=[reply_of(chance, usual) for _ in range(chance.rng.randint(0, 40))],
        cuts=chance.some(20, 2) if chance(0.4) else frozenset(),
        kills=chance.some(60, 2) if chance(0.4) else frozenset(),
    )
    return play.run(head)
