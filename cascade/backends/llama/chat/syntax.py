"""How tool calls are written: one frozen value per family of wire dialects.

Markers are compared loosely: white space at their ends may be missing or doubled in a model's
output, and a line break inside of one stands for any white space.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

__all__ = [
    "CallSyntax",
    "GemmaCalls",
    "HarmonyCalls",
    "JsonCalls",
    "Layout",
    "NamedCalls",
    "PythonicCalls",
    "RecipientCalls",
    "Slot",
    "TaggedCalls",
]


class Slot(Enum):
    """A part of a layout that differs from call to call."""

    NAME = "name"
    ID = "id"
    KEY = "key"
    VALUE = "value"
    STRINGNESS = "stringness"


Layout: TypeAlias = tuple[str | Slot, ...]
"""Literal markers and slots in the order of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Markers round all calls of a message; both may be empty."""

    section_start: str = ""
    section_end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonCalls(_Section):
    """Name and arguments stand in one JSON object, behind a marker or bare.

    Attributes:
        call_start: Marker before each object.
        call_end: Marker behind each object.
        array: The objects stand in one JSON array.
        name_field: Key of the tool's name.
        arguments_field: Key of the arguments.
        id_field: Key of the call's id; empty when there is none.
        id_first: The id is the first member, not the last.
        name_is_key: The object's only key is the tool's name, its value the arguments.
        wrapper: Key of an outer object that holds name and arguments; empty when there is none.
        arguments_first: The arguments stand before the name.
        constant: Key and text of a member that is the same in all calls and may be missing.
        bare: There is no marker: a JSON object that names an offered tool is a call.
        fenced: The JSON stands in a Markdown code fence.
    """

    call_start: str = ""
    call_end: str = ""
    array: bool = False
    name_field: str = "name"
    arguments_field: str = "arguments"
    id_field: str = ""
    id_first: bool = False
    name_is_key: bool = False
    wrapper: str = ""
    arguments_first: bool = False
    constant: tuple[str, str] | None = None
    bare: bool = False
    fenced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCalls(_Section):
    """The name stands in the text, the arguments are a JSON object behind it.

    Attributes:
        head: Layout up to the arguments.
        tail: Marker behind the arguments.
        separator: Text between two calls beyond `tail` and `head`.
        id_from_head: The call's id is the head's text between the first and the last marker.
    """

    head: Layout
    tail: str = ""
    separator: str = ""
    id_from_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedCalls(_Section):
    """Name and each argument stand between tags; values are plain text typed by the tool's schema.

    Attributes:
        head: Layout up to the arguments.
        argument: Layout of one argument, its value last but one.
        tail: Marker behind the arguments.
        separator: Text between two calls beyond `tail` and `head`.
        union: For a schema that allows strings and other types: read JSON first, or always text.
        bare_head: `head` without its first tag also begins a call, for offered tools only.
        cdata: A value may stand in a CDATA section.
    """

    head: Layout
    argument: Layout
    tail: str
    separator: str = "\n"
    union: Literal["json", "text"] = "text"
    bare_head: Layout = ()
    cdata: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonicCalls(_Section):
    """A bracketed list of Python-like calls with keyword arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmaCalls(_Section):
    """`call:name{key:value}` with bare keys and strings between quote tokens.

    Attributes:
        call_start: Marker before each call, `call:` included.
        call_end: Marker behind each call.
        quote: The token on both sides of a string.
    """

    call_start: str = "<|tool_call>call:"
    call_end: str = "<tool_call|>"
    quote: str = '<|"|>'


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmonyCalls(_Section):
    """Messages with channels and recipients, as gpt-oss writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientCalls(_Section):
    """Each message names its recipient on its first line: a tool, or `all` for text.

    Attributes:
        opener: Marker before each recipient. The prompt already holds the first one.
        everyone: The recipient of plain text.
    """

    opener: str = ">>>"
    everyone: str = "all"


CallSyntax: TypeAlias = (
    JsonCalls
    | NamedCalls
    | TaggedCalls
    | PythonicCalls
    | GemmaCalls
    | HarmonyCalls
    | RecipientCalls
)
