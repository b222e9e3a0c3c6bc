"""Any policy on any ladder, whatever models and networks do: what always holds."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import AT, started

from cascade import facts
from cascade.controller import Action, CallLane, Record, ResetWorld, RunTools, Stop, Wait, decide
from cascade.decision import Exclusion, ReasonCode
from cascade.errors import BackendError, BackendRefused, BackendUnavailable, FailureKind
from cascade.events import (
    Consulted,
    Decided,
    Drafted,
    Event,
    Failed,
    Finished,
    Interrupted,
    Restarted,
    Started,
    ToolFinished,
    ToolStarted,
    decode,
    encode,
)
from cascade.exchange import Draft, Timing, ToolSpec, Usage
from cascade.fold import fold, fold_all
from cascade.gates.schema import SchemaGate
from cascade.lanes import Lane, Prices, Profile
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.monitors.milestones import Milestones
from cascade.policy import (
    AgreementSettings,
    AtRandom,
    Budget,
    ConfidenceSettings,
    Damage,
    Escalating,
    Every,
    First,
    Gating,
    HandingOver,
    JudgeSettings,
    MilestoneSettings,
    Policy,
    Redacting,
    Retries,
    Reviewing,
    Routing,
    SelfEscalation,
)
from cascade.redaction.rehydration import rehydrated
from cascade.routing.reasons import EXCLUSIONS, REASONS
from cascade.rules import Rules
from cascade.signals import Signal
from cascade.state import EMPTY, State
from cascade.steps import Prefix
from cascade.verdicts import Verdict

T = TypeVar("T")

MOST_ACTIONS = 3000
NAMES = ("low", "mid", "top")
SECRET = "jane.roe@example.com"
PRICED = Prices(
    input_usd=Decimal(2),
    output_usd=Decimal(10),
    cache_read_usd=Decimal("0.2"),
    cache_write_usd=Decimal(3),
)
OBJECT = {"type": "object", "properties": {"at": {"type": "string"}}}


def tool(name: str, effect: Any, classes: tuple[str, ...] = ()) -> ToolSpec:
    """A tool of that effect."""
    return ToolSpec(
        name=name, description="", parameters=OBJECT, side_effect=effect, data_classes=classes
    )


TOOLS = (
    tool("look", "read"),
    tool("write", "write"),
    tool("send", "irreversible"),
    tool("open_record", "read", ("personal",)),
)


@dataclass(frozen=True)
class Chance:
    """Draws of one example, all from its number: a failure is told by that number alone."""

    rng: random.Random

    def __call__(self, share: float) -> bool:
        """Whether something happens that does in this share of cases."""
        return self.rng.random() < share

    def one(self, *choices: T) -> T:
        """One of these."""
        return self.rng.choice(choices)

    def rarely(self, usual: T, *choices: T) -> T:
        """One of *choices* now and then: what leaves few lanes must not be in every example."""
        return self.rng.choice(choices) if self(0.12) else usual

    def some(self, most: int, count: int) -> frozenset[int]:
        """Up to *count* numbers from 1 to *most*."""
        return frozenset(self.rng.randint(1, most) for _ in range(self.rng.randint(0, count)))


def ladder(chance: Chance) -> tuple[Lane, ...]:
    """One to three lanes, the lowest first."""
    names = NAMES[: chance.one(1, 2, 2, 3, 3, 3)]
    return tuple(
        Lane(
            name=name,
            backend="scripted",
            model=f"model-{name}",
            tier=chance.rarely(tier, max(tier - 1, 0)),
            locality=chance.rarely("remote" if tier else "local", "local", "remote", "private"),
            region=chance.one(None, "eu", "us"),
            data_classes=chance.rarely(None, (), ("personal",)),
            prices=chance.one(None, Prices.free(), PRICED, PRICED) if tier else Prices.free(),
            context_tokens=chance.rarely(None, 50, 100_000),
            profile=Profile(quality=chance.one(None, 0.9)),
            fallbacks=tuple(chance.rng.sample(names, chance.rng.randint(0, len(names)))),
        )
        for tier, name in enumerate(names)
    )


def routing(chance: Chance) -> Routing:
    """Any constraints and preferences."""
    return Routing(
        execution=chance.rarely("hybrid", "local_only", "remote_only", "decision_only"),
        mode=chance.one("baseline", "baseline", "difficulty", "controller", "hybrid"),
        strategy=chance.one("balanced", "quality", "cost", "latency"),
        pin=chance.rarely(None, "low", "top"),
        regions=chance.rarely(None, ("eu",)),
        data_classes=chance.rarely((), ("personal",)),
        unlisted=chance.one("open", "closed"),
        controller=chance.one(*NAMES),
        controller_every=chance.one(1, 2, 3),
    )


def escalating(chance: Chance) -> Escalating:
    """Any scopes and limits."""
    return Escalating(
        enabled=not chance(0.05),
        damage=Damage(read_usd=chance.one(Decimal(0), Decimal(1), Decimal(1))),
        span_steps=chance.one(1, 2, 3),
        spans=chance.one(0, 1, 2),
        cool_down_steps=chance.one(0, 1, 2),
        nudge=chance(0.5),
        soft_confirmations=chance.one(1, 2),
        p_harm=chance.one(0.0, 0.2),
        restart=chance(0.2),
        dead_end=chance.one("go_on", "halt"),
        calls_on_a_step=chance.rarely(24, 1, 2, 3, 5),
        self_escalation=SelfEscalation(enabled=not chance(0.2), questions=chance.one(0, 2, 3)),
        review=Reviewing(
            lane=chance.rarely(None, *NAMES),
            reviews_of_a_claim=chance.one(1, 2, 3),
            on_failure=chance.one("escalate", "correct"),
            unknown=chance.one("open", "closed"),
            unknown_irreversible=chance.one("open", "closed"),
        ),
    )


def policy_of(chance: Chance) -> Policy:
    """Any policy."""
    return Policy(
        budget=Budget(
            steps=chance.one(2, 5, 8),
            tool_calls=chance.rarely(200, 0, 3),
            tokens=chance.rarely(None, 150, 600),
            usd=chance.rarely(None, Decimal(0), Decimal("0.001")),
            wall_s=chance.rarely(None, 40.0),
        ),
        max_redrafts=chance.one(0, 1, 2),
        retries=Retries(on_a_lane=chance.one(1, 2), on_a_step=chance.one(1, 3, 6)),
        commit_deltas=chance(0.2),
        routing=routing(chance),
        gates=Gating(
            confidence=ConfidenceSettings(while_generating=chance(0.5)),
            agreement=AgreementSettings(enabled=chance(0.3), samples=chance.one(1, 3)),
            judge=JudgeSettings(enabled=chance(0.3), lane=chance.rarely(None, *NAMES)),
            on_no_evidence=chance.one("pass", "escalate"),
        ),
        escalation=escalating(chance),
        schedule=chance.one(
            None, None, None, AtRandom(rate=chance.one(0.0, 0.3, 1.0)),
            Every(steps=chance.one(1, 2, 3)), First(steps=chance.one(0, 2)),
        ),
        handoff=HandingOver(
            up=chance.one("packet", "packet", "transcript"),
            down=chance.one("transcript", "digest"),
            packet_tokens=chance.one(50, 6000),
        ),
        redaction=Redacting(enabled=chance(0.4), recognisers=("contacts",)),
    )  # fmt: skip


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
            arguments = (
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


OURS = ("ask_expert", "escalate")


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


numbers = st.integers(0, 2**32)


def every(examples: int) -> settings:
    """So many examples, however long one takes."""
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def of(play: Play, kind: Any) -> list[Any]:
    """The events of one kind, or of several."""
    return [event for event in play.events if isinstance(event, kind)]


@every(150)
@given(numbers)
def test_every_trajectory_ends_and_no_step_makes_more_calls_than_it_may(number: int):
    play = played(number)
    assert play.state.finished is not None
    most = play.state.head().policy.escalation.calls_on_a_step
    made: Counter[int] = Counter()
    for event in of(play, (Drafted, Consulted, Failed)):
        made[event.step] += event.sent if isinstance(event, Failed) else 1
    assert all(count <= most for count in made.values()), made


@every(150)
@given(numbers)
def test_a_call_is_run_once_and_none_is_lost(number: int):
    play = played(number)
    state = play.state
    specs = state.specs
    for event in of(play, ToolStarted):
        if specs[event.name].side_effect != "read" if event.name in specs else False:
            assert play.ran[event.call_id] <= 1
    results = Counter(event.result.call_id for event in of(play, ToolFinished))
    assert all(count == 1 for count in results.values())
    if not state.pending and not state.restarted:
        asked = [call.id for step in state.steps for call in step.message.calls]
        assert set(asked) == set(results)
    for at_call, action in play.calls:
        assert action.purpose == "advice" or not at_call.pending, "a switch before the results"


@every(150)
@given(numbers)
def test_no_budget_is_passed_by_more_than_the_call_that_reached_it(number: int):
    play = played(number)
    budget = play.state.head().policy.budget
    assert play.state.steps_done <= (budget.steps or 0)
    assert budget.tool_calls is None or play.state.tool_calls <= budget.tool_calls
    for state, action in play.calls:
        spent = state.ledger.total
        said = (action.purpose, spent)
        assert budget.tokens is None or spent.usage.total_tokens < budget.tokens, said
        if budget.usd is not None and spent.cost_usd:
            assert spent.cost_usd < budget.usd, said


def may_serve(lane: Lane, state: State, classes: frozenset[str]) -> bool:
    """Whether the constraints that protect somebody let a call go there; written afresh."""
    routing = state.head().policy.routing
    modes = {"local_only": lane.locality == "local", "remote_only": lane.locality != "local"}
    listed = lane.data_classes
    if listed is None:
        may_see = not classes or routing.unlisted == "open" or lane.locality == "local"
    else:
        may_see = classes <= set(listed)
    stands = routing.regions is None or lane.locality != "remote" or lane.region in routing.regions
    is_pinned = routing.pin in {None, lane.name}
    return modes.get(routing.execution, True) and may_see and stands and is_pinned


@every(300)
@given(numbers)
def test_no_call_goes_where_it_must_not(number: int):
    play = played(number)
    head = play.state.head()
    assert head.policy.routing.execution != "decision_only" or not play.calls
    specs = {spec.name: spec for spec in head.tools}
    for state, action in play.calls:
        classes = {*head.data_classes, *head.policy.routing.data_classes}
        for event in play.events[: state.seq]:
            if isinstance(event, ToolFinished) and event.result.name in specs:
                classes.update(specs[event.result.name].data_classes)
        assert may_serve(action.lane, state, frozenset(classes)), (action.lane.name, action.purpose)


@every(150)
@given(numbers)
def test_every_token_and_cent_is_in_one_account(number: int):
    play = played(number)
    ledger = play.state.ledger
    spent = [
        event
        for event in of(play, (Drafted, Consulted, Failed, Interrupted))
        if not (isinstance(event, Failed) and not event.sent)
        and not (isinstance(event, Interrupted) and event.lane is None)
    ]
    usages = [e.draft.usage if isinstance(e, Drafted | Consulted) else e.usage for e in spent]
    tokens = sum(usage.total_tokens for usage in usages)
    assert ledger.total.usage.total_tokens == tokens
    assert sum(each.usage.total_tokens for each in ledger.accounts.values()) == tokens
    assert ledger.total.hops == len(spent)
    assert sum(each.hops for each in ledger.accounts.values()) == len(spent)
    costs = [event.cost_usd for event in spent]
    if None not in costs:
        assert ledger.total.cost_usd == sum(costs)
        assert sum(each.cost_usd or 0 for each in ledger.accounts.values()) == sum(costs)
    assert not any(account.cause == "held" for account in ledger.accounts)


def accepted_part(state: State, lane: str) -> list[Message]:
    """What a lane sees without this step's rejected drafts."""
    own = state.own_transcripts.get(lane)
    return list(state.transcript if own is None else own.messages)


