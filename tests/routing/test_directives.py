import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import frontier, home

from cascade.decision import Exclusion
from cascade.lanes import Profile
from cascade.policy import Routing
from cascade.routing.directives import (
    Directive,
    Ignored,
    directive_schema,
    instructions,
    question,
    read_directive,
)

LADDER = (home(profile=Profile(quality=0.62, latency_s=0.4)), frontier())
ROUTING = Routing(controller="frontier", controller_steps=6)
NONE_EXCLUDED: dict[str, Exclusion] = {}


def said(**fields: Any) -> str:
    whole: dict[str, Any] = {
        "reason": "It repeats itself.",
        "lane": "frontier",
        "scope": "span",
        "steps": 3,
        "effort": "high",
    }
    return json.dumps(whole | fields)


def read(answer: str) -> Directive | Ignored:
    return read_directive(answer, LADDER, NONE_EXCLUDED, ROUTING)


def test_a_directive_is_read_as_it_was_said():
    assert read(said()) == Directive(
        lane="frontier", scope="span", steps=3, effort="high", reason="It repeats itself."
    )


@pytest.mark.parametrize(
    "answer",
    [f"```json\n{said()}\n```", f"I think so. {said()} That is all.", said(confidence=0.9)],
)
def test_what_stands_around_or_beside_it_does_no_harm(answer: str):
    assert isinstance(read(answer), Directive)


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"steps": 100}, 6),
        ({"steps": 0}, 1),
        ({"steps": "4"}, 4),
        ({"steps": None}, 1),
        ({"scope": "step", "steps": 5}, 1),
        ({"scope": "advise", "steps": 5}, 1),
    ],
)
def test_a_number_of_steps_is_brought_into_its_range(fields: dict[str, Any], steps: int):
    directive = read(said(**fields))
    assert isinstance(directive, Directive)
    assert directive.steps == steps


@pytest.mark.parametrize("effort", ["default", "none", "", None])
def test_an_effort_that_the_lane_does_not_have_leaves_the_models_default(effort: str | None):
    directive = read(said(effort=effort))
    assert isinstance(directive, Directive)
    assert directive.effort is None


def test_letter_case_and_blanks_in_a_lanes_name_are_forgiven():
    directive = read(said(lane=" Frontier "))
    assert isinstance(directive, Directive)
    assert directive.lane == "frontier"


def test_a_name_that_may_mean_two_lanes_means_none():
    lanes = (home("big"), home("Big"))
    assert isinstance(read_directive(said(lane="BIG"), lanes, NONE_EXCLUDED, ROUTING), Ignored)
    directive = read_directive(said(lane="Big"), lanes, NONE_EXCLUDED, ROUTING)
    assert isinstance(directive, Directive)
    assert directive.lane == "Big"


def test_a_directive_to_a_lane_that_is_left_out_is_ignored_with_the_reason():
    ignored = read_directive(said(), LADDER[:1], {"frontier": "data_class"}, ROUTING)
    assert isinstance(ignored, Ignored)
    assert "'frontier'" in ignored.reason
    assert "may not see data" in ignored.reason


def test_a_directive_to_an_unknown_lane_is_ignored_and_the_known_ones_are_named():
    ignored = read(said(lane="gpt"))
    assert isinstance(ignored, Ignored)
    assert "'gpt'" in ignored.reason
    assert "home, frontier" in ignored.reason


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no JSON object"),
        ("Use the frontier.", "no JSON object"),
        ("{", "no JSON object"),
        ('{"scope": "span"', "no JSON object"),
        (said(scope="restart"), "scope"),
        (said(steps="many"), "steps"),
        (json.dumps({"lane": "home"}), "scope"),
    ],
)
def test_an_answer_that_cannot_be_followed_is_ignored_with_the_reason(answer: str, why: str):
    ignored = read(answer)
    assert isinstance(ignored, Ignored)
    assert why in ignored.reason


def test_a_halt_needs_no_lane():
    directive = read(said(scope="halt", lane=""))
    assert isinstance(directive, Directive)
    assert directive.scope == "halt"


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["lane", "scope", "steps", "x"]), inner),
    ).map(json.dumps)
)
def test_nothing_that_a_model_says_breaks_the_reading_or_brings_back_a_lane(answer: str):
    found = read_directive(answer, LADDER[:1], {"frontier": "execution_mode"}, ROUTING)
    assert isinstance(found, Ignored) or found.lane == "home" or found.scope == "halt"


def test_deep_nesting_is_an_answer_that_cannot_be_read():
    assert isinstance(read('{"a":' * 100_000), Ignored)


def test_the_schema_names_the_lanes_and_their_efforts_and_requires_every_field():
    schema = directive_schema(LADDER, ROUTING)
    properties: Any = schema.definition["properties"]
    assert properties["lane"]["enum"] == ["home", "frontier"]
    assert properties["effort"]["enum"] == ["default", "low", "high"]
    assert properties["steps"]["maximum"] == 6
    assert schema.definition["required"] == list(properties)
    assert next(iter(properties)) == "reason"


def test_the_instructions_tell_of_each_lane_what_a_choice_needs():
    text = instructions(LADDER[::-1], ROUTING)
    assert "- home: on this machine; free; right in 62% of its steps; 0.4 s a call\n" in text
    assert (
        "- frontier: at a provider; $5 in and $25 out for a million tokens; "
        "levels of thinking: low, high\n"
    ) in text


def test_what_is_not_known_of_a_lane_is_not_told():
    text = instructions((home(prices=None), frontier(locality="private", prices=None)), ROUTING)
    assert "- home: on this machine\n" in text
    assert "- frontier: on a machine of the same owner; levels of thinking: low, high\n" in text


def test_the_example_in_the_instructions_is_a_directive():
    directive = read(instructions(LADDER, ROUTING))
    assert directive == Directive(lane="home", scope="step", reason="The last two steps went well.")


def test_a_question_tells_what_was_noticed_and_what_may_be_chosen():
    told = question(7, LADDER[0], LADDER[:1], noticed=("The same call was made 3 times.",))
    assert told == (
        "Step 7 is next. The model in charge is home.\n"
        "Signs of trouble:\n- The same call was made 3 times.\n"
        "Models that may be chosen: home.\n"
        "Write the JSON object."
    )
    assert "Signs of trouble: nothing." in question(1, LADDER[0], LADDER)
