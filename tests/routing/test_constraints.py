from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import classes, frontier, home, ladders, regions

from cascade.decision import Exclusion
from cascade.lanes import Capabilities, Lane
from cascade.policy import Routing
from cascade.routing.constraints import Needs, allowed, exclusion
from cascade.routing.difficulty import Difficulty, lane_for
from cascade.routing.directives import Ignored, read_directive
from cascade.routing.scoring import best, scores

ROUTINGS = st.builds(
    Routing,
    execution=st.sampled_from(["hybrid", "local_only", "remote_only", "decision_only"]),
    pin=st.none() | st.sampled_from("abcd"),
    regions=st.none() | st.lists(regions, unique=True).map(tuple),
    data_classes=st.lists(classes, unique=True, max_size=2).map(tuple),
    unlisted=st.sampled_from(["open", "closed"]),
)
USD = st.decimals(0, 1, places=3)
COSTS = st.none() | USD
NEEDS = st.builds(
    Needs,
    prompt_tokens=st.integers(0, 12_000),
    output_tokens=st.integers(0, 1000),
    tools=st.booleans(),
    images=st.booleans(),
    data_classes=st.frozensets(classes, max_size=2),
)


@pytest.mark.parametrize(
    ("lane", "needs", "routing", "why"),
    [
        (frontier(), Needs(), Routing(execution="local_only"), "execution_mode"),
        (frontier(locality="private"), Needs(), Routing(execution="local_only"), "execution_mode"),
        (home(), Needs(), Routing(execution="remote_only"), "execution_mode"),
        (frontier(locality="private"), Needs(), Routing(execution="remote_only"), None),
        (frontier(), Needs(), Routing(execution="decision_only"), None),
        (frontier(data_classes=()), Needs(), Routing(data_classes=("secret",)), "data_class"),
        (
            frontier(data_classes=("a",)),
            Needs(data_classes=frozenset("ab")),
            Routing(),
            "data_class",
        ),
        (frontier(data_classes=("a", "b")), Needs(data_classes=frozenset("ab")), Routing(), None),
        (frontier(), Needs(data_classes=frozenset("a")), Routing(), None),
        (frontier(), Needs(data_classes=frozenset("a")), Routing(unlisted="closed"), "data_class"),
        (frontier(), Needs(), Routing(unlisted="closed"), None),
        (home(), Needs(data_classes=frozenset("a")), Routing(unlisted="closed"), None),
        (frontier(), Needs(), Routing(regions=("eu",)), "region"),
        (frontier(region="us"), Needs(), Routing(regions=("eu",)), "region"),
        (frontier(region="eu"), Needs(), Routing(regions=("eu",)), None),
        (frontier(locality="private"), Needs(), Routing(regions=("eu",)), None),
        (home(), Needs(), Routing(regions=()), None),
        (home(capabilities=Capabilities(tools=False)), Needs(tools=True), Routing(), "capability"),
        (home(), Needs(images=True), Routing(), "capability"),
        (home(), Needs(forced_tool=True), Routing(), "capability"),
        (home(context_tokens=100), Needs(prompt_tokens=90, output_tokens=10), Routing(), None),
        (
            home(context_tokens=100),
            Needs(prompt_tokens=91, output_tokens=10),
            Routing(),
            "context_window",
        ),
        (home(), Needs(), Routing(pin="frontier"), "pinned"),
        (frontier(), Needs(), Routing(pin="frontier"), None),
    ],
)
def test_a_lane_is_left_out_for_the_reason_that_holds(
    lane: Lane, needs: Needs, routing: Routing, why: Exclusion | None
):
    assert exclusion(lane, needs, routing) == why


def test_a_pin_given_for_one_call_replaces_the_policys():
    routing = Routing(pin="frontier")
    assert exclusion(home(), Needs(), routing, pin="home") is None
    assert exclusion(frontier(), Needs(), routing, pin="home") == "pinned"


def test_a_pinned_lane_that_may_not_see_the_data_leaves_no_lane_at_all():
    ladder = (home(), frontier(data_classes=()))
    eligible, excluded = allowed(
        ladder, Needs(data_classes=frozenset({"secret"})), Routing(pin="frontier")
    )
    assert eligible == ()
    assert excluded == {"home": "pinned", "frontier": "data_class"}


