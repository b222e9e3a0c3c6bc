"""The wire format of OpenAI's Responses API, `POST /v1/responses`, with nothing kept there."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pydantic_core import to_json

from cascade.simulated.openai_conversation import images_in, response_turns, text_in
from cascade.simulated.openai_errors import OpenAIRefusal, context_exceeded, malformed_json
from cascade.simulated.openai_models import OPENAI_MODELS, OpenAIModel
from cascade.simulated.openai_output import Written, response_output
from cascade.simulated.openai_response_events import failed_event, response_events
from cascade.simulated.openai_responses_rules import AcceptedResponse, accepted_response
from cascade.simulated.openai_seals import Seals
from cascade.simulated.openai_tools import offered, read_tool_choice
from cascade.simulated.openai_usage import IMAGE_TOKENS, Meter, PromptCount
from cascade.simulated.openai_wire import OpenAIWire
from cascade.simulated.received import Conversation, Received
from cascade.simulated.script import Turn
from cascade.simulated.usage import CountTokens, count_by_bytes
from cascade.simulated.wire import Event, Refusal

__all__ = ["OpenAIResponses"]


class OpenAIResponses(OpenAIWire):
    """`POST /v1/responses`.

    Args:
        models: That the server has.
        secret: Encrypted reasoning and identifiers of another secret are forgeries.
        count_tokens: Of a text.
        least_cached_tokens: Shorter prefixes are not cached.
        breaks_with: How a failure in mid-stream is reported: by `response.failed`, or by `error`.
        clock: Seconds since 1970.
    """

    path = "/v1/responses"

    def __init__(
        self,
        models: tuple[OpenAIModel, ...] = OPENAI_MODELS,
        *,
        secret: bytes = b"a simulated OpenAI's secret",
        count_tokens: CountTokens = count_by_bytes,
        least_cached_tokens: int = 1024,
        breaks_with: Literal["failed", "error"] = "failed",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(models)
        self._seals = Seals(secret)
        self._meter = Meter(count_tokens, least_cached_tokens=least_cached_tokens)
        self._breaks_with = breaks_with
        self._clock = clock
        self._accepted: tuple[Received, AcceptedResponse, PromptCount] | None = None
        self._answered: Mapping[str, Any] = {}

    def refuse(self, received: Received) -> Refusal | None:
        """What of OpenAI's rules the request breaks, if it breaks one."""
        self._answered = {}
        try:
            self._accept(received)
        except OpenAIRefusal as broken:
            return broken.refusal
        return None

    def conversation(self, received: Received) -> Conversation:
        """The request as the model sees it."""
        accepted, _ = self._accept(received)
        asked = received.asked
        system, turns = response_turns(asked.get("instructions"), accepted.input.items)
        return Conversation(
            model=accepted.model.id,
            system=system,
            turns=turns,
            tools=offered(accepted.tools),
            tool_choice=read_tool_choice(
                asked.get("tool_choice"), parallel=asked.get("parallel_tool_calls") is not False
            ),
            schema=accepted.schema,
            thinks=accepted.effort != "none",
            max_output_tokens=asked.get("max_output_tokens"),
            request=received,
        )

    def answer(self, received: Received, turn: Turn) -> Mapping[str, Any]:
        """The whole response."""
        accepted, count = self._accept(received)
        self._meter.keep(count)
        organization = self.note(received)
        token = self._seals.token(received)
        written = response_output(
            turn,
            accepted,
            token=token,
            organization=organization,
            end_user=received.asked.get("safety_identifier") or "",
            summarised=_wants_summary(received.asked),
            seals=self._seals,
        )
        now = self._clock()
        self._answered = {
            **_echo(received.asked, accepted),
            "id": f"resp_sim{token}",
            "created_at": now,
            "completed_at": now if written.status == "completed" else None,
            "status": written.status,
            "incomplete_details": written.incomplete,
            "input_transformations": list(accepted.input.removed),
            "output": written.items,
            "usage": self._usage(accepted, count, written),
        }
        return self._answered

    def events(self, received: Received, answer: Mapping[str, Any]) -> Iterable[Event]:  # noqa: ARG002 - as `Wire` has it
        """The response as a stream."""
        return response_events(answer)

    def error_event(self, refusal: Refusal, request_id: str) -> Event:  # noqa: ARG002 - as `Wire` has it
        """A failure in mid-stream."""
        after = len(list(response_events(self._answered))) if self._answered else 0
        if self._breaks_with == "failed" and self._answered:
            return failed_event(self._answered, refusal, after)
        return Event(
            name="error",
            data={
                "type": "error",
                "sequence_number": after,
                "code": refusal.code or refusal.type,
                "message": refusal.message,
                "param": refusal.param,
            },
        )

    def _accept(self, received: Received) -> tuple[AcceptedResponse, PromptCount]:
        """The request by the rules; the last is remembered, as each is looked at three times."""
        last = self._accepted
        if last is not None and last[0] is received:
            return last[1], last[2]
        organization = self.note(received)
        if received.json is None:
            raise malformed_json()
        account = received.account
        accepted = accepted_response(
            received.json,
            models=self.models,
            organization=organization,
            enforces_prefix=account is None or account.enforces_prefix,
            seals=self._seals,
        )
        count = self._measure(received.json, accepted, organization)
        window = accepted.model.context_tokens
        if count.tokens > window and received.json.get("truncation") != "auto":
            raise context_exceeded()
        self._accepted = (received, accepted, count)
        return accepted, count

    def _measure(
        self, body: dict[str, Any], accepted: AcceptedResponse, organization: str
    ) -> PromptCount:
        items, removed = accepted.input.items, {one["id"] for one in accepted.input.removed}

        def tokens_of(index: int) -> int:
            if index == 0:
                tools = to_json(body["tools"]).decode() if body.get("tools") else ""
                return self._meter.count_tokens((body.get("instructions") or "") + tools)
            item = items[index - 1]
            return 0 if item.get("id") in removed else self._item_tokens(item)

        scope = f"{organization}/{accepted.model.id}/{body.get('prompt_cache_key') or ''}"
        return self._meter.measure(scope, accepted.input.digests, tokens_of)

    def _item_tokens(self, item: Mapping[str, Any]) -> int:
        match item.get("type", "message"):
            case "reasoning":
                said, content = item["encrypted_content"], None
            case "function_call":
                said, content = item["name"] + item["arguments"], None
            case "function_call_output":
                said, content = "", item["output"]
            case _:
                said, content = item["role"], item["content"]
        tokens = self._meter.count_tokens(said + text_in(content))
        return tokens + IMAGE_TOKENS * images_in(content)

    def _usage(
        self, accepted: AcceptedResponse, count: PromptCount, written: Written
    ) -> dict[str, Any]:
        spoken = self._meter.count_tokens(written.spoken)
        thought = self._meter.count_tokens(written.thought)
        writes = self._meter.written(count) if accepted.model.keeps_reasoning else 0
        return {
            "input_tokens": count.tokens,
            "input_tokens_details": {"cached_tokens": count.cached, "cache_write_tokens": writes},
            "output_tokens": spoken + thought,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": count.tokens + spoken + thought,
        }


