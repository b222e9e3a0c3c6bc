"""What a simulated model says, as the message of a chat completion."""

from typing import Any

from cascade.simulated.openai_conversation import arguments_of
from cascade.simulated.openai_flavours import Flavour
from cascade.simulated.openai_logprobs import token_logprobs
from cascade.simulated.openai_output import arguments_text
from cascade.simulated.openai_seals import Seals
from cascade.simulated.script import Calls, Turn

__all__ = ["finish_reason", "written_logprobs", "written_message"]


def written_message(
    turn: Turn,
    flavour: Flavour,
    *,
    token: str,
    seals: Seals,
    thinks: bool,
    as_objects: bool,
) -> dict[str, Any]:
    """The message of a turn.

    Args:
        turn: What the model says.
        flavour: Of the server.
        token: Of the completion.
        seals: Makes the names of calls.
        thinks: Whether the model may think.
        as_objects: Whether arguments are objects, not texts.
    """
    declines = flavour.is_openai and turn.ends == "refusal"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if declines or (turn.calls and not turn.text) else turn.text,
    }
    if flavour.is_openai:
        message |= {"refusal": turn.text if declines else None, "annotations": []}
    if flavour.reasoning_field and thinks and turn.thinking is not None:
        message[flavour.reasoning_field] = turn.thinking
    if turn.calls:
        message["tool_calls"] = [
            _call(call, _call_id(flavour, seals, token, index), as_objects=as_objects)
            for index, call in enumerate(turn.calls)
        ]
    return message


def _call(call: Calls, identifier: str, *, as_objects: bool) -> dict[str, Any]:
    arguments = arguments_text(call)
    return {
        "id": identifier,
        "type": "function",
        "function": {
            "name": call.name,
            "arguments": arguments_of(arguments) if as_objects else arguments,
        },
    }


def _call_id(flavour: Flavour, seals: Seals, token: str, index: int) -> str:
    """A call's identity in the way of each server; vLLM's are longer than OpenAI takes."""
    named = seals.call_id(token, index)
    digits = named.removeprefix("call_sim")
    match flavour.name:
        case "llama_server":
            return f"sim{digits}"
        case "vllm":
            return f"chatcmpl-tool-sim{digits}{token}"
        case "ollama":
            return f"call_{digits[:8]}"
        case "deepseek":
            return f"call_{index:02}_sim{digits}"
        case "openai":
            return named


def finish_reason(turn: Turn, flavour: Flavour) -> str:
    """Why the turn ended, in the server's words."""
    match turn.ends:
        case "calls":
            return "tool_calls" if flavour.names_finish else "stop"
        case "length":
            return "length"
        case "stop" | "refusal":
            return "stop"


def written_logprobs(turn: Turn, runners_up: int | None, flavour: Flavour) -> dict[str, Any] | None:
    """Log-probabilities of a turn, if they were asked for.

    OpenAI has none for calls; the others report the raw text, the calls' markers included.
    """
    if runners_up is None:
        return None
    if flavour.is_openai:
        content = token_logprobs(turn.text, runners_up) if turn.text else None
        return {"content": content, "refusal": None}
    entries = token_logprobs(turn.text + "".join(map(_raw, turn.calls)), runners_up)
    if flavour.name == "llama_server":
        for number, entry in enumerate(entries):
            entry["id"] = number
    return {"content": entries}


def _raw(call: Calls) -> str:
    """A call as Hermes-like templates have the model write it."""
    return (
        f'<tool_call>\n{{"name": "{call.name}", "arguments": {arguments_text(call)}}}\n</tool_call>'
    )
