"""Lanes: the model endpoints that a trajectory may use, and what they charge."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, JsonValue, NonNegativeInt, PositiveInt

from cascade.exchange import Sampling, Usage
from cascade.frozen import Frozen

__all__ = ["Capabilities", "Lane", "Locality", "Prices"]

Locality = Literal["local", "private", "remote"]
"""In this process or machine; elsewhere under the same owner; at somebody else's."""

_PER_MILLION = Decimal(1_000_000)


class Prices(Frozen):
    """US dollars for a million tokens, by bucket."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal
    cache_write_usd: Decimal

    def cost_usd(self, usage: Usage) -> Decimal:
        """The price of *usage* in US dollars."""
        return (
            usage.input_tokens * self.input_usd
            + usage.output_tokens * self.output_usd
            + usage.cache_read_tokens * self.cache_read_usd
            + usage.cache_write_tokens * self.cache_write_usd
        ) / _PER_MILLION

    @classmethod
    def free(cls) -> "Prices":
        """Nothing is billed: a model on one's own machine."""
        zero = Decimal(0)
        return cls(input_usd=zero, output_usd=zero, cache_read_usd=zero, cache_write_usd=zero)


class Capabilities(Frozen):
    """What a lane can do."""

    tools: bool = True
    parallel_tools: bool = False
    """Whether one message may hold several calls."""
    log_probabilities: bool = False
    grammar: bool = False
    """Whether output can be held to a grammar while it is generated."""


class Lane(Frozen):
    """One configured model endpoint."""

    name: str
    backend: str
    """Name of the backend that serves it."""
    model: str
    """A model reference as its backend understands it, such as `bundled:desk`."""
    tier: NonNegativeInt = 0
    """Rung of the ladder; 0 is the lowest."""
    locality: Locality
    data_classes: tuple[str, ...] | None = None
    """Classes of data it may see; `None` allows all of them."""
    capabilities: Capabilities = Capabilities()
    context_tokens: PositiveInt | None = None
    """Context window, prompt and output together; `None` where it is not known."""
    max_output_tokens: PositiveInt = 1024
    """The most that one call may write."""
    sampling: Sampling = Sampling()
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """What its backend can be told besides, by name; each backend lists its own."""
    prices: Prices | None = None
    """`None` where they are not known; then its cost is unknown too, never zero."""

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """The price of *usage* here in US dollars, or `None` where no prices are known."""
        return None if self.prices is None else self.prices.cost_usd(usage)
