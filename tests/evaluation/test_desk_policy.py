"""The policy that ships for the bundled model, and its own gate."""

from decimal import Decimal

import pytest
from gate_drafts import LANE, a_call, a_prefix, an_answer, spans, statistics

from cascade.desk import calibration, policy
from cascade.desk.caution import MAX_P_FAIL, gate
from cascade.evidence import rules_of
from cascade.exchange import Draft, ToolSpec
from cascade.policy import Policy
from cascade.steps import Prefix

REFUND = ToolSpec(
    name="issue_refund",
    description="",
    parameters={"type": "object", "properties": {"order_id": {"type": "string"}}},
    side_effect="irreversible",
)
OF_THE_MODEL = LANE.model_copy(update={"model_digest": calibration().model})


def refund(probability: float) -> Draft:
    """A refund whose order number the model wrote with this probability."""
    tokens = statistics([0.999, probability], spans(name=(0, 1), value=(1, 2)))
    return a_call("issue_refund", {"order_id": "4817"}, tokens=tokens)


def judged(draft: Draft) -> bool | None:
    prefix: Prefix = a_prefix(task="Refund order 4817.", tools=(REFUND,))
    return gate().judge(prefix, draft, OF_THE_MODEL).passed


def test_an_irreversible_call_that_the_model_is_not_sure_of_does_not_pass():
    assert judged(refund(0.4)) is False


def test_what_can_be_taken_back_is_no_concern_of_it():
    unsure = statistics([0.4, 0.4], spans(name=(0, 1), value=(1, 2)))
    assert judged(a_call(tokens=unsure)) is True
    assert judged(an_answer("It is shipped.")) is True


def test_without_probabilities_it_says_nothing():
    assert judged(a_call("issue_refund")) is None


def test_its_rules_can_be_loaded_and_its_gate_is_among_them():
    gates = [each.name for each in rules_of(policy()).gates]
    assert gates == ["schema", "confidence", "caution"]


def test_all_damages_follow_from_the_stake():
    one, two = (policy(Decimal(text)).escalation.damage for text in ("0.01", "0.02"))
    for name in type(one).model_fields:
        assert getattr(two, name) == 2 * getattr(one, name)


@pytest.mark.parametrize("stake", ["0.005", "0.01"])
def test_it_is_a_policy_like_any_other(stake: str):
    made = policy(Decimal(stake))
    assert Policy.model_validate_json(made.model_dump_json()) == made
    assert stake in made.version
    assert 0 < MAX_P_FAIL < 1
