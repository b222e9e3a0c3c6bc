"""What becomes of a draft that can be used but may not be right: more evidence, help, or a yes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from cascade.choice import Choice
from cascade.conversation import lane_of
from cascade.dead_ends import dead_end
from cascade.decision import Comparison, Probability, ReasonCode
from cascade.drafting import handed_up, target_above, weighed_by
from cascade.events import Judged, Reviewed, Signalled
from cascade.exchange import Draft, SideEffect
from cascade.gates.agreement import agreement
from cascade.lanes import Lane
from cascade.messages import ToolCall
from cascade.routing.comparison import damage_of
from cascade.rules import WEIGHED, Rules, not_yet
from cascade.self_escalation import refusal
from cascade.signals import Signal
from cascade.situation import Ladder, Stake, compared, has_above, is_ours, ladder_of, prefix_of
from cascade.state import Held, State
from cascade.verdicts import Verdict

__all__ = [
    "Assessment",
    "assess",
    "assess_stopped",
    "next_for_held",
    "refused",
    "reviewer_of",
    "settled",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is to be thought of a draft at first sight."""

    accepted: bool | None
    """`None` where something has to be decided about it."""
    rejection: str | None = None
    """Why it cannot be used, in words for the model."""
    verdicts: tuple[Verdict, ...] = ()
    comparison: Comparison | None = None


_AT_ONCE = Assessment(accepted=True)


def assess(state: State, draft: Draft, lane: Lane, at: datetime, rules: Rules) -> Assessment:
    """What is to be thought of a well-formed draft that *lane* made for the step under way.

    Drafts of a lane with no eligible lane above it are taken as they are: whatever a gate said,
    nobody could do better.
    """
    policy = state.head().policy
    if not rules.gates and not rules.monitors:
        return _AT_ONCE
    if not policy.escalation.enabled or policy.routing.pin or len(state.head().lanes) == 1:
        return _AT_ONCE
    ladder = ladder_of(state)
    found = target_above(state, ladder, lane)
    may_end_here = policy.escalation.dead_end == "halt" and has_above(state, lane)
    if _has_the_loop(state, lane) or (found is None and not may_end_here):
        return _AT_ONCE
    asks = _hand_over(state, draft) is not None
    # Where the answer is no, the calls beside it are judged like any others.
    if asks and refused(state, ladder, lane) is None:
        return Assessment(accepted=None)
    prefix = prefix_of(state, lane, draft.message)
    verdicts = tuple(rules.verdicts(prefix, draft, lane))
    misfit = next((each for each in verdicts if each.gate == "schema" and not each.passed), None)
    if misfit is not None:
        return Assessment(accepted=False, rejection=misfit.reason, verdicts=verdicts)
    if found is None:
        why_not = dead_end(state, verdicts, rules.signals(prefix))
        return Assessment(accepted=None if why_not else True, verdicts=verdicts)
    comparison = _weighed(state, at, draft, _last_score(verdicts), lane=lane, target=found[0])
    is_open = (
        any(each.passed is False for each in verdicts if each.gate != "confidence")
        or (comparison is not None and comparison.worth_it)
        or bool(_open_questions(state, verdicts))
        or bool(_to_review(state, rules.signals(prefix), lane))
    )
    return Assessment(accepted=None if is_open else True, verdicts=verdicts, comparison=comparison)


def _has_the_loop(state: State, lane: Lane) -> bool:
    """Whether a span is *lane*'s, or one below it; a stand-in from below is judged as ever."""
    return state.tenure is not None and lane.tier >= lane_of(state, state.tenure.lane).tier


def assess_stopped(
    state: State, draft: Draft, lane: Lane, at: datetime, rules: Rules
) -> Assessment:
    """What is to be thought of a draft that a gate stopped while it was written."""
    found = target_above(state, ladder_of(state), lane)
    verdicts = tuple(rules.verdicts(prefix_of(state, lane, draft.message), draft, lane))
    last = _last_score(verdicts)
    comparison = None
    if found is not None:
        comparison = _weighed(state, at, draft, last, lane=lane, target=found[0])
    return Assessment(
        accepted=False,
        rejection=draft.problem or "It was stopped: one of its tokens was too unlikely.",
        verdicts=verdicts,
        comparison=comparison,
    )


def _weighed(
    state: State, at: datetime, draft: Draft, last: Verdict | None, *, lane: Lane, target: Lane
) -> Comparison | None:
    if last is None or last.p_fail is None:
        return None
    damage_usd = damage_of(
        state.head().policy.escalation.damage,
        side_effects=_side_effects(state, draft),
        is_answer=not draft.message.calls,
    )
    stake = Stake(p_fail=last.p_fail, damage_usd=damage_usd, calibration=last.calibration)
    return compared(state, at, stake=stake, lane=lane, target=target, is_drafted=True)


def _side_effects(state: State, draft: Draft) -> list[SideEffect]:
    specs = (state.specs.get(call.name) for call in draft.message.calls)
    return [spec.side_effect for spec in specs if spec is not None]


