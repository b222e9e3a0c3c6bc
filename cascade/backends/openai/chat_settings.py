"""What a lane of Chat Completions can be told."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from cascade.backends.openai.cache_keys import CacheKey
from cascade.backends.openai.quirks import ReasoningReplay, Server
from cascade.backends.remote.settings import RemoteSettings

__all__ = ["ChatSettings"]


class ChatSettings(RemoteSettings):
    """How a server is spoken to. `None` leaves it to what is known about the server or model."""

    whose: ClassVar[str] = "Chat Completions"

    server: Server | None = None
    """Who answers; asked for when the lane opens, where it is not set."""
    reasoning_replay: ReasoningReplay | None = None
    """What becomes of earlier reasoning."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The field for the most tokens that may be written."""
    cache_key: CacheKey = "trajectory"
    """Which calls are to find each other's beginnings in the provider's cache: those of a
    trajectory, or with `agent` those of all that have the same system text and tools."""
    top_log_probabilities: Annotated[int, Field(ge=1, le=20)] = 5
    """How many tokens are asked for at each place; the entropy is reckoned from these."""
    body: dict[str, JsonValue] = {}  # noqa: RUF012 - pydantic copies it
    """Further fields of the request, such as `{"chat_template_kwargs": {...}}`."""
