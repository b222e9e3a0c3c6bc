from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import OPUS, frontier, home, prices

from cascade.lanes import Prices, PriceTier
from cascade.routing.caches import CacheState
from cascade.routing.estimate import Side, call_cost, extra_cost, tokens_of

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOKENS = st.integers(0, 200_000)


def at_home(**fields: Any) -> Side:
    return Side(lane=home(**fields), prompt_tokens=30_000, output_tokens=0)


def above(tokens: int = 30_000, **fields: Any) -> Side:
    return Side(lane=frontier(**fields), prompt_tokens=tokens, output_tokens=0)


def test_four_characters_count_as_a_token_and_a_rest_as_one_more():
    assert tokens_of("") == 0
    assert tokens_of("abcd") == 1
    assert tokens_of("abcde") == 2
    assert tokens_of(24_000) == 6000


def test_a_prefix_of_thirty_thousand_tokens_costs_twelve_times_as_much_cold_as_warm():
    cold = call_cost(frontier(), prompt_tokens=30_000, output_tokens=0)
    warm = call_cost(frontier(), prompt_tokens=30_000, warm_tokens=30_000, output_tokens=0)
    assert cold == Decimal("0.1875")
    assert warm == Decimal("0.015")


@pytest.mark.parametrize(("steps", "usd_a_step"), [(1, "0.188"), (5, "0.050"), (10, "0.032")])
def test_a_longer_burst_spreads_the_price_of_the_cold_prefix(steps: int, usd_a_step: str):
    usd, cold_tokens = extra_cost(above(), at_home(), steps=steps, at=AT)
    assert usd is not None
    assert round(usd / steps, 3) == Decimal(usd_a_step)
    assert cold_tokens == 30_000


def test_a_packet_of_six_thousand_tokens_makes_one_step_cheap():
    usd, _ = extra_cost(above(6000), at_home(), steps=1, at=AT)
    assert usd == Decimal("0.0375")


def test_cold_tokens_are_fresh_input_where_cache_writes_have_no_price():
    lane = frontier(prices=OPUS.model_copy(update={"cache_write_usd": Decimal(0)}))
    usd = call_cost(lane, prompt_tokens=1000, warm_tokens=400, output_tokens=100)
    assert usd == Decimal("0.0057")


def test_a_long_prompt_is_priced_by_its_tier():
    tier = PriceTier(
        above_prompt_tokens=200_000,
        input_usd=Decimal(10),
        output_usd=Decimal(50),
        cache_read_usd=Decimal(1),
        cache_write_usd=Decimal(20),
    )
    lane = frontier(prices=OPUS.model_copy(update={"tiers": (tier,)}))
    assert call_cost(lane, prompt_tokens=200_001, output_tokens=0) == Decimal("4.00002")


def test_an_unknown_price_makes_an_unknown_cost_and_never_zero():
    lane = frontier(prices=None)
    assert call_cost(lane, prompt_tokens=10, output_tokens=1) is None
    dear = Side(lane=lane, prompt_tokens=100, output_tokens=1)
    assert extra_cost(dear, at_home(), steps=1, at=AT) == (None, 100)
    assert extra_cost(above(100), at_home(prices=None), steps=1, at=AT) == (None, 100)


def test_a_warm_lane_is_taken_up_again_at_the_price_of_reading():
    cache = CacheState(prompt_tokens=30_000, at=AT - timedelta(seconds=60))
    warm = Side(lane=frontier(), prompt_tokens=31_000, output_tokens=0, cache=cache)
    usd, cold_tokens = extra_cost(warm, at_home(), steps=1, at=AT)
    assert usd == Decimal("0.02125")
    assert cold_tokens == 1000


def test_steps_slower_than_the_time_to_live_are_cold_each_time():
    usd, _ = extra_cost(above(), at_home(), steps=3, at=AT, step_s=400)
    assert usd == 3 * Decimal("0.1875")


def rented_home(ttl_s: float) -> Side:
    lane = frontier("home", tier=0, cache_ttl_s=ttl_s, prices=prices_times("0.1"))
    cache = CacheState(prompt_tokens=30_000, at=AT)
    return Side(lane=lane, prompt_tokens=30_000, output_tokens=0, cache=cache)


def prices_times(factor: str) -> Prices:
    rates = OPUS.model_dump(exclude={"tiers", "source"})
    return Prices.model_validate(
        {
            name: Decimal(factor) * rate
            for name, rate in rates.items()
            if name != "above_prompt_tokens"
        }
    )


def test_a_home_cache_that_goes_cold_meanwhile_is_charged_to_the_hand_over():
    kept, _ = extra_cost(above(), rented_home(ttl_s=300), steps=5, at=AT, step_s=10)
    lost, _ = extra_cost(above(), rented_home(ttl_s=40), steps=5, at=AT, step_s=10)
    assert kept is not None
    assert lost is not None
    # 30,000 tokens written at $0.625 a million instead of read at $0.05.
    assert lost - kept == Decimal("0.01725")


def test_no_cache_is_lost_where_the_home_lane_does_not_go_on():
    one_way, _ = extra_cost(
        above(), rented_home(ttl_s=40), steps=5, at=AT, step_s=10, returns=False
    )
    saved = 5 * Decimal("0.0015")
    assert one_way == Decimal("0.1875") + 4 * Decimal("0.015") - saved


def test_a_draft_that_was_made_already_saves_nothing_by_being_thrown_away():
    before, _ = extra_cost(above(), rented_home(ttl_s=300), steps=1, at=AT)
    after, _ = extra_cost(above(), rented_home(ttl_s=300), steps=1, at=AT, is_drafted=True)
    assert before is not None
    assert after is not None
    assert after - before == Decimal("0.0015")


def test_what_a_prompt_gains_on_the_way_is_read_cold_once_by_each_lane():
    usd, _ = extra_cost(above(), at_home(), steps=2, at=AT, growth_tokens=1000)
    assert usd == Decimal("0.1875") + Decimal("0.015") + Decimal("0.00625")


@given(prices, TOKENS, TOKENS, TOKENS)
def test_a_longer_prompt_or_answer_never_costs_less(
    rates: Prices, prompt: int, output: int, more: int
):
    lane = frontier(prices=rates)
    base = call_cost(lane, prompt_tokens=prompt, output_tokens=output)
    longer = call_cost(lane, prompt_tokens=prompt + more, output_tokens=output)
    wordier = call_cost(lane, prompt_tokens=prompt, output_tokens=output + more)
    assert base is not None
    assert longer is not None
    assert wordier is not None
    assert base <= longer
    assert base <= wordier


@given(st.integers(1, 12), st.integers(1, 50_000), st.integers(0, 2000))
def test_over_a_free_home_lane_more_steps_cost_more_and_each_step_less(
    steps: int, prompt: int, growth: int
):
    fewer, _ = extra_cost(above(prompt), at_home(), steps=steps, at=AT)
    more, _ = extra_cost(above(prompt), at_home(), steps=steps + 1, at=AT)
    grown, _ = extra_cost(above(prompt), at_home(), steps=steps, at=AT, growth_tokens=growth)
    assert fewer is not None
    assert more is not None
    assert grown is not None
    assert fewer <= more
    assert more / (steps + 1) <= fewer / steps
    assert fewer <= grown
