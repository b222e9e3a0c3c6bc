# ruff: noqa: RUF001 - DeepSeek writes its markers with a full-width bar
"""The wire dialects of published chat templates, and how a template gives its dialect away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cascade.backends.llama.chat.syntax import (
    CallSyntax,
    GemmaCalls,
    HarmonyCalls,
    JsonCalls,
    NamedCalls,
    PythonicCalls,
    RecipientCalls,
    Slot,
    TaggedCalls,
)

__all__ = ["HERMES", "Dialect", "candidates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A named way of writing tool calls.

    Attributes:
        name: The dialect's name, as in the list of dialects in this folder's README.
        syntax: How calls are written.
        content_marks: Markers that wrap text for the user and are no part of it.
        call_ends_thoughts: A call ends a block of thoughts that nothing else ended.
    """

    name: str
    syntax: CallSyntax
    content_marks: tuple[str, ...] = ()
    call_ends_thoughts: bool = False


_NAME, _ID, _KEY, _VALUE = Slot.NAME, Slot.ID, Slot.KEY, Slot.VALUE


def _function_tags(tag: str, *, line: str, union: Literal["json", "text"]) -> TaggedCalls:
    return TaggedCalls(
        head=(f"<{tag}>", "\n<function=", _NAME, ">\n"),
        argument=("<parameter=", _KEY, f">{line}", _VALUE, f"{line}</parameter>\n"),
        tail=f"</function>\n</{tag}>",
        union=union,
        bare_head=("<function=", _NAME, ">\n"),
    )


def _markup_language(prefix: str, section: str) -> TaggedCalls:
    """DeepSeek's tags: each parameter says whether its text is a string."""
    return TaggedCalls(
        section_start=f"<{prefix}{section}>\n",
        section_end=f"</{prefix}{section}>",
        head=(f'<{prefix}invoke name="', _NAME, '">\n'),
        argument=(
            f'<{prefix}parameter name="',
            _KEY,
            '" string="',
            Slot.STRINGNESS,
            '">',
            _VALUE,
            f"</{prefix}parameter>\n",
        ),
        tail=f"</{prefix}invoke>\n",
    )


def _separated(before_name: str, before_arguments: str, tail: str) -> NamedCalls:
    return NamedCalls(
        section_start="<｜tool▁calls▁begin｜>",
        section_end="<｜tool▁calls▁end｜>",
        head=(f"<｜tool▁call▁begin｜>{before_name}", _NAME, before_arguments),
        tail=f"{tail}<｜tool▁call▁end｜>",
        separator="\n",
    )


def _key_values(*, union: Literal["json", "text"]) -> TaggedCalls:
    return TaggedCalls(
        head=("<tool_call>", _NAME, "\n"),
        argument=("<arg_key>", _KEY, "</arg_key>\n<arg_value>", _VALUE, "</arg_value>\n"),
        tail="</tool_call>",
        union=union,
    )


HERMES = Dialect(
    name="hermes-json",
    syntax=JsonCalls(call_start="<tool_call>\n", call_end="\n</tool_call>"),
)

_COHERE = JsonCalls(
    section_start="<|START_ACTION|>",
    section_end="<|END_ACTION|>",
    array=True,
    name_field="tool_name",
    arguments_field="parameters",
    id_field="tool_call_id",
    id_first=True,
)
_COHERE_MARKS = ("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>")
_KIMI = NamedCalls(
    section_start="<|tool_calls_section_begin|>",
    section_end="<|tool_calls_section_end|>",
    head=("<|tool_call_begin|>", "functions.", _NAME, ":", _ID, "<|tool_call_argument_begin|>"),
    tail="<|tool_call_end|>",
    id_from_head=True,
)
_MINIMAX = TaggedCalls(
    section_start="<minimax:tool_call>\n",
    section_end="</minimax:tool_call>",
    head=('<invoke name="', _NAME, '">\n'),
    argument=('<parameter name="', _KEY, '">', _VALUE, "</parameter>\n"),
    tail="</invoke>\n",
)
_MINI_CPM = TaggedCalls(
    head=('<function name="', _NAME, '">'),
    argument=('<param name="', _KEY, '">', _VALUE, "</param>"),
    tail="</function>",
    cdata=True,
)
_SOLAR = NamedCalls(
    section_start="<|tool_calls|>",  # its end, `<|calls|>`, is the token that ends the turn
    head=("<|tool_call:begin|>", _ID, "<|tool_call:name|>", _NAME, "<|tool_call:args|>"),
    tail="<|tool_call:end|>",
)
_SOLAR_MARKS = ("<|begin|>assistant", "<|content|>", "<|end|>", "<|calls|>")
_COMMAND_R_PLUS = JsonCalls(
    section_start="Action:",
    array=True,
    name_field="tool_name",
    arguments_field="parameters",
    fenced=True,
)
_APERTUS = JsonCalls(
    section_start="<|tools_prefix|>",
    section_end="<|tools_suffix|>",
    array=True,
    name_is_key=True,
)
_LLAMA = JsonCalls(bare=True, arguments_field="parameters", constant=("type", "function"))
_SEED = _function_tags("seed:tool_call", line="", union="text")
_QWEN_CODER = _function_tags("tool_call", line="\n", union="json")
_PYTHONIC = PythonicCalls(section_start="<|tool_call_start|>", section_end="<|tool_call_end|>")
_APRIEL = JsonCalls(section_start="<tool_calls>", section_end="</tool_calls>", array=True)
_MINIMAX_LINES = JsonCalls(section_start="<tool_calls>\n", section_end="\n</tool_calls>")


