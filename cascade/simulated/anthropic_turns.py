"""The Messages API's rules for turns: roles, content, and pairs of tool calls and results."""

from collections.abc import Iterator, Sequence

from cascade.simulated.anthropic_models import AnthropicModel
from cascade.simulated.anthropic_request import (
    AssistantTurn,
    MessagesRequest,
    Redacted,
    RequestTurn,
    RuleError,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    UserTurn,
)

__all__ = ["check_turns"]

_UNEXPECTED_SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
    'not "system" as an input message role.'
)
_NO_PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user "
    "message."
)


def check_turns(request: MessagesRequest, model: AnthropicModel, *, thinks: bool) -> None:
    """Checks the conversation, thinking aside.

    Raises:
        RuleError: It breaks a rule.
    """
    _check_roles(request.messages, model)
    for text in request.system:
        _check_text("system", text)
    for number, turn in enumerate(request.messages):
        _check_content(number, turn)
    _check_end(request.messages, model, thinks=thinks)
    _check_pairs(request.messages)


def _check_roles(turns: Sequence[RequestTurn], model: AnthropicModel) -> None:
    if not turns:
        raise RuleError("messages: at least one message is required")
    roles = [turn.role for turn in turns]
    if "system" in roles and not model.system_anywhere:
        raise RuleError(_UNEXPECTED_SYSTEM)
    if roles[0] != "user":
        raise RuleError('messages: first message must use the "user" role')
    for number, role in enumerate(roles):
        if role != "system":
            continue
        if roles[number - 1] != "user":
            raise RuleError(f"messages.{number}: role 'system' must follow a 'user' message")
        if roles[number + 1 : number + 2] not in ([], ["assistant"]):
            raise RuleError(
                f"messages.{number}: role 'system' must precede an 'assistant' message or end the "
                "array"
            )


def _check_content(number: int, turn: RequestTurn) -> None:
    if not turn.content:
        raise RuleError(
            f"messages.{number}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )
    for position, block in enumerate(turn.content):
        place = f"messages.{number}.content.{position}"
        if isinstance(block, Text):
            _check_text("messages", block, place=place)
        elif isinstance(block, ToolResult):
            _check_result(block, place)
    if isinstance(turn, AssistantTurn) and isinstance(turn.content[-1], Thinking | Redacted):
        raise RuleError(
            f"messages.{number}: The final block in an assistant message cannot be "
            f"`{turn.content[-1].type}`."
        )


def _check_text(where: str, block: Text, *, place: str = "") -> None:
    if not block.text and block.cache_control is not None and place:
        raise RuleError(f"{place}.text: cache_control cannot be set for empty text blocks")
    if not block.text:
        raise RuleError(f"{where}: text content blocks must be non-empty")
    if not block.text.strip():
        raise RuleError(f"{where}: text content blocks must contain non-whitespace text")


def _check_result(result: ToolResult, place: str) -> None:
    if result.is_error and not result.content:
        raise RuleError(f"{place}.tool_result: content cannot be empty if `is_error` is true")
    for block in result.content:
        if isinstance(block, Text):
            _check_text("messages", block, place=place)


def _check_end(turns: Sequence[RequestTurn], model: AnthropicModel, *, thinks: bool) -> None:
    last = turns[-1]
    if not isinstance(last, AssistantTurn) or any(
        isinstance(block, ToolUse) for block in last.content
    ):
        return
    if not model.prefill or thinks:
        raise RuleError(_NO_PREFILL)
    end = last.content[-1]
    if isinstance(end, Text) and end.text != end.text.rstrip():
        raise RuleError("messages: final assistant content cannot end with trailing whitespace")


def _check_pairs(turns: Sequence[RequestTurn]) -> None:
    seen: set[str] = set()
    asked: list[str] = []
    for number, turn in enumerate(turns):
        if asked and not isinstance(turn, UserTurn):
            raise _unanswered(number - 1, asked)
        if isinstance(turn, UserTurn):
            _check_results(number, turn, asked)
        asked = list(_calls(number, turn, seen))
    if asked:
        raise _unanswered(len(turns) - 1, asked)


def _calls(number: int, turn: RequestTurn, seen: set[str]) -> Iterator[str]:
    """The calls of a turn, after a check that no other has the same identity."""
    if not isinstance(turn, AssistantTurn):
        return
    for position, block in enumerate(turn.content):
        if not isinstance(block, ToolUse):
            continue
        if block.id in seen:
            raise RuleError(f"messages.{number}.content.{position}: `tool_use` ids must be unique")
        seen.add(block.id)
        yield block.id


def _check_results(number: int, turn: UserTurn, asked: Sequence[str]) -> None:
    answered: set[str] = set()
    leading = True
    for position, block in enumerate(turn.content):
        if not isinstance(block, ToolResult):
            leading = False
            continue
        place, call = f"messages.{number}.content.{position}", block.tool_use_id
        if call not in asked:
            raise RuleError(
                f"{place}: unexpected `tool_use_id` found in `tool_result` blocks: {call}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
                "message."
            )
        if call in answered:
            raise RuleError(
                f"{place}: each tool_use must have a single result. Found multiple `tool_result` "
                f"blocks with id: {call}"
            )
        if not leading:
            break
        answered.add(call)
    missing = [call for call in asked if call not in answered]
    if missing:
        raise _unanswered(number - 1, missing)


def _unanswered(number: int, calls: Sequence[str]) -> RuleError:
    return RuleError(
        f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(calls)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message."
    )
