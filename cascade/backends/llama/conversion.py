"""Between our messages and the plain dictionaries that chat templates are written for."""

import json
from typing import Any, assert_never

from cascade.exchange import OutputSchema, ToolSpec, View
from cascade.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

__all__ = ["ChatMessage", "chat_messages", "chat_tools", "system_messages"]

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


def system_messages(view: View) -> list[ChatMessage]:
    """What stands before a view's messages: its system text, and the form of the final answer."""
    form = None if view.output is None else _form(view.output)
    text = "\n\n".join(part for part in (view.system, form) if part is not None)
    return [] if view.system is None and form is None else [{"role": "system", "content": text}]


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


def _form(output: OutputSchema) -> str:
    schema = json.dumps(output.definition, ensure_ascii=False)
    return (
        "Your final answer must be a JSON object that fits this JSON schema, with nothing before "
        f"or after it:\n{schema}"
    )


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
