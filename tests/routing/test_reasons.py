from typing import get_args

from cascade.decision import Exclusion, ReasonCode
from cascade.routing.reasons import EXCLUSIONS, REASONS, in_words


def test_every_reason_code_has_a_sentence_and_no_sentence_lacks_a_code():
    assert set(REASONS) == set(get_args(ReasonCode))
    assert set(EXCLUSIONS) == set(get_args(Exclusion))


def test_each_is_one_sentence_of_its_own():
    said = (*REASONS.values(), *EXCLUSIONS.values())
    assert len(set(said)) == len(said)
    for sentence in said:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0


def test_several_codes_are_told_in_their_order():
    told = in_words(("stuck", "worth_it"))
    assert told == f"{REASONS['stuck']} {REASONS['worth_it']}"
