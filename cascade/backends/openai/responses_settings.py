"""What a lane of the Responses API can be told."""

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue, field_validator

from cascade.backends.openai.cache_keys import CacheKey
from cascade.backends.remote.settings import RemoteSettings

__all__ = ["ResponsesSettings"]

_WRITTEN_HERE = frozenset(
    {
        "background",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "store",
        "stream",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
    }
)


class ResponsesSettings(RemoteSettings):
    """How a server is spoken to."""

    whose: ClassVar[str] = "Responses"

    cache_key: CacheKey = "trajectory"
    """Which calls are to find each other's beginnings in the provider's cache: those of a
    trajectory, or with `agent` those of all that have the same system text and tools."""
    top_log_probabilities: Annotated[int, Field(ge=1, le=20)] = 5
    """How many tokens are asked for at each place; the entropy is reckoned from these."""
    reasoning: dict[str, JsonValue] = {}  # noqa: RUF012 - pydantic copies it
    """Further fields of `reasoning`, such as `{"summary": "auto"}`."""
    body: dict[str, JsonValue] = {}  # noqa: RUF012 - pydantic copies it
    """Further fields of the request, such as `{"service_tier": "flex"}`."""

    @field_validator("body")
    @classmethod
    def _is_not_ours(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        taken = sorted(body.keys() & _WRITTEN_HERE)
        if taken:
            raise ValueError(f"{', '.join(taken)} cannot be set there")
        return body
