from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import frontier

from cascade.decision import Comparison
from cascade.exchange import SideEffect
from cascade.lanes import Profile
from cascade.policy import Damage, Escalating
from cascade.routing.comparison import compare, damage_of, rescue_of

DAMAGE = Damage()
SHARES = st.floats(0, 1)
USD = st.decimals(-10, 10, places=5)
COSTS = st.none() | USD
STAKES = st.decimals(0, 10, places=5)
SETTINGS = st.builds(
    Escalating, p_rescue=st.none() | SHARES, p_harm=SHARES, after_side_effect=SHARES
)


def weigh(
    p_fail: float,
    *,
    damage: str = "0.10",
    cost: str | None = "0.04",
    settings: Escalating | None = None,
    after_side_effect: bool = False,
) -> Comparison:
    return compare(
        p_fail=p_fail,
        damage_usd=Decimal(damage),
        extra_cost_usd=None if cost is None else Decimal(cost),
        settings=settings or Escalating(),
        max_p_fail=0.5,
        after_side_effect=after_side_effect,
    )


@pytest.mark.parametrize(
    ("effects", "is_answer", "is_stuck", "usd"),
    [
        (("read",), False, False, DAMAGE.read_usd),
        (("read", "write"), False, False, DAMAGE.write_usd),
        (("irreversible", "read"), False, False, DAMAGE.irreversible_usd),
        ((), True, False, DAMAGE.answer_usd),
        (("read",), False, True, DAMAGE.task_usd),
        (("irreversible",), True, True, DAMAGE.irreversible_usd),
        ((), False, False, DAMAGE.read_usd),
    ],
)
def test_the_largest_class_of_damage_counts(
    effects: tuple[SideEffect, ...],
    is_answer: bool,  # noqa: FBT001 - a column of the table
    is_stuck: bool,  # noqa: FBT001 - idem
    usd: Decimal,
):
    assert damage_of(DAMAGE, side_effects=effects, is_answer=is_answer, is_stuck=is_stuck) == usd


def test_it_is_worth_it_when_the_expected_damage_is_more_than_the_cost():
    assert not weigh(0.39).worth_it
    assert not weigh(0.4).worth_it
    assert weigh(0.41).worth_it
    assert weigh(0.41).threshold == pytest.approx(0.4)


def test_a_cold_prefix_that_costs_more_than_the_damage_is_never_worth_it():
    comparison = weigh(1.0, cost="0.1875")
    assert not comparison.worth_it
    assert comparison.threshold is None


def test_a_cheaper_higher_lane_is_worth_it_whatever_the_risk():
    comparison = weigh(0.0, cost="-0.01")
    assert comparison.worth_it
    assert comparison.threshold == 0


def test_a_failure_that_the_higher_lane_would_share_is_not_worth_its_price():
    hopeless = weigh(0.95, settings=Escalating(p_rescue=0.1))
    assert not hopeless.worth_it
    assert hopeless.threshold is None
    assert weigh(0.95, settings=Escalating(p_rescue=0.9)).worth_it


def test_the_policys_figure_for_rescues_goes_before_the_lanes_quality_and_that_before_certainty():
    lane = frontier(profile=Profile(quality=0.8))
    assert rescue_of(Escalating(p_rescue=0.5), lane) == 0.5
    assert rescue_of(Escalating(), lane) == 0.8
    assert rescue_of(Escalating(), frontier()) == 1.0


def test_harm_to_steps_that_were_right_is_weighed_against_the_rescues():
    risky = Escalating(p_rescue=0.8, p_harm=0.2)
    # 0.5 * 0.8 - 0.5 * 0.2 = 0.3 of ten cents.
    assert weigh(0.5, cost="0.029", settings=risky).worth_it
    assert not weigh(0.5, cost="0.031", settings=risky).worth_it
    assert weigh(0.5, settings=risky).threshold == pytest.approx(0.6)