def _wants_summary(body: Mapping[str, Any]) -> bool:
    asked: dict[str, Any] = body.get("reasoning") or {}
    return bool(asked.get("summary"))


def _echo(body: Mapping[str, Any], accepted: AcceptedResponse) -> dict[str, Any]:
    """What of the request stands in every response, with the defaults that held."""
    asked = {name: value for name, value in body.items() if value is not None}
    text: dict[str, Any] = asked.get("text", {})
    reasoning: dict[str, Any] = asked.get("reasoning", {})
    return {
        "object": "response",
        "model": accepted.model.id,
        "error": None,
        "background": False,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": asked.get("max_tool_calls"),
        "metadata": asked.get("metadata", {}),
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "prompt_cache_key": asked.get("prompt_cache_key"),
        "reasoning": {
            "effort": accepted.effort if accepted.model.reasons else None,
            "summary": reasoning.get("summary"),
            "context": accepted.context if accepted.model.reasons else None,
        },
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": "default",
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {
            "format": text.get("format", {"type": "text"}),
            "verbosity": text.get("verbosity", "medium"),
        },
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "top_logprobs": asked.get("top_logprobs", 0),
        "top_p": asked.get("top_p", 1.0),
        "truncation": asked.get("truncation", "disabled"),
        "user": asked.get("user"),
    }
