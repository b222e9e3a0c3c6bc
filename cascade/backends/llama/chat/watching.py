"""Follows calls while they are being written: which text is a tool's name, an argument's, a value.

The readers of a dialect need the whole call. This is for those that cannot wait, such as a gate
that stops a draft in the middle. It follows calls that are JSON objects behind a marker: Hermes
(Qwen 2.5 and 3, Granite 4, the fallback dialect), arrays behind a marker (older Mistral, Command
R7B), GigaChat, Apertus. Not followed are bare JSON (Llama 3), fenced JSON (Command R+), names
before the JSON (DeepSeek, Kimi, newer Mistral), arguments between tags (GLM, Qwen 3.5), Python-like
calls (LFM2), Harmony and Gemma: for those `CallWatch.of` returns `None`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cascade.backends.llama.chat.json_calls import ARGUMENT_FIELDS, NAME_FIELDS
from cascade.backends.llama.chat.reasoning import ReasoningMarkers, markers_after
from cascade.backends.llama.chat.scanner import loose
from cascade.backends.llama.chat.syntax import CallSyntax, JsonCalls

__all__ = ["CallWatch", "Part"]

Part: TypeAlias = Literal["name", "key", "value"]

_SPACE = " \t\r\n"
_LONGEST_MARKER = 64


@dataclass(slots=True)
class _Frame:
    """An object or array that is open."""

    kind: Literal["call", "arguments", "list", "other"]
    key: str = ""
    is_value: bool = False
    """Whether the colon behind the key has come."""


class CallWatch:
    """A cursor over a model's output as it grows.

    Attributes:
        calls: How many calls have begun.

    Args:
        syntax: How calls are written.
        thoughts_start: Opens a block of thoughts at the start of the output; what stands in it is
            never a call.
        thoughts_end: Closes it; empty where there are none.
        thoughts_open: Whether the prompt leaves a block open.
    """

    def __init__(
        self,
        syntax: JsonCalls,
        *,
        thoughts_start: str = "",
        thoughts_end: str = "",
        thoughts_open: bool = False,
    ) -> None:
        self.calls = 0
        self._syntax = syntax
        self._marker = loose(syntax.call_start.strip() or syntax.section_start.strip())
        self._names = frozenset({syntax.name_field, *NAME_FIELDS})
        self._arguments = frozenset({syntax.arguments_field, *ARGUMENT_FIELDS})
        self._thoughts_start = thoughts_start.strip() if thoughts_end else ""
        self._thoughts_end = thoughts_end
        self._in_thoughts: bool | None = thoughts_open if thoughts_end else False
        if self._thoughts_start and not thoughts_open:
            self._in_thoughts = None  # known when the output has begun
        self._text: str | None = ""  # what may hold a marker; `None` inside and between calls
        self._frames: list[_Frame] = []
        self._string: Part | Literal[""] | None = None  # what the open string is; "": nothing of it
        self._escaped = False
        self._scalar: Part | Literal[""] | None = None
        self._depth = 0  # of objects and arrays inside of a value
        self._quoted = False  # inside of a string in them
        self._held = ""

    @classmethod
    def of(
        cls, syntax: CallSyntax, markers: ReasoningMarkers | None, opening: str
    ) -> "CallWatch | None":
        """A watch over the output that follows a prompt; `None` for dialects it cannot follow.

        Args:
            syntax: How the model writes calls.
            markers: What surrounds its thoughts, if it has any.
            opening: The end of the prompt, which opens the turn.
        """
        if not isinstance(syntax, JsonCalls) or syntax.bare or syntax.fenced:
            return None
        if not (syntax.call_start.strip() or syntax.section_start.strip()):
            return None
        found = markers_after(markers, opening)
        if found is None:
            return cls(syntax)
        return cls(
            syntax,
            thoughts_start=found.start,
            thoughts_end=found.end,
            thoughts_open=found.is_open(opening),
        )

    @property
    def inside(self) -> Part | None:
        """What the next piece of text goes on with, as far as that is certain."""
        if self._depth:
            return "value"
        return self._string or self._scalar or None

    def feed(self, text: str) -> Part | None:
        """Takes the next piece of the output.

        Returns:
            The last name, argument name or value that a character of it belongs to.
        """
        if not text:
            return self.inside
        if self._text is not None:
            text = self._behind_marker(self._text + text)
        found: Part | None = None
        for at, character in enumerate(text):
            if self._text is not None:
                # The call is over, and another marker may stand in the rest.
                rest = self._behind_marker(self._text + text[at:])
                return (self.feed(rest) if rest else None) or found
            found = self._part_of(character) or found
        return found

    def _behind_marker(self, text: str) -> str:
        """What stands behind the next marker; empty while there is none."""
        if self._in_thoughts is None:
            begun = text.lstrip()
            if self._thoughts_start.startswith(begun[: len(self._thoughts_start)]) and (
                len(begun) < len(self._thoughts_start)
            ):
                self._text = text
                return ""
            self._in_thoughts = begun.startswith(self._thoughts_start)
        if self._in_thoughts:
            _, end, behind = text.partition(self._thoughts_end)
            if not end:
                self._text = text[-_LONGEST_MARKER:]
                return ""
            self._in_thoughts = False
            text = behind
        match = self._marker.search(text)
        if match is None:
            self._text = text[-_LONGEST_MARKER:]
            return ""
        self._text = None
        return text[match.end() :]

    def _part_of(self, character: str) -> Part | None:
        if self._depth:
            self._in_container(character)
            return "value"
        if self._string is not None:
            return self._in_string(character)
        if self._scalar is not None:
            if character not in ",]}" + _SPACE:
                return self._scalar or None
            self._scalar = None
        return None if character in _SPACE else self._structural(character)

    def _in_container(self, character: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._quoted:
            self._escaped = character == "\\"
            self._quoted = character != '"'
        elif character == '"':
            self._quoted = True
        else:
            self._depth += (character in "{[") - (character in "}]")

    def _in_string(self, character: str) -> Part | None:
        if not self._escaped and character == '"':
            if not self._frames[-1].is_value:
                self._frames[-1].key = self._held
            self._string = None
            return None
        self._escaped = not self._escaped and character == "\\"
        self._held += character
        return self._string or None

    def _structural(self, character: str) -> Part | None:
        if not self._frames:
            return self._between(character)
        frame = self._frames[-1]
        if character == ":":
            frame.is_value = True
        elif character == ",":
            frame.is_value = False
        elif character in "}]":
            self._frames.pop()
        elif character == '"':
            self._string, self._held = self._role(frame) or "", ""
        elif character in "{[":
            return self._open(frame, character)
        else:
            role = self._role(frame)
            self._scalar = role if frame.kind == "arguments" and role == "value" else ""
            return self._scalar or None
        return None

    def _between(self, character: str) -> None:
        """Behind a marker, or behind a call that another one may follow without a marker."""
        if character == "{":
            self._begin()
        elif character == "[":
            self._frames.append(_Frame("list"))
        elif character != ",":
            self._text = character

    def _begin(self) -> None:
        self._frames.append(_Frame("call"))
        self.calls += 1

    def _open(self, frame: _Frame, character: str) -> Part | None:
        if frame.kind == "arguments" and frame.is_value:
            self._depth, self._quoted = 1, False
            return "value"
        if frame.kind == "list" and character == "{":
            self._begin()
        elif frame.kind == "call" and frame.is_value and character == "{":
            self._frames.append(_Frame(self._held_by(frame.key)))
        else:
            self._frames.append(_Frame("other"))
        return None

    def _held_by(self, key: str) -> Literal["call", "arguments", "other"]:
        """What an object is that is the value of a call's member."""
        if self._syntax.name_is_key or key in self._arguments:
            return "arguments"
        return "call" if key in {self._syntax.wrapper, "function"} else "other"

    def _role(self, frame: _Frame) -> Part | None:
        """What a string is that begins in a frame."""
        match frame.kind:
            case "arguments":
                return "value" if frame.is_value else "key"
            case "call" if not frame.is_value:
                return "name" if self._syntax.name_is_key else None
            case "call" if frame.key in self._names:
                return "name"
            case "call" if frame.key in self._arguments:
                return "value"
            case _:
                return None
