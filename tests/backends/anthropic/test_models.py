"""What is known of the models: by the provider's word, by the table, by the lane."""

from typing import Any

import pytest

from cascade.backends.anthropic import AnthropicSettings
from cascade.backends.anthropic.models import (
    KNOWN_MODELS,
    described,
    known_model,
    reported_model,
)
from cascade.errors import ConfigError
from cascade.lanes import Capabilities, Lane


def _lane(model: str = "claude-opus-5-5", **fields: Any) -> Lane:
    fields = {"name": "far", "backend": "anthropic", "locality": "remote"} | fields
    return Lane(model=model, **fields)


def _info(**members: Any) -> dict[str, Any]:
    def supported(*names: str) -> dict[str, Any]:
        return {name: {"supported": True} for name in names}

    return {
        "id": "claude-next",
        "type": "model",
        "max_input_tokens": 2_000_000,
        "max_tokens": 256_000,
        "capabilities": supported("structured_outputs", "image_input")
        | {
            "effort": {"supported": True, "xhigh": None} | supported("low", "high"),
            "thinking": {"supported": True, "types": supported("adaptive", "between_tools")},
        },
    } | members


def test_the_provider_knows_best():
    facts = reported_model("claude-next", _info())
    assert facts.context_tokens == 2_000_000
    assert facts.max_output_tokens == 256_000
    assert facts.efforts == ("low", "high")
    assert facts.thinking_types == ("adaptive", "between_tools")
    assert facts.structured_output
    assert facts.images


def test_the_longest_output_is_never_a_window():
    facts = reported_model("claude-next", _info(max_input_tokens=None))
    assert facts.context_tokens is None
    lane = described(_lane("claude-next"), facts)
    assert lane.context_tokens is None
    assert lane.max_output_tokens == 1024


@pytest.mark.parametrize("members", [{}, {"capabilities": None}, {"capabilities": {"effort": 3}}])
def test_what_the_provider_leaves_out_is_in_the_table(members: Any):
    info = {"max_input_tokens": 0, "max_tokens": "many"} | members
    facts = reported_model("claude-opus-5-5", info)
    assert facts == KNOWN_MODELS["claude-opus-5-5"]


def test_a_name_with_a_date_is_the_same_model():
    assert known_model("claude-haiku-4-5-20251001") == KNOWN_MODELS["claude-haiku-4-5"]
    assert known_model("claude-haiku-4-5-latest") is None
    assert known_model("gpt-6-luna") is None


def test_the_table_keeps_the_rules_of_the_newest_models():
    for name, facts in KNOWN_MODELS.items():
        assert facts.thinking_types, name
        if name.endswith(("5-5", "5-1", "5-2")):
            assert not facts.forced_tool_choice
            assert not facts.sampling
            assert "enabled" not in facts.thinking_types


def test_what_the_lane_says_stays():
    capabilities = Capabilities(images=False, efforts=("low",), parallel_tools=False)
    lane = _lane(
        capabilities=capabilities,
        context_tokens=50_000,
        max_output_tokens=500_000,
        settings={"thinking_types": ["adaptive", "disabled"]},
    )
    lane = described(lane, KNOWN_MODELS["claude-opus-5-5"])
    assert not lane.capabilities.images
    assert not lane.capabilities.parallel_tools
    assert lane.capabilities.efforts == ("low",)
    assert lane.capabilities.structured_output == "native"
    assert lane.context_tokens == 50_000
    assert lane.max_output_tokens == 128_000
    assert lane.settings["thinking_types"] == ["adaptive", "disabled"]


def test_describing_twice_changes_nothing():
    once = described(_lane(), reported_model("claude-opus-5-5", _info()))
    assert described(once, KNOWN_MODELS["claude-opus-5-5"]) == once.model_copy(
        update={"context_tokens": 1_000_000}
    )


@pytest.mark.parametrize(
    "settings", [{"cache_tll": "5m"}, {"cache_ttl": "2h"}, {"thinking_budget_tokens": 100}]
)
def test_a_wrong_setting_is_named_with_what_is_accepted(settings: dict[str, Any]):
    with pytest.raises(ConfigError, match=rf"{next(iter(settings))}.*cache_ttl, thinking"):
        AnthropicSettings.of(settings)


def test_betas_are_named_once():
    settings = AnthropicSettings(thinking_mismatch="error", betas=("a", "b", "a"))
    assert settings.beta_header == "thinking-binding-controls-2026-08-01,a,b"
    assert AnthropicSettings().beta_header is None
