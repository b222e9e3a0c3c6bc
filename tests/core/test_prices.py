"""List prices: taken from genai-prices, they cost what it says."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from cascade.exchange import Usage
from cascade.lanes import Prices, PriceTier
from cascade.prices import CacheTtl, prices_for

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
MICRO_DOLLAR = Decimal("0.000001")
SAMPLED = {
    "aws",
    "azure",
    "deepseek",
    "google",
    "groq",
    "mistral",
    "openrouter",
    "together",
    "x-ai",
}

tokens = st.integers(0, 10) | st.integers(99_000, 101_000) | st.integers(0, 600_000)
usages = st.builds(
    Usage,
    input_tokens=tokens,
    cache_read_tokens=tokens,
    cache_write_tokens=tokens,
    output_tokens=tokens,
)


def is_sold_by_the_token(price: ModelPrice) -> bool:
    both = price.input_mtok is not None and price.output_mtok is not None
    return both and price.requests_kcount is None


def resolved(provider: Provider, model: ModelInfo) -> ModelPrice | None:
    """What genai-prices itself finds under that model's name."""
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(), model.id, provider_id=provider.id, genai_request_timestamp=AT
        )
    except LookupError:
        return None  # an identifier that its own match leaves out
    return found.model_price


def references(chosen: Iterable[Provider]) -> list[tuple[str, str]]:
    return [
        (provider.id, model.id)
        for provider in chosen
        for model in provider.models
        if (price := resolved(provider, model)) is not None and is_sold_by_the_token(price)
    ]


VENDORS = references(each for each in providers if each.id in {"openai", "anthropic"})
OTHERS = references(each for each in providers if each.id in SAMPLED)
TIERED = references(
    Provider(id=each.id, name="", api_pattern="", models=[model])
    for each in providers
    for model in each.models
    if each.id in SAMPLED | {"openai", "anthropic"} and "TieredPrices" in repr(model.prices)
)


def theirs(reference: tuple[str, str], usage: Usage, cache_ttl: CacheTtl) -> Decimal:
    hour = {"cache_write_1h_tokens": usage.cache_write_tokens} if cache_ttl == "1h" else {}
    price = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.prompt_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
            **hour,
        ),
        reference[1],
        provider_id=reference[0],
        genai_request_timestamp=AT,
    )
    return price.total_price


@given(
    st.sampled_from(VENDORS) | st.sampled_from(TIERED) | st.sampled_from(OTHERS),
    usages,
    st.sampled_from(["5m", "1h"]),
)
@example(("anthropic", "claude-haiku-5-5"), Usage(input_tokens=100_000, output_tokens=7), "5m")
@example(("anthropic", "claude-haiku-5-5"), Usage(input_tokens=100_001, output_tokens=7), "5m")
def test_a_lane_charges_what_genai_prices_charges(
    reference: tuple[str, str], usage: Usage, cache_ttl: CacheTtl
):
    prices = prices_for(*reference, cache_ttl=cache_ttl, at=AT)
    assert prices is not None
    cost = theirs(reference, usage, cache_ttl)
    assert prices.cost_usd(usage).quantize(MICRO_DOLLAR) == cost.quantize(MICRO_DOLLAR)


def test_every_listed_model_of_the_two_vendors_has_prices_or_is_not_sold_by_the_token():
    assert len(VENDORS) > 80
    assert len(TIERED) > 40
    for provider in providers:
        if provider.id not in {"openai", "anthropic"}:
            continue
        for model in provider.models:
            price = resolved(provider, model)
            known = price is not None and is_sold_by_the_token(price)
            assert (prices_for(provider.id, model.id, at=AT) is not None) == known, model.id


def test_the_whole_prompt_moves_to_a_tier_with_its_first_token_beyond_the_threshold():
    prices = prices_for("anthropic", "claude-haiku-5-5", at=AT)
    assert prices is not None
    assert prices.cost_usd(Usage(input_tokens=100_000)) == Decimal("0.01")
    longer = Usage(cache_read_tokens=100_000, input_tokens=1)
    assert prices.cost_usd(longer) == Decimal("0.0050005")


def test_an_hour_in_the_cache_costs_more_to_write():
    short, long = (
        prices_for("anthropic", "claude-opus-5-5", cache_ttl=ttl, at=AT) for ttl in ("5m", "1h")
    )
    assert short is not None
    assert long is not None
    assert (short.cache_write_usd, long.cache_write_usd) == (5, 8)
    assert "for an hour" in long.source