def _dialect(
    name: str, syntax: CallSyntax, *, marks: tuple[str, ...] = (), ends: bool = False
) -> Dialect:
    return Dialect(name=name, syntax=syntax, content_marks=marks, call_ends_thoughts=ends)


def _array(start: str, end: str = "", *, id_field: str = "") -> Dialect:
    syntax = JsonCalls(section_start=start, section_end=end, array=True, id_field=id_field)
    return _dialect("marker-json-array", syntax)


def _one(start: str) -> Dialect:
    return _dialect("marker-json-one", JsonCalls(section_start=start))


_ENTRIES: tuple[tuple[Dialect, tuple[str, ...]], ...] = (
    (_dialect("harmony", HarmonyCalls()), ("<|channel|>", "<|message|>", "functions.")),
    (_dialect("recipient", RecipientCalls()), (">>>all",)),
    (_dialect("gemma4-call", GemmaCalls()), ("<|tool_call>", "call:", "<tool_call|>")),
    (
        _dialect("kimi-section", _KIMI, ends=True),
        ("<|tool_call_begin|>", "<|tool_call_argument_begin|>"),
    ),
    (
        _dialect("deepseek-sep", _separated("function<｜tool▁sep｜>", "\n```json\n", "\n```")),
        ("<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"),
    ),
    (
        _dialect("deepseek-sep", _separated("", "<｜tool▁sep｜>", "")),
        ("<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"),
    ),
    (
        _dialect("invoke-xml", _markup_language("｜DSML｜", "function_calls"), ends=True),
        ("｜DSML｜", "function_calls"),
    ),
    (
        _dialect("invoke-xml", _markup_language("｜DSML｜", "tool_calls"), ends=True),
        ("｜DSML｜", "tool_calls"),
    ),
    (_dialect("invoke-xml", _MINIMAX), ("<minimax:tool_call>", "<invoke name=")),
    (_dialect("fn-param-attr-xml", _MINI_CPM), ("<function name=", "<param name=")),
    (_dialect("fn-param-xml", _SEED), ("<seed:tool_call>", "<function=", "<parameter=")),
    (
        _dialect("fn-param-xml", _QWEN_CODER, ends=True),
        ("<tool_call>", "<function=", "<parameter="),
    ),
    (
        _dialect("arg-key-value", _key_values(union="json"), ends=True),
        ("<arg_key>", "<arg_value>", "<role>"),
    ),
    (_dialect("arg-key-value", _key_values(union="text")), ("<arg_key>", "<arg_value>")),
    (
        _dialect("tag-name-json", _SOLAR, marks=_SOLAR_MARKS),
        ("<|tool_call:begin|>", "<|tool_call:name|>"),
    ),
    (_dialect("pythonic", _PYTHONIC), ("<|tool_call_start|>", "<|tool_call_end|>")),
    (_dialect("pythonic", _PYTHONIC), ("<|tool_list_start|>", "<|tool_list_end|>")),
    (_dialect("pythonic", _PYTHONIC), ("List of tools: [",)),
    (
        _dialect(
            "mistral-args", NamedCalls(head=("[TOOL_CALLS]", _NAME, "[CALL_ID]", _ID, "[ARGS]"))
        ),
        ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
    ),
    (
        _dialect("mistral-args", NamedCalls(head=("[TOOL_CALLS]", _NAME, "[ARGS]"))),
        ("[TOOL_CALLS]", "[ARGS]"),
    ),
    (_array("[TOOL_CALLS]", id_field="id"), ("[TOOL_CALLS]",)),
    (_array("<TOOLCALL>", "</TOOLCALL>"), ("<TOOLCALL>",)),
    (_dialect("marker-json-array", _COHERE, marks=_COHERE_MARKS), ("<|START_ACTION|>",)),
    (_dialect("marker-json-array", _COMMAND_R_PLUS), ("Action:", "```json", "tool_name")),
    (_array("functools"), ("functools[",)),
    (_dialect("marker-json-array", _APRIEL), ("<tool_calls>[",)),
    (_dialect("marker-json-lines", _MINIMAX_LINES), ("<tool_calls>", "</tool_calls>")),
    (_one("<|function_call|>"), ("<|function_call|>",)),
    (
        _one("<|message_sep|>\n\nfunction call<|role_sep|>\n"),
        ("function call", "<|role_sep|>"),
    ),
    (_dialect("name-as-key", _APERTUS), ("<|tools_prefix|>", "<|tools_suffix|>")),
    (
        _dialect("tag-name-json", NamedCalls(head=("<function=", _NAME, ">"), tail="</function>")),
        ("<function=", "</function>"),
    ),
    (HERMES, ("<tool_call>", "</tool_call>")),
    (_array("<|tool_call|>"), ("<|tool_call|>",)),
    (
        _dialect("bare-json", _LLAMA, marks=("<|python_tag|>",)),
        ('{"name": ', '"parameters": '),
    ),
)
"""Dialects and the texts that must all stand in a template, the most specific first."""


def candidates(evidence: str) -> Iterator[Dialect]:
    """Dialects that a template may speak, the most specific first.

    Args:
        evidence: The template's source and what it renders for a call, because some templates put
            their markers together from pieces.
    """
    return (dialect for dialect, needs in _ENTRIES if all(text in evidence for text in needs))
