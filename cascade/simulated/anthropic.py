"""The Anthropic Messages API, simulated: `POST /v1/messages` and `GET /v1/models/{model}`.

It holds a client to the documented rules, and to the stricter reading where the documentation is
silent. Texts of errors are the API's where they are publicly known. Of what a model can be asked
for, the simulation has text, pictures, thinking, tools that the client runs, and structured output;
files, documents, server tools and the other betas are refused as unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cascade.simulated.anthropic_answer import Composer, stream, usage_of
from cascade.simulated.anthropic_conversation import conversation_of
from cascade.simulated.anthropic_models import (
    MODELS,
    AnthropicModel,
    ModelList,
    ModelPage,
    unknown_model,
)
from cascade.simulated.anthropic_options import BINDING_BETA, betas, check_headers, check_options
from cascade.simulated.anthropic_options import thinks as thinks_for
from cascade.simulated.anthropic_prompt import Element, InputUsage, elements, input_usage, weight
from cascade.simulated.anthropic_request import MessagesRequest, RuleError, parsed
from cascade.simulated.anthropic_thinking import (
    Reading,
    check_thinking_first,
    is_thinking,
    read_thinking,
    thinking_tokens,
)
from cascade.simulated.anthropic_turns import check_turns
from cascade.simulated.faults import Failing
from cascade.simulated.received import Account, Conversation, Received
from cascade.simulated.script import Turn
from cascade.simulated.signatures import Seal, canonical, content_digest
from cascade.simulated.usage import CountTokens, PromptCache, count_by_bytes
from cascade.simulated.wire import Event, Page, Refusal

__all__ = ["AnthropicMessages"]

_MOST_BYTES = 32 * 1024 * 1024

_FAILURES: Mapping[Failing, tuple[int, str, str]] = {
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "permission": (
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    "not_found": (404, "not_found_error", "Not Found"),
    "rate_limit": (
        429,
        "rate_limit_error",
        (
            "This request would exceed your organization's rate limit. Please reduce the prompt "
            "length or the maximum tokens requested, or try again later."
        ),
    ),
    "quota": (
        402,
        "billing_error",
        (
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
            "Billing to upgrade or purchase credits."
        ),
    ),
    "server": (500, "api_error", "Internal server error"),
    "unavailable": (503, "api_error", "Service unavailable"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "timeout": (504, "timeout_error", "Request timed out"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Understood:
    """A request that breaks no rule."""

    request: MessagesRequest
    model: AnthropicModel
    account: Account
    prompt: tuple[Element, ...]
    reading: Reading
    thinks: bool


class AnthropicMessages:
    """The wire format of the Messages API.

    Args:
        models: That may be asked for.
        count: Tokens of a text.
        secret: Seals its thinking; two simulations with one secret read each other's.
    """

    path = "/v1/messages"
    request_id_header = "request-id"

    def __init__(
        self,
        *,
        models: Mapping[str, AnthropicModel] = MODELS,
        count: CountTokens = count_by_bytes,
        secret: bytes = b"a simulated provider's secret",
    ) -> None:
        self.pages: tuple[Page, ...] = (ModelPage(models), ModelList(models))
        self._models = models
        self._count = count
        self._seal = Seal(secret)
        self._cache = PromptCache()
        self._understood: tuple[int, _Understood] | None = None

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key, from `authorization: Bearer` or `x-api-key`."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else headers.get("x-api-key")

    def refuse(self, received: Received) -> Refusal | None:
        """What of the API's rules the request breaks."""
        if len(received.body) > _MOST_BYTES:
            return Refusal(
                status=413, type="request_too_large", message="Request exceeds the maximum size"
            )
        if received.json is None:
            return _invalid("The request body is not valid JSON")
        try:
            check_headers(received.headers)
            request = parsed(received.json)
            model = self._models.get(request.model)
            if model is None:
                return unknown_model(request.model)
            understood = self._understand(received, request, model)
        except RuleError as broken:
            return _invalid(str(broken))
        self._understood = (received.number, understood)
        return None

    def _understand(
        self, received: Received, request: MessagesRequest, model: AnthropicModel
    ) -> _Understood:
        if received.account is None:
            raise RuleError("x-api-key header is required")
        thinks = thinks_for(request, model)
        check_options(request, model, received.headers)
        check_turns(request, model, thinks=thinks)
        check_thinking_first(request)
        prompt = elements(received.asked, self._weigh)
        reading = read_thinking(
            prompt,
            request,
            model=model,
            models=self._models,
            account=received.account,
            seal=self._seal,
        )
        shown = tuple(
            replace(each, tokens=0) if each.path in reading.dropped else each for each in prompt
        )
        _check_length(shown, model)
        return _Understood(
            request=request,
            model=model,
            account=received.account,
            prompt=_with_automatic_breakpoint(shown, request),
            reading=reading,
            thinks=thinks,
        )

    def _weigh(self, block: Mapping[str, Any]) -> int:
        if is_thinking(block):
            return thinking_tokens(block, self._seal)
        return weight(block, self._count)

    def conversation(self, received: Received) -> Conversation:
        """The request as the model sees it."""
        understood = self._of(received)
        return conversation_of(understood.request, received, thinks=understood.thinks)

    def answer(self, received: Received, turn: Turn) -> Mapping[str, Any]:
        """The whole message."""
        understood = self._of(received)
        request, model = understood.request, understood.model
        composer = Composer(
            request=request,
            model=model,
            thinks=understood.thinks,
            account=understood.account.name,
            prefix=understood.prompt[-1].digest,
            seal=self._seal,
            count=self._count,
        )
        content, stop_reason, stop_sequence = composer.compose(turn)
        usage = usage_of(
            self._input(understood),
            output=sum(map(composer.tokens, content)),
            thinking=sum(composer.tokens(block) for block in content if is_thinking(block)),
        )
        answer: dict[str, Any] = {
            "id": f"msg_sim_{received.number:08d}",
            "type": "message",
            "role": "assistant",
            "model": model.id,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": stop_sequence,
            "usage": usage,
        }
        if BINDING_BETA in betas(received.headers):
            answer["input_transformations"] = list(understood.reading.transformations)
        return answer

    def _input(self, understood: _Understood) -> InputUsage:
        request = understood.request
        settings = [_dumped(each) for each in (request.thinking, request.tool_choice)]
        return input_usage(
            understood.prompt,
            self._cache,
            scope=f"{understood.account.name}/{understood.model.id}",
            settings=content_digest(canonical(settings).decode()),
            least_tokens=understood.model.cacheable_tokens,
        )

    def events(self, received: Received, answer: Mapping[str, Any]) -> Iterable[Event]:
        """The message as a stream."""
        del received
        return stream(answer)

    def failing(self, failure: Failing) -> Refusal:
        """How the API words a failure of its own."""
        status, kind, message = _FAILURES[failure]
        return Refusal(status=status, type=kind, message=message)

    def error_body(self, refusal: Refusal, request_id: str) -> Mapping[str, Any]:
        """The body of an error answer."""
        error = {"type": refusal.type, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": request_id}

    def error_event(self, refusal: Refusal, request_id: str) -> Event:
        """An error in mid-stream."""
        return Event(name="error", data=self.error_body(refusal, request_id))

    def _of(self, received: Received) -> _Understood:
        if self._understood is None or self._understood[0] != received.number:
            raise LookupError(f"request {received.number} was not checked")
        return self._understood[1]


def _invalid(message: str) -> Refusal:
    return Refusal(status=400, type="invalid_request_error", message=message)


def _dumped(value: Any) -> Any:
    return None if value is None else value.model_dump(mode="json")


def _check_length(prompt: Iterable[Element], model: AnthropicModel) -> None:
    tokens = sum(element.tokens for element in prompt)
    if tokens > model.max_input_tokens:
        raise RuleError(f"prompt is too long: {tokens} tokens > {model.max_input_tokens} maximum")


def _with_automatic_breakpoint(
    prompt: tuple[Element, ...], request: MessagesRequest
) -> tuple[Element, ...]:
    """With a breakpoint at the last block that can have one, where the request asks for that."""
    if request.cache_control is None:
        return prompt
    last = max(index for index, each in enumerate(prompt) if not is_thinking(each.block))
    marked = replace(prompt[last], ttl=request.cache_control.ttl)
    return (*prompt[:last], marked, *prompt[last + 1 :])