def test_cached_tokens_without_a_price_of_their_own_cost_what_fresh_ones_cost():
    prices = prices_for("anthropic", "claude-2", at=AT)
    assert prices is not None
    assert prices.cache_read_usd == prices.cache_write_usd == prices.input_usd == 8


def test_a_dated_name_costs_what_the_model_costs():
    dated, plain = (
        prices_for("openai", name, at=AT) for name in ("gpt-6-luna-2026-09-01", "gpt-6-luna")
    )
    assert dated == plain
    assert plain is not None
    assert plain.source == f"genai-prices {genai_prices.__version__}, openai/gpt-6-luna, 2026-11-20"


def test_prices_are_those_of_the_moment_that_is_asked_for():
    before, after = (
        prices_for("google", "gemini-3.8-flash", at=datetime(year, 12, 1, tzinfo=UTC))
        for year in (2026, 2027)
    )
    assert before is not None
    assert after is not None
    assert before.input_usd != after.input_usd


def test_bedrock_prices_a_region_apart_and_others_say_that_they_do_not():
    model = "anthropic.claude-fable-5-1-v1:0"
    everywhere, american = (
        prices_for("aws", model, region=region, at=AT) for region in ("global", "us")
    )
    assert everywhere is not None
    assert american is not None
    assert everywhere.input_usd < american.input_usd
    assert prices_for("aws", "moonshotai.kimi-k3", region="nowhere", at=AT) is not None
    openai = prices_for("openai", "gpt-6-luna", region="eu", at=AT)
    assert openai is not None
    assert openai.source.endswith("global price (none for region eu)")


@pytest.mark.parametrize(
    ("provider", "model", "why"),
    [
        ("openai", "gpt-6-nope", "is not listed"),
        ("nobody", "gpt-6-luna", "is not listed"),
        ("openai", "whisper-1", "is not priced by tokens alone"),
        ("perplexity", "sonar-pro", "is not priced by tokens alone"),
    ],
)
def test_an_unknown_price_is_none_and_named_once(
    provider: str, model: str, why: str, caplog: pytest.LogCaptureFixture
):
    named: set[str] = set()
    with caplog.at_level(logging.WARNING, logger="cascade"):
        for _ in range(3):
            assert prices_for(provider, model, at=AT, named=named) is None
    (record,) = caplog.records
    assert record.getMessage().startswith(f"model {provider}/{model} {why}")
    assert named == {f"{provider}/{model}"}


def test_without_a_shared_set_each_call_warns(caplog: pytest.LogCaptureFixture):
    for _ in range(2):
        assert prices_for("openai", "gpt-6-nope") is None
    assert len(caplog.records) == 2


def test_prices_come_back_from_their_json_as_they_were():
    prices = prices_for("openai", "gpt-6-luna", at=AT)
    assert prices is not None
    assert prices.tiers
    assert Prices.model_validate_json(prices.model_dump_json()) == prices


def test_prices_that_the_application_had_updated_say_when():
    fetched = datetime(2026, 11, 19, tzinfo=UTC)
    set_custom_snapshot(DataSnapshot(providers, from_auto_update=True, timestamp=fetched))
    try:
        prices = prices_for("openai", "gpt-6-luna", at=AT)
    finally:
        set_custom_snapshot(None)
    assert prices is not None
    assert prices.source.endswith("2026-11-20, data fetched 2026-11-19")


@pytest.mark.parametrize("thresholds", [(0,), (5, 5), (9, 5)])
def test_tiers_that_do_not_rise_are_refused(thresholds: tuple[int, ...]):
    one = Decimal(1)
    tiers = tuple(
        PriceTier(
            above_prompt_tokens=threshold,
            input_usd=one,
            output_usd=one,
            cache_read_usd=one,
            cache_write_usd=one,
        )
        for threshold in thresholds
    )
    with pytest.raises(ValidationError, match="must rise"):
        Prices.free().model_validate({**Prices.free().model_dump(), "tiers": tiers})


def test_a_negative_price_is_refused():
    with pytest.raises(ValidationError):
        Prices.model_validate({**Prices.free().model_dump(), "input_usd": -1})
