"""What the desk oracle says in a frontier model's place: steps, reviews, advice, and yes or no."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cascade.consulting import DraftedStep, drafted_in
from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.desk.oracle import oracle_next, step_is_right
from cascade.desk.tasks import DeskTask, reply_of
from cascade.desk.world import TOOL_EFFECTS, Office
from cascade.handoff import parse_done
from cascade.opinions import Review
from cascade.rubrics import ADVICE_SYSTEM, JUDGE_SYSTEM, REVIEW_SYSTEM
from cascade.self_escalation import ASK_EXPERT, ESCALATE
from cascade.simulated.received import Conversation, Result, Said
from cascade.simulated.script import Calls, Turn

__all__ = ["OracleScript", "history_of"]

_Part = Literal["step", "review", "advice", "judge"]

_PARTS: tuple[tuple[str, _Part], ...] = (
    (REVIEW_SYSTEM, "review"),
    (ADVICE_SYSTEM, "advice"),
    (JUDGE_SYSTEM, "judge"),
)
_STRANGER = "(simulated) This stand-in knows the tasks of the desk suite only, and this is none."
_WRONG_ANSWER = "Order 0000 is done."
"""Wrong for every task, also for those that would take any words: no office has such an order."""
_FOR_HELP = frozenset({ASK_EXPERT.name, ESCALATE.name})
_ERRORS = ("ToolError: ", "TypeError: ", "invalid arguments: ", "there is no tool ", "timed out ")
"""How results begin that are errors, for wire formats that do not say so."""


class OracleScript:
    """Says what the oracle would to any conversation about one of the given tasks.

    It is a simulation and, without *mistakes*, a perfect one: it knows each task's solution, sees
    through every draft and is never persuaded by a text. No real model is like that, so figures
    made with it are no claim about any.

    A task is known by its prompt, with which the first thing that the user says has to begin. So a
    prompt in which redaction has put placeholders is not known, and what is said then is that this
    is none of the tasks; nobody can take that for a step, a verdict or advice. What was done so far
    is read from the calls of the conversation and from the records that handoffs tell of it.

    Args:
        tasks: The tasks that may come.
        mistakes: The share of answers that are wrong, from 0 to 1: a step that does not help, a
            verdict that is the opposite of the right one, advice to take a wrong step.
        seed: Of the choice of mistakes. The same conversation always gets the same answer.
    """

    def __init__(self, tasks: Iterable[DeskTask], *, mistakes: float = 0.0, seed: int = 0) -> None:
        self._tasks = {task.prompt: task for task in tasks}
        self._mistakes = mistakes
        self._seed = seed

    def __call__(self, conversation: Conversation) -> Turn:
        """The right answer, whatever was done before, or now and then a wrong one."""
        first = next((said.text for said in conversation.turns if said.role == "user"), "")
        task = self._task_of(first)
        if task is None:
            return Turn(text=_STRANGER)
        part = _part_in(conversation)
        history = history_of(conversation)
        drafted = drafted_in(first)
        rng = self._dice(task, part, conversation)
        errs = rng.random() < self._mistakes
        work = _Work(task=task, history=history, rng=rng)
        match part:
            case "review":
                review = work.review(drafted, errs=errs)
                return Turn(text=review.model_dump_json())
            case "judge":
                return Turn(text="yes" if work.is_right_step(drafted) != errs else "no")
            case "advice":
                return Turn(text=_in_words(work.next_step(errs=errs)))
            case _:
                return _turn(work.next_step(errs=errs), thinks=conversation.thinks)

    def _task_of(self, asked: str) -> DeskTask | None:
        known = self._tasks.get(asked)
        if known is not None:
            return known
        begun = [prompt for prompt in self._tasks if asked.startswith(prompt)]
        return self._tasks[max(begun, key=len)] if begun else None

    def _dice(self, task: DeskTask, part: _Part, conversation: Conversation) -> random.Random:
        """Dice that fall alike whenever the same is asked, in whatever order requests come."""
        said = [(turn.role, turn.text, len(turn.calls)) for turn in conversation.turns]
        return random.Random(f"{self._seed}/{task.task_id}/{part}/{said}")  # noqa: S311 - seeded chance, not cryptography


def _part_in(conversation: Conversation) -> _Part:
    for text, part in _PARTS:
        if text in conversation.system:
            return part
    return "step"


def history_of(conversation: Conversation) -> list[Exchange]:
    """What was done, in order: calls that were answered, and calls that records tell of."""
    results = {result.call_id: result for result in conversation.results}
    history: list[Exchange] = []
    for said in conversation.turns:
        # A record in the same turn as results was written after them.
        history.extend(_told(said))
        for call in said.calls:
            if call.id in results:
                made = Call(name=call.name, arguments=call.arguments)
                history.append(Exchange(call=made, reply=_reply(results[call.id])))
    return [one for one in history if one.call.name not in _FOR_HELP]


def _told(said: Said) -> list[Exchange]:
    if said.role == "assistant":
        return []
    return [
        Exchange(
            call=Call(name=told.name, arguments=told.arguments),
            reply=Reply(text=told.result, is_error=told.is_error),
        )
        for told in parse_done(said.text)
    ]


def _reply(result: Result) -> Reply:
    is_error = result.is_error or result.text.startswith(_ERRORS)
    return Reply(text=result.text, is_error=is_error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A task, what was done about it, and dice for mistakes."""

    task: DeskTask
    history: Sequence[Exchange]
    rng: random.Random

    def next_step(self, *, errs: bool) -> Step:
        right = oracle_next(self.task, self.history)
        if not errs:
            return right
        if right.call is None:
            return Step(answer=_WRONG_ANSWER)
        return Step(call=self._another(right.call))

    def review(self, drafted: DraftedStep | None, *, errs: bool) -> Review:
        on_track = self._is_on_track(drafted) != errs
        reached = "the work so far" if drafted is None else _named(drafted)
        if on_track:
            reason = "It is what the task asks for."
            return Review(milestone=reached, on_track=True, reason=reason, correction="")
        correction = _in_words(self.next_step(errs=errs))
        reason = "It is not what the task asks for at this point."
        return Review(milestone=reached, on_track=False, reason=reason, correction=correction)

    def is_right_step(self, drafted: DraftedStep | None) -> bool:
        """Whether each call of a draft brings the task closer, or its answer is the right one."""
        return self._passes(drafted, detours=False)

    def _is_on_track(self, drafted: DraftedStep | None) -> bool:
        return self._is_sound() if drafted is None else self._passes(drafted, detours=True)

    def _passes(self, drafted: DraftedStep | None, *, detours: bool) -> bool:
        """Args: detours: Whether reading what is not needed is forgiven."""
        if drafted is None or not drafted.calls:
            answer = None if drafted is None else drafted.answer
            return step_is_right(self.task, self.history, Step(answer=answer))
        history = list(self.history)
        for name, arguments in drafted.calls:
            if name in _FOR_HELP:
                continue
            call = Call(name=name, arguments=arguments)
            forgiven = detours and TOOL_EFFECTS.get(name) == "read"
            if not (forgiven or step_is_right(self.task, history, Step(call=call))):
                return False
            history.append(Exchange(call=call, reply=reply_of(_office(self.task, history), call)))
        return True

    def _is_sound(self) -> bool:
        """Whether nothing stands in the office that does not belong there."""
        office = _office(self.task, self.history)
        if self.task.irreparable(office) is not None:
            return False
        return all(
            order.status in (first.status, self.task.goal.orders[first.order_id].status)
            and order.note in (first.note, self.task.goal.orders[first.order_id].note)
            for first in self.task.records.orders
            for order in (office.orders[first.order_id],)
        )

    def _another(self, call: Call) -> Call:
        """The call on something else than what it ought to be made on."""
        name, value = next(iter(call.arguments.items()))
        records = self.task.records
        others: list[str] = []
        if name == "order_id":
            others = [order.order_id for order in records.orders]
        elif name == "customer_id":
            others = [customer.customer_id for customer in records.customers]
        calls = [
            Call(name=call.name, arguments={**call.arguments, name: other})
            for other in (*others, f"{value}0")
        ]
        wrong = [one for one in calls if not step_is_right(self.task, self.history, Step(call=one))]
        return self.rng.choice(wrong)


def _office(task: DeskTask, history: Iterable[Exchange]) -> Office:
    """The office after these exchanges."""
    office = Office(task.records, reliable=True)
    for exchange in history:
        if not exchange.reply.is_error and TOOL_EFFECTS.get(exchange.call.name, "read") != "read":
            reply_of(office, exchange.call)
    return office


def _named(drafted: DraftedStep) -> str:
    return ", ".join(name for name, _ in drafted.calls) or "the final answer"


def _in_words(step: Step) -> str:
    if step.call is None:
        return f"Answer: {step.answer}"
    arguments = json.dumps(dict(step.call.arguments), ensure_ascii=False)
    return f"Call {step.call.name} with {arguments}."


def _turn(step: Step, *, thinks: bool) -> Turn:
    if step.call is None:
        thought = "All that the task asks for is done, so I answer." if thinks else None
        return Turn(text=step.answer or "", thinking=thought)
    thought = f"The next thing to do is {step.call.name}." if thinks else None
    called = Calls(name=step.call.name, arguments=step.call.arguments)
    return Turn(thinking=thought, calls=(called,))
