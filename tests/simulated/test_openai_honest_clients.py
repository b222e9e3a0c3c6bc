"""A client that keeps the rules is never refused, whatever the model says."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai_world import HOME, SCHEMA, TOOL, output
from pydantic_core import from_json, to_json

from cascade.simulated.openai_chat import OpenAIChat
from cascade.simulated.openai_flavours import (
    DEEPSEEK,
    LLAMA_SERVER,
    OLLAMA,
    OPENAI,
    VLLM,
    Flavour,
)
from cascade.simulated.openai_responses import OpenAIResponses
from cascade.simulated.received import Received
from cascade.simulated.script import Calls, Turn
from cascade.simulated.wire import Wire

ARGUMENTS = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)
CALLS = st.builds(Calls, name=st.just("weather"), arguments=ARGUMENTS)
TURNS = st.builds(
    Turn,
    text=st.text(min_size=1, max_size=8),
    thinking=st.none() | st.text(max_size=8),
    redacted=st.booleans(),
    calls=st.lists(CALLS, max_size=3).map(tuple),
)
MODELS = st.sampled_from(["gpt-6.1-sol", "gpt-6.1-terra", "gpt-5.6-luna", "gpt-5"])
FOREIGN: list[dict[str, Any]] = [
    {"type": "function_call", "call_id": "call_ours", "name": "weather", "arguments": "{}"},
    output("call_ours"),
]


def answered(wire: Wire, number: int, body: dict[str, Any], turn: Turn) -> Any:
    """What the server answers without a network, every second time in a stream as well."""
    streams = number % 2 == 0
    sent = to_json(body | {"stream": streams})
    received = Received(
        number=number,
        method="POST",
        path=wire.path,
        headers={},
        body=sent,
        json=from_json(sent),
        account=HOME,
    )
    refusal = wire.refuse(received)
    assert refusal is None, refusal
    wire.conversation(received)
    answer = wire.answer(received, turn)
    if streams:
        assert list(wire.events(received, answer))
    return from_json(to_json(answer))


@settings(max_examples=25, deadline=None)
@given(said=st.lists(st.tuples(TURNS, MODELS, st.booleans()), min_size=1, max_size=8))
def test_whole_items_are_taken_back_by_every_model_of_the_account(
    said: list[tuple[Turn, str, bool]],
):
    wire = OpenAIResponses()
    items: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
    families: dict[str, str] = {}
    for number, (turn, model, elsewhere) in enumerate(said):
        if elsewhere and not any(item.get("call_id") == "call_ours" for item in items):
            items += FOREIGN
        reasoning = {"context": "all_turns", "effort": "low"}
        body = {"model": model, "input": items, "tools": [TOOL], "reasoning": reasoning}
        answer = answered(wire, number, body, turn)
        family = model.rpartition("-")[0] or model
        withheld = {each["id"] for each in answer["input_transformations"]}
        assert withheld == {found for found, other in families.items() if other != family}
        items += answer["output"]
        families |= {item["id"]: family for item in answer["output"] if item["type"] == "reasoning"}
        items += [output(item["call_id"]) for item in answer["output"] if "call_id" in item]
        if not turn.calls:
            items.append({"role": "user", "content": "Go on."})


def replayed(message: dict[str, Any], flavour: Flavour) -> dict[str, Any]:
    """An assistant message as a careful client sends it back."""
    if flavour.echoes_reasoning and "tool_calls" in message:
        message.setdefault(flavour.reasoning_field, "")
    return message


@settings(max_examples=25, deadline=None)
@given(
    said=st.lists(TURNS, min_size=1, max_size=8),
    flavour=st.sampled_from([OPENAI, LLAMA_SERVER, VLLM, OLLAMA, DEEPSEEK]),
)
def test_whole_messages_are_taken_back_by_every_server(said: list[Turn], flavour: Flavour):
    wire = OpenAIChat(flavour=flavour)
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
    for number, turn in enumerate(said):
        body = {"model": "gpt-4.1", "messages": messages, "tools": tools}
        message = answered(wire, number, body, turn)["choices"][0]["message"]
        messages.append(replayed(message, flavour))
        messages += [
            {"role": "tool", "tool_call_id": call["id"], "content": "fair"}
            for call in message.get("tool_calls", ())
        ]
        if not turn.calls:
            messages.append({"role": "user", "content": "Go on."})


def test_identities_of_two_servers_never_meet():
    bodies = [
        {"model": "gpt-4.1", "input": text, "store": False, "tools": [TOOL]} for text in ("a", "b")
    ]
    turn = Turn(calls=(Calls(name="weather"),))
    first, second = (answered(OpenAIResponses(), 0, body, turn)["output"][0] for body in bodies)
    assert first["call_id"] != second["call_id"]
    assert first["id"] != second["id"]
