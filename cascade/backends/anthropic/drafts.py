"""From the blocks of an answer to a draft: parts, calls, problems, and what is kept of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic_core import from_json

from cascade.backends.anthropic.blocks import Block
from cascade.backends.anthropic.bound import AFTER
from cascade.backends.anthropic.encoding import kept, plain_blocks
from cascade.backends.anthropic.frame import Frame
from cascade.backends.remote.calls import CallIds, call_as_text, read_call
from cascade.exchange import Draft, Dropped, FinishReason, Request, Timing, Usage, View
from cascade.messages import (
    Artefact,
    AssistantMessage,
    AssistantPart,
    Origin,
    Reasoning,
    Text,
    ToolCall,
)

__all__ = ["Answer", "draft_of"]

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {"max_tokens": "length", "refusal": "refusal", "pause_turn": "stopped"}
)
_LASTING_ID = re.compile(r"toolu_[A-Za-z0-9_]{16,34}")


@dataclass(slots=True)
class Answer:
    """What an answer says besides its blocks."""

    response_id: str | None = None
    served_model: str = ""
    stop_reason: str | None = None
    refusal: str | None = None
    """Why it was declined, where the provider says so."""
    refused_blocks: int = 0
    """Signed blocks of earlier turns that the provider did not show the model."""


def draft_of(
    answer: Answer,
    blocks: Sequence[Block],
    *,
    view: View,
    request: Request,
    frame: Frame,
    origin: Origin,
    usage: Usage,
    timing: Timing,
    after: str | None = None,
) -> Draft:
    """The draft that a complete answer amounts to; *after* marks what it was signed over."""
    reading = _Reading(view, request, frame)
    for block in blocks:
        reading.take(block, is_cut=answer.stop_reason == "max_tokens" and block is blocks[-1])
    message = reading.message(origin, after)
    reason = _FINISH_REASONS.get(answer.stop_reason or "")
    dropped = Dropped(what="reasoning", why="not_accepted", count=answer.refused_blocks)
    return Draft(
        message=message,
        finish_reason=reason or ("tool_calls" if message.calls else "stop"),
        usage=usage,
        timing=timing,
        served_model=answer.served_model or origin.model,
        problem=reading.problem or _pause(answer),
        response_id=answer.response_id,
        dropped=(dropped,) if answer.refused_blocks else (),
    )


def _pause(answer: Answer) -> str | None:
    if answer.stop_reason == "pause_turn":
        return "The provider paused it before its end."
    if answer.stop_reason == "refusal" and answer.refusal:
        return f"The provider declined to answer: {answer.refusal}"
    return None


class _Reading:
    """Goes through the blocks in order."""

    def __init__(self, view: View, request: Request, frame: Frame) -> None:
        self._most_tokens = request.max_output_tokens
        self._frame = frame
        self._parts: list[AssistantPart] = []
        self._thoughts: dict[int, int] = {}
        """From the place among the parts to the place among what is kept."""
        self._written: list[str] = []
        self._ids = CallIds(view, request, _LASTING_ID)
        self._answer: str | None = None
        self._is_whole = True
        self._has_gap = False
        self._ends_in_thought = True
        self.problem: str | None = None

    def take(self, block: Block, *, is_cut: bool) -> None:
        """Makes a part of one block."""
        self._is_whole = self._is_whole and block.is_known
        if block.type == "text":
            text = block.text("text")
            if not text.strip():
                # Sent back, it would be refused as empty.
                self._has_gap = True
                return
            self._parts.append(Text(text=text))
        elif block.type in _THOUGHTS:
            # It is signed over what came before it, and that cannot be sent.
            self._is_whole = self._is_whole and not self._has_gap
            self._thoughts[len(self._parts)] = len(self._written)
            self._parts.append(Reasoning(text=block.text("thinking")))
        elif block.type == "tool_use":
            self._call(block, is_cut=is_cut)
            return
        self._keep(block)

    def message(self, origin: Origin, after: str | None) -> AssistantMessage:
        """The message, with its own form where that can go back as it is."""
        if self._answer is not None and self.problem is None and not self._call_parts():
            thoughts = [part for part in self._parts if isinstance(part, Reasoning)]
            return AssistantMessage(parts=(*thoughts, Text(text=self._answer)))
        if self.problem is not None:
            return AssistantMessage(parts=tuple(map(_as_text, self._parts)))
        if not self._is_whole or self._ends_in_thought or self._answer is not None:
            return AssistantMessage(parts=tuple(self._parts))
        content = f"[{','.join(self._written)}]"
        message = AssistantMessage(parts=tuple(self._parts))
        if not message.calls and message.text and from_json(content) == plain_blocks(message):
            return message
        for place, block in self._thoughts.items():
            thought = self._parts[place]
            self._parts[place] = thought.model_copy(
                update={"artefact": Artefact(origin=origin, raw={"block": block})}
            )
        # Without thoughts nothing is signed, and the turn goes back wherever it stands.
        mark = {AFTER: after} if self._thoughts and after is not None else {}
        return AssistantMessage(parts=tuple(self._parts), artefact=kept(origin, content, **mark))

    def _call_parts(self) -> list[ToolCall]:
        return [part for part in self._parts if isinstance(part, ToolCall)]

    def _keep(self, block: Block, *, call_id: str | None = None) -> None:
        self._written.append(block.json(call_id=call_id))
        self._ends_in_thought = block.type in _THOUGHTS

    def _call(self, block: Block, *, is_cut: bool) -> None:
        sent = str(block.start.get("name") or "")
        name = self._frame.tool_names.get(sent, sent)
        own, written = block.start.get("id"), block.input_text
        call_id = self._ids.of(own)
        call = read_call(call_id, name, written)
        if isinstance(call, str):
            self._parts.append(Text(text=call_as_text(name, written)))
            cut = f"Its call of {name} was cut off at the limit of {self._most_tokens} tokens."
            self.problem = self.problem or (cut if is_cut else call)
        elif sent == self._frame.answer_tool:
            self._answer = written
        else:
            self._parts.append(call)
            self._keep(block, call_id=None if call_id == own else call_id)


def _as_text(part: AssistantPart) -> AssistantPart:
    """A call as text: beside one that cannot be read none is made."""
    if isinstance(part, ToolCall):
        return Text(text=call_as_text(part.name, part.arguments))
    return part
