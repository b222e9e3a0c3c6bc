"""What the simulated Messages API answers: content, usage and the stream of both."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from cascade.errors import ConfigError
from cascade.simulated.anthropic_models import AnthropicModel
from cascade.simulated.anthropic_prompt import InputUsage, weight
from cascade.simulated.anthropic_request import Enabled, MessagesRequest, UserTurn
from cascade.simulated.anthropic_thinking import Form, is_thinking, sealed_block, thinking_tokens
from cascade.simulated.script import Calls, Turn
from cascade.simulated.signatures import Seal, chained
from cascade.simulated.usage import CountTokens
from cascade.simulated.wire import Event

__all__ = ["Composer", "stream", "usage_of"]

_PIECE = 12
"""Characters in one delta of a stream."""

_STOP_REASONS = {
    "stop": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "refusal": "refusal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Makes the content of one answer out of a turn.

    Attributes:
        request: That is answered.
        model: That answers.
        thinks: Whether it may think.
        account: Whose request it is.
        prefix: Digest of the whole prompt.
        seal: For thinking.
        count: Tokens of a text.
    """

    request: MessagesRequest
    model: AnthropicModel
    thinks: bool
    account: str
    prefix: str
    seal: Seal
    count: CountTokens

    def compose(self, turn: Turn) -> tuple[list[dict[str, Any]], str, str | None]:
        """The content, why it ends, and the stop sequence that ended it."""
        text, sequence = self._stopped(turn.text)
        calls = () if sequence else self._allowed(turn.calls)
        blocks = self._blocks(turn, text, calls)
        kept = self._within(blocks)
        if len(kept) < len(blocks) or kept != blocks:
            return kept, "max_tokens", None
        if sequence:
            return kept, "stop_sequence", sequence
        ends = "stop" if turn.ends == "calls" and not calls else turn.ends
        return kept, _STOP_REASONS[ends], None

    def _stopped(self, text: str) -> tuple[str, str | None]:
        found = [each for each in self.request.stop_sequences if each in text]
        if not found:
            return text, None
        first = min(found, key=text.index)
        return text[: text.index(first)], first

    def _allowed(self, calls: Sequence[Calls]) -> Sequence[Calls]:
        choice = self.request.tool_choice
        if choice is None:
            return calls
        if choice.type == "none":
            return ()
        return calls[:1] if choice.disable_parallel_tool_use else calls

    def _blocks(self, turn: Turn, text: str, calls: Sequence[Calls]) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        thought = turn.thinking if self.thinks else None
        if thought is None and self._has_to_think():
            thought = ""
        if thought is not None:
            self._think(blocks, thought, redacted=turn.redacted)
        if text.strip() and calls and self._hides_remarks():
            self._think(blocks, text, redacted=False)
        elif text.strip():
            blocks.append({"type": "text", "text": text})
        for number, call in enumerate(calls):
            blocks.append(self._tool_use(call, number))
        return blocks

    def _has_to_think(self) -> bool:
        """With a budget, the model thinks at least before it begins to call tools."""
        last = self.request.messages[-1]
        begins = isinstance(last, UserTurn) and not any(
            block.type == "tool_result" for block in last.content
        )
        return isinstance(self.request.thinking, Enabled) and begins

    def _hides_remarks(self) -> bool:
        thinking = self.request.thinking
        is_between = thinking is not None and thinking.type == "between_tools"
        return is_between or (self.thinks and self.model.hides_remarks)

    def _think(self, blocks: list[dict[str, Any]], text: str, *, redacted: bool) -> None:
        prefix = self.prefix
        for block in blocks:
            prefix = chained(prefix, ["assistant", block])
        block = sealed_block(
            text,
            tokens=self.count(text),
            form="redacted" if redacted else self._form(),
            seal=self.seal,
            model=self.model.id,
            account=self.account,
            prefix=prefix,
        )
        blocks.append(block)

    def _form(self) -> Form:
        display: str | None = getattr(self.request.thinking, "display", None)
        if display is None:
            return "summarized" if self.model.shows_thinking else "omitted"
        return "summarized" if display == "summarized" else "omitted"

    def _tool_use(self, call: Calls, number: int) -> dict[str, Any]:
        arguments = call.arguments
        if isinstance(arguments, str):
            raise ConfigError(
                "the Messages API carries a call's arguments as an object, not as text"
            )
        name = hashlib.sha256(f"{self.prefix}/{number}".encode()).hexdigest()[:20]
        return {
            "type": "tool_use",
            "id": f"toolu_sim_{name}",
            "name": call.name,
            "input": dict(arguments),
            "caller": {"type": "direct"},
        }

    def _within(self, blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """As much of the content as the request's limit leaves room for."""
        room = self.request.max_tokens
        kept: list[dict[str, Any]] = []
        for block in blocks:
            tokens = self.tokens(block)
            if tokens <= room:
                kept.append(block)
                room -= tokens
                continue
            if block["type"] == "text" and room:
                kept.append(block | {"text": self._shortened(block["text"], room)})
            break
        return kept

    def _shortened(self, text: str, room: int) -> str:
        while self.count(text) > room:
            text = text[: len(text) * 3 // 4]
        return text

    def tokens(self, block: Mapping[str, Any]) -> int:
        """What a block of the answer counts as."""
        if is_thinking(block):
            return thinking_tokens(block, self.seal)
        return weight(block, self.count)


def usage_of(prompt: InputUsage, *, output: int, thinking: int) -> dict[str, Any]:
    """The usage of an answer; `input_tokens` leaves out what the cache had to do with."""
    return {
        "input_tokens": prompt.plain,
        "cache_creation_input_tokens": prompt.written_5m + prompt.written_1h,
        "cache_read_input_tokens": prompt.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": prompt.written_5m,
            "ephemeral_1h_input_tokens": prompt.written_1h,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
        "service_tier": "standard",
    }


def stream(answer: Mapping[str, Any]) -> Iterator[Event]:
    """The answer, event by event."""
    begun: dict[str, Any] = {
        **answer,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": answer["usage"] | {"output_tokens": 1, "output_tokens_details": None},
    }
    yield _event("message_start", message=begun)
    yield _event("ping")
    for index, block in enumerate(answer["content"]):
        yield _event("content_block_start", index=index, content_block=_empty(block))
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    counted = {
        name: value
        for name, value in answer["usage"].items()
        if name not in {"cache_creation", "service_tier"}
    }
    delta = {name: answer[name] for name in ("stop_reason", "stop_sequence")}
    yield _event("message_delta", delta=delta, usage=counted)
    yield _event("message_stop")


def _event(name: str, **data: Any) -> Event:
    return Event(name=name, data={"type": name, **data})


def _empty(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """The block as it is before its first delta."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}
        case "thinking":
            return {**block, "thinking": "", "signature": ""}
        case "tool_use":
            return {**block, "input": {}}
        case _:
            return block


def _deltas(block: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    match block["type"]:
        case "text":
            for piece in _pieces(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in _pieces(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            for piece in _pieces(to_json(block["input"]).decode()):
                yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            return


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
