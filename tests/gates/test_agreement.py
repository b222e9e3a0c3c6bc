"""Samples agree when they make the same step, however they spell it."""

from typing import Any

import pytest
from gate_drafts import a_call, an_answer

from cascade.gates.agreement import agreement, normal_form


def call(**arguments: Any) -> Any:
    return a_call(arguments=arguments)


def test_the_share_is_that_of_drafts_that_make_the_first_ones_step() -> None:
    verdict = agreement([call(a=1), call(a=1), call(a=2)], min_share=0.6)
    assert verdict.passed is True
    assert verdict.p_fail == pytest.approx(1 / 3, abs=1e-3)
    assert verdict.calibration is None
    assert verdict.features == {"samples": 3.0, "share": 0.6667}


def test_a_draft_that_stands_alone_does_not_pass_even_if_the_others_differ_too() -> None:
    assert agreement([call(a=1), call(a=2), call(a=3)], min_share=0.6).passed is False


def test_without_samples_there_is_nothing_to_compare() -> None:
    assert agreement([call(a=1)], min_share=0.6).passed is None


def test_a_draft_that_cannot_be_used_agrees_with_none() -> None:
    broken = a_call(problem="It could not be read.")
    assert agreement([broken, broken], min_share=0.5).passed is False
    assert agreement([call(a=1), broken, call(a=1)], min_share=0.6).p_fail == pytest.approx(0.3333)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (call(a="x", b="y"), call(b="y", a="x"), True),
        (call(a=" x  y "), call(a="x y"), True),
        (call(a=5), call(a=5.0), True),
        (call(a=5), call(a="5"), False),
        (call(a=[1, 2]), call(a=[2, 1]), False),
        (call(a={"b": " 1"}), call(a={"b": "1"}), True),
        (call(a="x"), call(a="X"), False),
        (call(a="x"), a_call("other", {"a": "x"}), False),
        (an_answer("It is shipped."), an_answer("it is   shipped"), True),
        (an_answer("It is 4.50."), an_answer("It is 4.51."), False),
        (an_answer("It is shipped."), call(a="x"), False),
    ],
)
def test_what_amounts_to_the_same_step(one: Any, other: Any, *, same: bool) -> None:
    assert (normal_form(one) == normal_form(other)) is same
