"""What an address says, and what only looks as if it said it."""

import pytest

from cascade.endpoints import (
    checked_endpoint,
    host_of,
    inferred_api,
    is_private_host,
    key_variable,
    provider_of,
)
from cascade.errors import ConfigError

OWN = [
    ("https://api.openai.com/v1", "openai"),
    ("https://API.OpenAI.com:443/v1", "openai"),
    ("https://api.openai.com./v1", "openai"),
    ("https://eu.api.openai.com/v1", "openai"),
    ("https://api.anthropic.com", "anthropic"),
]

LOOK_ALIKES = [
    "https://api.openai.com.example.test/v1",
    "https://notapi.openai.com/v1",
    "https://api-openai.com/v1",
    "https://openai.com.test/v1",
    "https://example.test/api.openai.com/v1",
    "https://example.test/v1/https://api.openai.com",
    "http://127.0.0.1:8080/api.anthropic.com",
    "https://api.anthropic.com.test",
    "https://xn--pi-7ka.openai.com.test",
]


@pytest.mark.parametrize(("endpoint", "provider"), OWN)
def test_a_provider_is_known_by_its_host(endpoint: str, provider: str):
    assert provider_of(checked_endpoint(endpoint)) == provider


@pytest.mark.parametrize("endpoint", LOOK_ALIKES)
def test_look_alikes_are_somebody_else(endpoint: str):
    checked = checked_endpoint(endpoint)
    assert provider_of(checked) is None
    assert inferred_api("openai", checked) == "chat_completions"
    assert key_variable("openai", checked) is None
    assert key_variable("anthropic", checked) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://api.openai.com@example.test/v1",
        "https://name:word@api.openai.com/v1",
        "https://example.test\\@api.openai.com/v1",
        "https://api.openai.com /v1",
        "https://api.openai.com/v1\n",
        "https://\u0430pi.openai.com/v1",
        "ftp://api.openai.com/v1",
        "api.openai.com/v1",
        "https:///v1",
        "https://api.openai.com:port/v1",
        "https://[::1/v1",
        "https://api.openai.com/v1?key=1",
        "https://api.openai.com/v1#a",
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_refused_unrepeated(endpoint: str):
    with pytest.raises(ConfigError, match="is written like") as raised:
        checked_endpoint(endpoint)
    assert endpoint.strip() not in str(raised.value)


def test_no_address_is_the_provider_itself():
    assert checked_endpoint("") == ""
    assert host_of("") is None
    assert provider_of("") is None
    assert inferred_api("openai", "") == "responses"
    assert inferred_api("anthropic", "") == "messages"
    assert inferred_api("llama_cpp", "") is None
    assert key_variable("openai", "") == "OPENAI_API_KEY"
    assert key_variable("anthropic", "") == "ANTHROPIC_API_KEY"
    assert key_variable("llama_cpp", "") is None


def test_a_providers_key_does_not_go_to_another_provider():
    assert key_variable("openai", "https://api.anthropic.com/v1") is None


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "gpu.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.20",
        "169.254.3.4",
        "::1",
        "fd00::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
    ],
)
def test_private_hosts_are_known_by_their_addresses(host: str):
    assert is_private_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.test",
        "localhost.example.test",
        "notlocalhost",
        "127.0.0.1.example.test",
        "8.8.8.8",
        "172.32.0.1",
        "192.169.0.1",
        "2001:db8::1",
        "::ffff:8.8.8.8",
        "2130706433",
        "gpu-box",
    ],
)
def test_every_other_host_counts_as_public(host: str):
    assert not is_private_host(host)


def test_a_slash_at_the_end_makes_no_other_address():
    assert checked_endpoint("http://127.0.0.1:8080/v1/") == "http://127.0.0.1:8080/v1"
