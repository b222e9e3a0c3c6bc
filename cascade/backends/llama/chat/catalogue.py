"""The wire dialects that published chat templates use, and how a template gives its dialect away."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A dialect and the texts that must all stand in a template, and those that must not."""

    dialect: Dialect
    needs: tuple[str, ...]
    lacks: tuple[str, ...] = ()


def candidates(evidence: str) -> Iterator[Dialect]:
    """Dialects that a template may speak, the most specific first.

    Args:
        evidence: The template's source and what it renders for a call, because some templates put
            their markers together from pieces.
    """
    for entry in _ENTRIES:
        if all(text in evidence for text in entry.needs) and not any(
            text in evidence for text in entry.lacks
        ):
            yield entry.dialect


_NAME, _ID, _KEY, _VALUE = Slot.NAME, Slot.ID, Slot.KEY, Slot.VALUE


def _function_tags(
    *, opener: str, closer: str, line: str, union: Literal["json", "text"]
) -> TaggedCalls:
    return TaggedCalls(
        head=(opener, "\n<function=", _NAME, ">\n"),
        argument=("<parameter=", _KEY, f">{line}", _VALUE, f"{line}</parameter>\n"),
        tail=f"</function>\n{closer}",
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


def _key_values(line: str, *, union: Literal["json", "text"] = "text") -> TaggedCalls:
    return TaggedCalls(
        head=("<tool_call>", _NAME, line) if line else ("<tool_call>", _NAME),
        argument=("<arg_key>", _KEY, f"</arg_key>{line}<arg_value>", _VALUE, f"</arg_value>{line}"),
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
_FUNCTION_TAGS = Dialect(
    name="fn-param-xml",
    syntax=_function_tags(opener="<tool_call>", closer="</tool_call>", line="\n", union="json"),
    call_ends_thoughts=True,
)

_PYTHONIC = Dialect(
    name="pythonic",
    syntax=PythonicCalls(section_start="<|tool_call_start|>", section_end="<|tool_call_end|>"),
)

_ENTRIES = (
    _Entry(
        dialect=Dialect(name="harmony", syntax=HarmonyCalls()),
        needs=("<|channel|>", "<|message|>", "functions."),
    ),
    _Entry(
        dialect=Dialect(name="recipient", syntax=RecipientCalls()),
        needs=(">>>all",),
    ),
    _Entry(
        dialect=Dialect(name="gemma4-call", syntax=GemmaCalls()),
        needs=("<|tool_call>", "call:", "<tool_call|>"),
    ),
    _Entry(
        dialect=Dialect(
            name="kimi-section",
            syntax=NamedCalls(
                section_start="<|tool_calls_section_begin|>",
                section_end="<|tool_calls_section_end|>",
                head=(
                    "<|tool_call_begin|>functions.",
                    _NAME,
                    ":",
                    _ID,
                    "<|tool_call_argument_begin|>",
                ),
                tail="<|tool_call_end|>",
                id_from_head=True,
            ),
            call_ends_thoughts=True,
        ),
        needs=("<|tool_call_begin|>", "<|tool_call_argument_begin|>"),
    ),
    _Entry(
        dialect=Dialect(
            name="deepseek-sep", syntax=_separated("function<｜tool▁sep｜>", "\n```json\n", "\n```")
        ),
        needs=("<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"),
    ),
    _Entry(
        dialect=Dialect(name="deepseek-sep", syntax=_separated("", "<｜tool▁sep｜>", "")),
        needs=("<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"),
    ),
    _Entry(
        dialect=Dialect(
            name="invoke-xml",
            syntax=_markup_language("｜DSML｜", "function_calls"),
            call_ends_thoughts=True,
        ),
        needs=("｜DSML｜", "function_calls"),
    ),
    _Entry(
        dialect=Dialect(
            name="invoke-xml",
            syntax=_markup_language("｜DSML｜", "tool_calls"),
            call_ends_thoughts=True,
        ),
        needs=("｜DSML｜", "tool_calls"),
    ),
    _Entry(
        dialect=Dialect(
            name="invoke-xml",
            syntax=TaggedCalls(
                section_start="<minimax:tool_call>\n",
                section_end="</minimax:tool_call>",
                head=('<invoke name="', _NAME, '">\n'),
                argument=('<parameter name="', _KEY, '">', _VALUE, "</parameter>\n"),
                tail="</invoke>\n",
            ),
        ),
        needs=("<minimax:tool_call>", "<invoke name="),
    ),
    _Entry(
        dialect=Dialect(
            name="fn-param-attr-xml",
            syntax=TaggedCalls(
                head=('<function name="', _NAME, '">'),
                argument=('<param name="', _KEY, '">', _VALUE, "</param>"),
                tail="</function>",
                cdata=True,
            ),
        ),
        needs=("<function name=", "<param name="),
    ),
    _Entry(
        dialect=Dialect(
            name="fn-param-xml",
            syntax=_function_tags(
                opener="<seed:tool_call>", closer="</seed:tool_call>", line="", union="text"
            ),
        ),
        needs=("<seed:tool_call>", "<function=", "<parameter="),
    ),
    _Entry(dialect=_FUNCTION_TAGS, needs=("<tool_call>", "<function=", "<parameter=")),
    _Entry(
        dialect=Dialect(
            name="arg-key-value",
            syntax=_key_values("\n", union="json"),
            call_ends_thoughts=True,
        ),
        needs=("<arg_key>", "<arg_value>", "<role>"),
    ),
    _Entry(
        dialect=Dialect(name="arg-key-value", syntax=_key_values("\n")),
        needs=("<arg_key>", "<arg_value>", "<tool_call>"),
    ),
    _Entry(
        dialect=Dialect(
            name="tag-name-json",
            syntax=NamedCalls(
                section_start="<|tool_calls|>",
                section_end="<|calls|>",
                head=(
                    "<|tool_call:begin|>",
                    _ID,
                    "<|tool_call:name|>",
                    _NAME,
                    "<|tool_call:args|>",
                ),
                tail="<|tool_call:end|>",
            ),
            content_marks=("<|begin|>assistant", "<|content|>", "<|end|>"),
        ),
        needs=("<|tool_call:begin|>", "<|tool_call:name|>"),
    ),
    *(
        _Entry(dialect=_PYTHONIC, needs=needs)
        for needs in (
            ("<|tool_call_start|>", "<|tool_call_end|>"),
            ("<|tool_list_start|>", "<|tool_list_end|>"),
            ("List of tools: [",),
        )
    ),
    _Entry(
        dialect=Dialect(
            name="mistral-args",
            syntax=NamedCalls(
                head=("[TOOL_CALLS]", _NAME, "[CALL_ID]", _ID, "[ARGS]"),
            ),
        ),
        needs=("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
    ),
    _Entry(
        dialect=Dialect(
            name="mistral-args", syntax=NamedCalls(head=("[TOOL_CALLS]", _NAME, "[ARGS]"))
        ),
        needs=("[TOOL_CALLS]", "[ARGS]"),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(section_start="[TOOL_CALLS]", array=True, id_field="id"),
        ),
        needs=("[TOOL_CALLS]",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(section_start="<TOOLCALL>", section_end="</TOOLCALL>", array=True),
        ),
        needs=("<TOOLCALL>",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=_COHERE,
            content_marks=(
                "<|START_RESPONSE|>",
                "<|END_RESPONSE|>",
                "<|START_TEXT|>",
                "<|END_TEXT|>",
            ),
        ),
        needs=("<|START_ACTION|>",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(
                section_start="Action:",
                array=True,
                name_field="tool_name",
                arguments_field="parameters",
                fenced=True,
            ),
        ),
        needs=("Action:", "```json", "tool_name"),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(section_start="functools", array=True),
        ),
        needs=("functools[",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(section_start="<tool_calls>", section_end="</tool_calls>", array=True),
        ),
        needs=("<tool_calls>[",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-lines",
            syntax=JsonCalls(section_start="<tool_calls>\n", section_end="\n</tool_calls>"),
        ),
        needs=("<tool_calls>", "</tool_calls>"),
        lacks=("<tool_call>",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-one", syntax=JsonCalls(section_start="<|function_call|>")
        ),
        needs=("<|function_call|>",),
    ),
    _Entry(
        dialect=Dialect(
            name="marker-json-one",
            syntax=JsonCalls(section_start="<|message_sep|>\n\nfunction call<|role_sep|>\n"),
        ),
        needs=("function call", "<|role_sep|>"),
    ),
    _Entry(
        dialect=Dialect(
            name="name-as-key",
            syntax=JsonCalls(
                section_start="<|tools_prefix|>",
                section_end="<|tools_suffix|>",
                array=True,
                name_is_key=True,
            ),
        ),
        needs=("<|tools_prefix|>", "<|tools_suffix|>"),
    ),
    _Entry(
        dialect=Dialect(
            name="tag-name-json",
            syntax=NamedCalls(head=("<function=", _NAME, ">"), tail="</function>"),
        ),
        needs=("<function=", "</function>"),
        lacks=("<parameter=",),
    ),
    _Entry(dialect=HERMES, needs=("<tool_call>", "</tool_call>")),
    _Entry(
        dialect=Dialect(
            name="marker-json-array",
            syntax=JsonCalls(section_start="<|tool_call|>", array=True),
        ),
        needs=("<|tool_call|>",),
    ),
    _Entry(
        dialect=Dialect(
            name="bare-json", syntax=JsonCalls(bare=True, arguments_field="parameters")
        ),
        needs=('{"name": ', '"parameters": '),
    ),
)
