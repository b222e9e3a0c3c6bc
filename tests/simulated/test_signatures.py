"""Thinking goes back to where it came from, unaltered, or is refused in the API's own words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_world import (
    ACME,
    HEADERS,
    LOOK,
    OTHER,
    answered,
    asked,
    message_of,
    received,
    said,
    tool_result,
)

from cascade.simulated.anthropic import AnthropicMessages
from cascade.simulated.received import Account
from cascade.simulated.script import Calls, Turn
from cascade.simulated.signatures import Seal, Sealed, canonical, chained

BETA = HEADERS | {"anthropic-beta": "thinking-binding-controls-2026-08-01"}
OLD_ACCOUNT = Account(name="acme", keys=ACME.keys, enforces_prefix=False)
SEALED = Sealed(model="m", account="a", prefix="p", content="c")

INVALID = "messages.1.content.0: Invalid `signature` in `thinking` block"
BOUND = (
    f"{INVALID}. The block is bound to a different conversation. Remove the block, or set "
    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)

LOOKS = Turn(thinking="It may rain.", calls=(Calls(name="look", arguments={"query": "rain"}),))


def conversation(wire: AnthropicMessages, turn: Turn = LOOKS, **fields: Any) -> dict[str, Any]:
    """A request that brings one answer of the model back."""
    body = asked(system="Be brief.", **fields)
    answer = message_of(wire, body, turn)
    results = [
        tool_result(block["id"]) for block in answer["content"] if block["type"] == "tool_use"
    ]
    after = said("user", *results) if results else said("user", "And tomorrow?")
    return body | {"messages": [*body["messages"], answered(answer), after]}


def refusal(wire: AnthropicMessages, body: dict[str, Any], **how: Any) -> str | None:
    found = wire.refuse(received(body, **how))
    return None if found is None else found.message


def transformations(wire: AnthropicMessages, body: dict[str, Any], **how: Any) -> Any:
    answer = message_of(wire, body, Turn(text="fine"), headers=BETA, **how)
    return answer["input_transformations"]


def with_behaviour(body: dict[str, Any], behaviour: str) -> dict[str, Any]:
    binding = {"prefix_mismatch_behavior": behaviour}
    return body | {"thinking": {"type": "adaptive", "block_binding": binding}}


def dropped(reason: str, path: str = "messages.1.content.0") -> dict[str, str]:
    return {"type": "thinking_dropped", "path": path, "reason": reason}


def edited(body: dict[str, Any], *, block: int = 0, **fields: Any) -> dict[str, Any]:
    """The request with other fields in one of the assistant's blocks."""
    first, assistant, *rest = body["messages"]
    content = list(assistant["content"])
    content[block] = content[block] | fields
    return body | {"messages": [first, assistant | {"content": content}, *rest]}


def test_thinking_that_comes_back_as_it_was_is_taken():
    wire = AnthropicMessages()
    body = conversation(wire)
    assert body["messages"][1]["content"][0]["type"] == "thinking"
    assert refusal(wire, body) is None
    assert transformations(wire, body) == []


def test_what_the_api_takes_for_the_same_breaks_no_signature():
    wire = AnthropicMessages()
    body = conversation(wire)
    (first, *rest), mark = body["messages"], {"type": "ephemeral"}
    block = {"type": "text", "text": first["content"], "cache_control": mark}
    same = body | {
        "system": [{"type": "text", "text": body["system"], "cache_control": mark}],
        "tools": [LOOK | {"cache_control": mark}],
        "messages": [first | {"content": [block]}, *rest],
        "max_tokens": 1000,
    }
    assert refusal(wire, same) is None


def test_a_step_later_all_earlier_thinking_still_holds():
    wire = AnthropicMessages()
    body = conversation(wire)
    for _ in range(3):
        answer = message_of(wire, body, LOOKS)
        results = said("user", tool_result(answer["content"][1]["id"]))
        body["messages"] += [answered(answer), results]
    assert refusal(wire, body) is None


def forged(signature: str) -> list[str]:
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    return [flipped, signature[:-4], signature + "AAAA", "", "c2lnbmF0dXJl", "no Base64!", "ü"]


def test_a_forged_signature_is_refused():
    wire = AnthropicMessages()
    body = conversation(wire)
    for signature in forged(body["messages"][1]["content"][0]["signature"]):
        assert refusal(wire, edited(body, signature=signature)) == INVALID


def test_thinking_that_another_provider_signed_is_refused():
    body = conversation(AnthropicMessages(secret=b"somebody else's"))
    assert refusal(AnthropicMessages(), body) == INVALID


