"""Templates in dialects that nobody uses: they are learned from what the templates render."""

from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat
from cascade.backends.llama.chat.writing import write_calls

Call = tuple[str, dict[str, Any]]

# An assistant's calls are written by the part that differs; `call` is a call's function.
FRAME = (
    "{%- if tools %}{{ 'Tools: ' ~ tools | tojson ~ '\\n' }}{% endif %}"
    "{%- for message in messages %}{{ '<|' ~ message.role ~ '|>' ~ message.content }}"
    "{%- if message.tool_calls %}CALLS{% endif %}{{ '<|done|>\\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LOOP = "{%- for one in message.tool_calls %}{% set call = one.function %}CALL{% endfor %}"
MEMBERS = "{% for k, v in call.arguments | items %}ONE{% endfor %}"
VALUE = "(v if v is string else v | tojson)"
ARGUMENTS = "call.arguments | tojson"
WRITTEN = {
    "probed:json": [
        "{{ '<act>' ~ {'tool': call.name, 'input': call.arguments} | tojson ~ '</act>' }}",
        "{{ '\\n@call ' ~ {'input': call.arguments, 'tool': call.name} | tojson ~ ' @end' }}",
        "{{ '<act>' ~ {'type': 'fn', 'fn': {'n': call.name, 'a': call.arguments}} | tojson }}",
        "{{ '<act>' ~ {'id': one.id, 'do': call.name, 'in': call.arguments} | tojson ~ '</act>' }}",
    ],
    "probed:named-json": [
        f"{{{{ '<fn>' ~ call.name ~ '</fn><json>' ~ {ARGUMENTS} ~ '</json>' }}}}",
        f"{{{{ '<<use ' ~ call.name ~ '>>\\n```\\n' ~ {ARGUMENTS} ~ '\\n```\\n' }}}}",
        f"{{{{ '<fn id=' ~ one.id ~ '>' ~ call.name ~ ':' ~ {ARGUMENTS} ~ '</fn>' }}}}",
    ],
    "probed:tagged": [
        "{{ '[do]' ~ call.name ~ '\\n' }}"
        + MEMBERS.replace("ONE", f"{{{{ '[arg]' ~ k ~ '[=]' ~ {VALUE} ~ '[/arg]\\n' }}}}")
        + "{{ '[/do]' }}",
        "{{ '<use tool=\"' ~ call.name ~ '\">' }}"
        + MEMBERS.replace("ONE", f"{{{{ '<set key=\"' ~ k ~ '\">' ~ {VALUE} ~ '</set>' }}}}")
        + "{{ '</use>' }}",
        "{{ '<outer>\\n<fn=' ~ call.name ~ '>\\n' }}"
        + MEMBERS.replace("ONE", f"{{{{ '<p=' ~ k ~ '>\\n' ~ {VALUE} ~ '\\n</p>\\n' }}}}")
        + "{{ '</fn>\\n</outer>\\n' }}",
    ],
}
SECTIONS = ("", "<all>")
TEMPLATES = [
    pytest.param(name, section, call, id=f"{name}-{at}-{section or 'no section'}")
    for name, calls in WRITTEN.items()
    for at, call in enumerate(calls)
    for section in SECTIONS
]
CALLS: list[Call] = [
    ("get_weather", {"city": "São Paulo"}),
    ("search", {"query": "hotels", "limit": 5, "exact": True}),
]


def _template(call: str, section: str = "") -> str:
    calls = LOOP.replace("CALL", call)
    if section:
        close = section.replace("<", "</")
        calls = "{{ '" + section + "\\n' }}" + calls + "{{ '" + close + "' }}"
    return FRAME.replace("CALLS", calls)


def _message(calls: list[Call]) -> dict[str, Any]:
    written = [
        {"id": f"zz{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant", "content": "", "tool_calls": written}


@pytest.mark.parametrize(("name", "section", "call"), TEMPLATES)
def test_an_unknown_way_to_write_calls_is_learned(
    name: str,
    section: str,
    call: str,
    tools: list[dict[str, Any]],
    verdict: Callable[[str, str], str],
):
    chat = ChatFormat.from_template(_template(call, section))
    assert chat.dialect == name
    assert "learned" in chat.note
    question = [{"role": "user", "content": "Please help."}]
    before = chat.render(question, tools)
    for calls in (CALLS, CALLS[:1], CALLS[1:]):
        shown = chat.render([*question, _message(calls)], tools, add_generation_prompt=False)
        output = shown.removeprefix(before).removesuffix("\n").removesuffix("<|done|>")
        parsed = chat.parse(output, tools)
        assert [(each.name, each.arguments) for each in parsed.calls] == calls
        assert parsed.problem is None
        for each in parsed.calls:
            keys = [output[span.start : span.end] for span in each.spans if span.kind == "key"]
            assert keys == list(each.arguments)
        made = chat.grammar(tools)
        assert made is not None
        start = made.trigger_start(output)
        assert start is not None
        assert verdict(made.gbnf, output[start:]) == "accept"


def test_pythonic_calls_in_a_unknown_section_are_learned(tools: list[dict[str, Any]]):
    calls = (
        "{{ '<calls>[' }}{% for one in message.tool_calls %}{{ one.function.name ~ '(' }}"
        "{% for k, v in one.function.arguments | items %}{{ k ~ '=' ~ v | tojson }}"
        "{{ ', ' if not loop.last }}{% endfor %}{{ ')' }}{{ ', ' if not loop.last }}{% endfor %}"
        "{{ ']</calls>' }}"
    )
    chat = ChatFormat.from_template(FRAME.replace("CALLS", calls))
    assert chat.dialect == "probed:pythonic"
    parsed = chat.parse('<calls>[get_weather(city="Rome"), get_time()]</calls>', tools)
    assert [each.name for each in parsed.calls] == ["get_weather", "get_time"]


def test_calls_between_quote_tokens_are_learned(tools: list[dict[str, Any]]):
    calls = LOOP.replace(
        "CALL",
        "{{ '<|go|>' ~ call.name ~ '{' }}{% for k, v in call.arguments | items %}"
        "{{ k ~ ':' ~ ('<|q|>' ~ v ~ '<|q|>' if v is string else v | tojson) }}"
        "{{ ',' if not loop.last }}{% endfor %}{{ '}<|og|>' }}",
    )
    chat = ChatFormat.from_template(FRAME.replace("CALLS", calls))
    assert chat.dialect == "probed:gemma"
    parsed = chat.parse("<|go|>search{query:<|q|>a, b<|q|>,limit:2}<|og|>", tools)
    assert [each.arguments for each in parsed.calls] == [{"query": "a, b", "limit": 2}]


def test_a_template_that_takes_one_call_only_is_learned_too(tools: list[dict[str, Any]]):
    calls = (
        "{% if message.tool_calls | length != 1 %}{{ raise_exception('one call') }}{% endif %}"
        "{% set call = message.tool_calls[0].function %}"
        "{{ '<do>' ~ call.name ~ '|' ~ call.arguments | tojson }}"
    )
    chat = ChatFormat.from_template(FRAME.replace("CALLS", calls))
    assert chat.dialect == "probed:named-json"
    parsed = chat.parse('<do>get_weather|{"city": "Rome"}', tools)
    assert [(each.name, each.arguments) for each in parsed.calls] == [
        ("get_weather", {"city": "Rome"})
    ]


def test_a_known_dialect_that_does_not_fit_is_not_taken(tools: list[dict[str, Any]]):
    call = "{{ '<tool_call>' ~ call.name ~ '<args>' ~ call.arguments | tojson ~ '</tool_call>' }}"
    chat = ChatFormat.from_template(_template(call))
    assert chat.dialect == "probed:named-json"
    parsed = chat.parse('<tool_call>get_weather<args>{"city": "Rome"}</tool_call>', tools)
    assert [each.arguments for each in parsed.calls] == [{"city": "Rome"}]


def test_calls_that_cannot_be_learned_lead_to_the_fallback_with_a_note(
    tools: list[dict[str, Any]],
):
    call = "{{ 'please run ' ~ call.name ~ ' with ' ~ call.arguments.values() | join(' and ') }}"
    chat = ChatFormat.from_template(_template(call))
    assert chat.dialect == "fallback"
    assert "please run" in chat.note
    text = write_calls(chat.choice.dialect.syntax, [("get_time", {}, "")])
    assert [each.name for each in chat.parse(text, tools).calls] == ["get_time"]
