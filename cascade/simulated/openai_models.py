"""What the simulated accounts can ask for: model families with what each takes and refuses.

Efforts are those that OpenAI's own error texts list (issues read 2026-11-20: gpt-5.1, gpt-5.4,
gpt-5.5, gpt-5.6 and gpt-6-astra); the other gpt-6 models are taken to follow gpt-5.6.
"""

from typing import Literal

from pydantic import PositiveInt

from cascade.frozen import Frozen

__all__ = ["OPENAI_MODELS", "OpenAIModel", "ToolsInChat", "openai_model"]

ToolsInChat = Literal["always", "effort_unset", "effort_none"]
"""When Chat Completions takes function tools: always, without an effort above `none` asked for, or
only with the effort `none`."""

_OLDEST = ("low", "medium", "high")
_FIVE = ("minimal", *_OLDEST)
_NONE = ("none", *_OLDEST)
_EXTRA = (*_NONE, "xhigh")
_MOST = (*_EXTRA, "max")


class OpenAIModel(Frozen):
    """A model as the API's rules see it."""

    id: str
    family: str
    """Models of one family can read each other's encrypted reasoning."""
    efforts: tuple[str, ...] = ()
    """Of reasoning, lowest first; empty for a model that does not reason."""
    default_effort: str = "medium"
    tools_in_chat: ToolsInChat = "always"
    keeps_reasoning: bool = False
    """Whether reasoning of earlier turns is shown to the model when the request leaves it open."""
    context_tokens: PositiveInt
    max_output_tokens: PositiveInt

    @property
    def reasons(self) -> bool:
        """Whether it is a reasoning model."""
        return bool(self.efforts)


def _sixth(model: str, *, efforts: tuple[str, ...] = _MOST) -> OpenAIModel:
    return OpenAIModel(
        id=model,
        family=model.rsplit("-", 1)[0],
        efforts=efforts,
        tools_in_chat="effort_none",
        keeps_reasoning=True,
        context_tokens=1_050_000,
        max_output_tokens=128_000,
    )


def _fifth(model: str, efforts: tuple[str, ...], *, tools: ToolsInChat = "always") -> OpenAIModel:
    return OpenAIModel(
        id=model,
        family="-".join(model.split("-")[:2]),
        efforts=efforts,
        default_effort="none" if "none" in efforts else "medium",
        tools_in_chat=tools,
        context_tokens=400_000,
        max_output_tokens=128_000,
    )


def _plain(model: str, *, context_tokens: int, max_output_tokens: int) -> OpenAIModel:
    return OpenAIModel(
        id=model,
        family=model.removesuffix("-mini"),
        context_tokens=context_tokens,
        max_output_tokens=max_output_tokens,
    )


OPENAI_MODELS: tuple[OpenAIModel, ...] = (
    _sixth("gpt-6-astra", efforts=_OLDEST),
    _sixth("gpt-6.1-sol"),
    _sixth("gpt-6.1-terra"),
    _sixth("gpt-6-sol"),
    _sixth("gpt-6-luna"),
    _sixth("gpt-5.6-sol"),
    _sixth("gpt-5.6-terra"),
    _sixth("gpt-5.6-luna"),
    _fifth("gpt-5.5", _EXTRA, tools="effort_unset"),
    _fifth("gpt-5.4", _EXTRA, tools="effort_unset"),
    _fifth("gpt-5.4-mini", _EXTRA, tools="effort_unset"),
    _fifth("gpt-5.1", _NONE),
    _fifth("gpt-5", _FIVE),
    _fifth("gpt-5-mini", _FIVE),
    _plain("gpt-4.1", context_tokens=1_047_576, max_output_tokens=32_768),
    _plain("gpt-4.1-mini", context_tokens=1_047_576, max_output_tokens=32_768),
    _plain("gpt-4o", context_tokens=128_000, max_output_tokens=16_384),
    _plain("gpt-4o-mini", context_tokens=128_000, max_output_tokens=16_384),
)
"""The models that a server has when it is told nothing else."""


def openai_model(model: str, models: tuple[OpenAIModel, ...] = OPENAI_MODELS) -> OpenAIModel | None:
    """The model of that name, or `None`."""
    return next((known for known in models if known.id == model), None)
