"""What Anthropic's models can do: as the provider says, else as a dated table says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pydantic import JsonValue

from cascade.backends.anthropic.settings import AnthropicSettings, ThinkingType
from cascade.backends.remote.provider import completed
from cascade.lanes import Capabilities, Lane

__all__ = ["KNOWN_MODELS", "ModelFacts", "described", "known_model", "reported_model"]

_ADAPTIVE: tuple[ThinkingType, ...] = ("adaptive",)
_OPTIONAL: tuple[ThinkingType, ...] = ("adaptive", "disabled")
_BOTH: tuple[ThinkingType, ...] = ("adaptive", "enabled", "disabled")
_MANUAL: tuple[ThinkingType, ...] = ("enabled", "disabled")
_THINKING_TYPES: tuple[ThinkingType, ...] = ("adaptive", "enabled", "disabled", "between_tools")

_LEVELS = ("low", "medium", "high", "xhigh", "max")
_DATED = re.compile(r"-\d{8}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What one model takes and gives.

    Attributes:
        thinking_types: Accepted values of `thinking.type`.
        efforts: Accepted values of `output_config.effort`, lowest first.
        context_tokens: The window, prompt and output together; never the longest output.
        max_output_tokens: The longest output.
        forced_tool_choice: Whether a tool call can be demanded (with thinking off).
        system_anywhere: Whether system messages may stand between turns.
        sampling: Whether an older version of the API may send a temperature.
        structured_output: Whether answers and tool arguments can be held to a schema.
        images: Whether it sees pictures.
    """

    thinking_types: tuple[ThinkingType, ...] = _ADAPTIVE
    efforts: tuple[str, ...] = _LEVELS
    context_tokens: int | None = 1_000_000
    max_output_tokens: int | None = 128_000
    forced_tool_choice: bool = False
    system_anywhere: bool = True
    sampling: bool = False
    structured_output: bool = True
    images: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """As a lane has them."""
        return Capabilities(
            parallel_tools=True,
            structured_output="native" if self.structured_output else None,
            efforts=self.efforts,
            forced_tool_choice=self.forced_tool_choice,
            system_anywhere=self.system_anywhere,
            sampling=self.sampling,
            images=self.images,
        )


# Forced tool choice is refused by Opus 5.5, Sonnet 5.5 and Fable 5.1 and later; of Haiku 5.5 and
# Fable 5 it is not documented, and not relied upon.
_NEWEST = ModelFacts()
_FIVE = ModelFacts(thinking_types=_OPTIONAL, forced_tool_choice=True)
_FOUR_SEVEN = replace(_FIVE, system_anywhere=False)
_FOUR_SIX = ModelFacts(
    thinking_types=_BOTH,
    efforts=("low", "medium", "high", "max"),
    forced_tool_choice=True,
    system_anywhere=False,
    sampling=True,
)
_FOUR_FIVE = replace(
    _FOUR_SIX,
    thinking_types=_MANUAL,
    efforts=(),
    context_tokens=200_000,
    max_output_tokens=64_000,
)

KNOWN_MODELS: Mapping[str, ModelFacts] = MappingProxyType(
    {
        "claude-fable-5-2": _NEWEST,
        "claude-mythos-5-2": _NEWEST,
        "claude-fable-5-1": _NEWEST,
        "claude-mythos-5-1": _NEWEST,
        "claude-opus-5-5": _NEWEST,
        "claude-sonnet-5-5": replace(_NEWEST, thinking_types=("adaptive", "between_tools")),
        "claude-haiku-5-5": replace(_NEWEST, thinking_types=_OPTIONAL),
        "claude-fable-5": _NEWEST,
        "claude-mythos-5": _NEWEST,
        "claude-opus-5": _FIVE,
        "claude-sonnet-5": _FIVE,
        "claude-opus-4-8": _FIVE,
        "claude-opus-4-7": _FOUR_SEVEN,
        "claude-opus-4-6": _FOUR_SIX,
        "claude-sonnet-4-6": _FOUR_SIX,
        "claude-opus-4-5": replace(_FOUR_FIVE, efforts=("low", "medium", "high")),
        "claude-sonnet-4-5": _FOUR_FIVE,
        "claude-haiku-4-5": _FOUR_FIVE,
    }
)
"""As of 2026-11-20, from the provider's pages on effort, thinking and migration
(https://platform.claude.com/docs/en/build-with-claude/effort, .../build-with-claude/thinking,
.../models/opus-5-5/migration-guide) and, for windows, from genai-prices 0.2.3."""


def known_model(model: str) -> ModelFacts | None:
    """What the table says of a model, with or without the date behind its name."""
    return KNOWN_MODELS.get(model) or KNOWN_MODELS.get(_DATED.sub("", model))


def reported_model(model: str, info: Mapping[str, JsonValue]) -> ModelFacts:
    """What the provider's models endpoint says of a model.

    Args:
        model: Its name, as what the endpoint leaves out is taken from the table.
        info: The answer of `GET /v1/models/{model}`.
    """
    facts = known_model(model) or ModelFacts(
        thinking_types=(), efforts=(), context_tokens=None, max_output_tokens=None
    )
    window, output = info.get("max_input_tokens"), info.get("max_tokens")
    facts = replace(
        facts,
        context_tokens=window if isinstance(window, int) and window > 0 else facts.context_tokens,
        max_output_tokens=output
        if isinstance(output, int) and output > 0
        else facts.max_output_tokens,
    )
    capabilities = info.get("capabilities")
    if not isinstance(capabilities, dict):
        return facts
    types = _at(capabilities, "thinking", "types")
    effort = _at(capabilities, "effort")
    if types:
        accepted = tuple(each for each in _THINKING_TYPES if _is_supported(types, each))
        facts = replace(facts, thinking_types=accepted)
    if effort:
        levels = tuple(level for level in _LEVELS if _is_supported(effort, level))
        facts = replace(facts, efforts=levels)
    if "structured_outputs" in capabilities:
        held = _is_supported(capabilities, "structured_outputs")
        facts = replace(facts, structured_output=held)
    if "image_input" in capabilities:
        facts = replace(facts, images=_is_supported(capabilities, "image_input"))
    return facts


def described(lane: Lane, facts: ModelFacts) -> Lane:
    """The lane with what is known of its model, as far as its configuration says nothing itself."""
    settings = AnthropicSettings.of(lane.settings)
    known = facts.capabilities
    if not settings.allows_sampling:
        known = known.model_copy(update={"sampling": False})
    types = settings.thinking_types
    return lane.model_copy(
        update={
            "capabilities": completed(lane.capabilities, known),
            "context_tokens": _smaller(lane.context_tokens, facts.context_tokens),
            "max_output_tokens": _smaller(lane.max_output_tokens, facts.max_output_tokens),
            "settings": {
                **lane.settings,
                "thinking_types": list(facts.thinking_types if types is None else types),
            },
        }
    )


def _smaller(configured: int | None, known: int | None) -> int | None:
    given = [each for each in (configured, known) if each is not None]
    return min(given, default=None)


def _at(tree: Mapping[str, JsonValue], *path: str) -> Mapping[str, JsonValue]:
    for name in path:
        below = tree.get(name)
        if not isinstance(below, dict):
            return {}
        tree = below
    return tree


def _is_supported(tree: Mapping[str, JsonValue], name: str) -> bool:
    return _at(tree, name).get("supported") is True
