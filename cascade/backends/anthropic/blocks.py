"""The blocks of an answer while they are written, and what each of them amounts to."""

from dataclasses import dataclass, field
from typing import Any

from cascade.backends.remote.wire_json import json_bytes

__all__ = ["Block"]

_APPENDED = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""Kinds of deltas that are a piece of a text, with the member that holds it."""


@dataclass(slots=True)
class Block:
    """One content block.

    Attributes:
        start: The block as it was announced, or whole.
        written: Its JSON as it came; `None` for one that came in pieces.
        is_done: Whether its end came.
        is_known: Whether all that came could be put together.
    """

    start: dict[str, Any]
    written: str | None = None
    is_done: bool = False
    is_known: bool = True
    _pieces: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _rest: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def type(self) -> str:
        """The block's kind, by the provider's name for it."""
        return str(self.start.get("type", ""))

    def add(self, delta: dict[str, Any]) -> str:
        """Takes a piece in; returns the text in it, if there is any."""
        kind = delta["type"]
        member = _APPENDED.get(kind)
        if member is not None:
            piece = delta[member]
            if not isinstance(piece, str):
                raise TypeError(f"{member} is no text")
            self._pieces.setdefault(member, []).append(piece)
            return piece
        if kind == "signature_delta":
            self._rest["signature"] = delta["signature"]
        elif kind == "citations_delta":
            self._rest.setdefault("citations", []).append(delta["citation"])
        else:
            self.is_known = False
        return ""

    def text(self, member: str) -> str:
        """The block's `text` or `thinking`, as far as it has come."""
        said = self.start.get(member)
        return (said if isinstance(said, str) else "") + "".join(self._pieces.get(member, ()))

    @property
    def input_text(self) -> str:
        """JSON of a call's arguments, as far as it has come."""
        pieces = "".join(self._pieces.get("partial_json", ()))
        return pieces if pieces.strip() else json_bytes(self.start.get("input", {})).decode()

    def json(self, *, call_id: str | None = None) -> str:
        """The block as it goes back: as it came, or put together from what came.

        Args:
            call_id: Replaces the block's own id.
        """
        if self.written is not None and call_id is None:
            return self.written
        whole = {**self.start, **self._rest}
        for member in ("text", "thinking"):
            if member in self._pieces:
                whole[member] = self.text(member)
        if call_id is not None:
            whole["id"] = call_id
        if "partial_json" not in self._pieces:
            return json_bytes(whole).decode()
        # Arguments stay as they were written: a number may have more than one spelling.
        whole.pop("input", None)
        return f'{json_bytes(whole).decode()[:-1]},"input":{self.input_text}}}'