@every(300)
@given(numbers)
def test_what_a_lane_sees_only_grows_and_holds_every_call_with_its_result(number: int):
    play = played(number)
    seen: dict[str, tuple[int, list[Message], Any]] = {}
    for state, action in play.calls:
        if action.purpose != "draft":
            assert all(message.role == "user" for message in action.view.messages) or (
                action.purpose == "sample"
            )
            continue
        lane = action.lane.name
        messages, part = list(action.view.messages), accepted_part(state, lane)
        assert messages[: len(part)] == part
        restarts, before, head = seen.get(lane, (state.restarted, [], None))
        now = (action.view.system, action.view.tools, action.view.output)
        if restarts == state.restarted:
            assert part[: len(before)] == before
            assert head is None or head == now
        seen[lane] = (state.restarted, part, now)
        check_pairs(messages)


def check_pairs(messages: Sequence[Message]) -> None:
    """Each call has one result, in the message after it; nothing else has any."""
    for index, message in enumerate(messages):
        if isinstance(message, AssistantMessage) and message.calls:
            after = messages[index + 1]
            assert isinstance(after, ToolMessage)
            assert [each.call_id for each in after.parts] == [each.id for each in message.calls]
        if isinstance(message, ToolMessage):
            before = messages[index - 1]
            assert isinstance(before, AssistantMessage)
            assert before.calls


