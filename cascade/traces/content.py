"""Events without what was said: structure and counts only."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import assert_never

from cascade.events import (
    BudgetReached,
    Decided,
    Drafted,
    Event,
    Failed,
    Finished,
    Interrupted,
    Resumed,
    Scored,
    Started,
    ToolFinished,
    ToolStarted,
)
from cascade.exchange import ToolSpec
from cascade.messages import AssistantMessage, AssistantPart, Content, Reasoning, Text, ToolCall

__all__ = ["ArgumentNames", "argument_names", "without_content"]

ArgumentNames = Mapping[str, AbstractSet[str]]
"""The names of a trajectory's tools, and of the arguments of each."""

INVENTED = "?"
"""Stands for a name that a model made up, which may be anything that was said."""


def argument_names(tools: Iterable[ToolSpec]) -> ArgumentNames:
    """What the tools and their arguments are called."""
    names: dict[str, AbstractSet[str]] = {}
    for spec in tools:
        properties = spec.parameters.get("properties")
        names[spec.name] = frozenset(properties if isinstance(properties, dict) else ())
    return names


def without_content(event: Event, known: ArgumentNames) -> Event:
    """The event with every text, argument value and opaque block blanked.

    What stays: which parts there were, tools and the names of their arguments, tokens, times,
    costs, decisions, and the caller's own metadata.

    Args:
        event: As it happened.
        known: Of the trajectory's tools; other names are a model's inventions, and blanked too.
    """
    match event:
        case Started():
            task = event.task.model_copy(update={"parts": _blank(event.task.parts)})
            system = None if event.system is None else ""
            return event.model_copy(update={"task": task, "system": system, "content": "omitted"})
        case Drafted():
            message = _without_words(event.draft.message, known)
            problem = None if event.draft.problem is None else ""
            draft = event.draft.model_copy(update={"message": message, "problem": problem})
            rejection = None if event.rejection is None else ""
            return event.model_copy(update={"draft": draft, "rejection": rejection})
        case Failed():
            return event.model_copy(update={"message": ""})
        case ToolFinished():
            name = _tool_name(event.result.name, known)
            parts = _blank(event.result.parts)
            result = event.result.model_copy(update={"name": name, "parts": parts})
            return event.model_copy(update={"result": result})
        case Finished():
            return event.model_copy(update={"reason": "", "answer": None})
        case Scored():
            return event.model_copy(update={"reason": ""})
        case ToolStarted():
            return event.model_copy(update={"name": _tool_name(event.name, known)})
        case Decided() | BudgetReached() | Interrupted() | Resumed():
            return event
        case _:
            assert_never(event)


def _blank(parts: tuple[Content, ...]) -> tuple[Text, ...]:
    return tuple(Text(text="") for _ in parts)


def _tool_name(name: str, known: ArgumentNames) -> str:
    return name if name in known else INVENTED


def _without_words(message: AssistantMessage, known: ArgumentNames) -> AssistantMessage:
    return AssistantMessage(parts=tuple(_without_word(part, known) for part in message.parts))


def _without_word(part: AssistantPart, known: ArgumentNames) -> AssistantPart:
    match part:
        case Text():
            return Text(text="")
        case Reasoning():
            return Reasoning(text="")
        case ToolCall():
            names = known.get(part.name, frozenset())
            # Numbered, so that there are as many as before.
            arguments = {
                name if name in names else f"{INVENTED}{number}": None
                for number, name in enumerate(part.arguments, start=1)
            }
            name = _tool_name(part.name, known)
            return part.model_copy(update={"name": name, "arguments": arguments})
        case _:
            assert_never(part)
