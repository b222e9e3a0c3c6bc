"""Counts of tokens, and what stands in for them."""

import pytest
from pydantic import JsonValue

from cascade.backends.openai.usage import estimated, responses_usage
from cascade.exchange import Usage


@pytest.mark.parametrize("details", [None, [], "none"])
def test_without_details_all_of_the_prompt_was_read_afresh(details: JsonValue):
    counts = {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": details}
    assert responses_usage(counts) == Usage(input_tokens=9, output_tokens=4)


def test_what_the_cache_held_is_no_more_than_the_prompt():
    details: JsonValue = {"cached_tokens": 7, "cache_write_tokens": 7}
    counts: dict[str, JsonValue] = {"input_tokens": 9, "input_tokens_details": details}
    assert responses_usage(counts) == Usage(cache_read_tokens=7, cache_write_tokens=2)


def test_an_estimate_is_never_below_what_was_seen():
    assert estimated(0) == Usage()
    assert estimated(9) == Usage(output_tokens=3, estimated=True)
    assert estimated(9, at_least=5) == Usage(output_tokens=5, estimated=True)
