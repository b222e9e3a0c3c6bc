"""What is known of OpenAI's models reaches lanes that no configuration file made."""

import pytest
from pydantic_core import from_json
from remote_lanes import Answers, asked, drafted, lane, opened, shown

from cascade.backends.openai.models import CAPABILITIES, WINDOWS, described, known_window
from cascade.config.known_models import known_model
from cascade.lanes import Capabilities

SAID = {
    "id": "c1",
    "model": "gpt-6.1-sol",
    "choices": [{"index": 0, "message": {"content": "so"}, "finish_reason": "stop"}],
}


@pytest.mark.anyio
@pytest.mark.parametrize("endpoint", ["", "http://models.example/v1"])
async def test_a_lane_with_nothing_but_a_model_sends_what_the_model_takes(endpoint: str):
    of = lane(model="gpt-6.1-sol", endpoint=endpoint, api="chat_completions")
    transport = Answers.json(SAID)
    async with opened(transport, of) as backend:
        opened_lane = await backend.open()
        await drafted(backend, shown(tools=()), asked(effort="low"))
    assert opened_lane.capabilities == CAPABILITIES
    assert opened_lane.context_tokens == WINDOWS["gpt-6.1-sol"]
    body = from_json(transport.bodies[0])
    assert "temperature" not in body
    assert body["reasoning_effort"] == "low"


def test_what_a_lane_says_itself_stays():
    given = Capabilities(sampling=True, images=False)
    found = described(lane(model="gpt-6-luna", capabilities=given, context_tokens=9_000))
    assert found.capabilities.sampling
    assert not found.capabilities.images
    assert found.capabilities.structured_output == "native"
    assert found.context_tokens == 9_000


def test_of_a_model_that_is_not_in_the_table_nothing_is_made_up():
    assert described(lane(model="m")) == lane(model="m")
    assert known_window("gpt-6.1-sol-2026-09-01") == WINDOWS["gpt-6.1-sol"]
    assert known_window("gpt-6.1-solar") is None


def test_the_configuration_says_the_same_of_each_model():
    for model, window in WINDOWS.items():
        known = known_model("openai", model)
        assert known is not None
        assert (known.context_tokens, known.capabilities) == (window, CAPABILITIES)
