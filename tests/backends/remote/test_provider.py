"""Which server is meant, in which format it is spoken to, and who is known there."""

import pytest
from pydantic import TypeAdapter
from remote_lanes import KEY, Answers, lane, opened

from cascade.backends.openai import openai_backend
from cascade.backends.remote.provider import account_of, completed, endpoint_of
from cascade.errors import ConfigError
from cascade.lanes import ApiMode, Capabilities

OWN = "https://api.openai.com/v1"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("endpoint", "api"),
    [
        ("", "responses"),
        ("https://API.OpenAI.com./v1", "responses"),
        ("https://eu.api.openai.com/v1", "responses"),
        ("https://api.openai.com.evil.example/v1", "chat_completions"),
        ("http://127.0.0.1:8080/v1", "chat_completions"),
    ],
)
async def test_the_format_follows_from_the_host(endpoint: str, api: str):
    async with opened(Answers.json({}), lane(endpoint=endpoint)) as backend:
        assert (await backend.open()).api == api


@pytest.mark.anyio
async def test_the_format_that_is_set_wins():
    for api, endpoint in (("chat_completions", OWN), ("responses", "http://models.example/v1")):
        mode = TypeAdapter[ApiMode](ApiMode).validate_python(api)
        async with opened(Answers.json({}), lane(endpoint=endpoint, api=mode)) as backend:
            assert (await backend.open()).api == api


def test_a_lane_of_another_providers_format_is_told_so():
    with pytest.raises(ConfigError, match="api 'messages' is Anthropic's; set backend"):
        openai_backend(lane(api="messages"))


def test_endpoints_lose_a_slash_at_the_end_and_default_to_the_providers_own():
    assert endpoint_of(lane(endpoint="http://h:1/v1/"), OWN) == "http://h:1/v1"
    assert endpoint_of(lane(endpoint=""), OWN) == OWN


@pytest.mark.parametrize(
    "endpoint",
    [
        "models.example/v1",
        "ftp://models.example",
        "http:///v1",
        f"https://user:{KEY}@models.example",
    ],
)
def test_an_endpoint_that_is_no_address_is_refused_unrepeated_and_the_lane_named(endpoint: str):
    with pytest.raises(ConfigError, match="lane 'far': a server's address is written") as caught:
        openai_backend(lane(endpoint=endpoint))
    assert endpoint not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.anyio
async def test_a_lane_that_cannot_be_opened_leaves_no_connection_behind():
    transport = Answers.json({})
    with pytest.raises(ConfigError, match="Chat Completions setting 'steam'"):
        async with opened(transport, lane(settings={"steam": True})):
            raise AssertionError("it opened")
    assert transport.closed == 1


def test_what_was_set_on_purpose_is_not_replaced_by_what_is_known():
    known = Capabilities(sampling=False, efforts=("low",), images=True)
    found = completed(Capabilities(images=False), known)
    assert found == Capabilities(sampling=False, efforts=("low",), images=False)
    assert completed(found, Capabilities(sampling=True)) == found


def test_accounts_differ_by_key_and_host_and_reveal_neither():
    one = account_of(KEY, "https://a.example/v1")
    assert one == account_of(KEY, "https://A.example/other")
    assert len(one) == 8
    assert one != account_of(KEY, "https://b.example/v1")
    assert one != account_of(KEY + "x", "https://a.example/v1")
    assert account_of(None, "https://a.example/v1") == ""