@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_altered_thinking_is_refused(display: str):
    wire = AnthropicMessages()
    body = conversation(wire, thinking={"type": "adaptive", "display": display})
    block = body["messages"][1]["content"][0]
    assert refusal(wire, body) is None
    assert refusal(wire, edited(body, thinking=block["thinking"] + " ")) == INVALID
    if display == "summarized":
        assert refusal(wire, edited(body, thinking="")) == INVALID


def test_altered_redacted_thinking_is_refused():
    wire = AnthropicMessages()
    body = conversation(wire, Turn(thinking="hm", redacted=True, text="rain"))
    assert refusal(wire, body) is None
    expected = "messages.1.content.0: Invalid `data` in `redacted_thinking` block"
    assert refusal(wire, edited(body, data="AAAA")) == expected


def test_readable_thinking_does_not_pass_for_redacted():
    wire = AnthropicMessages()
    body = conversation(wire)
    first, assistant, last = body["messages"]
    data = assistant["content"][0]["signature"]
    content = [{"type": "redacted_thinking", "data": data}, *assistant["content"][1:]]
    body["messages"] = [first, said("assistant", *content), last]
    assert (
        refusal(wire, body) == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"
    )


def other_prefixes(body: dict[str, Any]) -> list[dict[str, Any]]:
    first, *rest = body["messages"]
    return [
        body | {"system": "Be brief!"},
        {name: value for name, value in body.items() if name != "system"},
        body | {"tools": [LOOK | {"description": "Looks it up."}]},
        body | {"tools": [LOOK, LOOK | {"name": "find"}]},
        body | {"messages": [said("user", "What is the weather"), *rest]},
        body
        | {
            "messages": [
                said("user", first["content"], "x")
                | {
                    "content": [
                        {"type": "text", "text": first["content"]},
                        {"type": "text", "text": "Well?"},
                    ]
                },
                *rest,
            ]
        },
    ]


def test_thinking_behind_another_prefix_is_refused():
    wire = AnthropicMessages()
    body = conversation(wire)
    for changed in other_prefixes(body):
        assert refusal(wire, changed) == BOUND


def test_moved_thinking_is_refused():
    wire = AnthropicMessages()
    body = conversation(wire)
    answer = message_of(wire, body, Turn(thinking="So it rains.", text="Rain."))
    first, second = body["messages"][1]["content"], answer["content"]
    swapped = [
        body["messages"][0],
        said("assistant", second[0], *first[1:]),
        body["messages"][2],
        said("assistant", first[0], *second[1:]),
        said("user", "And tomorrow?"),
    ]
    assert refusal(wire, body | {"messages": swapped}) == BOUND


def test_thinking_cannot_lose_the_thinking_before_it():
    wire = AnthropicMessages()
    body = conversation(wire)
    answer = message_of(wire, body, Turn(thinking="So it rains.", text="Rain."))
    first, assistant, results = body["messages"]
    without = said("assistant", *assistant["content"][1:])
    ending = [answered(answer), said("user", "And tomorrow?")]
    expected = BOUND.replace("messages.1", "messages.3")
    assert refusal(wire, body | {"messages": [first, without, results, *ending]}) == expected
    bare = said("assistant", *answer["content"][1:])
    stripped = [first, without, results, bare, ending[1]]
    assert refusal(wire, body | {"messages": stripped}) is None


def test_two_thinking_blocks_of_one_turn_hold_together():
    wire = AnthropicMessages()
    turn = Turn(thinking="It may rain.", text="I look.", calls=LOOKS.calls)
    body = conversation(wire, turn)
    kinds = [block["type"] for block in body["messages"][1]["content"]]
    assert kinds == ["thinking", "thinking", "tool_use"]
    assert refusal(wire, body) is None
    first, assistant, last = body["messages"]
    second_only = [first, said("assistant", *assistant["content"][1:]), last]
    assert refusal(wire, body | {"messages": second_only}) == BOUND
    changed = with_behaviour(body, "drop_block") | {"system": "Other."}
    assert transformations(wire, changed) == [
        dropped("prefix_binding_mismatch"),
        dropped("prefix_binding_mismatch", "messages.1.content.1"),
    ]


def test_thinking_behind_another_prefix_can_be_dropped_instead():
    wire = AnthropicMessages()
    body = with_behaviour(conversation(wire), "drop_block")
    for changed in other_prefixes(body):
        assert transformations(wire, changed) == [dropped("prefix_binding_mismatch")]


