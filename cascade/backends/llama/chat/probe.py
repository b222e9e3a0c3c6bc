"""Learns the dialect of an unknown template from what it writes for known calls."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from cascade.backends.llama.chat.affixes import common_suffix
from cascade.backends.llama.chat.catalogue import Dialect
from cascade.backends.llama.chat.output import Prompt, read_output
from cascade.backends.llama.chat.samples import (
    CallSamples,
    Sample,
    whole_tags_from,
)
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

__all__ = ["learned_dialect", "reads_samples"]

_PROPERTIES = {"zq_first": {"type": "string"}, "zq_second": {"type": "string"}}
_SCHEMAS = {name: {"properties": _PROPERTIES} for name in ("zq_tool", "zq_other")}
_END_OF_TURN = re.compile(r"^(<[^<>]+>|\[[^\[\]]+\])$")
_IDS = ("zqcall001", "zqcall002")


def reads_samples(dialect: Dialect, samples: CallSamples) -> bool:
    """Whether a dialect reads everything that the template wrote.

    Formats with addressed messages are recognised by their special tokens alone.
    """
    if isinstance(dialect.syntax, HarmonyCalls | RecipientCalls):
        return True
    return all(_reads(dialect, sample) for sample in samples.all)


def _reads(dialect: Dialect, sample: Sample) -> bool:
    found = read_output(dialect, None, sample.text, _SCHEMAS, prompt=Prompt())
    calls = tuple((call.name, call.arguments) for call in found.calls)
    # Behind calls, some templates write another end of turn than behind answers.
    rest = _END_OF_TURN.sub("", found.content.strip())
    return calls == sample.calls and found.problem is None and not rest


def learned_dialect(samples: CallSamples) -> Dialect | None:
    """The dialect of a template's samples, or None if it writes calls in an unknown way."""
    learners: tuple[tuple[str, Callable[[CallSamples], CallSyntax | None]], ...] = (
        ("json", _learn_json),
        ("named-json", _learn_named),
        ("pythonic", _learn_pythonic),
        ("gemma", _learn_gemma),
        ("tagged", _learn_tagged),
    )
    for name, learn in learners:
        syntax = learn(samples)
        if syntax is None:
            continue
        dialect = Dialect(name=f"probed:{name}", syntax=syntax)
        if reads_samples(dialect, samples):
            return dialect
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A JSON value that stands in a text."""

    value: Any
    start: int
    end: int


def _json_round(text: str, word: str, start: int = 0) -> _Held | None:
    """The outermost JSON object that holds a word."""
    at = text.find(word, start)
    opener = text.find("{", start)
    while 0 <= opener < at:
        try:
            value, end = json.JSONDecoder().raw_decode(text, opener)
        except ValueError:
            end = -1
            value = None
        if end > at:
            return _Held(value=value, start=opener, end=end)
        opener = text.find("{", opener + 1)
    return None


def _learn_json(samples: CallSamples) -> CallSyntax | None:
    text = samples.one.text
    held = _json_round(text, "zq_tool")
    if held is None:
        return None
    fields = _fields(held.value)
    if fields is None:
        return None
    lead, trail = text[: held.start], text[held.end :]
    array = lead.rstrip().endswith("[") and trail.lstrip().startswith("]")
    if array:
        lead, trail = lead.rstrip()[:-1], trail.lstrip()[1:]
        return _json_syntax(fields, array=True, section=(lead, trail))
    if not lead.strip():
        return _json_syntax(fields, array=False, bare=True)
    between = _between_objects(samples)
    if between is None or not between.strip():
        return _json_syntax(fields, array=False, section=(lead, trail))
    start = _shared_start(lead, between)
    end = between.removesuffix(start)
    section = (lead.removesuffix(start), trail.removeprefix(end.rstrip()))
    return _json_syntax(fields, array=False, section=section, call=(start, end))


def _between_objects(samples: CallSamples) -> str | None:
    if samples.two_calls is None:
        return None
    text = samples.two_calls.text
    first = _json_round(text, "zq_tool")
    second = None if first is None else _json_round(text, "zq_other", first.end)
    return None if first is None or second is None else text[first.end : second.start]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    name: str
    arguments: str
    id: str
    id_first: bool
    wrapper: str
    arguments_first: bool = False
    constant: tuple[str, str] | None = None


def _fields(value: object) -> _Fields | None:
    """The keys under which an object holds name, arguments and id."""
    if not isinstance(value, dict):
        return None
    held = cast("dict[str, Any]", value)  # JSON keys are strings
    keys = list(held)
    if keys == ["zq_tool"]:
        return _Fields(name="", arguments="", id="", id_first=False, wrapper="")
    id_ = next((key for key, item in held.items() if item in _IDS), "")
    name = next((key for key, item in held.items() if item == "zq_tool"), "")
    inner = {key: json.dumps(item) for key, item in held.items() if key != name}
    arguments = next((key for key, text in inner.items() if "zq alpha" in text), "")
    texts = {key: item for key, item in held.items() if isinstance(item, str)}
    constants = [(key, text) for key, text in texts.items() if key not in (id_, name, arguments)]
    constant = constants[0] if constants else None
    if not arguments:
        return None
    if not name:
        found = _fields(held[arguments])
        return None if found is None else replace(found, wrapper=arguments, constant=constant)
    return _Fields(
        name=name,
        arguments=arguments,
        id=id_,
        id_first=keys[0] == id_,
        wrapper="",
        arguments_first=keys.index(arguments) < keys.index(name),
        constant=constant,
    )


def _json_syntax(
    fields: _Fields,
    *,
    array: bool,
    bare: bool = False,
    section: tuple[str, str] = ("", ""),
    call: tuple[str, str] = ("", ""),
) -> JsonCalls:
    return JsonCalls(
        section_start=section[0],
        section_end=section[1],
        call_start=call[0],
        call_end=call[1],
        array=array,
        bare=bare,
        name_field=fields.name,
        arguments_field=fields.arguments,
        id_field=fields.id,
        id_first=fields.id_first,
        name_is_key=not fields.name,
        wrapper=fields.wrapper,
        arguments_first=fields.arguments_first,
        constant=fields.constant,
    )


def _shared_start(lead: str, between: str) -> str:
    """What begins each call: both the first, behind `lead`, and the next, behind `between`."""
    shared = common_suffix(lead, between)
    return shared if shared == lead else whole_tags_from(shared)


def _layout(text: str) -> Layout:
    """A text as a layout in which the call's id is a slot."""
    for id_ in _IDS:
        before, found, behind = text.partition(id_)
        if found:
            return tuple(part for part in (before, Slot.ID, behind) if part)
    return (text,) if text else ()


