"""The wire format of Chat Completions, as OpenAI serves it and as compatible servers do."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from cascade.simulated.faults import Failing
from cascade.simulated.openai_chat_chunks import chat_chunks
from cascade.simulated.openai_chat_message import finish_reason, written_logprobs, written_message
from cascade.simulated.openai_chat_rules import AcceptedChat, accepted_chat
from cascade.simulated.openai_conversation import chat_turns, images_in, text_in
from cascade.simulated.openai_errors import OpenAIRefusal, malformed_json, model_missing
from cascade.simulated.openai_flavours import (
    OPENAI,
    Flavour,
    compatible_failure,
    compatible_model_missing,
    error_object,
    overflow,
)
from cascade.simulated.openai_models import OPENAI_MODELS, OpenAIModel, openai_model
from cascade.simulated.openai_output import arguments_text
from cascade.simulated.openai_pages import PropsPage, listed_model
from cascade.simulated.openai_seals import Seals
from cascade.simulated.openai_tools import offered, read_tool_choice
from cascade.simulated.openai_usage import IMAGE_TOKENS, Meter, PromptCount
from cascade.simulated.openai_wire import ModelPage, ModelsPage, OpenAIWire
from cascade.simulated.received import Conversation, Received
from cascade.simulated.script import Turn
from cascade.simulated.signatures import chained
from cascade.simulated.usage import CountTokens, count_by_bytes
from cascade.simulated.wire import Event, Page, Refusal

__all__ = ["OpenAIChat"]

_NO_KEY = "no-key-needed"


class OpenAIChat(OpenAIWire):
    """`POST /v1/chat/completions`.

    Args:
        models: That the server has.
        flavour: Which server it is.
        count_tokens: Of a text.
        least_cached_tokens: Shorter prefixes are not cached.
        clock: Seconds since 1970.
    """

    path = "/v1/chat/completions"

    def __init__(
        self,
        models: tuple[OpenAIModel, ...] = OPENAI_MODELS,
        *,
        flavour: Flavour = OPENAI,
        count_tokens: CountTokens = count_by_bytes,
        least_cached_tokens: int = 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(models)
        self._flavour = flavour
        self._meter = Meter(count_tokens, least_cached_tokens=least_cached_tokens)
        self._seals = Seals(b"names of chat completions")
        self._clock = clock
        self._accepted: tuple[Received, AcceptedChat, PromptCount] | None = None

    @property
    def pages(self) -> tuple[Page, ...]:
        """The lists of models, and what llama-server says of itself."""

        def entries() -> list[dict[str, Any]]:
            return [listed_model(self._flavour, model) for model in self.models]

        pages: list[Page] = [ModelsPage(entries), ModelPage(entries)]
        if self._flavour.name == "llama_server":
            pages.append(PropsPage(self.models[0]))
        return tuple(pages)

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key that came with a request; some servers need none."""
        found = super().key(headers)
        return found if found or self._flavour.needs_key else _NO_KEY

    def failing(self, failure: Failing) -> Refusal:
        """How the server words a failure of its own."""
        own = compatible_failure(self._flavour, failure, self._at_hand.key)
        return super().failing(failure) if own is None else own.refusal

    def error_body(self, refusal: Refusal, request_id: str) -> Mapping[str, Any]:  # noqa: ARG002 - as `Wire` has it
        """The body of an error answer."""
        error = dict(error_object(self._flavour, refusal))
        if refusal.type == "exceed_context_size_error":
            error |= {"n_prompt_tokens": self._at_hand.tokens, "n_ctx": self._at_hand.window}
        return {"error": error}

    def error_event(self, refusal: Refusal, request_id: str) -> Event:
        """A failure in mid-stream: a chunk that is an error body."""
        return Event(data=self.error_body(refusal, request_id))

    def refuse(self, received: Received) -> Refusal | None:
        """What of the server's rules the request breaks, if it breaks one."""
        try:
            self._accept(received)
        except OpenAIRefusal as broken:
            return broken.refusal
        return None

    def conversation(self, received: Received) -> Conversation:
        """The request as the model sees it."""
        accepted, _ = self._accept(received)
        asked = received.asked
        system, turns = chat_turns(accepted.messages)
        choice = asked.get("tool_choice") if self._flavour.obeys_tool_choice else None
        return Conversation(
            model=accepted.model.id,
            system=system,
            turns=turns,
            tools=offered(accepted.tools),
            tool_choice=read_tool_choice(
                choice, parallel=asked.get("parallel_tool_calls") is not False
            ),
            schema=accepted.schema,
            thinks=accepted.thinks,
            max_output_tokens=accepted.max_output_tokens,
            request=received,
        )

    def answer(self, received: Received, turn: Turn) -> Mapping[str, Any]:
        """The whole completion."""
        accepted, count = self._accept(received)
        self._meter.keep(count)
        token = self._seals.token(received)
        streams = received.asked.get("stream") is True
        as_objects = self._flavour.objects and received.number % 2 == 1 and not streams
        choice = {
            "index": 0,
            "message": written_message(
                turn,
                self._flavour,
                token=token,
                seals=self._seals,
                thinks=accepted.thinks,
                as_objects=as_objects,
            ),
            "logprobs": written_logprobs(turn, accepted.logprobs, self._flavour),
            "finish_reason": finish_reason(turn, self._flavour),
        }
        thought = self._meter.count_tokens(turn.thinking or "") if accepted.thinks else 0
        calls = "".join(call.name + arguments_text(call) for call in turn.calls)
        spoken = self._meter.count_tokens(turn.text + calls)
        return {
            "id": f"chatcmpl-sim{token}",
            "object": "chat.completion",
            "created": int(self._clock()),
            "model": accepted.model.id,
            "choices": [choice],
            "usage": self._usage(count, thought, spoken),
            **self._extras(count, thought + spoken),
        }

    def events(self, received: Received, answer: Mapping[str, Any]) -> Iterable[Event]:
        """The completion as a stream."""
        options: dict[str, Any] = received.asked.get("stream_options") or {}
        wanted = options.get("include_usage") is True
        return chat_chunks(answer, self._flavour, include_usage=wanted)

    def _accept(self, received: Received) -> tuple[AcceptedChat, PromptCount]:
        """The request by the rules; the last is remembered, as each is looked at three times."""
        last = self._accepted
        if last is not None and last[0] is received:
            return last[1], last[2]
        organization = self.note(received)
        body = received.json
        if body is None:
            raise malformed_json()
        model = self._asked_model(body)
        accepted = accepted_chat(body, model, self._flavour)
        count = self._measure(body, accepted, organization)
        self._at_hand.tokens, self._at_hand.window = count.tokens, model.context_tokens
        too_long = overflow(
            self._flavour,
            model,
            prompt=count.tokens,
            completion=accepted.max_output_tokens or 0,
        )
        if too_long is not None:
            raise too_long
        self._accepted = (received, accepted, count)
        return accepted, count

    def _asked_model(self, body: Mapping[str, Any]) -> OpenAIModel:
        asked = body.get("model")
        if self._flavour.serves_any_model:
            return openai_model(str(asked), self.models) or self.models[0]
        if not isinstance(asked, str) or not asked:
            raise OpenAIRefusal("you must provide a model parameter")
        found = openai_model(asked, self.models)
        if found is not None:
            return found
        if self._flavour.is_openai:
            raise model_missing(asked)
        raise compatible_model_missing(self._flavour, asked)

    def _measure(
        self, body: Mapping[str, Any], accepted: AcceptedChat, organization: str
    ) -> PromptCount:
        digests = [chained("", body.get("tools") or [])]
        for message in accepted.messages:
            digests.append(chained(digests[-1], message))

        def tokens_of(index: int) -> int:
            if index == 0:
                tools = body.get("tools")
                return self._meter.count_tokens(to_json(tools).decode()) if tools else 0
            return self._message_tokens(accepted.messages[index - 1])

        scope = f"{organization}/{accepted.model.id}/{body.get('prompt_cache_key') or ''}"
        return self._meter.measure(scope, digests, tokens_of)

    def _message_tokens(self, message: Mapping[str, Any]) -> int:
        content = message.get("content")
        said = message["role"] + text_in(content)
        if self._flavour.reasoning_field:
            said += message.get(self._flavour.reasoning_field) or ""
        for call in message.get("tool_calls") or ():
            arguments = call["function"]["arguments"]
            said += call["function"]["name"]
            said += arguments if isinstance(arguments, str) else to_json(arguments).decode()
        return self._meter.count_tokens(said) + IMAGE_TOKENS * images_in(content)

    def _usage(self, count: PromptCount, thought: int, spoken: int) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "prompt_tokens": count.tokens,
            "completion_tokens": thought + spoken,
            "total_tokens": count.tokens + thought + spoken,
        }
        match self._flavour.name:
            case "ollama":
                return usage
            case "vllm":
                return usage | {"prompt_tokens_details": None}
            case "llama_server":
                return usage | {"prompt_tokens_details": {"cached_tokens": count.cached}}
            case _:
                pass
        usage |= {
            "prompt_tokens_details": {"cached_tokens": count.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": thought,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
        if self._flavour.name == "deepseek":
            usage["prompt_cache_hit_tokens"] = count.cached
            usage["prompt_cache_miss_tokens"] = count.tokens - count.cached
        return usage

    def _extras(self, count: PromptCount, written: int) -> dict[str, Any]:
        """What stands in an answer besides, by flavour."""
        match self._flavour.name:
            case "openai":
                return {"service_tier": "default", "system_fingerprint": None}
            case "llama_server":
                fresh = count.tokens - count.cached
                timings = {
                    "cache_n": count.cached,
                    "prompt_n": fresh,
                    "prompt_ms": fresh / 2,
                    "prompt_per_token_ms": 0.5,
                    "prompt_per_second": 2000.0,
                    "predicted_n": written,
                    "predicted_ms": written * 10.0,
                    "predicted_per_token_ms": 10.0,
                    "predicted_per_second": 100.0,
                }
                return {"system_fingerprint": "b0-simulated", "timings": timings}
            case "ollama":
                return {"system_fingerprint": "fp_ollama"}
            case "deepseek":
                return {"system_fingerprint": "fp_simulated"}
            case "vllm":
                return {"service_tier": None, "system_fingerprint": None, "prompt_logprobs": None}
