"""Asking: calls that are made for an opinion, what they show, and what their answers amount to."""

from collections.abc import Sequence
from datetime import datetime

from cascade.consulting import advice_view, judge_view, review_of, review_view
from cascade.conversation import Rewriter, is_redacted, lane_of
from cascade.decision import Decision
from cascade.events import Advised, Consulted, Directed, Event, Judged, Reviewed
from cascade.exchange import View
from cascade.gates.judging import verdict_of
from cascade.handoff import packet
from cascade.lanes import Lane
from cascade.messages import Message, Text, ToolCall, UserMessage
from cascade.redaction.steps import redacted_draft, redacted_step, redacted_task, redacted_text
from cascade.routing.directives import (
    Ignored,
    directive_schema,
    instructions,
    question,
    read_directive,
)
from cascade.self_escalation import refusal
from cascade.signals import Signal
from cascade.situation import is_ours, ladder_of
from cascade.state import State
from cascade.steps import Step
from cascade.transcripts import Rewrite
from cascade.verdicts import Verdict

__all__ = ["answered", "milestones_to_review", "question_asked", "shown", "unanswered"]


def question_asked(state: State) -> ToolCall | None:
    """The first call of `ask_expert` in the step that has no result."""
    for entry in state.pending:
        call = entry.call
        if entry.result is None and call.name == "ask_expert" and is_ours(state, call):
            return call
    return None


def milestones_to_review(state: State) -> tuple[Signal, ...]:
    """The milestones that were not judged yet: of the held draft, or else of the work so far."""
    signals = state.signals
    if state.held is not None:
        signals = signals[state.held.signals_from :]
        done = set(state.held.reviewed)
    else:
        done = {code for reviewed in state.reviews for code in reviewed.codes}
    found = {each.code: each for each in signals if each.kind == "milestone"}
    return tuple(each for code, each in found.items() if code not in done)


def shown(state: State, decision: Decision, rewriter: Rewriter) -> View:
    """What the lane is shown that is asked for an opinion."""

    def rewrite(message: Message) -> Message:
        return rewriter(decision.lane, message)

    # Before anything is cut to a length: half of a value is none that a recogniser knows.
    started = state.head()
    trajectory_id, task = started.trajectory_id, redacted_task(started.task, rewrite)
    steps = [redacted_step(step, rewrite) for step in state.steps]
    milestones = [redacted_text(one, rewrite) for one in state.milestones]
    is_hidden = is_redacted(state, lane_of(state, decision.lane))
    tools = state.redacted_head.tools if is_hidden else started.tools
    most_tokens = started.policy.handoff.packet_tokens
    draft = None
    if state.held is not None:
        draft = redacted_draft(state.held.drafted.draft.message, rewrite)
    match decision.purpose:
        case "review":
            open_ = [_redacted(one, rewrite) for one in milestones_to_review(state)]
            first = state.steps[0].number if state.steps else 1
            cut = max(state.anchor - first + 1, 0)
            return review_view(
                trajectory_id=trajectory_id,
                task=task,
                earlier=steps[:cut],
                steps_since_anchor=steps[cut:],
                draft=draft,
                signal=open_[0] if open_ else None,
                tools=tools,
                milestones=milestones,
                most_tokens=most_tokens,
            )
        case "judge" if draft is not None:
            return judge_view(
                trajectory_id=trajectory_id,
                task=task,
                steps=steps,
                draft=draft,
                tools=tools,
                most_tokens=most_tokens,
            )
        case "advice":
            return advice_view(
                trajectory_id=trajectory_id,
                task=task,
                steps=steps,
                question=redacted_text(_question(state), rewrite),
                tools=tools,
                most_tokens=most_tokens,
            )
        case _:
            return _directive_view(state, task, steps, milestones, rewrite)


def _question(state: State) -> str:
    call = question_asked(state)
    return "" if call is None else str(call.arguments.get("question", ""))


def _redacted(signal: Signal, rewrite: Rewrite) -> Signal:
    evidence = redacted_text(signal.evidence, rewrite)
    return signal.model_copy(update={"evidence": evidence})


def _directive_view(
    state: State,
    task: UserMessage,
    steps: Sequence[Step],
    milestones: Sequence[str],
    rewrite: Rewrite,
) -> View:
    started = state.head()
    routing = started.policy.routing
    eligible = ladder_of(state).eligible
    in_charge = lane_of(state, state.last_lane or state.home)
    asked = question(
        state.step,
        in_charge,
        eligible,
        noticed=[redacted_text(each.evidence, rewrite) for each in state.signals],
    )
    told = packet(
        task,
        steps,
        milestones=milestones,
        most_tokens=started.policy.handoff.packet_tokens,
    )
    return View(
        trajectory_id=f"{started.trajectory_id}:directive",
        system=instructions(started.lanes, routing),
        messages=(UserMessage(parts=(*told.parts, Text(text=f"\n\n{asked}"))),),
        tools=(),
        output=directive_schema(eligible, routing),
    )


def answered(state: State, at: datetime, consulted: Consulted) -> Event:
    """The fact that an opinion amounts to."""
    seq, step = state.seq + 1, state.step
    draft = consulted.draft
    match consulted.purpose:
        case "review":
            return Reviewed(
                seq=seq,
                at=at,
                step=step,
                lane=consulted.lane,
                codes=tuple(each.code for each in milestones_to_review(state)),
                review=review_of(draft),
            )
        case "advice":
            call = question_asked(state)
            return Advised(
                seq=seq,
                at=at,
                step=step,
                lane=consulted.lane,
                call_id="" if call is None else call.id,
                question=_question(state),
                advice=draft.message.text.strip() or refusal("nobody_higher"),
            )
        case "directive":
            routing = state.head().policy.routing
            ladder = ladder_of(state)
            said = read_directive(
                draft.message.text, ladder.eligible, excluded=ladder.excluded, routing=routing
            )
            ignored = isinstance(said, Ignored)
            return Directed(
                seq=seq,
                at=at,
                step=step,
                lane=consulted.lane,
                directive=None if ignored else said,
                reason=said.reason if ignored else "",
            )
        case _:
            judge = state.head().policy.gates.judge
            verdict = verdict_of(draft, min_p_right=judge.min_p_right)
            return Judged(seq=seq, at=at, step=step, accepted=None, verdicts=(verdict,))


def unanswered(state: State, at: datetime, lane: Lane, why: str) -> Event:
    """The fact that nobody gave the opinion that was asked for."""
    seq, step = state.seq + 1, state.step
    match state.purpose:
        case "review":
            codes = tuple(each.code for each in milestones_to_review(state))
            return Reviewed(seq=seq, at=at, step=step, lane=None, codes=codes, review=None)
        case "advice":
            call = question_asked(state)
            return Advised(
                seq=seq,
                at=at,
                step=step,
                lane=lane.name,
                call_id="" if call is None else call.id,
                question=_question(state),
                advice=refusal("nobody_higher"),
            )
        case "directive":
            return Directed(seq=seq, at=at, step=step, lane=lane.name, directive=None, reason=why)
        case _:
            gate = "agreement" if state.purpose == "sample" else "judge"
            verdict = Verdict(gate=gate, passed=None, reason=f"nobody could be asked: {why}")
            return Judged(seq=seq, at=at, step=step, accepted=None, verdicts=(verdict,))
