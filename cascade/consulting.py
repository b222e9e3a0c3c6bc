"""Consulting: what a lane is shown whose opinion is wanted, and what its answer means.

A consulted lane never acts. It sees one message, made anew each time: the task, a record of what
was done, and what is asked of it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from cascade.exchange import Draft, FinishReason, OutputSchema, ToolSpec, View
from cascade.handoff import record
from cascade.messages import AssistantMessage, Text, UserMessage
from cascade.opinions import Review
from cascade.rubrics import ADVICE_SYSTEM, JUDGE_SYSTEM, REVIEW_SYSTEM
from cascade.self_escalation import ASK_EXPERT, ESCALATE, RefusalCause, followed, refusal
from cascade.signals import Signal
from cascade.steps import Step
from cascade.tools import shorten

__all__ = [
    "ASK_EXPERT",
    "ESCALATE",
    "REVIEW_OUTPUT",
    "DraftedStep",
    "RefusalCause",
    "advice_view",
    "consulting_ids",
    "drafted_in",
    "followed",
    "judge_view",
    "refusal",
    "review_of",
    "review_view",
]

REVIEW_OUTPUT = OutputSchema(
    name="review",
    # The reason comes before the verdict, so that it is found before it is needed.
    definition={
        "type": "object",
        "properties": {
            "milestone": {"type": "string", "description": "What was reached or is claimed."},
            "reason": {"type": "string", "description": "Why it is on track or not."},
            "on_track": {"type": "boolean", "description": "Whether the work may go on."},
            "correction": {
                "type": "string",
                "description": "What to do instead; empty if on track.",
            },
        },
        "required": ["milestone", "reason", "on_track", "correction"],
        "additionalProperties": False,
    },
)
"""The form of a `cascade.opinions.Review`."""

_PURPOSE_CHARACTERS = 160
_ABOUT = "What it is about to do or to claim:"
_DRAFTED = "drafted: "
_CUT_OFF: frozenset[FinishReason] = frozenset({"length", "deadline", "stopped", "refusal"})
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedStep:
    """A step that a verdict is asked on."""

    calls: tuple[tuple[str, dict[str, Any]], ...]
    """Name and arguments of each call."""
    answer: str | None
    """`None` where there are calls."""


def consulting_ids(trajectory_id: str) -> tuple[str, ...]:
    """The identities under which backends know a trajectory's consultations, to release them."""
    return tuple(f"{trajectory_id}:{kind}" for kind in ("review", "advice", "judge", "directive"))


def review_view(
    *,
    trajectory_id: str,
    task: UserMessage,
    steps_since_anchor: Sequence[Step],
    draft: AssistantMessage | None,
    signal: Signal | None,
    tools: Sequence[ToolSpec],
    milestones: Sequence[str],
    most_tokens: int,
    earlier: Sequence[Step] = (),
) -> View:
    """What a reviewer is shown.

    Args:
        trajectory_id: Whose work it is.
        task: What the user asked.
        steps_since_anchor: The steps that no review has verified.
        draft: What is about to be done or claimed; `None` to judge the work as it stands.
        signal: Why a review is wanted.
        tools: What the agent has.
        milestones: What earlier reviews have verified, in words.
        most_tokens: Longest record, in tokens of about four characters.
        earlier: The steps before the anchor, of which the calls are named without their results:
            without them a reviewer cannot know of a claim whether all was done.
    """
    facts = [f"Verified: {one}" for one in milestones]
    note = "a check is due." if signal is None else f"{signal.code}: {signal.evidence}"
    told, pictures = record(
        steps_since_anchor, earlier=earlier, facts=facts, note=note, most_tokens=most_tokens
    )
    about = "Judge the work as it stands." if draft is None else _about(draft)
    return _view(
        f"{trajectory_id}:review",
        REVIEW_SYSTEM,
        UserMessage(parts=(*task.parts, Text(text=_joined(_tools(tools), told, about)), *pictures)),
        output=REVIEW_OUTPUT,
    )


