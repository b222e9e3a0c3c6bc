"""Grammars of whole turns: thoughts if any, then calls, or an answer of a given form."""

from collections.abc import Mapping
from typing import Any

from cascade.backends.llama.chat.catalogue import Dialect
from cascade.backends.llama.chat.gbnf import SPACE, Rules, literal, repeated, until
from cascade.backends.llama.chat.notation import JSON_NOTATION
from cascade.backends.llama.chat.reasoning import ReasoningMarkers, markers_after
from cascade.backends.llama.chat.schema import SchemaGrammar
from cascade.backends.llama.chat.syntax import HarmonyCalls, RecipientCalls

__all__ = ["answer_body", "thoughts_body"]

_MOST_MARKS = 2


def answer_body(rules: Rules, dialect: Dialect, schema: Mapping[str, Any]) -> str:
    """Body of an answer to the user: a JSON text of *schema*, framed as the dialect frames text.

    Args:
        rules: Where rules are added.
        dialect: How the model marks what it says to the user.
        schema: A JSON schema, of an object.
    """
    text = rules.add("answer", SchemaGrammar(rules, JSON_NOTATION, schema).body(schema, "answer"))
    match dialect.syntax:
        case HarmonyCalls():
            kind = rules.add("constraint", '(" "? ("<|constrain|>")? "json")?')
            return f'"<|channel|>final" {kind} "<|message|>" {text}'
        case RecipientCalls() as syntax:
            return f"({literal(syntax.everyone)} {literal(chr(10))})? {text}"
        case _:
            marks = " | ".join(literal(mark) for mark in dialect.content_marks if mark.strip())
            if not marks:
                return text
            before = repeated(f"({marks}) {SPACE}", 0, _MOST_MARKS)
            behind = repeated(f"{SPACE} ({marks})", 0, _MOST_MARKS)
            return f"{before} {text} {behind}"


def thoughts_body(rules: Rules, markers: ReasoningMarkers | None, generation_prompt: str) -> str:
    """Body of the thoughts that may, or must, stand before what the grammar holds.

    Args:
        rules: Where rules are added.
        markers: What surrounds thoughts, if the template knows any.
        generation_prompt: What the template puts before the output.
    """
    markers = markers_after(markers, generation_prompt)
    if markers is None:
        return ""
    end = f"{literal(markers.end)} {SPACE}"
    rest = f"{until(rules, markers.end)} {end}"
    if markers.is_open(generation_prompt):
        return rest
    # Some models close a block that nothing opened.
    return f"({SPACE} {literal(markers.start)} {rest} | {end})?"
