"""The policy that ships for the bundled model, and its own gate."""

from decimal import Decimal

import pytest
from gate_drafts import LANE, a_call, a_prefix, a_step, an_answer, spans, statistics

from cascade.desk import calibration, policy
from cascade.desk.caution import MAX_P_FAIL, gate
from cascade.evidence import rules_of
from cascade.exchange import Draft, ToolSpec
from cascade.policy import Policy
from cascade.steps import Prefix, Step

REFUND = ToolSpec(
    name="issue_refund",
    description="",
    parameters={"type": "object", "properties": {"order_id": {"type": "string"}}},
    side_effect="irreversible",
)
OF_THE_MODEL = LANE.model_copy(update={"model_digest": calibration().model})


def refund(order_id: str) -> Draft:
    """A refund of this order, which the model wrote with some doubt."""
    tokens = statistics([0.999, 0.9], spans(name=(0, 1), value=(1, 2)))
    return a_call("issue_refund", {"order_id": order_id}, tokens=tokens)


def judged(draft: Draft, *steps: Step) -> bool | None:
    prefix: Prefix = a_prefix(*steps, task="Refund order 4817.", tools=(REFUND,))
    return gate().judge(prefix, draft, OF_THE_MODEL).passed


def test_an_irreversible_call_with_a_number_that_nothing_holds_does_not_pass():
    assert judged(refund("4817")) is True
    assert judged(refund("9999")) is False


def test_reads_are_no_concern_of_it_however_unsure():
    assert judged(a_call(tokens=statistics([0.4, 0.4], spans(name=(0, 1), value=(1, 2))))) is True


def test_an_answer_right_after_an_error_does_not_pass_and_another_does():
    answer = an_answer("It is shipped.", tokens=statistics([0.999] * 4, spans(answer=(0, 4))))
    assert judged(answer) is True
    assert judged(answer, a_step(1, result="ToolError: no order 4817", is_error=True)) is False


def test_what_cannot_be_taken_back_has_to_be_the_surest():
    assert 0 < MAX_P_FAIL["irreversible"] < MAX_P_FAIL["answer"] < 1


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
