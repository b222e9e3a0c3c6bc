"""What a lane can tell the Anthropic backend."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cascade.backends.remote.settings import RemoteSettings

__all__ = ["API_VERSION", "AnthropicSettings", "ThinkingType"]

API_VERSION = "2026-10-21"
"""The first version of the API that takes no sampling parameters; `2023-06-01` was before it."""

ThinkingType = Literal["adaptive", "enabled", "disabled", "between_tools"]
"""The model decides how much it thinks; it has a budget; it does not; only between tool calls."""


class AnthropicSettings(RemoteSettings):
    """How a lane of the Messages API is called."""

    whose: ClassVar[str] = "Anthropic"

    cache_ttl: Literal["5m", "1h", "off"] = "5m"
    """How long the prompt cache keeps what it was given; an hour costs more to write."""
    thinking: ThinkingType | None = None
    """`None` is `adaptive` where the model has it, and otherwise what the model does by itself."""
    thinking_budget_tokens: Annotated[int, Field(ge=1024)] | None = None
    """For `enabled`, which it stands for where `thinking` is not given and nothing newer exists."""
    thinking_display: Literal["summarized", "omitted"] | None = None
    """Whether the thoughts can be read; `None` leaves the model's default."""
    thinking_mismatch: Literal["drop_block", "error"] | None = None
    """What the provider does with a signed block whose conversation changed before it. A beta of
    the API; `None` leaves the account's default."""
    thinking_types: tuple[ThinkingType, ...] | None = None
    """Which kinds the model accepts; `None` asks the provider, then the package's own table."""
    strict_tools: bool = True
    """Whether tool arguments are held to their schemas where the provider can."""
    auth: Literal["bearer", "x-api-key"] = "bearer"
    """The header that the key goes into: `Authorization`, or the one of older servers."""
    api_version: str = API_VERSION
    betas: tuple[str, ...] = ()
    """Further names for the `anthropic-beta` header."""

    @property
    def allows_sampling(self) -> bool:
        """Whether this version of the API takes temperature and its like at all."""
        return self.api_version < API_VERSION

    @property
    def beta_header(self) -> str | None:
        """The names of all betas that are asked for; `None` where there are none."""
        own = ("thinking-binding-controls-2026-08-01",) if self.thinking_mismatch else ()
        return ",".join(dict.fromkeys((*own, *self.betas))) or None
