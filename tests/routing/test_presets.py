from decimal import Decimal
from typing import get_args

import pytest
from pydantic import ValidationError
from routed_lanes import frontier, home

from cascade.errors import ConfigError
from cascade.policy import Policy, Routing
from cascade.policy.presets import PRESETS, PresetName, describe, preset
from cascade.routing.comparison import compare, damage_of
from cascade.routing.constraints import Needs, allowed

RESTRICTED = Needs(data_classes=frozenset({"restricted"}))


def test_every_name_has_a_preset():
    assert set(PRESETS) == set(get_args(PresetName))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_told_in_plain_words_and_goes_to_disk_and_back(name: PresetName):
    description = describe(name)
    assert description.endswith(".")
    assert "  " not in description
    assert "_" not in description
    policy = preset(name)
    assert policy.version.startswith(name)
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_a_preset_is_at_hand_where_policies_are():
    assert Policy.preset("cheap") == preset("cheap")


def test_a_policy_that_asks_for_directives_names_the_lane_that_gives_them():
    with pytest.raises(ValidationError, match="name it in `controller`"):
        Routing(mode="controller")
    assert Routing(mode="controller", controller="home").controller == "home"


def test_presets_differ_from_each_other():
    assert len({preset(name).digest for name in PRESETS}) == len(PRESETS)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'fast'.*local_first, frontier_guarded, private, cheap"):
        preset("fast")
    with pytest.raises(ConfigError, match="'fast'"):
        describe("fast")


def test_private_data_of_a_class_reaches_only_lanes_that_list_it():
    ladder = (
        home(),
        frontier("anywhere"),
        frontier("listed", data_classes=("restricted",)),
        frontier("next_door", locality="private"),
    )
    eligible, _ = allowed(ladder, RESTRICTED, preset("private").routing)
    assert [lane.name for lane in eligible] == ["home", "listed"]
    assert len(allowed(ladder, RESTRICTED, Routing())[0]) == 4


def test_private_fails_closed():
    policy = preset("private")
    assert policy.redaction.enabled
    assert policy.handoff.up == "packet"
    assert policy.escalation.dead_end == "halt"
    assert policy.escalation.review.unknown == "closed"


def test_the_guarded_preset_hands_up_at_a_lower_risk_than_the_first_and_the_cheap_at_a_higher():
    tips = [threshold(name) for name in ("frontier_guarded", "local_first", "cheap")]
    assert tips == sorted(tips)
    assert len(set(tips)) == 3


@pytest.mark.parametrize("name", PRESETS)
def test_calls_that_nobody_can_take_back_are_reviewed_under_every_preset(name: PresetName):
    assert preset(name).monitors.milestones.irreversible


def threshold(name: str) -> float:
    policy = preset(name)
    comparison = compare(
        p_fail=0.5,
        damage_usd=damage_of(policy.escalation.damage, side_effects=("write",)),
        extra_cost_usd=Decimal("0.01"),
        settings=policy.escalation,
        max_p_fail=policy.gates.confidence.max_p_fail,
    )
    assert comparison.threshold is not None
    return comparison.threshold
