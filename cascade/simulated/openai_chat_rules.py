"""The rules of `POST /v1/chat/completions` for everything but the messages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cascade.simulated.openai_chat_messages import checked_messages
from cascade.simulated.openai_checks import (
    an_integer,
    an_object,
    is_array,
    known_fields,
    metadata,
    number,
    one_of,
    required,
    text,
    truth,
)
from cascade.simulated.openai_errors import (
    OpenAIRefusal,
    empty_array,
    listed,
    unsupported_parameter,
    unsupported_value,
)
from cascade.simulated.openai_flavours import Flavour
from cascade.simulated.openai_models import OpenAIModel
from cascade.simulated.openai_tools import checked_format, checked_tool_choice, checked_tools

__all__ = ["AcceptedChat", "accepted_chat"]

_PARAMETERS = frozenset(
    re.findall(
        r"\w+",
        "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
        "max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction "
        "presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention "
        "reasoning_effort response_format safety_identifier seed service_tier stop store stream "
        "stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
        "web_search_options",
    )
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedChat:
    """A request that breaks no rule.

    Attributes:
        model: That was asked for.
        messages: In order.
        tools: Functions that are offered, flat.
        schema: What the output is held to, if anything.
        thinks: Whether the model may think.
        max_output_tokens: The most that it may write, if that was said.
        logprobs: Runners-up to report a token; `None` for no log-probabilities.
    """

    model: OpenAIModel
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...]
    schema: dict[str, Any] | None
    thinks: bool
    max_output_tokens: int | None
    logprobs: int | None


def accepted_chat(body: dict[str, Any], model: OpenAIModel, flavour: Flavour) -> AcceptedChat:
    """The request, if it breaks no rule.

    Args:
        body: Of the request.
        model: That it asks for.
        flavour: Of the server.

    Raises:
        OpenAIRefusal: It breaks one.
    """
    if flavour.is_openai:
        _known(body)
    for parameter, check in _CHECKS.items():
        if body.get(parameter) is not None:
            check(body[parameter], parameter)
    thinks = _thinks(body, model, flavour)
    _streamed(body)
    _stopped(body)
    most = _output_tokens(body, model, flavour)
    logprobs = _logprobs(body, model, flavour)
    _sampling(body, model)
    tools = _tools(body, model, flavour)
    schema = None
    if body.get("response_format") is not None:
        schema = checked_format(body["response_format"], "response_format", nested=True)
    messages = checked_messages(required(body, "messages", ""), flavour, thinks=thinks)
    _speaks_of_json(body, messages)
    return AcceptedChat(
        model=model,
        messages=messages,
        tools=tools,
        schema=schema,
        thinks=thinks,
        max_output_tokens=most,
        logprobs=logprobs,
    )


def _bounded(minimum: float, maximum: float) -> Callable[[object, str], object]:
    return lambda value, path: number(value, path, minimum=minimum, maximum=maximum)


_CHECKS: dict[str, Callable[[object, str], object]] = {
    "frequency_penalty": _bounded(-2.0, 2.0),
    "logit_bias": an_object,
    "logprobs": truth,
    "metadata": metadata,
    "n": lambda value, path: an_integer(value, path, minimum=1, maximum=1),
    "parallel_tool_calls": truth,
    "presence_penalty": _bounded(-2.0, 2.0),
    "prompt_cache_key": text,
    "safety_identifier": lambda value, path: text(value, path, maximum=64),
    "seed": an_integer,
    "store": truth,
    "stream": truth,
    "stream_options": an_object,
    "temperature": _bounded(0.0, 2.0),
    "top_p": _bounded(0.0, 1.0),
    "user": text,
    "verbosity": lambda value, path: one_of(value, ("low", "medium", "high"), path),
}


def _known(body: dict[str, Any]) -> None:
    unknown = [parameter for parameter in body if parameter not in _PARAMETERS]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise OpenAIRefusal(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")


def _thinks(body: dict[str, Any], model: OpenAIModel, flavour: Flavour) -> bool:
    """Whether the model may think, after checking what the request says of it."""
    effort = body.get("reasoning_effort")
    if flavour.is_openai:
        if effort is None:
            return model.reasons and model.default_effort != "none"
        if not model.reasons:
            raise OpenAIRefusal("Unrecognized request argument supplied: reasoning_effort")
        one_of(effort, _EFFORTS, "reasoning_effort")
        if effort not in model.efforts:
            raise unsupported_value(
                f"'reasoning_effort' does not support '{effort}' with this model. Supported values "
                f"are: {listed(model.efforts)}.",
                param="reasoning_effort",
            )
        return effort != "none"
    match body:
        case {"thinking": {"type": "disabled"}} | {
            "chat_template_kwargs": {"enable_thinking": False}
        }:
            return False
        case _:
            return effort != "none"


def _streamed(body: dict[str, Any]) -> None:
    if body.get("stream_options") is None:
        return
    if body.get("stream") is not True:
        raise OpenAIRefusal(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    options = an_object(body["stream_options"], "stream_options")
    known_fields(options, {"include_usage", "include_obfuscation"}, "stream_options")
    for option, value in options.items():
        truth(value, f"stream_options.{option}")


def _stopped(body: dict[str, Any]) -> None:
    stop = body.get("stop")
    if stop is None or isinstance(stop, str):
        return
    if not is_array(stop) or len(stop) > 4:
        raise OpenAIRefusal(
            "Invalid 'stop': expected a string or an array of at most 4 strings.",
            param="stop",
            code="invalid_value",
        )
    for index, each in enumerate(stop):
        text(each, f"stop[{index}]")


def _output_tokens(body: dict[str, Any], model: OpenAIModel, flavour: Flavour) -> int | None:
    names = ("max_tokens", "max_completion_tokens")
    given = {name: body[name] for name in names if body.get(name) is not None}
    if flavour.is_openai and len(given) > 1:
        raise OpenAIRefusal(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            param="max_tokens",
            code="invalid_parameter_combination",
        )
    if "max_tokens" in given and model.reasons and flavour.is_openai:
        raise unsupported_parameter("max_tokens", hint=" Use 'max_completion_tokens' instead.")
    for name, value in given.items():
        if flavour.name in {"llama_server", "ollama"} and value == -1:
            return None
        most = an_integer(value, name, minimum=1)
        if flavour.is_openai and most > model.max_output_tokens:
            raise OpenAIRefusal(
                f"{name} is too large: {most}. This model supports at most "
                f"{model.max_output_tokens} completion tokens, whereas you provided {most}.",
                param=name,
            )
        return most
    return None


def _logprobs(body: dict[str, Any], model: OpenAIModel, flavour: Flavour) -> int | None:
    wanted = body.get("logprobs") is True
    if body.get("top_logprobs") is not None and not wanted:
        raise OpenAIRefusal(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            param="top_logprobs",
        )
    if wanted and model.reasons and flavour.is_openai:
        raise unsupported_parameter("logprobs")
    if wanted and flavour.refuses_logprobs_streamed and body.get("tools") and body.get("stream"):
        raise OpenAIRefusal("logprobs is not supported with tools + stream")
    if not flavour.log_probabilities:
        return None
    if wanted:
        return an_integer(body.get("top_logprobs") or 0, "top_logprobs", minimum=0, maximum=20)
    if flavour.name == "llama_server" and body.get("n_probs"):
        return an_integer(body["n_probs"], "n_probs", minimum=0)
    return None


def _sampling(body: dict[str, Any], model: OpenAIModel) -> None:
    if not model.reasons:
        return
    for parameter in ("temperature", "top_p"):
        value = body.get(parameter)
        if value is not None and value != 1:
            raise unsupported_value(
                f"'{parameter}' does not support {value:g} with this model. Only the default (1) "
                "value is supported.",
                param=parameter,
            )
    for parameter in ("presence_penalty", "frequency_penalty", "logit_bias", "stop"):
        if body.get(parameter) is not None:
            raise unsupported_parameter(parameter)


def _tools(
    body: dict[str, Any], model: OpenAIModel, flavour: Flavour
) -> tuple[dict[str, Any], ...]:
    if flavour.is_openai and body.get("tools") == []:
        raise empty_array("tools")
    tools = checked_tools(body["tools"], nested=True) if body.get("tools") else ()
    if not tools and flavour.is_openai:
        for parameter in ("tool_choice", "parallel_tool_calls"):
            if body.get(parameter) is not None:
                raise OpenAIRefusal(
                    f"Invalid value for '{parameter}': '{parameter}' is only allowed when 'tools' "
                    "are specified.",
                    param=parameter,
                )
    if body.get("tool_choice") is not None and flavour.obeys_tool_choice:
        checked_tool_choice(body["tool_choice"], tools, nested=True)
    if tools and flavour.is_openai:
        _tools_while_reasoning(body.get("reasoning_effort"), model)
    return tools


def _tools_while_reasoning(effort: str | None, model: OpenAIModel) -> None:
    is_refused = {
        "always": False,
        "effort_unset": effort not in {None, "none"},
        "effort_none": effort != "none",
    }[model.tools_in_chat]
    if is_refused:
        raise OpenAIRefusal(
            f"Function tools with reasoning_effort are not supported for {model.id} in "
            "/v1/chat/completions. To use function tools, use /v1/responses or set "
            "reasoning_effort to 'none'.",
            param="reasoning_effort",
        )


def _speaks_of_json(body: dict[str, Any], messages: tuple[dict[str, Any], ...]) -> None:
    match body.get("response_format"):
        case {"type": "json_object"} if "json" not in str(messages).lower():
            raise OpenAIRefusal(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of "
                "type 'json_object'.",
                param="messages",
            )
        case _:
            pass
