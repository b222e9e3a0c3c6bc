"""Between our messages and the plain dictionaries that chat templates are written for."""

from typing import Any, assert_never

from cascade.exchange import ToolSpec
from cascade.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

__all__ = ["ChatMessage", "chat_messages", "chat_tools"]

ChatMessage = dict[str, Any]
"""A message as chat templates know it: `role`, `content` and, on calls, `tool_calls`."""


def chat_tools(tools: tuple[ToolSpec, ...]) -> list[dict[str, Any]]:
    """The tools as chat templates know them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


def chat_messages(message: Message) -> list[ChatMessage]:
    """One message of ours as templates know it; each tool result becomes one of its own."""
    match message:
        case UserMessage():
            return [{"role": "user", "content": message.text}]
        case AssistantMessage():
            return [_assistant(message)]
        case ToolMessage():
            return [
                {
                    "role": "tool",
                    "tool_call_id": result.call_id,
                    "name": result.name,
                    "content": result.text,
                }
                for result in message.parts
            ]
        case _:
            assert_never(message)


def _assistant(message: AssistantMessage) -> ChatMessage:
    # Reasoning of another provider is for its eyes only; of our own, the template decides what
    # to show again.
    thoughts = "".join(
        part.text for part in message.parts if part.kind == "reasoning" and part.artefact is None
    )
    said: ChatMessage = {"role": "assistant", "content": message.text}
    if thoughts:
        said["reasoning_content"] = thoughts
    calls = message.calls
    if calls:
        said["tool_calls"] = [_call(call) for call in calls]
    return said


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
