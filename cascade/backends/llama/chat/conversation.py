"""Messages in the shape that one chat template wants."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, cast

from cascade.backends.llama.chat.capabilities import Capabilities
from cascade.errors import ConfigError

__all__ = ["call_arguments", "shape_messages", "text_of", "with_named_ids", "with_single_calls"]


def shape_messages(
    messages: Sequence[Mapping[str, Any]], capabilities: Capabilities
) -> list[dict[str, Any]]:
    """Turns OpenAI-style messages into what the template can show.

    New messages are made one level deep; nothing that the caller holds is changed.

    Args:
        messages: OpenAI-style messages; arguments are JSON strings or objects.
        capabilities: What the template can do.

    Raises:
        ConfigError: A call's arguments are a string that is no JSON object.
    """
    names: dict[str, str] = {}
    shaped: list[dict[str, Any]] = []
    for message in messages:
        new = dict(message)
        if new["role"] == "developer" and not capabilities.developer_role:
            new["role"] = "system"
        new["content"] = _shape_content(message.get("content"), capabilities)
        if calls := message.get("tool_calls"):
            names |= {str(call.get("id")): call["function"]["name"] for call in calls}
            new["tool_calls"] = [_shape_call(call, capabilities) for call in calls]
        elif "tool_calls" in new:
            # Templates ask whether the key is there, not whether it holds anything.
            del new["tool_calls"]
        if new["role"] == "tool":
            _shape_result(new, names, capabilities)
        _shape_reasoning(new, capabilities)
        shaped.append(new)
    if not capabilities.system_role:
        shaped = _merge_system(shaped)
    return _attach_results(shaped) if capabilities.tool_responses else shaped


def with_named_ids(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Messages whose call ids have the form `functions.name:number`, counted through.

    Args:
        messages: OpenAI-style messages.
    """
    ids: dict[str, str] = {}
    named: list[Mapping[str, Any]] = []
    for message in messages:
        if calls := message.get("tool_calls"):
            start = len(ids)
            ids |= {
                str(call.get("id")): f"functions.{call['function']['name']}:{start + at}"
                for at, call in enumerate(calls)
            }
            new = [{**call, "id": ids[str(call.get("id"))]} for call in calls]
            named.append({**message, "tool_calls": new})
        elif message["role"] == "tool":
            id_ = str(message.get("tool_call_id"))
            named.append({**message, "tool_call_id": ids.get(id_, id_)})
        else:
            named.append(message)
    return named


