"""Conversations for templates that do not show the tools, the calls or their results themselves.

Tools become a part of the system text, calls become text of the assistant in the dialect's own
form, and results become user messages.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cascade.backends.llama.chat.conversation import call_arguments, text_of
from cascade.backends.llama.chat.syntax import CallSyntax
from cascade.backends.llama.chat.writing import write_calls

__all__ = ["describe_tools", "with_calls_as_text", "with_system_text"]

_INSTRUCTION = """# Tools

You may call functions to help with the user's request. They are listed here as JSON schemas, \
one per line:
<tools>
{tools}
</tools>

To call a function, write its name and its arguments exactly in this form, and nothing after it:
{example}
The result follows in the next message. If no function is needed, answer without one."""


def describe_tools(tools: Sequence[Mapping[str, Any]], syntax: CallSyntax) -> str:
    """The text that tells a model which tools there are and how to call them.

    Args:
        tools: OpenAI-style tools.
        syntax: How calls are to be written.
    """
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    example = write_calls(syntax, [("function_name", {"argument_name": "value"}, "call00001")])
    return _INSTRUCTION.format(tools=lines, example=example)


def with_system_text(messages: Sequence[Mapping[str, Any]], text: str) -> list[Mapping[str, Any]]:
    """Messages whose system message also holds a text."""
    if messages and messages[0]["role"] in ("system", "developer"):
        first = text_of(messages[0].get("content"))
        merged = {**messages[0], "content": f"{first}\n\n{text}" if first else text}
        return [merged, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def with_calls_as_text(
    messages: Sequence[Mapping[str, Any]], syntax: CallSyntax, *, results: bool
) -> list[Mapping[str, Any]]:
    """Messages without `tool_calls`: the calls stand in the content.

    Args:
        messages: OpenAI-style messages.
        syntax: How calls are written.
        results: Turn results into user messages too, those that follow each other into one.
    """
    written: list[Mapping[str, Any]] = []
    for message in messages:
        if calls := message.get("tool_calls"):
            written.append(_with_content(message, calls, syntax))
        elif results and message["role"] == "tool":
            _append_result(written, text_of(message.get("content")))
        else:
            written.append(message)
    return written


def _with_content(
    message: Mapping[str, Any], calls: Sequence[Mapping[str, Any]], syntax: CallSyntax
) -> Mapping[str, Any]:
    parts = [
        (call["function"]["name"], call_arguments(call["function"]), str(call.get("id", "")))
        for call in calls
    ]
    content = text_of(message.get("content"))
    text = "\n".join(filter(None, [content, write_calls(syntax, parts)]))
    rest = {key: value for key, value in message.items() if key != "tool_calls"}
    return {**rest, "content": text}


def _append_result(written: list[Mapping[str, Any]], text: str) -> None:
    block = f"<tool_response>\n{text}\n</tool_response>"
    if written and written[-1]["role"] == "user":
        earlier = text_of(written[-1].get("content"))
        if earlier.endswith("</tool_response>"):
            written[-1] = {"role": "user", "content": f"{earlier}\n{block}"}
            return
    written.append({"role": "user", "content": block})
