"""Takes a model's output apart into thoughts, text and calls, whatever the dialect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.backends.llama.chat.addressed import AddressedText, read_harmony, read_recipients
from cascade.backends.llama.chat.catalogue import Dialect
from cascade.backends.llama.chat.json_calls import json_openers, read_json_calls
from cascade.backends.llama.chat.layout_calls import layout_openers, read_layout_calls
from cascade.backends.llama.chat.literals import read_gemma_calls, read_pythonic_calls
from cascade.backends.llama.chat.reasoning import ReasoningMarkers, Thoughts, split_thoughts
from cascade.backends.llama.chat.results import ParsedCall, ParsedOutput
from cascade.backends.llama.chat.scanner import Cursor, Unreadable, loose
from cascade.backends.llama.chat.syntax import (
    CallSyntax,
    GemmaCalls,
    HarmonyCalls,
    JsonCalls,
    NamedCalls,
    PythonicCalls,
    RecipientCalls,
    TaggedCalls,
)

__all__ = ["Prompt", "is_answer", "read_output", "without_fence"]

_FENCE = re.compile(r"\s*```(?:json)?\s*([\s\S]*?)\s*```\s*")
_Schemas = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an output continues.

    Attributes:
        opening: The prompt's last part, which opens the assistant's turn.
        prefill: Text for the user that the opening ends with and that belongs to the message.
    """

    opening: str = ""
    prefill: str = ""


@dataclass(slots=True)
class _Calls:
    """Calls found in a text, and what stands round them."""

    found: list[ParsedCall] = field(default_factory=list[ParsedCall])
    before: str = ""
    after: str = ""
    problem: str | None = None
    unread: str = ""


def read_output(
    dialect: Dialect,
    markers: ReasoningMarkers | None,
    output: str,
    schemas: _Schemas,
    *,
    prompt: Prompt,
    keep_thoughts_inline: bool = False,
) -> ParsedOutput:
    """Reads one output.

    Args:
        dialect: How the model writes calls.
        markers: How it marks thoughts.
        output: Its text, without the token that ends a turn.
        schemas: Parameters of the offered tools by name. Without any, no call is looked for.
        prompt: What the output continues.
        keep_thoughts_inline: Leave thoughts with their markers in the content.
    """
    if isinstance(dialect.syntax, HarmonyCalls):
        return _read_harmony(output, schemas, prompt, keep_thoughts_inline=keep_thoughts_inline)
    thoughts = split_thoughts(markers, prompt.opening, output)
    if isinstance(dialect.syntax, RecipientCalls):
        return _from_addressed(read_recipients(dialect.syntax, output, schemas), 0)
    if not thoughts.is_closed:
        return _read_unclosed(dialect, output, schemas, thoughts)
    calls = _find_calls(dialect.syntax, output, thoughts.end, schemas)
    content = prompt.prefill + _unwrapped(calls.before, dialect) + _unwrapped(calls.after, dialect)
    reasoning = thoughts.text.strip()
    if keep_thoughts_inline:
        content, reasoning = output[: thoughts.end] + content, ""
    return ParsedOutput(
        content=content,
        reasoning=reasoning,
        calls=tuple(calls.found),
        problem=calls.problem,
        unread=calls.unread,
    )


def is_answer(
    dialect: Dialect,
    markers: ReasoningMarkers | None,
    output: str,
    schemas: _Schemas,
    *,
    prompt: Prompt,
) -> bool:
    """Whether a JSON object that is no call begins where the thoughts end.

    Calls that the texts inside of such an answer speak of are not meant. Dialects that address
    their messages tell answers by that.

    Args:
        dialect: How the model writes calls.
        markers: How it marks thoughts.
        output: Its text, without the token that ends a turn.
        schemas: Parameters of the offered tools by name.
        prompt: What the output continues.
    """
    if isinstance(dialect.syntax, HarmonyCalls | RecipientCalls):
        return False
    thoughts = split_thoughts(markers, prompt.opening, output)
    cursor = Cursor(output, thoughts.end)
    marks = [mark for mark in dialect.content_marks if mark.strip()]
    while any(map(cursor.accept, marks)):
        pass
    cursor.skip_space()
    if not (thoughts.is_closed and output.startswith("{", cursor.at)):
        return False
    if not (isinstance(dialect.syntax, JsonCalls) and dialect.syntax.bare):
        return True
    try:
        read_json_calls(dialect.syntax, cursor, schemas)
    except Unreadable:
        return True
    return False


def without_fence(content: str) -> str:
    """The content of a Markdown code fence that is all there is, else the text itself."""
    match = _FENCE.fullmatch(content)
    return match[1] if match else content