def with_single_calls(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Messages of at most one call, each followed by its result.

    Text and thoughts stay with a message's first call. Results find their calls by id; those that
    find none stand behind the last call.

    Args:
        messages: OpenAI-style messages.
    """
    single: list[Mapping[str, Any]] = []
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
        if len(calls) < 2:
            single.append(message)
            continue
        results = list(takewhile(lambda each: each["role"] == "tool", messages[at:]))
        at += len(results)
        for number, call in enumerate(calls):
            said = {"role": message["role"], "content": ""} if number else message
            single.append({**said, "tool_calls": [call]})
            single += _taken(results, str(call.get("id")))
        single += results
    return single


def text_of(content: object) -> str:
    """The text of a message's content, which is a string, a list of parts or None."""
    if isinstance(content, str):
        return content
    parts = cast("Sequence[Mapping[str, Any]]", content or ())  # OpenAI's other form of content
    return "\n".join(part["text"] for part in parts if part.get("type") == "text")


def call_arguments(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call's arguments as an object.

    Args:
        function: The call's `function` with `name` and `arguments`, JSON text or an object.

    Raises:
        ConfigError: The text is no JSON object.
    """
    arguments: Any = function.get("arguments")
    if isinstance(arguments, Mapping):
        return cast("Mapping[str, Any]", arguments)  # JSON keys are strings
    try:
        value: object = json.loads(arguments or "{}")
    except ValueError as error:
        raise ConfigError(
            f"The arguments of the call to {function['name']!r} are no JSON ({error}): "
            f"{arguments!r:.200}. Give an object or its JSON text."
        ) from error
    if not isinstance(value, dict):
        raise ConfigError(
            f"The arguments of the call to {function['name']!r} are no object: {arguments!r:.200}"
        )
    return cast("dict[str, Any]", value)  # JSON keys are strings


def _taken(results: list[Mapping[str, Any]], id_: str) -> list[Mapping[str, Any]]:
    """The first result of a call, taken out of a list; none if there is none yet."""
    for at, result in enumerate(results):
        if str(result.get("tool_call_id")) == id_:
            return [results.pop(at)]
    return []


def _shape_content(content: object, capabilities: Capabilities) -> object:
    if capabilities.typed_content and (isinstance(content, str) and content):
        return [{"type": "text", "text": content}]
    if capabilities.typed_content and content:
        return content
    return text_of(content)


def _shape_call(call: Mapping[str, Any], capabilities: Capabilities) -> dict[str, Any]:
    function = dict(call["function"])
    arguments: object = function.get("arguments")
    if capabilities.object_arguments and not isinstance(arguments, Mapping):
        function["arguments"] = call_arguments(function)
    elif not capabilities.object_arguments and not isinstance(arguments, str):
        function["arguments"] = json.dumps(arguments or {}, ensure_ascii=False)
    new = {**call, "type": "function", "function": function}
    if capabilities.short_ids:
        new["id"] = _short_id(str(call.get("id", "")))
    return new


def _short_id(id_: str) -> str:
    if len(id_) == 9 and id_.isascii() and id_.isalnum():
        return id_
    return hashlib.sha256(id_.encode()).hexdigest()[:9]


def _shape_result(
    message: dict[str, Any], names: Mapping[str, str], capabilities: Capabilities
) -> None:
    id_ = str(message.get("tool_call_id", ""))
    if not message.get("name") and id_ in names:
        message["name"] = names[id_]
    if capabilities.short_ids:
        message["tool_call_id"] = _short_id(id_)


def _shape_reasoning(message: dict[str, Any], capabilities: Capabilities) -> None:
    reasoning = message.get("reasoning_content")
    if not reasoning:
        message.pop("reasoning_content", None)
        return
    if capabilities.reasoning_field == "reasoning_content":
        return
    del message["reasoning_content"]
    if capabilities.reasoning_field == "parts":
        text: object = message["content"]
        parts = [{"type": "text", "text": text}] if isinstance(text, str) and text else text or []
        thought = {"type": "thinking", "thinking": reasoning}
        message["content"] = [thought, *cast("list[Any]", parts)]
        return
    message[capabilities.reasoning_field] = reasoning
    if capabilities.reasoning_field == "thinking" and message.get("tool_calls"):
        # Harmony has one analysis message before a call, so preamble and thoughts share it.
        message["thinking"] = "\n".join(filter(None, (reasoning, text_of(message["content"]))))
        message["content"] = ""


def _merge_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = [text_of(message["content"]) for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    first = next((at for at, message in enumerate(rest) if message["role"] == "user"), None)
    if not rules or not any(rules):
        return rest
    if first is None:
        return [{"role": "user", "content": "\n".join(rules)}, *rest]
    content: object = rest[first]["content"]
    if isinstance(content, str):
        merged: object = "\n".join([*rules, content])
    else:
        merged = [{"type": "text", "text": "\n".join(rules)}, *cast("list[Any]", content)]
    return [*rest[:first], {**rest[first], "content": merged}, *rest[first + 1 :]]


def _attach_results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    attached: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] != "tool" or not attached:
            attached.append(message)
            continue
        response = {"name": message.get("name"), "response": _response(message["content"])}
        earlier = attached[-1].get("tool_responses", [])
        attached[-1] = {**attached[-1], "tool_responses": [*earlier, response]}
    return attached


def _response(content: object) -> object:
    text = text_of(content)
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value
