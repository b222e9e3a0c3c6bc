"""Any policy on any ladder, whatever models and networks do: what always holds."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, get_args

from any_play import LAST, Play, Reply, Scores, played
from any_policy import PRICED, SECRET, TOOLS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import started

from cascade.controller import decide
from cascade.decision import Exclusion, ReasonCode
from cascade.events import (
    Consulted,
    Decided,
    Drafted,
    Failed,
    Interrupted,
    ToolFinished,
    ToolStarted,
    decode,
    encode,
)
from cascade.fold import fold, fold_all
from cascade.lanes import Lane, Prices
from cascade.messages import (
    AssistantMessage,
    Message,
    Reasoning,
    ToolMessage,
)
from cascade.policy import (
    Damage,
    Escalating,
    Policy,
)
from cascade.redaction.rehydration import rehydrated
from cascade.routing.reasons import EXCLUSIONS, REASONS
from cascade.rules import Rules
from cascade.state import EMPTY, State

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
        said = [each for each in state.transcript if isinstance(each, AssistantMessage)]
        assert {call.id for message in said for call in message.calls} == set(results)
        kept = {call.id for step in state.steps for call in step.message.calls}
        assert kept == (set(results) if state.watched else set())
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
    known: list[Decimal] = [cost for cost in costs if cost is not None]
    if len(known) == len(costs):
        assert ledger.total.cost_usd == sum(known)
        assert sum(each.cost_usd or 0 for each in ledger.accounts.values()) == sum(known)
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


def test_a_death_in_any_place_of_a_plain_run_changes_nothing_of_its_end():
    reply = Reply(said="look", opinion="")
    for number in range(1, 12):
        play = Play(rules=Rules(), replies=[reply] * 3, kills=frozenset({number}))
        play.run(started().model_copy(update={"tools": TOOLS}))
        assert play.state.outcome == "completed"
        assert play.state.steps_done == 4