def _without_ids(text: str) -> str:
    for id_ in _IDS:
        text = text.replace(id_, _IDS[0])
    return text


def _learn_named(samples: CallSamples) -> CallSyntax | None:
    text = _without_ids(samples.one.text)
    name = text.find("zq_tool")
    behind = name + len("zq_tool")
    held = _json_round(text, "zq_first", behind)
    if name < 0 or held is None or held.value != samples.one.calls[0][1]:
        return None
    lead, middle, trail = text[:name], text[behind : held.start], text[held.end :]
    section = ("", "")
    tail, separator = trail, ""
    if samples.two_calls is not None:
        both = _without_ids(samples.two_calls.text)
        first = _json_round(both, "zq_first", both.find("zq_tool"))
        second = both.find("zq_other")
        if first is None or second < first.end:
            return None
        between = both[first.end : second]
        start = _shared_start(lead, between)
        tail = between.removesuffix(start)
        section = (lead.removesuffix(start), trail.removeprefix(tail.rstrip()))
        separator = tail[len(tail.rstrip()) :]
        lead, tail = start, tail.rstrip()
    head = (*_layout(lead), Slot.NAME, *_layout(middle))
    if not isinstance(head[0], str) or not head[0].strip():
        return None
    return NamedCalls(
        section_start=section[0],
        section_end=section[1],
        head=head,
        tail=tail,
        separator=separator,
    )


def _learn_pythonic(samples: CallSamples) -> CallSyntax | None:
    text = samples.one.text
    before, name, behind = text.partition("zq_tool(zq_first=")
    if not name or not before.rstrip().endswith("["):
        return None
    end = behind.rfind(")")
    trail = behind[end + 1 :].lstrip()
    if not trail.startswith("]"):
        return None
    return PythonicCalls(section_start=before.rstrip()[:-1], section_end=trail[1:])


def _learn_gemma(samples: CallSamples) -> CallSyntax | None:
    before, key, behind = samples.one.text.partition("zq_tool{zq_first:")
    quote, value, rest = behind.partition("zq alpha")
    if not (key and value and quote and rest.startswith(quote + "}")):
        return None
    trail = rest.removeprefix(quote + "}")
    return GemmaCalls(call_start=before, call_end=trail, quote=quote)


def _learn_tagged(samples: CallSamples) -> CallSyntax | None:
    pieces = _split(
        samples.two_arguments.text, ("zq_tool", "zq_first", "zq alpha", "zq_second", "zq beta")
    )
    if pieces is None:
        return None
    lead, to_first, to_value, to_second, _, trail = pieces
    shared = common_suffix(to_first, to_second)
    opener = shared[max(shared.rfind("<"), shared.rfind("["), 0) :]
    value_end = to_second.removesuffix(opener)
    if not opener.strip() or not value_end.strip() or not trail.startswith(value_end.rstrip()):
        return None
    tail = trail.removeprefix(value_end.rstrip())
    section, separator = ("", ""), "\n"
    if samples.two_calls is not None:
        both = _split(
            samples.two_calls.text, ("zq_tool", "zq_first", "zq alpha", "zq_other", "zq_first")
        )
        if both is None:
            return None
        between = both[3].removeprefix(value_end.rstrip())
        start = _shared_start(lead, between)
        call_tail = between.removesuffix(start)
        section = (lead.removesuffix(start), tail.lstrip().removeprefix(call_tail.strip()))
        lead, tail = start, call_tail
    behind_name = _layout(to_first.removesuffix(opener))
    last_tag = lead[max(lead.rfind("<"), lead.rfind("["), 0) :]
    # Models skip the outer one of two opening tags.
    bare_head = (last_tag, Slot.NAME, *behind_name) if last_tag != lead.lstrip() else ()
    head = (*_layout(lead), Slot.NAME, *behind_name)
    return TaggedCalls(
        bare_head=bare_head,
        section_start=section[0],
        section_end=section[1],
        head=head,
        argument=(opener, Slot.KEY, to_value, Slot.VALUE, value_end),
        tail=tail,
        separator=separator,
    )


def _split(text: str, words: tuple[str, ...]) -> list[str] | None:
    """The text before, between and behind words that must stand in this order."""
    pieces: list[str] = []
    for word in words:
        before, found, text = text.partition(word)
        if not found:
            return None
        pieces.append(before)
    return [*pieces, text]
