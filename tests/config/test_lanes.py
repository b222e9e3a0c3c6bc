"""What becomes of a lane of the file, and of what it leaves out."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from cascade.backends.anthropic.models import KNOWN_MODELS
from cascade.config.configuration import Configuration
from cascade.config.known_models import known_model
from cascade.config.settings import CapabilitySettings
from cascade.credentials import Credential
from cascade.lanes import Capabilities, Lane, Prices
from cascade.runtime import BUNDLED_LANE

Read = Callable[..., Configuration]


@pytest.fixture
def lane(read: Read) -> Callable[[str], Lane]:
    """The one lane of a text."""

    def lane(text: str) -> Lane:
        (found,) = read("[lanes.one]\n" + text).lanes
        return found

    return lane


Made = Callable[[str], Lane]


def test_the_bundled_lane_is_the_one_that_the_runtime_has_by_itself(read: Read):
    assert read("").lanes == (BUNDLED_LANE,)
    assert read('[lanes.local]\nprovider = "bundled"').lanes == (BUNDLED_LANE,)


def test_a_lane_of_openai_needs_no_more_than_a_model(lane: Made):
    found = lane('provider = "openai"\nmodel = "gpt-6.1-sol"')
    assert (found.backend, found.api, found.endpoint, found.locality, found.tier) == (
        "openai",
        "responses",
        "",
        "remote",
        1,
    )
    assert found.context_tokens == 1_050_000
    assert found.max_output_tokens == 4096
    assert found.capabilities.structured_output == "native"
    assert not found.capabilities.sampling
    assert found.prices is not None
    assert (found.prices.input_usd, found.prices.output_usd) == (2, 10)


def test_a_lane_of_anthropic_needs_no_more_than_a_model(lane: Made):
    found = lane('provider = "anthropic"\nmodel = "claude-opus-5-5-20260901"')
    assert (found.backend, found.api, found.locality) == ("anthropic", "messages", "remote")
    assert found.context_tokens == 1_000_000
    assert found.capabilities.efforts[0] == "low"
    assert not found.capabilities.forced_tool_choice
    assert found.prices is not None
    assert found.prices.cache_write_usd == 5


def test_a_cache_that_is_kept_for_an_hour_has_its_own_price(lane: Made):
    text = 'provider = "anthropic"\nmodel = "claude-opus-5-5"\nsettings = { cache_ttl = "1h" }'
    found = lane(text)
    assert found.prices is not None
    assert found.prices.cache_write_usd == 8


@pytest.mark.parametrize(
    ("provider", "endpoint"),
    [
        ("llama_server", "http://127.0.0.1:8080/v1"),
        ("vllm", "http://127.0.0.1:8000/v1"),
        ("ollama", "http://127.0.0.1:11434/v1"),
    ],
)
def test_a_server_of_ones_own_is_private_and_free(lane: Made, provider: str, endpoint: str):
    found = lane(f'provider = "{provider}"\nmodel = "m"')
    assert (found.backend, found.api, found.endpoint) == ("openai", "chat_completions", endpoint)
    assert (found.locality, found.prices) == ("private", Prices.free())
    assert found.settings == {"server": provider}
    assert found.context_tokens is None


def test_such_a_server_at_somebody_elses_is_remote_and_of_unknown_price(lane: Made):
    found = lane('provider = "vllm"\nmodel = "m"\nendpoint = "https://gpu.example.test/v1/"')
    assert (found.endpoint, found.locality, found.prices) == (
        "https://gpu.example.test/v1",
        "remote",
        None,
    )


@pytest.mark.parametrize(
    ("endpoint", "api"),
    [
        ("https://api.openai.com/v1", "responses"),
        ("https://eu.api.openai.com/v1", "responses"),
        ("https://api.openai.com.example.test/v1", "chat_completions"),
        ("https://example.test/api.openai.com/v1", "chat_completions"),
    ],
)
def test_the_wire_format_follows_from_the_host(lane: Made, endpoint: str, api: str):
    text = f'backend = "openai"\nmodel = "m"\nendpoint = "{endpoint}"'
    assert lane(text).api == api
    assert lane(f'{text}\napi = "responses"').api == "responses"
    assert lane(f'{text}\napi = "chat_completions"').api == "chat_completions"


def test_a_look_alike_gets_no_providers_key_and_no_providers_price(read: Read):
    found = read("""\
        [lanes.one]
        backend = "openai"
        model = "gpt-6.1-sol"
        base_url = "https://api.openai.com.example.test/v1"
        """)
    assert found.credentials == {}
    assert found.lanes[0].prices is None


def test_keys_are_named_and_never_held(read: Read):
    found = read(
        """\
        [lanes.one]
        provider = "openai"
        model = "gpt-6.1-sol"
        tier = 1
        [lanes.two]
        provider = "anthropic"
        model = "claude-opus-5-5"
        api_key_env = "OTHER_KEY"
        tier = 2
        [lanes.three]
        backend = "openai"
        model = "m"
        endpoint = "https://example.test/v1"
        api_key_cmd = "pass show 'my key'"
        tier = 3
        [lanes.four]
        backend = "openai"
        model = "m"
        endpoint = "https://example.test/v1"
        api_key_cmd = ["pass", "show", "my key"]
        tier = 4
        [lanes.five]
        provider = "ollama"
        model = "m"
        tier = 5
        """,
        OPENAI_API_KEY="canary",
    )
    command = ("pass", "show", "my key")
    assert found.credentials == {
        "one": Credential(lane="one", env="OPENAI_API_KEY"),
        "two": Credential(lane="two", env="OTHER_KEY"),
        "three": Credential(lane="three", command=command),
        "four": Credential(lane="four", command=command),
    }
    assert "canary" not in repr(found)


def test_what_the_file_says_of_a_model_wins_and_alone_counts_as_said(lane: Made):
    found = lane(
        """\
        provider = "openai"
        model = "gpt-6.1-sol"
        context_tokens = 200_000
        max_output_tokens = 9_000
        capabilities = { images = false, structured_output = "none" }
        """.replace("        ", "")
    )
    assert found.context_tokens == 200_000
    assert found.max_output_tokens == 9_000
    assert not found.capabilities.images
    assert found.capabilities.structured_output is None
    assert found.capabilities.system_anywhere
    assert found.capabilities.model_fields_set == {"images", "structured_output"}


@pytest.mark.parametrize("model", ["gpt-6.1-sol", "claude-opus-5-5"])
def test_a_longest_output_is_never_taken_for_a_window(model: str):
    known = known_model("openai" if model.startswith("gpt") else "anthropic", model)
    assert known is not None
    assert known.context_tokens >= 1_000_000


def test_every_claude_of_the_backend_is_known_here():
    for name, facts in KNOWN_MODELS.items():
        known = known_model("anthropic", name)
        assert known is not None
        assert known.context_tokens == facts.context_tokens


def test_of_an_unknown_model_no_window_is_made_up(lane: Made):
    for provider, model in (("openai", "gpt-99"), ("anthropic", "claude-sonnet-99")):
        found = lane(f'provider = "{provider}"\nmodel = "{model}"')
        assert (found.context_tokens, found.prices) == (None, None)


def test_a_lane_can_have_the_prices_of_another_model_or_its_own(lane: Made):
    text = 'backend = "openai"\nmodel = "m"\nendpoint = "https://example.test/v1"\n'
    borrowed = lane(text + 'priced_as = "openai/gpt-6-luna"').prices
    assert borrowed is not None
    assert borrowed.input_usd == Decimal("0.1")
    own = lane(
        text + "prices = { input_usd = 0.3, output_usd = 1, cache_read_usd = 0.03, "
        'cache_write_usd = "0.375" }'
    ).prices
    assert own is not None
    assert (own.input_usd, own.cache_write_usd) == (Decimal("0.3"), Decimal("0.375"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('locality = "private"', "private"),
        ('locality = "remote"', "remote"),
        ("", "private"),
    ],
)
def test_locality_can_be_said(lane: Made, text: str, expected: str):
    found = lane(f'backend = "openai"\nmodel = "m"\nendpoint = "https://10.0.0.1/v1"\n{text}')
    assert found.locality == expected


def test_everything_that_a_lane_can_have_is_carried_over(lane: Made):
    found = lane(
        """\
        backend = "openai"
        model = "m"
        endpoint = "https://example.test/v1"
        tier = 4
        region = "eu"
        account = "team"
        data_classes = ["public"]
        effort = "high"
        sampling = { temperature = 0.5, stop = ["x"] }
        limits = { requests_per_minute = 3, tokens_per_minute = 5 }
        timeouts = { connect_s = 1, silence_s = 2, total_s = 3 }
        settings = { stream = false }
        """.replace("        ", "")
    )
    expected: dict[str, Any] = {
        "tier": 4,
        "region": "eu",
        "account": "team",
        "data_classes": ["public"],
        "effort": "high",
        "settings": {"stream": False},
        "limits": {"requests_per_minute": 3, "tokens_per_minute": 5},
        "timeouts": {"connect_s": 1.0, "silence_s": 2.0, "total_s": 3.0},
    }
    dumped = found.model_dump(mode="json")
    assert {name: dumped[name] for name in expected} == expected
    assert (found.sampling.temperature, found.sampling.stop) == (0.5, ("x",))


def test_the_ladder_goes_by_tier_and_stand_ins_come_after_those_they_stand_in_for(read: Read):
    found = read("""\
        [lanes.spare]
        provider = "openai"
        model = "gpt-6-luna"
        [lanes.main]
        provider = "openai"
        model = "gpt-6.1-sol"
        fallbacks = ["spare"]
        [lanes.top]
        provider = "anthropic"
        model = "claude-opus-5-5"
        tier = 2
        [lanes.local]
        provider = "bundled"
        """)
    assert [lane.name for lane in found.lanes] == ["local", "main", "spare", "top"]
    home_by_stand_in = read("""\
        [lanes.spare]
        provider = "openai"
        model = "gpt-6-luna"
        [lanes.main]
        provider = "openai"
        model = "gpt-6.1-sol"
        fallbacks = ["spare"]
        """)
    assert home_by_stand_in.lanes[0].name == "main"


def test_each_capability_can_be_set():
    assert list(CapabilitySettings.model_fields) == list(Capabilities.model_fields)
