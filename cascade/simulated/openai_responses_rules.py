"""The rules of `POST /v1/responses` for everything but the input's items."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cascade.simulated.openai_checks import (
    an_array,
    an_integer,
    an_object,
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
    listed,
    missing,
    model_missing,
    unsupported_parameter,
    unsupported_value,
)
from cascade.simulated.openai_input import Input, Reader, checked_input
from cascade.simulated.openai_models import OpenAIModel, openai_model
from cascade.simulated.openai_seals import Seals, head_digest
from cascade.simulated.openai_tools import checked_format, checked_tool_choice, checked_tools

__all__ = ["AcceptedResponse", "accepted_response"]

_PARAMETERS = frozenset(
    re.findall(
        r"\w+",
        "access_programs background context_management conversation image include input "
        "instructions max_output_tokens max_tool_calls metadata model moderation "
        "parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options "
        "prompt_cache_retention reasoning safety_identifier service_tier store stream "
        "stream_options temperature text tool_choice tools top_logprobs top_p truncation user",
    )
)
_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SAMPLING = ("temperature", "top_p")
_LEAST_OUTPUT_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedResponse:
    """A request that breaks no rule.

    Attributes:
        model: That was asked for.
        input: Its items.
        tools: Functions that are offered.
        schema: What the output is held to, if anything.
        effort: Of reasoning, the model's own where none was asked for; `none` without reasoning.
        context: Which reasoning the model is shown: `all_turns` or `current_turn`.
        logprobs: Runners-up to report a token; `None` for no log-probabilities.
    """

    model: OpenAIModel
    input: Input
    tools: tuple[dict[str, Any], ...]
    schema: dict[str, Any] | None
    effort: str
    context: str
    logprobs: int | None


def accepted_response(
    body: dict[str, Any],
    *,
    models: tuple[OpenAIModel, ...],
    organization: str,
    enforces_prefix: bool,
    seals: Seals,
) -> AcceptedResponse:
    """The request, if it breaks no rule.

    Args:
        body: Of the request.
        models: That the server has.
        organization: The account that sent it.
        enforces_prefix: Whether reasoning is bound to what it was written behind.
        seals: Of the server.

    Raises:
        OpenAIRefusal: It breaks one.
    """
    known_fields(body, _PARAMETERS, "")
    asked = text(required(body, "model", ""), "model", may_be_empty=False)
    model = openai_model(asked, models)
    if model is None:
        raise model_missing(asked)
    for parameter, check in _CHECKS.items():
        if body.get(parameter) is not None:
            check(body[parameter], parameter)
    _stateless(body)
    _output_tokens(body, model)
    effort, context = _reasoning(body, model)
    logprobs = _included(body, model)
    _sampling(body, model)
    tools = checked_tools(body["tools"], nested=False) if "tools" in body else ()
    if body.get("tool_choice") is not None:
        checked_tool_choice(body["tool_choice"], tools, nested=False)
    schema = _text(body)
    if "input" not in body:
        raise missing("input")
    reader = Reader(
        organization=organization,
        family=model.family,
        end_user=body.get("safety_identifier") or "",
        reads_all_turns=context == "all_turns",
        enforces_prefix=enforces_prefix,
    )
    found = checked_input(body["input"], head=head_digest(body), reader=reader, seals=seals)
    _speaks_of_json(body, found)
    return AcceptedResponse(
        model=model,
        input=found,
        tools=tools,
        schema=schema,
        effort=effort,
        context=context,
        logprobs=logprobs,
    )


def _text_of(maximum: int | None = None) -> Callable[[object, str], object]:
    return lambda value, path: text(value, path, maximum=maximum)


def _enumerated(*allowed: str) -> Callable[[object, str], object]:
    return lambda value, path: one_of(value, allowed, path)


def _prompt_cache_options(value: object, path: str) -> None:
    options = an_object(value, path)
    known_fields(options, {"mode", "ttl", "comparison_response_id", "prewarm"}, path)
    if "mode" in options:
        one_of(options["mode"], ("implicit", "explicit"), f"{path}.mode")
    if "ttl" in options:
        one_of(options["ttl"], ("30m", "12h"), f"{path}.ttl")


_CHECKS: dict[str, Callable[[object, str], object]] = {
    "background": truth,
    "instructions": _text_of(),
    "max_tool_calls": lambda value, path: an_integer(value, path, minimum=1),
    "metadata": metadata,
    "parallel_tool_calls": truth,
    "prompt_cache_key": _text_of(64),
    "prompt_cache_options": _prompt_cache_options,
    "prompt_cache_retention": _enumerated("in_memory", "24h"),
    "safety_identifier": _text_of(64),
    "service_tier": _enumerated("auto", "default", "flex", "scale", "priority", "fast"),
    "store": truth,
    "stream": truth,
    "stream_options": an_object,
    "truncation": _enumerated("auto", "disabled"),
    "user": _text_of(),
}


def _stateless(body: dict[str, Any]) -> None:
    """Refuses what refers to things kept at the server, as nothing is kept here."""
    previous, conversation = body.get("previous_response_id"), body.get("conversation")
    if previous is not None:
        identifier = text(previous, "previous_response_id")
        raise OpenAIRefusal(
            f"Previous response with id '{identifier}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if conversation is not None:
        raise OpenAIRefusal(
            f"Conversation with id '{conversation}' not found.", status=404, param="conversation"
        )
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise OpenAIRefusal(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )


def _output_tokens(body: dict[str, Any], model: OpenAIModel) -> None:
    if body.get("max_output_tokens") is not None:
        an_integer(
            body["max_output_tokens"],
            "max_output_tokens",
            minimum=_LEAST_OUTPUT_TOKENS,
            maximum=model.max_output_tokens,
        )


def _reasoning(body: dict[str, Any], model: OpenAIModel) -> tuple[str, str]:
    """The effort and the context of reasoning that hold for the request."""
    default = "all_turns" if model.keeps_reasoning else "current_turn"
    if body.get("reasoning") is None:
        return (model.default_effort if model.reasons else "none"), default
    asked = an_object(body["reasoning"], "reasoning")
    known_fields(asked, {"effort", "summary", "generate_summary", "context", "mode"}, "reasoning")
    given = {name: value for name, value in asked.items() if value is not None}
    if given and not model.reasons:
        raise unsupported_parameter(f"reasoning.{next(iter(given))}")
    if "summary" in given:
        one_of(given["summary"], ("auto", "concise", "detailed"), "reasoning.summary")
    context = given.get("context", "auto")
    one_of(context, ("auto", "current_turn", "all_turns"), "reasoning.context")
    effort = one_of(given.get("effort", model.default_effort), _EFFORTS, "reasoning.effort")
    if model.reasons and effort not in model.efforts:
        raise unsupported_value(
            f"'{effort}' is not supported with the '{model.id}' model. Supported values are: "
            f"{listed(model.efforts)}.",
            param="reasoning.effort",
        )
    return (effort if model.reasons else "none"), (default if context == "auto" else context)


def _included(body: dict[str, Any], model: OpenAIModel) -> int | None:
    included = an_array(body.get("include") or [], "include")
    for index, value in enumerate(included):
        one_of(value, _INCLUDABLE, f"include[{index}]")
    if "reasoning.encrypted_content" in included and not model.reasons:
        raise OpenAIRefusal("Encrypted content is not supported with this model.", param="include")
    wanted = "message.output_text.logprobs" in included
    if wanted and model.reasons:
        raise OpenAIRefusal(
            "logprobs are not supported with reasoning models.",
            param="include",
            code="unsupported_parameter",
        )
    if body.get("top_logprobs") is None:
        return 0 if wanted else None
    if model.reasons:
        raise unsupported_parameter("top_logprobs")
    count = an_integer(body["top_logprobs"], "top_logprobs", minimum=0, maximum=20)
    return count if wanted else None


def _sampling(body: dict[str, Any], model: OpenAIModel) -> None:
    for parameter, maximum in zip(_SAMPLING, (2.0, 1.0), strict=True):
        if body.get(parameter) is None:
            continue
        number(body[parameter], parameter, minimum=0.0, maximum=maximum)
        if model.reasons:
            raise unsupported_parameter(parameter)


def _text(body: dict[str, Any]) -> dict[str, Any] | None:
    if "text" not in body:
        return None
    asked = an_object(body["text"], "text")
    known_fields(asked, {"format", "verbosity"}, "text")
    if asked.get("verbosity") is not None:
        one_of(asked["verbosity"], ("low", "medium", "high"), "text.verbosity")
    if asked.get("format") is None:
        return None
    return checked_format(asked["format"], "text.format", nested=False)


def _speaks_of_json(body: dict[str, Any], found: Input) -> None:
    """With the old JSON mode, the model has to be told."""
    match body.get("text"):
        case {"format": {"type": "json_object"}}:
            said = f"{body.get('instructions')} {found.items}"
            if "json" not in said.lower():
                raise OpenAIRefusal(
                    "Response input messages must contain the word 'json' in some form to use "
                    "'text.format' of type 'json_object'.",
                    param="input",
                )
        case _:
            pass
