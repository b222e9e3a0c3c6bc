"""Values that are made without checks are those that checking would have made."""

import copy
import pickle
from typing import Any

import pytest
from simulation import Simulation, draft

from cascade.decision import Candidate
from cascade.events import decode, encode
from cascade.exchange import Usage
from cascade.frozen import Frozen, made
from cascade.messages import Text, ToolResult

VALUES: list[tuple[type[Frozen], dict[str, Any]]] = [
    (Usage, {}),
    (Usage, {"output_tokens": 2, "input_tokens": 1, "estimated": True}),
    (Candidate, {"lane": "local"}),
    (Text, {"text": "said"}),
    (ToolResult, {"name": "look", "call_id": "call_1", "parts": (Text(text="seen"),)}),
]


@pytest.mark.parametrize(("cls", "fields"), VALUES)
def test_a_value_made_without_checks_is_the_checked_one(
    cls: type[Frozen], fields: dict[str, Any]
) -> None:
    checked, value = cls(**fields), made(cls, **fields)
    assert value == checked
    assert hash(value) == hash(checked)
    assert repr(value) == repr(checked)
    # In the same order too, whatever the order in which they were given.
    assert list(vars(value)) == list(vars(checked))
    assert value.model_dump_json() == checked.model_dump_json()


@pytest.mark.parametrize(("cls", "fields"), VALUES)
def test_a_value_made_without_checks_is_copied_like_any_other(
    cls: type[Frozen], fields: dict[str, Any]
) -> None:
    value = made(cls, **fields)
    copies = [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]  # noqa: S301 - of our own
    for one in (*copies, value.model_copy()):
        assert one == cls(**fields)
        assert one.model_fields_set == set(cls.model_fields)


def test_values_made_without_checks_do_not_change_and_share_no_fields():
    one, other = made(Usage, input_tokens=1), made(Usage, input_tokens=2)
    with pytest.raises(ValueError, match="frozen"):
        one.input_tokens = 3  # pyright: ignore[reportAttributeAccessIssue] - the point of the test
    assert (one.input_tokens, other.input_tokens) == (1, 2)


def test_the_events_of_a_run_are_what_their_record_says():
    simulation = Simulation([draft("look", "write"), draft(problem="No."), draft(text="done")])
    simulation.run()
    assert {event.kind for event in simulation.events} >= {
        "decided",
        "drafted",
        "tool_started",
        "tool_finished",
    }
    for event in simulation.events:
        read = decode(encode(event))
        assert read == event
        assert encode(read) == encode(event)