def advice_view(
    *,
    trajectory_id: str,
    task: UserMessage,
    steps: Sequence[Step],
    question: str,
    tools: Sequence[ToolSpec],
    last: int = 5,
    most_tokens: int,
) -> View:
    """What an adviser is shown.

    Args:
        trajectory_id: Whose question it is.
        task: What the user asked.
        steps: All steps so far.
        question: In the asking lane's words.
        tools: What the agent has.
        last: How many of the last steps are told with their results; of those before them the
            calls are only named.
        most_tokens: Longest record, in tokens of about four characters.
    """
    cut = max(len(steps) - last, 0)
    told, pictures = record(steps[cut:], earlier=steps[:cut], most_tokens=most_tokens)
    asked = f"The agent asks: {shorten(question, most_tokens)[0]}"
    text = _joined(_tools(tools), told, asked)
    message = UserMessage(parts=(*task.parts, Text(text=text), *pictures))
    return _view(f"{trajectory_id}:advice", ADVICE_SYSTEM, message)


def judge_view(
    *,
    trajectory_id: str,
    task: UserMessage,
    steps: Sequence[Step],
    draft: AssistantMessage,
    tools: Sequence[ToolSpec],
    most_tokens: int,
) -> View:
    """What a judge is shown, who says yes or no to a drafted step.

    Args:
        trajectory_id: Whose step it is.
        task: What the user asked.
        steps: All steps so far.
        draft: The step.
        tools: What the agent has.
        most_tokens: Longest record, in tokens of about four characters.
    """
    told, pictures = record(steps, most_tokens=most_tokens)
    text = _joined(_tools(tools), told, _about(draft), "Is that right? yes or no")
    message = UserMessage(parts=(*task.parts, Text(text=text), *pictures))
    return _view(f"{trajectory_id}:judge", JUDGE_SYSTEM, message)


def review_of(draft: Draft) -> Review | None:
    """The verdict that a reviewer's answer holds.

    Words beside the object, a code fence and fields that nobody asked for are passed over; what
    has to be there is whether the work is on track.

    Returns:
        `None` where it gives none: it is cut off or refused, or holds no such object.
    """
    if draft.finish_reason in _CUT_OFF:
        return None
    text = draft.message.text.encode("utf-8", "replace").decode("utf-8")
    found = _OBJECT.search(text)
    if found is None:
        return None
    try:
        answer: Any = from_json(found[0])
        if not isinstance(answer.get("on_track"), bool):
            return None
        blank = {"milestone": "", "reason": "", "correction": ""}
        known = {key: answer[key] for key in Review.model_fields if key in answer}
        return Review.model_validate(blank | known)
    except (ValueError, ValidationError):
        return None


def drafted_in(text: str) -> DraftedStep | None:
    """The step that a view's text asks a verdict on; `None` where it asks for none."""
    _, found, rest = text.rpartition(f"{_ABOUT}\n")
    if not found:
        return None
    lines = (line for line in rest.split("\n") if line.startswith(_DRAFTED))
    told = [json.loads(line.removeprefix(_DRAFTED)) for line in lines]
    return DraftedStep(
        calls=tuple((one["call"], one["arguments"]) for one in told if "call" in one),
        answer=next((one["answer"] for one in told if "answer" in one), None),
    )


def _view(
    trajectory_id: str, system: str, message: UserMessage, output: OutputSchema | None = None
) -> View:
    return View(
        trajectory_id=trajectory_id, system=system, messages=(message,), tools=(), output=output
    )


def _joined(*sections: str) -> str:
    return "".join(f"\n\n{section}" for section in sections if section)


def _tools(tools: Sequence[ToolSpec]) -> str:
    """A line for each tool: a whole schema would cost more than it tells."""
    return "\n".join(("The agent's tools:", *map(_signature, tools))) if tools else ""


def _signature(tool: ToolSpec) -> str:
    properties: Any = tool.parameters.get("properties", {})
    parameters = ", ".join(f"{name}: {_kind(schema)}" for name, schema in properties.items())
    purpose = shorten(tool.description.partition("\n")[0], _PURPOSE_CHARACTERS)[0]
    return f"- {tool.name}({parameters}) [{tool.side_effect}]: {purpose}"


def _kind(schema: Any) -> str:
    choices: Any = schema.get("enum")
    return "|".join(map(str, choices)) if choices else str(schema.get("type", "any"))


def _about(draft: AssistantMessage) -> str:
    told: list[dict[str, Any]] = [
        {"call": call.name, "arguments": call.arguments} for call in draft.calls
    ]
    # What is said beside a call would plead for it.
    lines = [json.dumps(one, ensure_ascii=False) for one in told or [{"answer": draft.text}]]
    return "\n".join((_ABOUT, *(_DRAFTED + line for line in lines)))