def test_dropping_forgives_no_forgery():
    wire = AnthropicMessages()
    body = edited(with_behaviour(conversation(wire), "drop_block"), signature="AAAA")
    assert refusal(wire, body, headers=BETA) == INVALID


def test_an_old_account_is_held_to_the_prefix_only_where_it_says_so():
    wire = AnthropicMessages()
    changed = conversation(wire) | {"system": "Other."}
    allowed = dropped("prefix_binding_mismatch") | {"type": "thinking_mismatch_allowed"}
    assert refusal(wire, changed, account=OLD_ACCOUNT) is None
    assert transformations(wire, changed, account=OLD_ACCOUNT) == [allowed]
    strict = with_behaviour(changed, "error")
    assert refusal(wire, strict, account=OLD_ACCOUNT, headers=BETA) == BOUND


def test_older_models_do_not_look_at_the_prefix():
    wire = AnthropicMessages()
    changed = conversation(wire, model="claude-opus-5") | {"system": "Other."}
    assert refusal(wire, changed) is None


@pytest.mark.parametrize(
    ("writer", "reader", "is_read"),
    [
        ("claude-opus-5-5", "claude-opus-5-5", True),
        ("claude-opus-5-5", "claude-fable-5-1", True),
        ("claude-opus-5", "claude-fable-5-1", True),
        ("claude-fable-5-1", "claude-opus-5-5", False),
        ("claude-haiku-5-5", "claude-opus-5-5", True),
        ("claude-opus-5-5", "claude-haiku-5-5", False),
        ("claude-opus-5-5", "claude-opus-4-8", False),
        ("claude-opus-4-8", "claude-opus-5-5", False),
    ],
)
def test_a_model_is_not_shown_thinking_that_it_cannot_read(
    writer: str, reader: str, *, is_read: bool
):
    wire = AnthropicMessages()
    thinking = {"type": "adaptive"}
    body = conversation(wire, model=writer, thinking=thinking) | {"model": reader}
    assert refusal(wire, body) is None
    expected = [] if is_read else [dropped("model_binding_mismatch")]
    assert transformations(wire, body) == expected
    assert "input_transformations" not in message_of(wire, body, Turn(text="fine"))


def test_thinking_that_is_not_shown_costs_nothing():
    wire = AnthropicMessages()
    turn = Turn(thinking="word" * 100, text="rain")
    body = conversation(wire, turn, model="claude-fable-5-1")
    read, unread = (
        message_of(wire, body | {"model": model}, Turn(text="fine"))["usage"]["input_tokens"]
        for model in ("claude-fable-5-1", "claude-opus-5-5")
    )
    assert read - unread == 100


def test_thinking_of_another_account_is_dropped_or_refused():
    wire = AnthropicMessages()
    bound = conversation(wire, model="claude-sonnet-5-5")
    assert transformations(wire, bound, account=OTHER) == [dropped("organization_binding_mismatch")]
    assert refusal(wire, conversation(wire), account=OTHER) == INVALID


def test_two_servers_of_one_provider_read_each_others_thinking():
    body = conversation(AnthropicMessages())
    assert refusal(AnthropicMessages(), body) is None


def test_canonical_json_is_the_same_whatever_the_order_of_keys():
    one, other = {"a": 1, "b": [{"c": None, "d": "ü"}]}, {"b": [{"d": "ü", "c": None}], "a": 1}
    assert canonical(one) == canonical(other) == '{"a":1,"b":[{"c":null,"d":"ü"}]}'.encode()
    assert canonical([1, 2]) != canonical([2, 1])
    assert chained("", one) == chained("", other) != chained("x", one)


@given(st.builds(Sealed, model=st.text(), account=st.text(), prefix=st.text(), content=st.text()))
def test_a_seal_says_what_was_put_in(sealed: Sealed):
    assert Seal(b"s").read(Seal(b"s").make(sealed)) == sealed
    assert Seal(b"t").read(Seal(b"s").make(sealed)) is None


@given(st.integers(min_value=0), st.sampled_from("ABab01+/="))
def test_no_letter_of_a_seal_can_be_changed(place: int, letter: str):
    seal = Seal(b"s")
    mark = seal.make(SEALED)
    place %= len(mark)
    changed = mark[:place] + letter + mark[place + 1 :]
    assert seal.read(changed) == (SEALED if changed == mark else None)


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())))
def test_what_is_no_seal_says_nothing(value: Any):
    assert Seal().read(value) is None
