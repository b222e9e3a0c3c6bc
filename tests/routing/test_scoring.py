from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import frontier, home, ladders

from cascade.lanes import Lane, Profile
from cascade.policy import LocalityPreference, Routing, ScoringStrategy
from cascade.routing.scoring import BAND, WEIGHTS, best, scores

GOOD = Profile(quality=0.95, latency_s=4.0, calls=40)
MODEST = Profile(quality=0.60, latency_s=0.5, calls=40)
LADDER = (home(profile=MODEST), frontier(profile=GOOD))
COSTS = {"home": Decimal(0), "frontier": Decimal("0.05")}
STRATEGIES = st.sampled_from(["balanced", "quality", "latency", "cost"])
PREFERENCES = st.sampled_from(["auto", "local", "remote", "hybrid"])
ROUTINGS = st.builds(Routing, strategy=STRATEGIES, locality=PREFERENCES)
USD = st.decimals(0, 10, places=4)


def chosen(lanes: tuple[Lane, ...], routing: Routing, *, writes: bool = True) -> str:
    return best(lanes, scores(lanes, routing, estimated_cost_usd=COSTS, writes=writes)).name


@pytest.mark.parametrize(
    ("strategy", "name"),
    [("quality", "frontier"), ("latency", "home"), ("cost", "home"), ("balanced", "home")],
)
def test_a_strategy_takes_the_lane_that_is_best_at_what_it_weighs(
    strategy: ScoringStrategy, name: str
):
    assert chosen(LADDER, Routing(strategy=strategy)) == name


def test_the_weights_of_each_strategy_add_up_to_one():
    for weights in WEIGHTS.values():
        assert weights.quality + weights.speed + weights.thrift == pytest.approx(1)


def test_lanes_of_which_nothing_is_known_leave_the_lowest_in_charge():
    ladder = (frontier(prices=None), home(prices=None))
    known = scores(ladder, Routing(strategy="quality"), estimated_cost_usd={}, writes=True)
    assert known["home"] == known["frontier"] == 0.5
    assert best(ladder, known).name == "home"


def test_of_two_lanes_that_score_the_same_the_measured_one_is_taken():
    declared = home("a", profile=Profile(quality=0.7))
    measured = home("b", profile=Profile(quality=0.7, calls=12))
    known = scores((declared, measured), Routing(), estimated_cost_usd={}, writes=True)
    assert known["a"] == known["b"]
    assert best((declared, measured), known).name == "b"


def test_of_two_lanes_that_are_alike_in_all_the_first_by_name_is_taken():
    known = scores((home("b"), home("a")), Routing(), estimated_cost_usd={}, writes=True)
    assert best((home("b"), home("a")), known).name == "a"


@pytest.mark.parametrize(
    ("locality", "writes", "name"),
    [
        ("auto", True, "frontier"),
        ("local", True, "home"),
        ("remote", True, "frontier"),
        ("hybrid", False, "home"),
        ("hybrid", True, "frontier"),
    ],
)
def test_a_locality_preference_decides_between_lanes_that_score_alike(
    locality: LocalityPreference,
    writes: bool,  # noqa: FBT001 - a column of the table
    name: str,
):
    ladder = (
        home(profile=Profile(quality=0.80)),
        frontier(profile=Profile(quality=0.84)),
    )
    routing = Routing(strategy="quality", locality=locality)
    known = scores(ladder, routing, estimated_cost_usd={}, writes=writes)
    assert best(ladder, known).name == name


def test_a_locality_preference_does_not_outweigh_a_difference_in_quality():
    ladder = (home(profile=Profile(quality=0.5)), frontier(profile=Profile(quality=0.9)))
    routing = Routing(strategy="quality", locality="local")
    known = scores(ladder, routing, estimated_cost_usd={}, writes=True)
    assert best(ladder, known).name == "frontier"


@given(ladders, ROUTINGS, st.booleans(), st.lists(st.none() | USD, min_size=4, max_size=4))
def test_scores_stay_in_their_range_and_the_order_of_the_lanes_does_not_matter(
    ladder: tuple[Lane, ...],
    routing: Routing,
    writes: bool,  # noqa: FBT001 - drawn
    usd: list[Decimal | None],
):
    costs = dict(zip("abcd", usd, strict=True))
    known = scores(ladder, routing, estimated_cost_usd=costs, writes=writes)
    turned = scores(ladder[::-1], routing, estimated_cost_usd=costs, writes=writes)
    assert set(known) == {lane.name for lane in ladder}
    assert all(0 <= score <= 1 + BAND + 1e-9 for score in known.values())
    assert known == turned
    assert best(ladder, known) == best(ladder[::-1], turned)


@given(ladders, ROUTINGS, st.lists(USD, min_size=4, max_size=4), st.data())
def test_a_lane_that_becomes_dearer_is_never_taken_for_it(
    ladder: tuple[Lane, ...], routing: Routing, usd: list[Decimal], data: st.DataObject
):
    costs: dict[str, Decimal | None] = dict(zip("abcd", usd, strict=True))
    before = best(ladder, scores(ladder, routing, estimated_cost_usd=costs, writes=True))
    others = [lane.name for lane in ladder if lane != before]
    if not others:
        return
    name = data.draw(st.sampled_from(others))
    dearer = costs | {name: (costs[name] or 0) + data.draw(USD)}
    after = best(ladder, scores(ladder, routing, estimated_cost_usd=dearer, writes=True))
    assert after.name != name
