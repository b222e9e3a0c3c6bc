"""How one call is made: thinking, effort, sampling and what of the request is left out."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from cascade.backends.anthropic.encoding import own_content
from cascade.backends.anthropic.frame import Frame
from cascade.backends.anthropic.settings import AnthropicSettings, ThinkingType
from cascade.exchange import Dropped, Request, Sampling, View
from cascade.lanes import Capabilities
from cascade.messages import AssistantMessage, Message, Origin

__all__ = ["Plan", "lacks_thinking", "plan_of"]

_DEFAULT_BUDGET_TOKENS = 4096
_LEAST_BUDGET_TOKENS = 1024
_LATE_EFFORTS = frozenset({"xhigh", "max"})
"""Levels that some models refuse with thinking off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The members of a request that depend on the call.

    Attributes:
        members: By name, all but `system`, `tools` and `messages`.
        dropped: What was asked for and is not in them.
    """

    members: dict[str, Any]
    dropped: tuple[Dropped, ...]


def plan_of(
    view: View,
    request: Request,
    frame: Frame,
    *,
    model: str,
    capabilities: Capabilities,
    settings: AnthropicSettings,
    thinking_types: tuple[ThinkingType, ...],
    origin: Origin,
    strangers: Container[int] = (),
) -> Plan:
    """The plan of a call.

    Args:
        view: What is shown.
        request: What is asked for.
        frame: The constant part of the body.
        model: The model's name.
        capabilities: Of the lane.
        settings: Of the lane.
        thinking_types: What the model accepts.
        origin: Of the lane.
        strangers: Indices of its own turns that are shown like those from elsewhere.
    """
    thinking, effort_lost = _thinking(
        settings,
        thinking_types,
        most=request.max_output_tokens,
        forced=frame.answer_form == "tool",
        is_lost=lambda: lacks_thinking(view, origin, strangers),
    )
    is_off = thinking is not None and thinking["type"] in {"disabled", "between_tools"}
    effort = request.effort
    if effort is not None and (
        effort not in capabilities.efforts or (is_off and effort in _LATE_EFFORTS)
    ):
        effort, effort_lost = None, True
    members: dict[str, Any] = {"model": model, "max_tokens": request.max_output_tokens}
    if settings.stream:
        members["stream"] = True
    if thinking is not None:
        members["thinking"] = thinking
    output = {"effort": effort, "format": frame.output_format}
    if any(output.values()):
        members["output_config"] = {name: each for name, each in output.items() if each}
    choice = _tool_choice(frame, capabilities)
    if choice is not None:
        members["tool_choice"] = choice
    is_thinking = thinking is not None and not is_off
    sampled, sampling_lost = _sampling(
        request.sampling,
        allowed=capabilities.sampling and settings.allows_sampling and not is_thinking,
    )
    dropped = [Dropped(what="effort", why="not_supported")] if effort_lost else []
    dropped += [Dropped(what="sampling", why="not_supported")] if sampling_lost else []
    return Plan(members=members | sampled, dropped=tuple(dropped))


def lacks_thinking(view: View, origin: Origin, strangers: Container[int] = ()) -> bool:
    """Whether the round of tool calls that is to go on comes without its signed thoughts.

    A model that thinks by budget refuses that. The turn that began the round has to begin with a
    thought; later ones may come without, but not from another lane. Where a word of the user stands
    between results and the next calls, it may or may not count as the beginning of a new round, so
    both are looked at.
    """
    turns = view.messages

    def content(index: int) -> str | None:
        turn = turns[index]
        is_plain = index < view.plain_until or index in strangers
        if is_plain or not isinstance(turn, AssistantMessage):
            return None
        return own_content(turn, origin)

    ends = [index for index in range(len(turns) - 1, -1, -1) if turns[index].role == "assistant"]
    if not ends or all(turn.role != "tool" for turn in turns[ends[0] + 1 :]):
        return False
    if content(ends[0]) is None:
        return True
    for index, before in zip(ends, [*ends[1:], -1], strict=True):
        roles = {turn.role for turn in turns[before + 1 : index]}
        if "user" in roles and (content(index) is None or not _begins_with_thought(turns[index])):
            return True
        if "tool" not in roles:
            break
    return False


def _begins_with_thought(turn: Message) -> bool:
    return bool(turn.parts) and turn.parts[0].kind == "reasoning"


def _wanted(
    settings: AnthropicSettings, thinking_types: tuple[ThinkingType, ...]
) -> ThinkingType | None:
    if settings.thinking is not None:
        return settings.thinking
    if "adaptive" in thinking_types:
        return "adaptive"
    return "enabled" if settings.thinking_budget_tokens is not None else None


def _thinking(
    settings: AnthropicSettings,
    types: tuple[ThinkingType, ...],
    *,
    most: int,
    forced: bool,
    is_lost: Callable[[], bool],
) -> tuple[dict[str, Any] | None, bool]:
    """The `thinking` member, and whether something else was asked for."""
    if forced:
        return ({"type": "disabled"}, False) if "disabled" in types else (None, False)
    wanted = _wanted(settings, types)
    if wanted is None:
        return None, False
    details: dict[str, Any] = {}
    if settings.thinking_display is not None:
        details["display"] = settings.thinking_display
    if settings.thinking_mismatch is not None:
        details["block_binding"] = {"prefix_mismatch_behavior": settings.thinking_mismatch}
    if wanted == "enabled" and (not types or "enabled" in types):
        budget = min(settings.thinking_budget_tokens or _DEFAULT_BUDGET_TOKENS, most - 1)
        if budget < _LEAST_BUDGET_TOKENS:
            return {"type": "disabled"}, True
        if is_lost():
            return {"type": "disabled"}, False
        return {"type": "enabled", "budget_tokens": budget, **details}, False
    if types and wanted not in types:
        # The nearest that the model has; without a member it does what it does by itself.
        off = next((each for each in ("disabled", "between_tools") if each in types), None)
        if wanted in {"disabled", "between_tools"} and off is not None:
            return {"type": off}, False
        return ({"type": "adaptive", **details} if "adaptive" in types else None), True
    return {"type": wanted, **(details if wanted == "adaptive" else {})}, False


def _tool_choice(frame: Frame, capabilities: Capabilities) -> dict[str, Any] | None:
    choice: dict[str, Any] = {"type": "auto"}
    if frame.answer_tool is not None:
        choice = {"type": "any"}
        if not frame.has_tools:
            choice = {"type": "tool", "name": frame.answer_tool}
    elif not frame.has_tools:
        return None
    if not capabilities.parallel_tools:
        choice["disable_parallel_tool_use"] = True
    return None if choice == {"type": "auto"} else choice


def _sampling(sampling: Sampling, *, allowed: bool) -> tuple[dict[str, Any], bool]:
    """What of the sampling is sent, and whether something that was asked for is not.

    Of temperature and `top_p` the provider takes one, and it is the former.
    """
    stops = [stop for stop in sampling.stop if stop.strip()]
    sent: dict[str, Any] = {"stop_sequences": stops} if stops else {}
    default = Sampling()
    plain = sampling.model_copy(update={"stop": ()})
    lost = len(stops) < len(sampling.stop)
    if not allowed:
        return sent, lost or plain != default
    sent["temperature"] = min(sampling.temperature, 1.0)
    if sampling.top_k is not None:
        sent["top_k"] = sampling.top_k
    known = default.model_copy(update={"temperature": sampling.temperature})
    rest = plain.model_copy(update={"top_k": None})
    return sent, lost or rest != known or sampling.temperature > 1.0