def _last_score(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The newest verdict with a probability: each one knew those before it."""
    scored = [each for each in verdicts if each.p_fail is not None and each.gate != "schema"]
    return scored[-1] if scored else None


def _open_questions(state: State, verdicts: Iterable[Verdict]) -> tuple[ReasonCode, ...]:
    """What the policy wants to be asked about a draft, before it is decided upon."""
    gates = state.head().policy.gates
    said = list(verdicts)
    last = _last_score(said)
    if last is None or last.p_fail is None:
        none = any(each.passed is None and each.gate == "confidence" for each in said)
        return ("no_evidence",) if none and gates.on_no_evidence == "escalate" else ()
    asked = {each.gate for each in said}
    wanted: dict[ReasonCode, bool] = {
        "disagreement": gates.agreement.enabled
        and "agreement" not in asked
        and _within(last.p_fail, gates.agreement.borderline),
        "judged_wrong": gates.judge.enabled
        and "judge" not in asked
        and _within(last.p_fail, gates.judge.borderline),
    }
    return tuple(code for code, is_wanted in wanted.items() if is_wanted)


def _within(p_fail: float, borderline: tuple[Probability, Probability]) -> bool:
    return borderline[0] <= p_fail <= borderline[1]


def _to_review(state: State, signals: Iterable[Signal], lane: Lane) -> tuple[Signal, ...]:
    reviewer = reviewer_of(state, ladder_of(state), lane)
    if reviewer is None:
        return ()
    return tuple(each for each in signals if each.kind == "milestone")


def reviewer_of(state: State, ladder: Ladder, lane: Lane) -> Lane | None:
    """The lane that reviews what *lane* did: the policy's, or the next above it."""
    named = state.head().policy.escalation.review.lane
    if named is not None:
        return ladder.named(named)
    found = target_above(state, ladder, lane)
    return None if found is None else found[0]


def refused(state: State, ladder: Ladder, lane: Lane) -> str | None:
    """Why *lane* may not ask for help at present, in words for it; `None` where it may."""
    quota = state.head().policy.escalation.self_escalation.questions
    if state.questions >= quota:
        return refusal("quota")
    if state.asked and state.asked >= state.step - 1:
        return refusal("twice_in_a_row")
    if not ladder.above(lane):
        return refusal("stays_local" if ladder.excluded else "nobody_higher")
    return None


def settled(state: State, at: datetime, *, reason: str = "") -> Judged:
    """The event that accepts the draft that is held."""
    return Judged(seq=state.seq + 1, at=at, step=state.step, accepted=True, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matter:
    """All that is asked about when it is decided what becomes of a held draft."""

    state: State
    at: datetime
    held: Held
    ladder: Ladder
    rules: Rules
    base: Choice
    target: Lane | None
    """The lane that would take the step; `None` where none may."""

    def up(
        self, *reasons: ReasonCode, because: str = "", note: str = "", span: bool = False
    ) -> Choice | None:
        """The step, or a span, goes to the higher lane; `None` where none may take it."""
        return handed_up(
            self.state,
            self.base,
            self.target,
            reasons=reasons,
            because=because,
            note=note,
            span=span,
        )

    def settled(self, reason: str = "") -> Judged:
        """The draft is accepted."""
        return settled(self.state, self.at, reason=reason)


def next_for_held(
    state: State, at: datetime, held: Held, ladder: Ladder, rules: Rules
) -> Choice | Judged | Signalled | str:
    """What the draft that is held needs next.

    Returns:
        A call to be made, a fact to be recorded, or why a person has to look at it.
    """
    drafted = held.drafted
    lane = lane_of(state, drafted.lane)
    effects = _side_effects(state, drafted.draft)
    found = target_above(state, ladder, lane, writes=any(each != "read" for each in effects))
    base = Choice(lane=lane, excluded=ladder.excluded, scores={} if found is None else found[1])
    matter = _Matter(
        state=state,
        at=at,
        held=held,
        ladder=ladder,
        rules=rules,
        base=base,
        target=None if found is None else found[0],
    )
    asked = _hand_over(state, drafted.draft)
    if found is None and state.head().policy.escalation.dead_end == "halt":
        signals = rules.signals(prefix_of(state, lane, drafted.draft.message))
        open_ = [each for each in signals if each.code not in held.reviewed]
        why_not = dead_end(state, held.verdicts, open_)
        if why_not is not None:
            return f"the step ought to be handed up, and nobody may take it: {why_not}"
    handed_over = None if asked is None else _handed_over(matter, asked)
    # A lane that may not hand over is told so in the call's result; the draft is judged.
    return handed_over or _doubted(matter) or _reviewed(matter)


def _hand_over(state: State, draft: Draft) -> ToolCall | None:
    calls = draft.message.calls
    return next((c for c in calls if c.name == "escalate" and is_ours(state, c)), None)


def _handed_over(matter: _Matter, call: ToolCall) -> Choice | None:
    state = matter.state
    # What was granted before the run stopped is not asked for a second time.
    is_granted = state.asked == state.step and state.charged != matter.base.lane.name
    if not is_granted and refused(state, matter.ladder, matter.base.lane) is not None:
        return None
    because = str(call.arguments.get("reason", ""))
    return matter.up("asked_to_hand_over", because=because, note=because, span=True)


def _doubted(matter: _Matter) -> Choice | Judged | None:
    """The next thing to do about a draft that some gate doubts; `None` where none does."""
    state, held, target = matter.state, matter.held, matter.target
    if target is None:
        return None
    failing = next((each for each in held.verdicts if _is_refused_by_own(each)), None)
    if failing is not None:
        return matter.up("gate", because=failing.reason)
    questions = _open_questions(state, held.verdicts)
    if "no_evidence" in questions:
        return matter.up("no_evidence")
    if "disagreement" in questions:
        return _sampled(matter)
    if "judged_wrong" in questions:
        judge = state.head().policy.gates.judge.lane
        lane = matter.ladder.named(judge) or target
        return replace(
            matter.base, lane=lane, purpose="judge", scope="review", reasons=("borderline",)
        )
    word = _word_of_judge(held.verdicts)
    if word is not None:
        return None if word.passed else matter.up("judged_wrong", because=word.reason)
    last = _last_score(held.verdicts)
    comparison = _weighed(
        state, matter.at, held.drafted.draft, last, lane=matter.base.lane, target=target
    )
    if last is None or comparison is None or not comparison.worth_it:
        return None
    by_gate: dict[str, ReasonCode] = {"agreement": "disagreement", "judge": "judged_wrong"}
    code = by_gate.get(last.gate, "low_confidence")
    choice = matter.up(code, weighed_by(comparison), because=last.reason)
    return None if choice is None else replace(choice, comparison=comparison)


def _word_of_judge(verdicts: Iterable[Verdict]) -> Verdict | None:
    """A judge's yes or no without a probability: nothing can be weighed, so the word counts."""
    said = (each for each in verdicts if each.gate == "judge" and each.passed is not None)
    return next((each for each in said if each.p_fail is None), None)


def _is_refused_by_own(verdict: Verdict) -> bool:
    """Whether a gate of the user's own refuses the draft; the built-in ones are weighed."""
    return verdict.passed is False and verdict.gate not in WEIGHED


def _sampled(matter: _Matter) -> Choice | Judged:
    state, held = matter.state, matter.held
    settings = state.head().policy.gates.agreement
    if len(held.samples) < settings.samples:
        return replace(matter.base, purpose="sample", reasons=("borderline",))
    drafts = (held.drafted.draft, *held.samples)
    verdict = agreement(drafts, min_share=settings.min_share)
    return Judged(
        seq=state.seq + 1, at=matter.at, step=state.step, accepted=None, verdicts=(verdict,)
    )


def _reviewed(matter: _Matter) -> Choice | Judged | Signalled | str:
    """The review that a milestone in the draft asks for, or what follows from it."""
    state, held = matter.state, matter.held
    reviewer = reviewer_of(state, matter.ladder, matter.base.lane)
    if reviewer is None:
        return matter.settled()
    prefix = prefix_of(state, matter.base.lane, held.drafted.draft.message)
    signals = [each for each in matter.rules.signals(prefix) if each.kind == "milestone"]
    known = state.signals[held.signals_from :]
    fresh = not_yet(signals, known)
    if fresh is not None:
        return Signalled(seq=state.seq + 1, at=matter.at, step=state.step, signal=fresh)
    due = [each for each in signals if each.code not in held.reviewed]
    if not due:
        return matter.settled()
    codes = {each.code for each in due}
    done = [each for each in state.reviews if codes.intersection(each.codes)]
    is_final = "irreversible_call" in codes
    if done and done[-1].seq > held.drafted.seq:
        return _after_review(matter, done[-1], is_final=is_final)
    if len(done) >= state.head().policy.escalation.review.reviews_of_a_claim:
        reason = f"{len(done)} reviews did not approve it"
        return reason if is_final else matter.settled(reason)
    return replace(
        matter.base,
        lane=reviewer,
        purpose="review",
        scope="review",
        reasons=tuple(_REVIEWED_FOR.get(each.code, "milestone") for each in due),
        because="; ".join(each.evidence for each in due),
    )


_REVIEWED_FOR: Mapping[str, ReasonCode] = MappingProxyType(
    {"irreversible_call": "irreversible_call", "claim": "claim"}
)


def _after_review(matter: _Matter, reviewed: Reviewed, *, is_final: bool) -> Choice | Judged | str:
    settings = matter.state.head().policy.escalation.review
    review = reviewed.review
    if review is None:
        rule = settings.unknown_irreversible if is_final else settings.unknown
        if rule == "open":
            return matter.settled("there was no verdict, and the policy goes on")
        return matter.up("review_unknown") or (
            "a review before it gave no verdict, and the policy does not go on without"
        )
    told = review.correction or review.reason
    if settings.on_failure == "correct":
        return replace(matter.base, reasons=("review_failed",), because=review.reason, note=told)
    return matter.up("review_failed", because=review.reason, note=told) or (
        f"a review found it wrong: {review.reason}"
    )
