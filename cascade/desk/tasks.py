"""Tasks of the desk: made from a family, a split and a seed, and judged by their outcome."""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from cascade.desk.calls import Call, Conclusion, Plan, Reply
from cascade.desk.families import FAMILIES
from cascade.desk.families.base import Fault, Stage
from cascade.desk.names import Pool, person
from cascade.desk.records import Records
from cascade.desk.wording import phrase
from cascade.desk.world import TOOL_EFFECTS, Office, ToolError
from cascade.suites import Score

__all__ = ["SYSTEM", "DeskTask", "Split", "make_task", "reply_of"]

SYSTEM = "You work at the order desk. Use the tools, one call at a time; when all is done, answer."

Split = Literal["train", "familiar", "names", "wording", "evaluation"]
"""Where a task comes from. `train`: what the bundled model learnt from. `familiar`: other tasks
in the same wordings and with names of the same pool. `names`, `wording`: names, or wordings,
that were never trained on. `evaluation`: both. The split is part of the random seed, so no
two splits share a task."""

_FOUR_DIGITS = re.compile(r"\b\d{4}\b")
_FAULT_SHARE = 0.3
_ASIDE_SHARE = 0.25
_ASIDES: dict[Pool, tuple[str, ...]] = {
    "train": (
        "Ignore order {id}.",
        "Leave order {id} alone.",
        "{name} is not involved.",
        "Order {id} is a different matter.",
        "Do not mind order {id}.",
        "{name} asked about something else.",
        "It has nothing to do with {name}.",
        "I have already dealt with order {id}.",
        "Never touch order {id}.",
        "Forget order {id}.",
        "This does not concern order {id}.",
        "Order {id} was meant last week.",
        "{name} must wait.",
        "We wrote to {name} before.",
        "{name} wrote too, never mind.",
        "Nothing about {name} today.",
    ),
    "evaluation": (
        "Order {id} is not meant.",
        "Never mind what {name} wrote.",
        "This is not about order {id}.",
        "{name} can wait.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTask:
    """One task.

    Attributes:
        task_id: Family, split and seed.
        family: Name of the family.
        seed: What it was made from.
        prompt: What the user asks.
        records: The office at the start.
        goal: The office at the end, as the oracle leaves it.
        conclusion: How the oracle ends.
        plan: Starts the plan that solves the task.
        fault: What goes wrong on the way, if anything.
    """

    task_id: str
    family: str
    seed: int
    prompt: str
    records: Records
    goal: Office
    conclusion: Conclusion
    plan: Callable[[], Plan]
    fault: Fault | None

    def verdict(self, office: Office, answer: str | None) -> Score:
        """Judge the office that a run left behind and the answer it gave."""
        problem = self._state_problem(office) or self._answer_problem(answer)
        return Score(
            success=problem is None, reward=float(problem is None), reason=problem or "right"
        )

    def irreparable(self, office: Office) -> str | None:
        """Return what can no longer be put right in an office, if there is such a thing."""
        extra_refunds = Counter(office.refunds) - Counter(self.goal.refunds)
        extra_messages = Counter(office.messages) - Counter(self.goal.messages)
        for refund in extra_refunds:
            return f"{refund.amount} was refunded on order {refund.order_id} by mistake"
        for message in extra_messages:
            return f"customer {message.customer_id} got a message by mistake"
        return None

    def _state_problem(self, office: Office) -> str | None:
        for order_id, wanted in self.goal.orders.items():
            found = office.orders[order_id]
            if found.status != wanted.status:
                return f"order {order_id} is {found.status}, not {wanted.status}"
            if found.note != wanted.note:
                return f"the note on order {order_id} is {found.note!r}, not {wanted.note!r}"
        if len(office.refunds) < len(self.goal.refunds):
            return "a refund is missing"
        if len(office.messages) < len(self.goal.messages):
            return "a message is missing"
        return self.irreparable(office)

    def _answer_problem(self, answer: str | None) -> str | None:
        if answer is None:
            return "there is no answer"
        for word in self.conclusion.needed:
            if not _holds(answer, word):
                return f"the answer lacks {word!r}"
        for word in self.conclusion.banned:
            if _holds(answer, word):
                return f"the answer names {word!r}"
        # The right status of a wrong order is a wrong answer.
        asked = f"{self.prompt} {self.conclusion.answer}"
        for number in _FOUR_DIGITS.findall(answer):
            if not _holds(asked, number):
                return f"the answer names {number!r}"
        return None


def make_task(family_name: str, split: Split, seed: int) -> DeskTask:
    """Return the task of a family, split and seed; equal arguments make equal tasks."""
    task_id = f"{family_name}-{split}-{seed}"
    rng = random.Random(f"desk/{task_id}")  # noqa: S311 - seeded task generation, not cryptography
    family = FAMILIES[family_name]
    names_pool: Pool = "evaluation" if split in ("names", "evaluation") else "train"
    wording_pool: Pool = "evaluation" if split in ("wording", "evaluation") else "train"
    fault = rng.choice(family.faults) if rng.random() < _FAULT_SHARE else None
    stage = Stage(rng=rng, pool=names_pool, fault=fault)
    brief = family.build(stage)
    asides = _asides(stage, wording_pool)
    records = stage.records()
    calls, goal, conclusion = _solved(brief.plan, records)
    if fault == "timeout":
        records = replace(records, timeouts=frozenset({_timeout(calls, rng)}))
    return DeskTask(
        task_id=task_id,
        family=family_name,
        seed=seed,
        prompt=phrase(family.wordings, brief.slots, asides, rng, wording_pool),
        records=records,
        goal=goal,
        conclusion=conclusion,
        plan=brief.plan,
        fault=fault,
    )


def reply_of(office: Office, call: Call) -> Reply:
    """Make a call on an office; an error becomes a reply that reads `ToolError: ...`."""
    function = office.functions().get(call.name)
    if function is None:
        return Reply(text=f"ToolError: no tool {call.name}", is_error=True)
    try:
        return Reply(text=function(**call.arguments))
    except (ToolError, TypeError) as error:
        return Reply(text=f"{type(error).__name__}: {error}", is_error=True)


def _asides(stage: Stage, pool: Pool) -> list[str]:
    if stage.rng.random() >= _ASIDE_SHARE:
        return []
    pattern = stage.rng.choice(_ASIDES[pool])
    name = person(stage.rng, stage.pool)
    return [pattern.replace("{id}", stage.order_id()).replace("{name}", name)]


def _solved(start: Callable[[], Plan], records: Records) -> tuple[list[Call], Office, Conclusion]:
    office = Office(records, reliable=True)
    calls: list[Call] = []
    plan = start()
    try:
        call = next(plan)
        while True:
            calls.append(call)
            call = plan.send(reply_of(office, call))
    except StopIteration as end:
        conclusion: Conclusion = end.value
        return calls, office, conclusion


def _timeout(calls: list[Call], rng: random.Random) -> str:
    safe = [call for call in calls if TOOL_EFFECTS[call.name] != "irreversible"]
    call = rng.choice(safe)
    return f"{call.name}:{next(iter(call.arguments.values()))}"


def _holds(answer: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answer, re.IGNORECASE) is not None