@every(300)
@given(numbers)
def test_what_is_to_be_redacted_is_shown_to_nobody_elsewhere(number: int):
    play = played(number)
    redaction = play.state.head().policy.redaction
    for _, action in play.calls:
        if redaction.enabled and action.lane.locality in redaction.localities:
            said = [message.model_dump_json() for message in action.view.messages]
            assert SECRET not in "".join((*said, action.view.system or ""))


@every(300)
@given(numbers)
def test_signed_reasoning_stays_behind_what_it_was_signed_over(number: int):
    play = played(number)
    by_hop = {action.request.hop: (state, action) for state, action in play.calls}
    for event in of(play, Drafted):
        message = event.draft.message
        is_signed = any(isinstance(part, Reasoning) for part in message.parts)
        at_call, action = by_hop[event.hop]
        over = list(action.view.messages)
        for state, later in play.calls:
            is_after = state.seq > event.seq and state.restarted == at_call.restarted
            if not (is_signed and is_after and later.lane == action.lane):
                continue
            shown = list(later.view.messages)
            if later.purpose == "draft" and holds(shown, message, state):
                index = next(n for n, each in enumerate(shown) if is_same(each, message, state))
                assert shown[:index] == over


def is_same(shown: Message, message: AssistantMessage, state: State) -> bool:
    """Whether a lane is shown that message, perhaps with placeholders."""
    if not isinstance(shown, AssistantMessage):
        return False
    return rehydrated(shown, state.vault).parts == message.parts


