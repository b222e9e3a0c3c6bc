"""JSON that every server can read, whatever it is made of."""

import math

from pydantic_core import from_json

from cascade.backends.remote.wire_json import json_bytes


def test_half_of_a_surrogate_pair_becomes_a_question_mark():
    assert from_json(json_bytes({"a\ud800": ["b\udfff", 1]})) == {"a?": ["b?", 1]}


def test_what_no_number_can_say_becomes_null():
    assert json_bytes({"a": math.nan, "b": math.inf, "c": 1.5}) == b'{"a":null,"b":null,"c":1.5}'
    assert json_bytes(["\ud800", math.nan]) == b'["?",null]'
