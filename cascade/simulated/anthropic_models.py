"""The models that the simulated Anthropic API offers, and what each of them refuses.

What the models accept follows Anthropic's documentation as of 2026-11; where that is silent, the
stricter reading holds. Windows and output limits are the simulation's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.simulated.received import Received
from cascade.simulated.wire import Refusal

__all__ = [
    "MODELS",
    "AnthropicModel",
    "ModelList",
    "ModelPage",
    "ThinkingType",
    "unknown_model",
]

ThinkingType = str
"""`adaptive`, `enabled`, `disabled` or `between_tools`."""

_LEVELS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicModel:
    """What one model takes.

    Attributes:
        id: As requests name it.
        thinking: The values of `thinking.type` that it accepts.
        thinks_unasked: Whether it thinks where a request does not mention thinking.
        shows_thinking: Whether thinking is shown where a request does not say; the text of a
            thinking block is empty otherwise.
        hides_remarks: Whether text before tool calls comes inside thinking blocks.
        efforts: Of `output_config.effort`.
        sampling: Whether temperature and its like are taken, under the API version that has them.
        forced_tools: Whether a tool call can be forced.
        prefill: Whether a conversation may end with the beginning of the answer.
        system_anywhere: Whether system messages may stand in the conversation.
        enforces_prefix: Whether its thinking is held to the conversation that it was written in.
        account_bound: Whether its thinking is for the account that it was written for.
        reads: The other models whose thinking it can read.
        max_input_tokens: Its context window.
        max_tokens: The most that a request may ask for.
        cacheable_tokens: The shortest prefix that is cached.
    """

    id: str
    thinking: tuple[ThinkingType, ...]
    thinks_unasked: bool = True
    shows_thinking: bool = False
    hides_remarks: bool = False
    efforts: tuple[str, ...] = _LEVELS
    sampling: bool = False
    forced_tools: bool = True
    prefill: bool = False
    system_anywhere: bool = True
    enforces_prefix: bool = False
    account_bound: bool = False
    reads: tuple[str, ...] = ()
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    cacheable_tokens: int = 1024


def _latest(
    name: str, *thinking: ThinkingType, account_bound: bool = False, reads: tuple[str, ...] = ()
) -> AnthropicModel:
    """A model that holds its thinking to account and conversation, and cannot be forced."""
    return AnthropicModel(
        id=name,
        thinking=thinking,
        hides_remarks=name.endswith("5-5"),
        forced_tools=False,
        enforces_prefix=True,
        account_bound=account_bound,
        reads=reads,
        cacheable_tokens=512 if name.endswith("5-5") else 1024,
    )


_OPUS = ("claude-opus-5-5", "claude-opus-5")
_HAIKU = "claude-haiku-5-5"

_KNOWN = (
    _latest("claude-fable-5-2", "adaptive", reads=(*_OPUS, "claude-fable-5-1", _HAIKU)),
    _latest("claude-mythos-5-2", "adaptive", reads=(*_OPUS, _HAIKU)),
    _latest("claude-fable-5-1", "adaptive", reads=(*_OPUS, _HAIKU)),
    _latest("claude-mythos-5-1", "adaptive", reads=(*_OPUS, _HAIKU)),
    _latest("claude-opus-5-5", "adaptive", reads=(_HAIKU,)),
    _latest("claude-sonnet-5-5", "adaptive", "between_tools", account_bound=True, reads=(_HAIKU,)),
    _latest(_HAIKU, "adaptive", "disabled", account_bound=True),
    *(
        AnthropicModel(id=name, thinking=("adaptive",), forced_tools=False)
        for name in ("claude-fable-5", "claude-mythos-5")
    ),
    *(
        AnthropicModel(id=name, thinking=("adaptive", "disabled"))
        for name in ("claude-opus-5", "claude-sonnet-5")
    ),
    AnthropicModel(id="claude-opus-4-8", thinking=("adaptive", "disabled"), thinks_unasked=False),
    AnthropicModel(
        id="claude-opus-4-7",
        thinking=("adaptive", "disabled"),
        thinks_unasked=False,
        system_anywhere=False,
    ),
    *(
        AnthropicModel(
            id=name,
            thinking=("adaptive", "enabled", "disabled"),
            thinks_unasked=False,
            shows_thinking=True,
            efforts=("low", "medium", "high", "max"),
            sampling=True,
            system_anywhere=False,
        )
        for name in ("claude-opus-4-6", "claude-sonnet-4-6")
    ),
    *(
        AnthropicModel(
            id=name,
            thinking=("enabled", "disabled"),
            thinks_unasked=False,
            shows_thinking=True,
            efforts=efforts,
            sampling=True,
            prefill=True,
            system_anywhere=False,
            max_input_tokens=200_000,
            max_tokens=64_000,
        )
        for name, efforts in (
            ("claude-opus-4-5", ("low", "medium", "high")),
            ("claude-sonnet-4-5", ()),
            ("claude-haiku-4-5", ()),
        )
    ),
)

MODELS: Mapping[str, AnthropicModel] = {model.id: model for model in _KNOWN}
"""All of them, by name."""


def unknown_model(name: str) -> Refusal:
    """There is no model of that name."""
    return Refusal(status=404, type="not_found_error", message=f"model: {name}")


def _supported(value: bool) -> dict[str, bool]:  # noqa: FBT001 - the one thing that it says
    return {"supported": value}


def _capabilities(model: AnthropicModel) -> dict[str, Any]:
    kinds = ("adaptive", "enabled", "disabled", "between_tools")
    return {
        "batch": _supported(False),
        "citations": _supported(False),
        "code_execution": _supported(False),
        "context_management": _supported(False),
        "effort": _supported(bool(model.efforts))
        | {level: _supported(level in model.efforts) for level in _LEVELS},
        "image_input": _supported(True),
        "pdf_input": _supported(False),
        "server_tools": _supported(False),
        "structured_outputs": _supported(True),
        "thinking": {
            "supported": True,
            "types": {kind: _supported(kind in model.thinking) for kind in kinds},
        },
    }


def _described(model: AnthropicModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "type": "model",
        "display_name": f"{model.id} (simulated)",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": model.id.split("-")[1],
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
        "capabilities": _capabilities(model),
    }


@dataclass(frozen=True, slots=True)
class ModelPage:
    """`GET /v1/models/{model}`: what a model can do."""

    models: Mapping[str, AnthropicModel]
    path: str = "/v1/models/{model}"

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:
        """The model that the path names."""
        model = self.models.get(received.values["model"])
        return unknown_model(received.values["model"]) if model is None else _described(model)


@dataclass(frozen=True, slots=True)
class ModelList:
    """`GET /v1/models`: all models, on one page."""

    models: Mapping[str, AnthropicModel]
    path: str = "/v1/models"

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:
        """All of them."""
        del received
        names = list(self.models)
        return {
            "data": [_described(model) for model in self.models.values()],
            "has_more": False,
            "first_id": names[0],
            "last_id": names[-1],
        }