def holds(shown: Sequence[Message], message: AssistantMessage, state: State) -> bool:
    """Whether that message is among what a lane is shown."""
    return any(is_same(each, message, state) for each in shown)


@every(150)
@given(numbers)
def test_the_log_says_it_all(number: int):
    play = played(number)
    lines = [encode(event) for event in play.events]
    read = [decode(line) for line in lines]
    assert [encode(event) for event in read] == lines
    assert fold_all(read) == play.state
    states = [EMPTY]
    for event in read:
        states.append(fold(states[-1], event))
    for count, at, action in play.decided:
        assert decide(states[count], at, play.rules) == action


@every(200)
@given(numbers)
def test_a_decision_says_why_and_what_else_there_was(number: int):
    play = played(number)
    assert set(get_args(ReasonCode)) == set(REASONS)
    assert set(get_args(Exclusion)) == set(EXCLUSIONS)
    names = [lane.name for lane in play.state.head().lanes]
    for event in of(play, Decided):
        decision = event.decision
        assert decision.reasons, decision
        assert set(decision.reasons) <= set(REASONS)
        assert [each.lane for each in decision.candidates] == names
        chosen = next(each for each in decision.candidates if each.lane == decision.lane)
        assert chosen.excluded is None
        assert 0 < decision.propensity <= 1
        assert decision.fallback != decision.lane


@every(150)
@given(numbers)
def test_nothing_irreversible_is_done_that_a_review_found_wrong(number: int):
    play = played(number)
    reviews: list[tuple[int, bool]] = []
    held: Drafted | None = None
    for event in play.events:
        if isinstance(event, Drafted):
            held, reviews = event, []
        elif event.kind == "reviewed" and event.review is not None:
            reviews.append((event.seq, event.review.on_track))
        elif event.kind == "judged" and event.accepted and held is not None:
            calls = held.draft.message.calls
            if any(call.name == "send" for call in calls) and reviews:
                assert reviews[-1][1]


@every(100)
@given(
    prices=st.sampled_from([None, Prices.free(), PRICED]),
    damage_usd=st.decimals(0, 1, places=3),
    p_harm=st.sampled_from([0.0, 0.3]),
    risks=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
)
def test_a_higher_risk_never_keeps_a_step_that_a_lower_one_gives_away(
    prices: Prices | None, damage_usd: Decimal, p_harm: float, risks: list[float]
):
    low = Lane(name="low", backend="s", model="m", locality="local", prices=Prices.free())
    top = Lane(name="top", backend="s", model="m", tier=1, locality="remote", prices=prices)
    escalation = Escalating(damage=Damage(read_usd=damage_usd), p_harm=p_harm)
    reply = Reply(said="look", opinion="")

    def goes_up(p_fail: float) -> bool:
        rules = Rules(gates=(Scores((None, p_fail)),))
        play = Play(rules=rules, replies=[reply, LAST, LAST])
        play.run(started(Policy(escalation=escalation), (low, top)))
        return play.calls[1][1].lane == top

    lower, higher = (goes_up(p_fail) for p_fail in risks)
    assert higher or not lower


def test_a_stop_and_a_death_in_every_place_are_among_the_examples():
    reply = Reply(said="look", opinion="")
    for number in range(1, 12):
        play = Play(rules=Rules(), replies=[reply] * 3, kills=frozenset({number}))
        play.run(started().model_copy(update={"tools": TOOLS}))
        assert play.state.outcome == "completed"
    assert not of(play, Restarted)
