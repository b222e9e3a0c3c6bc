"""Self-escalation: the tools with which a lane below the top asks for help, and what came of it."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from cascade.exchange import ToolSpec
from cascade.messages import AssistantMessage

__all__ = ["ASK_EXPERT", "ESCALATE", "RefusalCause", "followed", "refusal"]

ASK_EXPERT = ToolSpec(
    name="ask_expert",
    description=(
        "Ask an expert what to do next. Use it when you are not sure, or when something failed "
        "twice. The expert sees the task and your last steps. You get advice; then act on it "
        "yourself. You can ask only a few times."
    ),
    parameters={
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "What you want to know, in one sentence."}
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    side_effect="read",
)
"""The question of a lane below the top; the advice comes back as the result."""

ESCALATE = ToolSpec(
    name="escalate",
    description=(
        "Hand the next step over to an expert, who makes it for you. Use it when the step is too "
        "hard for you, or when a mistake could not be undone."
    ),
    parameters={
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why you hand it over, in one sentence."}
        },
        "required": ["reason"],
        "additionalProperties": False,
    },
    side_effect="read",
)
"""How a lane below the top gives the step away."""

RefusalCause = Literal["quota", "twice_in_a_row", "stays_local", "nobody_higher"]
"""Why a lane may not ask: it has asked as often as it may; it has just asked; policy or the task's
data forbid that anything leaves the machine; there is no higher lane that could be asked."""

_REFUSALS: Mapping[RefusalCause, str] = MappingProxyType(
    {
        "quota": (
            "You have asked as often as you may in this task. Go on by yourself: make the next "
            "tool call, or give your answer."
        ),
        "twice_in_a_row": (
            "You asked just before. First do what you were told: make a tool call, or give your "
            "answer. After that you may ask again."
        ),
        "stays_local": (
            "Nobody can be asked: this task must not leave this machine. Go on by yourself with "
            "the tools that you have. If it cannot be done, say so in your answer."
        ),
        "nobody_higher": (
            "There is no expert to ask at present. Go on by yourself: make the next tool call, or "
            "give your answer."
        ),
    }
)

_NAMED_TOOL = re.compile(r"`([A-Za-z0-9_.-]{1,64})`|\b([A-Za-z0-9_.-]{1,64})\(")
_ANSWERS = re.compile(r"\banswer:|\bfinal answer\b", re.IGNORECASE)
_DECODER = json.JSONDecoder()


def refusal(why: RefusalCause) -> str:
    """What a lane is told that asked and may not, and how it goes on."""
    return _REFUSALS[why]


def followed(advice: str, draft: AssistantMessage) -> bool | None:
    """Whether a draft does what the advice before it named.

    A rule of thumb. Where the advice holds JSON objects, as in `Call get_order with {"order_id":
    "4817"}`, they are taken for arguments, and a draft follows that makes a call with just these of
    a tool whose name stands in the advice. Where it holds none but names tools, in backquotes or
    before a bracket, a draft follows that calls one of them. Where it names none but speaks of a
    "final answer" or writes "Answer:", a draft follows that answers. What is forbidden in the
    advice is not told apart from what is advised.

    Returns:
        `None` where the advice names nothing of the kind.
    """
    arguments = _objects_in(advice)
    if arguments:
        return any(
            call.arguments in arguments and _is_named(call.name, advice) for call in draft.calls
        )
    tools = {found[1] or found[2] for found in _NAMED_TOOL.finditer(advice)}
    if tools:
        return any(call.name in tools for call in draft.calls)
    if _ANSWERS.search(advice):
        return not draft.calls
    return None


def _is_named(tool: str, advice: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(tool)}(?!\w)", advice) is not None


def _objects_in(advice: str) -> list[Any]:
    """The JSON objects in a text, those inside others not counted."""
    objects: list[Any] = []
    at = advice.find("{")
    while at >= 0:
        try:
            found, at = _DECODER.raw_decode(advice, at)
        except (ValueError, RecursionError):
            at += 1
        else:
            objects.append(found)
        at = advice.find("{", at)
    return objects
