"""Sealed items of the simulated Responses API go back only to where, and as, they were made."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai_world import (
    ASK,
    AWAY,
    OLD,
    REASONER,
    TOOL,
    Served,
    first_turn,
    removed,
    request,
    serving,
    talk,
)

from cascade.simulated.openai_responses import OpenAIResponses


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as found:
        yield found


@pytest.fixture(scope="module")
def served(http: httpx2.Client) -> Iterator[Served]:
    with serving(http, OpenAIResponses(), talk) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Any:
    return served.client()


def refused(client: Any, items: list[dict[str, Any]], **changes: Any) -> Any:
    with pytest.raises(openai.APIStatusError) as caught:
        client.post("/responses", cast_to=object, body=request(input=items, **changes))
    return caught.value


def test_an_answer_sent_back_verbatim_is_accepted_whole(client: Any):
    items = first_turn(client)
    assert [item.get("type") for item in items[1:5]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert removed(client, items) == []


def test_each_message_says_its_phase(client: Any):
    items = first_turn(client)
    assert items[2]["phase"] == "commentary"
    answer = client.responses.create(**request(input=items))
    assert answer.output[-1].phase == "final_answer"


def test_a_changed_block_is_refused(client: Any):
    items = first_turn(client)
    block = items[1]["encrypted_content"]
    items[1]["encrypted_content"] = f"{block[:-10]}AAAAAAAA{block[-2:]}"
    error = refused(client, items)
    assert error.status_code == 400
    assert error.code == "invalid_encrypted_content"
    assert error.body["message"] == (
        f"The encrypted content {block[:4]}...AA{block[-2:]} could not be verified. Reason: "
        "Encrypted content could not be decrypted or parsed."
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_change_of_a_block_goes_unnoticed(client: Any, data: st.DataObject):
    items = first_turn(client)
    block = items[1]["encrypted_content"]
    place = data.draw(st.integers(min_value=0, max_value=len(block) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019+/=").filter(lambda found: found != block[place]))
    items[1]["encrypted_content"] = block[:place] + letter + block[place + 1 :]
    assert refused(client, items).code == "invalid_encrypted_content"


def test_a_block_of_another_organization_is_refused(served: Served, client: Any):
    items = first_turn(client)
    error = refused(served.client(AWAY), items)
    assert error.code == "invalid_encrypted_content"
    assert error.body["message"].endswith(
        "Reason: Encrypted content organization_id did not match the target organization."
    )


def test_a_block_of_another_server_is_refused(http: httpx2.Client, client: Any):
    with serving(http, OpenAIResponses(secret=b"another provider"), talk) as elsewhere:
        items = first_turn(elsewhere.client())
    assert refused(client, items).code == "invalid_encrypted_content"


def test_a_block_of_another_item_is_refused(client: Any):
    items, others = first_turn(client), first_turn(client)
    items[1]["encrypted_content"] = others[1]["encrypted_content"]
    error = refused(client, items)
    assert error.body["message"].endswith(
        "Reason: Encrypted content item_id did not match the target item id."
    )


def test_the_block_of_an_item_that_only_began_is_not_yet_sound(client: Any):
    items = first_turn(client)
    events = client.responses.create(**request(stream=True))
    added = next(event for event in events if event.type == "response.output_item.added")
    events.close()
    items[1]["encrypted_content"] = added.item.encrypted_content
    assert refused(client, items).code == "invalid_encrypted_content"


def test_reasoning_without_what_it_led_to_is_refused(client: Any):
    items = first_turn(client)
    items[2]["content"][0]["text"] = "Looking elsewhere."
    error = refused(client, items)
    assert error.body["message"] == (
        f"Item '{items[1]['id']}' of type 'reasoning' was provided without its required following "
        "item."
    )


def test_items_are_refused_without_the_reasoning_that_led_to_them(client: Any):
    items = first_turn(client)
    thought = items.pop(1)
    error = refused(client, items)
    assert error.body["message"] == (
        f"Item '{items[1]['id']}' of type 'message' was provided without its required 'reasoning' "
        f"item: '{thought['id']}'."
    )


def test_items_without_identifiers_stand_without_reasoning_too(client: Any):
    items = first_turn(client)
    plain = [
        {name: value for name, value in item.items() if name != "id"}
        for item in items
        if item.get("type") != "reasoning"
    ]
    assert removed(client, plain) == []


def test_another_account_may_not_use_the_identifiers(served: Served, client: Any):
    items = [item for item in first_turn(client) if item.get("type") != "reasoning"]
    assert refused(served.client(AWAY), items).status_code == 404


def test_an_item_stands_once(client: Any):
    items = first_turn(client)
    error = refused(client, [*items, items[2]])
    assert error.body["message"] == (
        f"Duplicate item found with id {items[2]['id']}. Remove duplicate items from your input "
        f"and "
        "try again."
    )


def test_reasoning_of_another_family_is_withheld_and_listed(client: Any):
    items = first_turn(client)
    answer = client.responses.create(**request(input=items, model="gpt-5.6-luna"))
    assert [each.to_dict() for each in answer.input_transformations] == [
        {
            "id": items[1]["id"],
            "action": "removed",
            "reason": "model_mismatch",
            "type": "reasoning",
        }
    ]


def test_a_model_reads_the_reasoning_of_its_family(client: Any):
    assert removed(client, first_turn(client), model="gpt-6.1-terra") == []


def changed_question(items: list[dict[str, Any]]) -> dict[str, Any]:
    items[0] = {"role": "user", "content": "How was the weather?"}
    return {}


def changed_instructions(_items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"instructions": "Be brief."}


def changed_tools(_items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"tools": [TOOL, TOOL | {"name": "news"}]}


def inserted_message(items: list[dict[str, Any]]) -> dict[str, Any]:
    items.insert(0, {"role": "developer", "content": "It is Friday."})
    return {}


@pytest.mark.parametrize(
    "change", [changed_question, changed_instructions, changed_tools, inserted_message]
)
def test_reasoning_behind_another_prefix_is_withheld(
    served: Served, client: Any, change: Callable[[list[dict[str, Any]]], dict[str, Any]]
):
    items = first_turn(client)
    changes = change(items)
    assert removed(client, items, **changes) == ["prefix_mismatch"]
    lenient = served.client(OLD)
    items = first_turn(lenient)
    changes = change(items)
    assert removed(lenient, items, **changes) == []


def test_a_dropped_phase_changes_the_prefix_of_what_came_later(client: Any):
    items = first_turn(client)
    answer = client.responses.create(**request(input=items))
    items += [*(item.to_dict() for item in answer.output), {"role": "user", "content": "Thanks."}]
    assert removed(client, items) == []
    del items[2]["phase"]
    assert removed(client, items) == ["prefix_mismatch"]


def test_two_spellings_of_a_message_are_one_prefix(client: Any):
    items = first_turn(client)
    content = [{"type": "input_text", "text": ASK["content"]}]
    items[0] = {"type": "message", "role": "user", "content": content}
    assert removed(client, items) == []


def test_reasoning_of_another_end_user_is_withheld(client: Any):
    items = first_turn(client, safety_identifier="anna")
    assert removed(client, items, safety_identifier="anna") == []
    assert removed(client, items, safety_identifier="ben") == ["end_user_mismatch"]


@pytest.mark.parametrize(
    ("model", "context", "reasons"),
    [
        ("gpt-5", None, ["turn_boundary"]),
        ("gpt-5", "all_turns", []),
        (REASONER, None, []),
        (REASONER, "current_turn", ["turn_boundary"]),
    ],
)
def test_reasoning_of_earlier_turns_is_shown_as_the_model_has_it(
    client: Any, model: str, context: str | None, reasons: list[str]
):
    items = [*first_turn(client, model=model), {"role": "user", "content": "And tomorrow?"}]
    assert removed(client, items, model=model, reasoning={"context": context}) == reasons


def test_without_effort_there_is_no_reasoning(client: Any):
    items = first_turn(client, reasoning={"effort": "none"})
    assert "reasoning" not in {item.get("type") for item in items}