def test_estimates_for_the_case_at_hand_replace_those_of_the_policy():
    comparison = compare(
        p_fail=0.9,
        damage_usd=Decimal("0.10"),
        extra_cost_usd=Decimal("0.04"),
        settings=Escalating(p_rescue=1.0, p_harm=0.0),
        max_p_fail=0.5,
        p_rescue=0.3,
        p_harm=0.1,
    )
    assert not comparison.worth_it
    assert (comparison.p_rescue, comparison.p_harm) == (0.3, 0.1)


def test_an_escalation_is_worth_less_after_a_side_effect_than_before_it():
    settings = Escalating(after_side_effect=0.25)
    assert weigh(0.9, settings=settings).worth_it
    after = weigh(0.9, settings=settings, after_side_effect=True)
    assert not after.worth_it
    assert after.p_rescue == 0.25


def test_where_prices_are_unknown_the_probability_alone_decides():
    assert not weigh(0.49, cost=None).worth_it
    assert weigh(0.5, cost=None).worth_it
    assert weigh(0.5, cost=None).threshold == 0.5


def test_where_prices_are_unknown_failure_is_still_not_benefit():
    shared = weigh(1.0, cost=None, settings=Escalating(p_rescue=0.4))
    assert not shared.worth_it
    assert shared.threshold is None


def test_a_step_that_can_do_no_damage_is_not_handed_up_for_money():
    assert not weigh(1.0, damage="0", cost="0").worth_it
    assert weigh(1.0, damage="0", cost="0").threshold is None
    assert weigh(0.0, damage="0", cost="-0.01").threshold == 0


@given(st.tuples(SHARES, SHARES), STAKES, COSTS, SETTINGS, SHARES)
def test_a_higher_probability_of_failure_never_makes_it_less_worth_while(
    risks: tuple[float, float],
    damage: Decimal,
    cost: Decimal | None,
    settings: Escalating,
    max_p_fail: float,
):
    low, high = (
        compare(
            p_fail=p_fail,
            damage_usd=damage,
            extra_cost_usd=cost,
            settings=settings,
            max_p_fail=max_p_fail,
        )
        for p_fail in sorted(risks)
    )
    assert high.worth_it or not low.worth_it


@given(SHARES, STAKES, USD, st.decimals(0, 10, places=5), SETTINGS)
def test_a_higher_cost_never_makes_it_more_worth_while(
    p_fail: float, damage: Decimal, cost: Decimal, more: Decimal, settings: Escalating
):
    cheap, dear = (
        compare(
            p_fail=p_fail,
            damage_usd=damage,
            extra_cost_usd=usd,
            settings=settings,
            max_p_fail=0.5,
        )
        for usd in (cost, cost + more)
    )
    assert cheap.worth_it or not dear.worth_it


@given(SHARES, STAKES, STAKES, USD, SETTINGS)
def test_a_higher_damage_never_makes_a_benefit_less_worth_while(
    p_fail: float, damage: Decimal, more: Decimal, cost: Decimal, settings: Escalating
):
    low, high = (
        compare(
            p_fail=p_fail,
            damage_usd=usd,
            extra_cost_usd=cost,
            settings=settings.model_copy(update={"p_harm": 0.0}),
            max_p_fail=0.5,
        )
        for usd in (damage, damage + more)
    )
    assert high.worth_it or not low.worth_it


@given(SHARES, STAKES, COSTS, SETTINGS, SHARES)
def test_the_threshold_says_where_it_tips_over(
    p_fail: float,
    damage: Decimal,
    cost: Decimal | None,
    settings: Escalating,
    max_p_fail: float,
):
    comparison = compare(
        p_fail=p_fail,
        damage_usd=damage,
        extra_cost_usd=cost,
        settings=settings,
        max_p_fail=max_p_fail,
    )
    threshold = comparison.threshold
    if threshold is None:
        assert not comparison.worth_it
    elif comparison.p_rescue + comparison.p_harm > 1e-6 and (cost is None or damage > 0):
        if p_fail > threshold + 1e-6:
            assert comparison.worth_it
        if p_fail < threshold - 1e-6:
            assert not comparison.worth_it
