"""List prices from the package genai-prices, in the form that a lane carries and records.

They are looked up once, when a lane is configured; from then on the lane prices its own events, so
a replay needs neither the package nor the same version of it. Prices that the user configured win:
ask here only where there are none.

What genai-prices does, and so does `Prices.cost_usd` (version 0.2.3, `types.py`): a tier holds for
*all* tokens of a call whose prompt, cached tokens included, is longer than the tier's start; the
prompt count includes cached tokens; cached tokens without a price of their own cost what fresh
input costs, and one-hour cache writes without one what any cache write costs.
"""

import logging
from collections.abc import MutableSet
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from cascade.lanes import Prices, PriceTier

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

__all__ = ["CacheTtl", "prices_for"]

CacheTtl = Literal["5m", "1h"]
"""How long a provider keeps what is written to its prompt cache, where that has a price."""

_log = logging.getLogger("cascade")


def prices_for(
    provider: str,
    model: str,
    *,
    cache_ttl: CacheTtl = "5m",
    region: str | None = None,
    at: datetime | None = None,
    named: MutableSet[str] | None = None,
) -> Prices | None:
    """The list prices of a model, or `None` where none are known; then one warning names it.

    Args:
        provider: By genai-prices' names: `openai`, `anthropic`, `aws`, `openrouter` and so on.
        model: As the provider calls it; dated names and aliases are resolved by genai-prices.
        cache_ttl: Of the cache writes that are priced.
        region: Bedrock (`aws`) prices the inference profiles of a region (`us`, `eu`) apart. For
            other providers there are only global prices, and `source` says that they were taken.
        at: The moment whose prices are wanted; `None` is now. Off-peak prices are those of that
            moment throughout, as a lane has one price list.
        named: The models that were warned about; shared by several calls, it keeps each of them to
            one warning.

    Returns:
        `None` for a model that is not listed, that has no price for input or for output tokens
        (sold by the minute, the page or the character), or that charges for each request besides.
    """
    moment = at or datetime.now(UTC)
    found = _found(provider, model, region, moment)
    rates = None if found is None else _rates(found.model_price, cache_ttl)
    if found is None or rates is None:
        _warn(provider, model, is_listed=found is not None, named=named)
        return None
    base, *tiers = rates
    return Prices(
        **base.model_dump(),
        tiers=tuple(tiers),
        source=_source(found, cache_ttl, region, moment),
    )


def _found(
    provider: str, model: str, region: str | None, moment: datetime
) -> "PriceCalculation | None":
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - 0.3 s and a HTTP client

    is_bedrock = provider.lower() == "aws"
    references = (f"{region}.{model}", model) if region and is_bedrock else (model,)
    for reference in references:
        try:
            return calc_price(
                Usage(input_tokens=0, output_tokens=0),
                reference,
                provider_id=provider,
                genai_request_timestamp=moment,
            )
        except LookupError:
            continue
    return None


def _rates(price: "ModelPrice", cache_ttl: CacheTtl) -> tuple[PriceTier, ...] | None:
    """The rates by rising threshold, the first one for every prompt; `None` if they are not all."""
    if price.input_mtok is None or price.output_mtok is None or price.requests_kcount is not None:
        return None
    reads = _first(price.cache_read_mtok, price.input_mtok)
    writes = _first(price.cache_write_mtok, price.input_mtok)
    if cache_ttl == "1h":
        writes = _first(price.cache_write_1h_mtok, writes)
    else:
        writes = _first(price.cache_write_5m_mtok, writes)
    buckets = (price.input_mtok, price.output_mtok, reads, writes)
    starts = {0, *(tier.start for bucket in buckets for tier in getattr(bucket, "tiers", ()))}
    rates = [
        _tier(start, *(_rate(bucket, start) for bucket in buckets)) for start in sorted(starts)
    ]
    return tuple(rates)


def _first(
    own: "Decimal | TieredPrices | None", instead: "Decimal | TieredPrices"
) -> "Decimal | TieredPrices":
    return instead if own is None else own


def _rate(price: "Decimal | TieredPrices", start: int) -> Decimal:
    """What holds for prompts that are longer than *start*."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= start]
    return reached[-1] if reached else price.base


def _tier(
    start: int, input_usd: Decimal, output_usd: Decimal, read_usd: Decimal, write_usd: Decimal
) -> PriceTier:
    return PriceTier(
        above_prompt_tokens=start,
        input_usd=input_usd,
        output_usd=output_usd,
        cache_read_usd=read_usd,
        cache_write_usd=write_usd,
    )


def _source(
    found: "PriceCalculation", cache_ttl: CacheTtl, region: str | None, moment: datetime
) -> str:
    from genai_prices import __version__  # noqa: PLC0415 - imported already where this is called

    said = f"genai-prices {__version__}, {found.provider.id}/{found.model.id}, {moment:%Y-%m-%d}"
    if cache_ttl == "1h":
        said += ", cache writes for an hour"
    if found.auto_update_timestamp is not None:
        said += f", data fetched {found.auto_update_timestamp:%Y-%m-%d}"
    if region and found.provider.id != "aws":
        said += f", global price (none for region {region})"
    return said


def _warn(provider: str, model: str, *, is_listed: bool, named: MutableSet[str] | None) -> None:
    name = f"{provider}/{model}"
    if named is not None:
        if name in named:
            return
        named.add(name)
    why = "is not priced by tokens alone" if is_listed else "is not listed"
    _log.warning(
        "model %s %s in genai-prices: its cost is unknown, and a budget in dollars cannot be kept. "
        "Give the lane prices of its own",
        name,
        why,
    )
