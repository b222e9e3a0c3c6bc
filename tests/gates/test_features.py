"""What the features of a draft are made from, and what they are not."""

import math

import pytest
from gate_drafts import a_call, a_prefix, a_step, an_answer, spans, statistics
from hypothesis import given
from hypothesis import strategies as st

from cascade.exchange import TokenSpan
from cascade.gates.features import basis_of, features, log_odds
from cascade.gates.surroundings import surrounding_features

CALL = spans(name=(2, 4), key=(5, 6), value=(7, 10))
LIKELY = [0.99] * 12


def call(*unlikely: int, probability: float = 0.3) -> dict[str, float]:
    """Features of a call of twelve tokens, some of them unlikely."""
    each = [probability if at in unlikely else 0.99 for at in range(12)]
    return features(a_call(tokens=statistics(each, CALL)))


def test_tokens_of_the_json_do_not_count() -> None:
    assert call(1, 4, 6, 11) == call()


@pytest.mark.parametrize(("at", "name"), [(2, "name"), (5, "key"), (8, "value"), (10, "end")])
def test_an_unlikely_token_shows_where_it_stands(at: int, name: str) -> None:
    doubted, sure = call(at), call()
    assert doubted[f"call.{name}"] < 0 < sure[f"call.{name}"]
    others = {"name", "key", "value", "end"} - {name}
    assert all(doubted[f"call.{other}"] == sure[f"call.{other}"] for other in others)


def test_the_name_is_as_likely_as_all_of_its_tokens_together() -> None:
    assert call(2, 3)["call.name"] == pytest.approx(log_odds(2 * math.log(0.3)), abs=1e-3)


def test_the_figures_are_those_of_the_tokens_that_matter() -> None:
    found = call(3)
    assert found["call.min"] == pytest.approx(math.log(0.3 / 0.7), abs=1e-3)
    assert found["call.mean"] == pytest.approx((math.log(0.3) + 5 * math.log(0.99)) / 6, abs=1e-3)
    assert found["call.doubt"] == pytest.approx(math.log10(0.7 + 0.05), abs=1e-3)
    assert found["call.margin_min"] == pytest.approx(math.log(0.3 / 0.7), abs=1e-3)
    assert found["call.overruled"] == 1.0
    assert found["call.divergence"] == pytest.approx(1 / 6, abs=1e-3)
    assert found["call.q50"] == pytest.approx(math.log(99), abs=1e-3)
    assert found["call.tokens"] == pytest.approx(math.log(7), abs=1e-3)
    assert (found["call.count"], found["call.arguments"]) == (1.0, 1.0)


def test_without_a_doubtful_token_there_is_no_divergence() -> None:
    assert call()["call.divergence"] == 1.0


def test_an_answer_has_features_of_its_own_over_all_of_its_tokens() -> None:
    found = features(an_answer("Yes.", tokens=statistics([0.9, 0.4, 0.8], spans(answer=(0, 2)))))
    assert all(name.startswith("answer.") for name in found)
    assert found["answer.min"] == pytest.approx(math.log(0.4 / 0.6), abs=1e-3)
    assert found["answer.end"] == pytest.approx(math.log(4), abs=1e-3)


def test_of_a_structured_answer_the_values_count() -> None:
    marked = [
        TokenSpan(kind="answer", start=1, end=2),
        TokenSpan(kind="answer", start=4, end=5),
    ]
    found = features(an_answer("{}", tokens=statistics([0.1, 0.9, 0.1, 0.1, 0.8, 0.99], marked)))
    assert found["answer.min"] == pytest.approx(math.log(4), abs=1e-3)


def test_tokens_under_a_grammar_are_told_from_free_ones() -> None:
    free = a_call(tokens=statistics(LIKELY, CALL))
    bound = a_call(tokens=statistics(LIKELY, [*CALL, *spans(grammar=(3, 12))]))
    assert (basis_of(free), basis_of(bound)) == ("free", "grammar")
    assert features(free)["call.grammar"] == 0.0
    assert features(bound)["call.grammar"] == pytest.approx(5 / 6, abs=1e-3)
    # A grammar that binds structure only changes no probability that matters.
    structure = a_call(tokens=statistics(LIKELY, [*CALL, *spans(grammar=(10, 12))]))
    assert basis_of(structure) == "free"


def test_without_log_probabilities_there_are_no_features() -> None:
    assert features(a_call()) == {}
    assert basis_of(a_call()) is None


@given(st.lists(st.floats(-40, 0), min_size=1, max_size=30))
def test_features_are_finite_whatever_the_tokens_are(logprobs: list[float]) -> None:
    made = statistics([1.0] * len(logprobs)).model_copy(update={"logprobs": tuple(logprobs)})
    found = features(an_answer("x", tokens=made))
    assert all(math.isfinite(value) for value in found.values())


def test_log_odds_stay_within_their_bounds() -> None:
    assert log_odds(0.0) == 10.0
    assert log_odds(-1000.0) == -10.0
    assert log_odds(math.log(0.5)) == pytest.approx(0.0)


def test_a_repeated_call_is_seen_and_a_repeat_after_an_error_is_told_apart() -> None:
    again = surrounding_features(a_prefix(a_step(1), a_step(2)), a_call())
    assert (again["call.repeats"], again["call.retries"]) == (2.0, 0.0)
    retried = surrounding_features(a_prefix(a_step(1, is_error=True)), a_call())
    assert (retried["call.repeats"], retried["call.retries"]) == (0.0, 1.0)
    assert retried["call.after_error"] == 1.0
    other = surrounding_features(a_prefix(a_step(1, order_id="9999")), a_call())
    assert (other["call.repeats"], other["call.retries"]) == (0.0, 0.0)


def test_values_that_nothing_before_holds_are_seen() -> None:
    def unseen(order_id: str) -> float:
        prefix = a_prefix(a_step(1, result="see order 5120"))
        return surrounding_features(prefix, a_call(arguments={"order_id": order_id}))["call.unseen"]

    assert unseen("4817") == 0.0
    assert unseen("5120") == 0.0
    assert unseen("1111") == 1.0
    assert unseen("4817 and 1111 and") == 0.75


def test_values_that_the_schema_lists_need_not_be_found_elsewhere() -> None:
    prefix = a_prefix()
    [tool] = prefix.tools
    listed = tool.model_copy(
        update={"parameters": {"properties": {"status": {"enum": ["closed", "open"]}}}}
    )
    made = a_call(arguments={"status": "closed"})
    assert surrounding_features(prefix, made)["call.unseen"] == 1.0
    assert surrounding_features(a_prefix(tools=(listed,)), made)["call.unseen"] == 0.0


def test_nested_values_and_numbers_are_looked_for_too() -> None:
    made = a_call(arguments={"a": [{"b": "4817"}, 1234], "c": None, "d": True})
    assert surrounding_features(a_prefix(), made)["call.unseen"] == 0.5


def test_numbers_of_an_answer_are_looked_for() -> None:
    prefix = a_prefix(a_step(1, result="total 45.50"))
    assert surrounding_features(prefix, an_answer("It is 45.50."))["answer.unseen"] == 0.0
    assert surrounding_features(prefix, an_answer("It is 54.50."))["answer.unseen"] == 1.0
    assert surrounding_features(prefix, an_answer("Done."))["answer.unseen"] == 0.0