def _read_unclosed(
    dialect: Dialect, output: str, schemas: _Schemas, thoughts: Thoughts
) -> ParsedOutput:
    """Thoughts without an end: all of the output, or up to a call that nothing follows."""
    calls = _find_calls(dialect.syntax, output, thoughts.start, schemas)
    known = all(call.name in schemas for call in calls.found)
    ends = dialect.call_ends_thoughts or not calls.after.strip()
    if not (calls.found and known and ends):
        return ParsedOutput(content="", reasoning=thoughts.text.strip(), calls=())
    unread = len(thoughts.text) - (len(output) - thoughts.start)
    reasoning = thoughts.text[:unread] + calls.before
    return ParsedOutput(
        content=calls.after.strip(), reasoning=reasoning.strip(), calls=tuple(calls.found)
    )


def _find_calls(syntax: CallSyntax, text: str, start: int, schemas: _Schemas) -> _Calls:
    """Reads calls from the first position where they can be read."""
    calls = _Calls(before=text[start:])
    if not schemas:
        return calls
    for at in _openers(syntax, text, start, schemas):
        cursor = Cursor(text, at)
        try:
            calls.found = _read_section(syntax, cursor, schemas)
        except Unreadable as error:
            if calls.problem is None and not (isinstance(syntax, JsonCalls) and syntax.bare):
                calls.problem = str(error)
                calls.before, calls.unread = text[start:at], text[at:]
            continue
        calls.before, calls.problem, calls.unread = text[start:at], None, ""
        _read_more(syntax, cursor, schemas, calls)
        return calls
    return calls


def _read_more(syntax: CallSyntax, cursor: Cursor, schemas: _Schemas, calls: _Calls) -> None:
    """Reads sections that directly follow; what stands behind the last one is text."""
    while True:
        before = cursor.at
        cursor.skip_space()
        if cursor.at not in _openers(syntax, cursor.text, cursor.at, schemas)[:1]:
            break
        try:
            calls.found += _read_section(syntax, cursor, schemas)
        except Unreadable as error:
            calls.problem, calls.unread = str(error), cursor.text[before:]
            return
    calls.after = cursor.text[before:]


def _openers(syntax: CallSyntax, text: str, start: int, schemas: _Schemas) -> list[int]:
    match syntax:
        case JsonCalls():
            return json_openers(syntax, text, start)
        case NamedCalls() | TaggedCalls():
            return layout_openers(syntax, text, start, schemas)
        case PythonicCalls():
            opener = syntax.section_start or "["
        case GemmaCalls():
            opener = syntax.call_start
        case HarmonyCalls() | RecipientCalls():
            return []
    return [match.start() for match in loose(opener).finditer(text, start)]


def _read_section(syntax: CallSyntax, cursor: Cursor, schemas: _Schemas) -> list[ParsedCall]:
    match syntax:
        case JsonCalls():
            return read_json_calls(syntax, cursor, schemas)
        case NamedCalls() | TaggedCalls():
            return read_layout_calls(syntax, cursor, schemas)
        case PythonicCalls():
            return read_pythonic_calls(syntax, cursor)
        case GemmaCalls():
            return read_gemma_calls(syntax, cursor)
        case HarmonyCalls() | RecipientCalls():
            return []


def _unwrapped(text: str, dialect: Dialect) -> str:
    for mark in dialect.content_marks:
        text = text.replace(mark, "")
    return text


def _read_harmony(
    output: str, schemas: _Schemas, prompt: Prompt, *, keep_thoughts_inline: bool
) -> ParsedOutput:
    opening = prompt.opening
    if "<|start|>assistant" not in opening:
        opening = "<|start|>assistant"
    start = opening.find("<|start|>assistant") + len("<|start|>assistant")
    found = read_harmony(opening + output, start, schemas)
    if keep_thoughts_inline:
        found.content, found.reasoning = ["".join(found.inline)], []
    return _from_addressed(found, len(opening))


def _from_addressed(found: AddressedText, offset: int) -> ParsedOutput:
    calls = tuple(_moved(call, -offset) for call in found.calls)
    return ParsedOutput(
        content="\n".join(found.content),
        reasoning="\n".join(found.reasoning),
        calls=calls,
        problem=found.problem,
        unread=found.unread,
    )


def _moved(call: ParsedCall, by: int) -> ParsedCall:
    spans = (
        replace(span, start=max(0, span.start + by), end=max(0, span.end + by))
        for span in call.spans
    )
    return replace(call, spans=tuple(spans))
