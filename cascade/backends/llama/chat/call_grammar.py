"""Grammars of tool calls, made from a dialect and the offered tools."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.backends.llama.chat.gbnf import SPACE, Rules, literal, marker, repeated, until
from cascade.backends.llama.chat.notation import (
    JSON_NOTATION,
    PYTHON_NOTATION,
    Notation,
    gemma_notation,
)
from cascade.backends.llama.chat.schema import SchemaGrammar
from cascade.backends.llama.chat.syntax import (
    CallSyntax,
    GemmaCalls,
    HarmonyCalls,
    JsonCalls,
    Layout,
    NamedCalls,
    PythonicCalls,
    RecipientCalls,
    Slot,
    TaggedCalls,
)
from cascade.backends.llama.chat.values import resolve, schema_types

__all__ = ["CallGrammar", "calls_grammar"]

_MOST_CALLS = 16
_WRAPPER = "function"
_ID = "[a-zA-Z0-9_.:-]{1,64}"
_Schemas = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallGrammar:
    """The body of all calls of one message, and what begins them.

    Attributes:
        body: Grammar body; it begins at a trigger.
        words: Fixed texts that begin the calls.
        patterns: Regular expressions of other beginnings, the beginning in the first group.
    """

    body: str
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def calls_grammar(
    rules: Rules, syntax: CallSyntax, schemas: _Schemas, *, parallel: bool
) -> CallGrammar:
    """The grammar of one or more calls.

    Args:
        rules: Where rules are added.
        syntax: How calls are written.
        schemas: Parameters of the offered tools by name.
        parallel: Several calls may follow each other.
    """
    most = _MOST_CALLS if parallel else 1
    match syntax:
        case JsonCalls():
            return _json_calls(rules, syntax, schemas, most)
        case NamedCalls():
            return _named_calls(rules, syntax, schemas, most)
        case TaggedCalls():
            return _tagged_calls(rules, syntax, schemas, most)
        case PythonicCalls():
            return _pythonic_calls(rules, syntax, schemas, most)
        case GemmaCalls():
            return _gemma_calls(rules, syntax, schemas, most)
        case HarmonyCalls():
            return _harmony_call(rules, schemas)
        case RecipientCalls():
            return _recipient_calls(rules, syntax, schemas, most)


def _arguments(
    rules: Rules, name: str, schema: Mapping[str, Any], notation: Notation = JSON_NOTATION
) -> str:
    """Body of a whole arguments object."""
    whole = {"type": "object", **resolve(schema, schema)}
    return SchemaGrammar(rules, notation, schema).object(whole, f"{name}-arguments")


def _one_of(bodies: list[str]) -> str:
    return "(" + " | ".join(bodies) + ")"


def _in_section(syntax: CallSyntax, body: str) -> str:
    parts = [syntax.section_start and marker(syntax.section_start), body]
    if syntax.section_end:
        parts += [SPACE, marker(syntax.section_end.lstrip())]
    return " ".join(filter(None, parts))


def _list(body: str, separator: str, most: int) -> str:
    return f"{body} {repeated(f'{separator} {body}', 0, most - 1)}"


def _json_calls(rules: Rules, syntax: JsonCalls, schemas: _Schemas, most: int) -> CallGrammar:
    objects = [_json_object(rules, syntax, name, schema) for name, schema in schemas.items()]
    call = rules.add("call", _one_of(objects))
    if syntax.array:
        comma = f'{SPACE} "," {SPACE}'
        body = f'{SPACE} "[" {SPACE} {_list(call, comma, most)} {SPACE} "]"'
    else:
        wrapped = f"{marker(syntax.call_start)} {call} {marker(syntax.call_end)}"
        block = rules.add("call-block", wrapped)
        body = block if syntax.bare else _list(block, SPACE, most)
    if syntax.fenced:
        body = f'{SPACE} "```json" {SPACE} {body} {SPACE} "```"'
        return CallGrammar(
            body=_in_section(syntax, body),
            patterns=(rf"({re.escape(syntax.section_start)}\s*```json)",),
        )
    if syntax.bare:
        return CallGrammar(body=body, patterns=(_named_object(syntax, schemas),))
    return CallGrammar(body=_in_section(syntax, body), words=(_opener(syntax),))


def _named_object(syntax: JsonCalls, schemas: _Schemas) -> str:
    """Expression of an object that names a tool: the reader takes it for a call wherever it is."""
    names = "|".join(map(re.escape, schemas))
    wrapper = rf'"{re.escape(syntax.wrapper or _WRAPPER)}":\s*\{{\s*'
    name = rf'"{re.escape(syntax.name_field)}":\s*"(?:{names})"'
    return rf'(\{{\s*(?:"type":\s*"function",\s*)?(?:{wrapper})?{name})'


def _opener(syntax: JsonCalls) -> str:
    return syntax.section_start.strip() or syntax.call_start.strip()


def _json_object(rules: Rules, syntax: JsonCalls, name: str, schema: Mapping[str, Any]) -> str:
    arguments = _arguments(rules, name, schema)
    colon, comma = f'":" {SPACE}', f'{SPACE} "," {SPACE}'
    quoted = JSON_NOTATION.quoted
    if syntax.name_is_key:
        return f'"{{" {SPACE} {quoted(name)} {colon} {arguments} {SPACE} "}}"'
    members = [
        f"{quoted(syntax.name_field)} {colon} {quoted(name)}",
        f"{quoted(syntax.arguments_field)} {colon} {arguments}",
    ]
    inner = f" {comma} ".join(reversed(members) if syntax.arguments_first else members)
    if syntax.id_field:
        id_ = f'{quoted(syntax.id_field)} {colon} "\\"" {_ID} "\\""'
        inner = f"({id_} {comma})? {inner}" if syntax.id_first else f"{inner} ({comma} {id_})?"
    constant = ""
    if syntax.constant is not None:
        key, value = syntax.constant
        constant = f"({quoted(key)} {colon} {quoted(value)} {comma})? "
    wrapped = f'{quoted(syntax.wrapper or _WRAPPER)} {colon} "{{" {SPACE} {inner} {SPACE} "}}"'
    if syntax.wrapper:
        inner = wrapped
    elif syntax.bare:
        # Models without a marker of their own fall into OpenAI's form, which the reader takes too.
        inner = f"({inner} | {wrapped})"
    return f'"{{" {SPACE} {constant}{inner} {SPACE} "}}"'


def _head(layout: Layout, name: str) -> str:
    bodies: list[str] = []
    for part in layout:
        if part is Slot.NAME:
            bodies.append(literal(name))
        elif part is Slot.ID:
            bodies.append(_ID)
        else:
            bodies.append(marker(str(part)))
    return " ".join(bodies)


def _named_calls(rules: Rules, syntax: NamedCalls, schemas: _Schemas, most: int) -> CallGrammar:
    calls = [
        f"{_head(syntax.head, name)} {_arguments(rules, name, schema)} {marker(syntax.tail)}"
        for name, schema in schemas.items()
    ]
    call = rules.add("call", _one_of(calls))
    separator = marker(syntax.separator) if syntax.separator else SPACE
    body = _in_section(
        syntax, f"{SPACE if syntax.section_start else ''} {_list(call, separator, most)}"
    )
    return CallGrammar(body=body.strip(), words=(_first_word(syntax),))


def _first_word(syntax: NamedCalls | TaggedCalls) -> str:
    return syntax.section_start.strip() or str(syntax.head[0]).strip()


def _tagged_calls(rules: Rules, syntax: TaggedCalls, schemas: _Schemas, most: int) -> CallGrammar:
    bodies = {name: _tagged_body(rules, syntax, name, schema) for name, schema in schemas.items()}
    call = rules.add(
        "call", _one_of([f"{_head(syntax.head, name)} {body}" for name, body in bodies.items()])
    )
    separator = marker(syntax.separator) if syntax.separator else SPACE
    words = [_first_word(syntax)]
    first = call
    if syntax.bare_head:
        bare = [f"{_head(syntax.bare_head, name)} {body}" for name, body in bodies.items()]
        first = rules.add("first-call", _one_of([call, *bare]))
        words += ["".join(_bare_word(syntax.bare_head, name)) for name in schemas]
    lead = SPACE if syntax.section_start else ""
    body = f"{lead} {first} {repeated(f'{separator} {call}', 0, most - 1)}"
    return CallGrammar(body=_in_section(syntax, body).strip(), words=tuple(words))


def _bare_word(layout: Layout, name: str) -> list[str]:
    return [name if part is Slot.NAME else str(part).strip() for part in layout]


def _tagged_body(rules: Rules, syntax: TaggedCalls, name: str, schema: Mapping[str, Any]) -> str:
    grammar = SchemaGrammar(rules, JSON_NOTATION, schema)
    whole = resolve(schema, schema)
    properties: Mapping[str, Any] = whole.get("properties") or {}
    members = {
        key: _tagged_argument(rules, syntax, grammar, key, part) for key, part in properties.items()
    }
    inner = grammar.arguments(members, whole.get("required") or (), f"{name}-arguments", SPACE)
    return f"{rules.add(f'{name}-body', f'{inner} {SPACE} {marker(syntax.tail.lstrip())}')}"


def _tagged_argument(
    rules: Rules,
    syntax: TaggedCalls,
    grammar: SchemaGrammar,
    key: str,
    schema: Mapping[str, Any],
) -> str:
    types = schema_types(schema, grammar.definitions)
    *before, _, behind = syntax.argument
    end = str(behind).strip()
    if not types or "string" in types:
        value, is_string = _raw_text(rules, grammar, schema, end), "true"
    else:
        value, is_string = f"{SPACE} {grammar.body(schema, key)} {SPACE}", "false"
    bodies: list[str] = []
    for part in before:
        if part is Slot.KEY:
            bodies.append(literal(key))
        elif part is Slot.STRINGNESS:
            bodies.append(literal(is_string))
        else:
            bodies.append(marker(str(part)))
    return f"{' '.join(bodies)} {value} {literal(end)}"


def _raw_text(rules: Rules, grammar: SchemaGrammar, schema: Mapping[str, Any], end: str) -> str:
    """Text up to a tag, or one of the given texts."""
    choices: Any = resolve(schema, grammar.definitions).get("enum")
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"{SPACE} {_one_of([literal(choice) for choice in choices])} {SPACE}"
    return until(rules, end)


def _pythonic_calls(
    rules: Rules, syntax: PythonicCalls, schemas: _Schemas, most: int
) -> CallGrammar:
    calls: list[str] = []
    for name, schema in schemas.items():
        grammar = SchemaGrammar(rules, PYTHON_NOTATION, schema)
        whole = resolve(schema, schema)
        properties: Mapping[str, Any] = whole.get("properties") or {}
        members = {
            key: f"{literal(key + '=')} {grammar.body(part, f'{name}-{key}')}"
            for key, part in properties.items()
        }
        required = whole.get("required") or ()
        inner = grammar.arguments(members, required, f"{name}-arguments", f'"," {SPACE}')
        calls.append(f'{literal(name + "(")} {inner} ")"')
    call = rules.add("call", _one_of(calls))
    comma = f'"," {SPACE}'
    body = f'"[" {_list(call, comma, most)} "]"'
    return CallGrammar(body=_in_section(syntax, body), words=(syntax.section_start.strip(),))


def _gemma_calls(rules: Rules, syntax: GemmaCalls, schemas: _Schemas, most: int) -> CallGrammar:
    notation = gemma_notation(syntax.quote)
    calls = [
        f"{literal(name)} {_arguments(rules, name, schema, notation)}"
        for name, schema in schemas.items()
    ]
    wrapped = f"{literal(syntax.call_start)} {_one_of(calls)} {literal(syntax.call_end)}"
    call = rules.add("call", wrapped)
    word = syntax.call_start.removesuffix("call:")
    return CallGrammar(body=_list(call, SPACE, most), words=(word,))


def _harmony_call(rules: Rules, schemas: _Schemas) -> CallGrammar:
    channel = rules.add("channel", '"<|channel|>" ("commentary" | "analysis")')
    kind = rules.add("constraint", '(" "? ("<|constrain|>")? "json")?')
    calls: list[str] = []
    for name, schema in schemas.items():
        address = literal(f" to=functions.{name}")
        body = f'"<|message|>" {_arguments(rules, name, schema)}'
        calls += [f"{address} {channel} {kind} {body}", f"{channel} {address} {kind} {body}"]
    start = r"(?:^|<\|start\|>assistant)"
    return CallGrammar(
        body=rules.add("call", _one_of(calls)),
        patterns=(
            start + r"(\s+to=)",
            start + r"(<\|channel\|>(?:commentary|analysis)\s+to=functions)",
        ),
    )


def _recipient_calls(
    rules: Rules, syntax: RecipientCalls, schemas: _Schemas, most: int
) -> CallGrammar:
    calls = [
        f"{literal(name)} {literal(chr(10))} {_arguments(rules, name, schema)}"
        for name, schema in schemas.items()
    ]
    call = rules.add("call", _one_of(calls))
    names = "|".join(map(re.escape, sorted(schemas, key=len, reverse=True)))
    opener = re.escape(syntax.opener)
    body = f"{literal(syntax.opener)}? {_list(call, literal(syntax.opener), most)}"
    return CallGrammar(body=body, patterns=(rf"^((?:{names})\n)", rf"({opener}(?:{names})\n)"))
