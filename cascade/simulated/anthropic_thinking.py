"""Thinking blocks: how they are sealed, and what becomes of those that a request brings back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cascade.simulated.anthropic_models import AnthropicModel
from cascade.simulated.anthropic_prompt import Element
from cascade.simulated.anthropic_request import (
    Adaptive,
    AssistantTurn,
    Enabled,
    MessagesRequest,
    Redacted,
    RuleError,
    Thinking,
    ToolResult,
    UserTurn,
)
from cascade.simulated.received import Account
from cascade.simulated.signatures import Seal, Sealed, content_digest

__all__ = [
    "Reading",
    "check_thinking_first",
    "is_thinking",
    "read_thinking",
    "sealed_block",
    "thinking_tokens",
]

Form = Literal["summarized", "omitted", "redacted"]
"""How a block shows what was thought: as text, as an empty text, not at all."""

_BOUND = (
    "The block is bound to a different conversation. Remove the block, or set "
    '`thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What became of the thinking that a request brings back.

    Attributes:
        dropped: Paths of the blocks that the model is not shown.
        transformations: The report on them, as the beta has it in the answer.
    """

    dropped: frozenset[tuple[int, int]]
    transformations: tuple[Mapping[str, str], ...]


def sealed_block(
    text: str, *, tokens: int, form: Form, seal: Seal, model: str, account: str, prefix: str
) -> dict[str, Any]:
    """A thinking block, as an answer brings it."""
    shown = text if form == "summarized" else ""
    content = f"{form}:{tokens}:{content_digest(shown)}"
    mark = seal.make(Sealed(model=model, account=account, prefix=prefix, content=content))
    if form == "redacted":
        return {"type": "redacted_thinking", "data": mark}
    return {"type": "thinking", "thinking": shown, "signature": mark}


def is_thinking(block: Mapping[str, Any]) -> bool:
    """Whether a block is thinking, readable or not."""
    return block.get("type") in {"thinking", "redacted_thinking"}


def thinking_tokens(block: Mapping[str, Any], seal: Seal) -> int:
    """What a thinking block counts as, whatever of it is shown; 0 for a forged one."""
    sealed = _sealed(block, seal)
    return 0 if sealed is None else int(sealed.content.split(":")[1])


def _sealed(block: Mapping[str, Any], seal: Seal) -> Sealed | None:
    """What a block's seal says; `None` if it is forged, or the block is not as it was."""
    is_redacted = block["type"] == "redacted_thinking"
    sealed = seal.read(block["data" if is_redacted else "signature"])
    if sealed is None:
        return None
    form, _, digest = sealed.content.split(":")
    shown = "" if is_redacted else block["thinking"]
    is_untouched = (form == "redacted") == is_redacted and content_digest(shown) == digest
    return sealed if is_untouched else None


def read_thinking(
    prompt: Sequence[Element],
    request: MessagesRequest,
    *,
    model: AnthropicModel,
    models: Mapping[str, AnthropicModel],
    account: Account,
    seal: Seal,
) -> Reading:
    """Looks at every thinking block of the conversation.

    Raises:
        RuleError: One of them is forged, altered or misplaced, and the request fails for it.
    """
    behaviour = _behaviour(request)
    dropped: dict[tuple[int, int], str] = {}
    reports: list[Mapping[str, str]] = []
    for element in prompt:
        path = element.path
        if path is None or not is_thinking(element.block):
            continue
        reason = _after_dropped(path, dropped) or _mismatch(element, model, models, account, seal)
        if reason is None:
            continue
        is_prefix = reason == "prefix_binding_mismatch"
        if is_prefix and behaviour != "drop_block":
            if behaviour == "error" or account.enforces_prefix:
                raise _invalid(element, f". {_BOUND}")
            reports.append(_report("thinking_mismatch_allowed", path, reason))
            continue
        dropped[path] = reason
        reports.append(_report("thinking_dropped", path, reason))
    return Reading(dropped=frozenset(dropped), transformations=tuple(reports))


def _behaviour(request: MessagesRequest) -> str | None:
    thinking = request.thinking
    if not isinstance(thinking, Adaptive | Enabled) or thinking.block_binding is None:
        return None
    return thinking.block_binding.prefix_mismatch_behavior


def _after_dropped(path: tuple[int, int], dropped: Mapping[tuple[int, int], str]) -> str | None:
    """A block goes with the thinking right before it that stood behind another prefix."""
    reason = dropped.get((path[0], path[1] - 1))
    return reason if reason == "prefix_binding_mismatch" else None


def _mismatch(
    element: Element,
    model: AnthropicModel,
    models: Mapping[str, AnthropicModel],
    account: Account,
    seal: Seal,
) -> str | None:
    """Why a block does not fit here, by the API's name; `None` if it does.

    Thinking of another account, by a model whose thinking is not documented to be dropped then, is
    taken for a forgery.
    """
    sealed = _sealed(element.block, seal)
    if sealed is None:
        raise _invalid(element)
    if sealed.account != account.name:
        writer = models.get(sealed.model)
        if writer is None or not writer.account_bound:
            raise _invalid(element)
        return "organization_binding_mismatch"
    if sealed.model not in {model.id, *model.reads}:
        return "model_binding_mismatch"
    if model.enforces_prefix and sealed.prefix != element.prefix:
        return "prefix_binding_mismatch"
    return None


def _report(kind: str, path: tuple[int, int], reason: str) -> Mapping[str, str]:
    return {"type": kind, "path": f"messages.{path[0]}.content.{path[1]}", "reason": reason}


def _invalid(element: Element, more: str = "") -> RuleError:
    message, position = element.path or (0, 0)
    kind = element.block["type"]
    field = "signature" if kind == "thinking" else "data"
    return RuleError(
        f"messages.{message}.content.{position}: Invalid `{field}` in `{kind}` block{more}"
    )


def check_thinking_first(request: MessagesRequest) -> None:
    """Checks that a tool loop under `thinking.type.enabled` begins with thinking.

    Raises:
        RuleError: It does not.
    """
    if not isinstance(request.thinking, Enabled) or not _has_results(request.messages[-1]):
        return
    first = 0
    for number, turn in enumerate(request.messages):
        if isinstance(turn, UserTurn) and not _has_results(turn):
            first = number + 1
    turn = request.messages[first]
    if isinstance(turn, AssistantTurn) and not isinstance(turn.content[0], Thinking | Redacted):
        raise RuleError(
            f"messages.{first}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{turn.content[0].type}`. When `thinking` is enabled, a final `assistant` "
            "message must start with a thinking block (preceeding the lastmost set of `tool_use` "
            "and `tool_result` blocks). We recommend you include thinking blocks from previous "
            "turns. To avoid this requirement, disable `thinking`. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )


def _has_results(turn: Any) -> bool:
    return isinstance(turn, UserTurn) and any(
        isinstance(block, ToolResult) for block in turn.content
    )