def test_a_budget_leaves_out_what_costs_more_than_is_left_and_nothing_of_unknown_price():
    needs = Needs(usd_left=Decimal("0.10"))
    ladder = (home("free"), frontier("dear"), frontier("even"), frontier("unpriced"))
    costs = {
        "free": Decimal(0),
        "dear": Decimal("0.11"),
        "even": Decimal("0.10"),
        "unpriced": None,
    }
    eligible, excluded = allowed(ladder, needs, Routing(), estimated_cost_usd=costs)
    assert [lane.name for lane in eligible] == ["free", "even", "unpriced"]
    assert excluded == {"dear": "budget"}


def test_a_lane_that_cannot_serve_at_present_is_left_out_unless_a_constraint_did_so_before():
    ladder = (home(), frontier("near"), frontier("far", region="us"))
    _, excluded = allowed(ladder, Needs(), Routing(regions=("us",)), failed=("near", "far", "home"))
    assert excluded == {"home": "failed", "near": "region", "far": "failed"}


@given(ladders, NEEDS, ROUTINGS)
def test_every_lane_is_either_allowed_or_left_out_for_a_reason(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing
):
    eligible, excluded = allowed(ladder, needs, routing)
    assert {lane.name for lane in eligible}.isdisjoint(excluded)
    assert len(eligible) + len(excluded) == len(ladder)
    assert [lane for lane in ladder if lane in eligible] == list(eligible)


@given(ladders, NEEDS, ROUTINGS, st.sampled_from("abcd"))
def test_a_pin_removes_lanes_and_brings_none_back(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing, pin: str
):
    free, _ = allowed(ladder, needs, routing.model_copy(update={"pin": None}))
    pinned, _ = allowed(ladder, needs, routing, pin=pin)
    assert set(names_of(pinned)) <= set(names_of(free)) & {pin}


@given(ladders, NEEDS, ROUTINGS, st.frozensets(classes))
def test_more_data_classes_never_allow_a_lane(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing, more: frozenset[str]
):
    before, _ = allowed(ladder, needs, routing)
    richer = replace(needs, data_classes=needs.data_classes | more)
    after, _ = allowed(ladder, richer, routing)
    assert set(names_of(after)) <= set(names_of(before))


@given(ladders, NEEDS, ROUTINGS)
def test_a_task_that_stays_local_has_no_other_lane(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing
):
    kept = routing.model_copy(update={"execution": "local_only"})
    eligible, _ = allowed(ladder, needs, kept)
    assert all(lane.locality == "local" for lane in eligible)


@given(ladders, NEEDS, ROUTINGS)
def test_restricted_data_reaches_no_remote_lane_that_does_not_list_it(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing
):
    kept = routing.model_copy(update={"data_classes": ("restricted",), "unlisted": "closed"})
    eligible, _ = allowed(ladder, needs, kept)
    for lane in eligible:
        assert lane.locality == "local" or "restricted" in (lane.data_classes or ())


@given(ladders, NEEDS, ROUTINGS, st.lists(COSTS, min_size=4, max_size=4), USD)
def test_nothing_that_is_known_to_cost_more_than_is_left_is_allowed(
    ladder: tuple[Lane, ...],
    needs: Needs,
    routing: Routing,
    usd: list[Decimal | None],
    left: Decimal,
):
    costs = dict(zip("abcd", usd, strict=True))
    bound = replace(needs, usd_left=left)
    eligible, excluded = allowed(ladder, bound, routing, estimated_cost_usd=costs)
    assert all((costs[lane.name] or 0) <= left for lane in eligible)
    free, _ = allowed(ladder, needs, routing, estimated_cost_usd=costs)
    assert {lane.name for lane in free} - {lane.name for lane in eligible} == {
        name for name, why in excluded.items() if why == "budget" and name in names_of(free)
    }


@given(ladders, NEEDS, ROUTINGS, st.floats(0, 1), st.sampled_from("abcdx"))
def test_whoever_chooses_chooses_among_what_the_constraints_have_left(
    ladder: tuple[Lane, ...], needs: Needs, routing: Routing, value: float, named: str
):
    eligible, excluded = allowed(ladder, needs, routing)
    said = f'{{"reason": "", "lane": "{named}", "scope": "span", "steps": 2}}'
    directive = read_directive(said, eligible, excluded, routing)
    assert isinstance(directive, Ignored) or directive.lane in names_of(eligible)
    if eligible:
        known = scores(eligible, routing, estimated_cost_usd={}, writes=True)
        assert best(eligible, known) in eligible
    rated = Difficulty(value=value, parts=())
    assert lane_for(rated, eligible, routing) in (*eligible, None)


def names_of(ladder: tuple[Lane, ...]) -> list[str]:
    return [lane.name for lane in ladder]
