"""Events without what was said: structure and counts only."""

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
from cascade.messages import AssistantMessage, AssistantPart, Reasoning, Text, ToolCall

__all__ = ["without_content"]


def without_content(event: Event) -> Event:
    """The event with every text, argument value and opaque block blanked.

    What stays: which parts there were, tools and the names of their arguments, tokens, times,
    costs, decisions, and the caller's own metadata.
    """
    match event:
        case Started():
            task = event.task.model_copy(update={"parts": _blank(event.task.parts)})
            system = None if event.system is None else ""
            return event.model_copy(update={"task": task, "system": system, "content": "omitted"})
        case Drafted():
            message = _without_words(event.draft.message)
            problem = None if event.draft.problem is None else ""
            draft = event.draft.model_copy(update={"message": message, "problem": problem})
            rejection = None if event.rejection is None else ""
            return event.model_copy(update={"draft": draft, "rejection": rejection})
        case Failed():
            return event.model_copy(update={"message": ""})
        case ToolFinished():
            result = event.result.model_copy(update={"parts": _blank(event.result.parts)})
            return event.model_copy(update={"result": result})
        case Finished():
            return event.model_copy(update={"reason": "", "answer": None})
        case Scored():
            return event.model_copy(update={"reason": ""})
        case Decided() | ToolStarted() | BudgetReached() | Interrupted() | Resumed():
            return event
        case _:
            assert_never(event)


def _blank(parts: tuple[Text, ...]) -> tuple[Text, ...]:
    return tuple(Text(text="") for _ in parts)


def _without_words(message: AssistantMessage) -> AssistantMessage:
    return AssistantMessage(parts=tuple(_without_word(part) for part in message.parts))


def _without_word(part: AssistantPart) -> AssistantPart:
    match part:
        case Text():
            return Text(text="")
        case Reasoning():
            return Reasoning(text="")
        case ToolCall():
            return part.model_copy(update={"arguments": dict.fromkeys(part.arguments)})
        case _:
            assert_never(part)
