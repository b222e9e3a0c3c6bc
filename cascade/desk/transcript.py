"""Between the runtime's messages and the oracle's words, so that the oracle can play a model."""

from collections.abc import Iterable

from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.messages import AssistantMessage, Message, Text, ToolCall, ToolMessage

__all__ = ["exchanges_of", "message_of"]


def exchanges_of(messages: Iterable[Message]) -> list[Exchange]:
    """Return the calls in a conversation that were answered, in the order of their results."""
    calls: dict[str, Call] = {}
    exchanges: list[Exchange] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            for made in message.calls:
                calls[made.id] = Call(name=made.name, arguments=made.arguments)
        elif isinstance(message, ToolMessage):
            for result in message.parts:
                reply = Reply(text=result.text, is_error=result.is_error)
                exchanges.append(Exchange(call=calls[result.call_id], reply=reply))
    return exchanges


def message_of(step: Step, *, call_id: str) -> AssistantMessage:
    """Return a step as the message of a model.

    Args:
        step: A call or a final answer.
        call_id: Identity for the call, unique in the conversation.
    """
    if step.call is None:
        return AssistantMessage(parts=(Text(text=step.answer or ""),))
    made = ToolCall.model_validate(
        {"id": call_id, "name": step.call.name, "arguments": dict(step.call.arguments)}
    )
    return AssistantMessage(parts=(made,))
