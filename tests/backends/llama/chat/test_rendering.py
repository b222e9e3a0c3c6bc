"""Rendering: what a Python renderer must add to plain Jinja, and what it must leave alone."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat, TemplateRefusal
from cascade.backends.llama.chat.conversation import with_single_calls
from cascade.backends.llama.chat.template import ChatTemplate
from cascade.errors import ConfigError

Find = Callable[[str], ChatFormat]
USER = {"role": "user", "content": "Hi"}
NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


def _rendered(source: str, **variables: object) -> str:
    template = ChatTemplate(source, bos_token="<s>")
    return template.render([USER], [], add_generation_prompt=True, now=NOON, variables=variables)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ bos_token }}{{ messages[0].content }}", "<s>Hi"),
        ("{{ strftime_now('%Y-%m-%d') }} {{ date_string }}", "2026-03-04 04 Mar 2026"),
        ("{{ {'b': '<é>', 'a': 1} | tojson }}", '{"b": "<é>", "a": 1}'),
        ("{{ ['é'] | tojson(ensure_ascii=true, indent=1) }}", '[\n "\\u00e9"\n]'),
        ("{{ messages | map(attribute='role') | tojson }}", '["user"]'),
        ("{{ missing | tojson }}", "null"),
        ("{% generation %}{{ 1 }}{% endgeneration %}", "1"),
        ("{% for x in [1, 2] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "1"),
        ("{% set l = [] %}{% set _ = l.append(1) %}{{ l }}", "[1]"),
        ("{% if tools is defined %}tools{% else %}none{% endif %}", "none"),
        ("{{ ['a'] + functions }}".replace("['a']", "'a'"), "a"),
        ("{{ enable_thinking }}", "True"),
    ],
)
def test_templates_find_what_they_expect(source: str, text: str):
    assert _rendered(source, enable_thinking=True) == text


def test_a_broken_template_says_where():
    with pytest.raises(TemplateRefusal, match="line 2"):
        ChatFormat.from_template("x\n{% if %}")


@pytest.mark.parametrize(
    "source", ["{{ raise_exception('no!') }}", "{{ 'a' + 1 }}", "{{ {}.x.y }}"]
)
def test_a_template_that_gives_up_raises_one_kind_of_error(source: str):
    with pytest.raises(TemplateRefusal):
        _rendered(source)


def test_templates_cannot_reach_out():
    with pytest.raises(TemplateRefusal):
        _rendered("{{ messages.__class__.__mro__ }}")


def _assistant(**extra: object) -> dict[str, Any]:
    return {"role": "assistant", "content": "", **extra}


def _call(id_: str, arguments: object) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_arguments_are_objects_or_text_as_the_template_wants(chat_format: Find):
    conversation = [USER, _assistant(tool_calls=[_call("a", '{"k": "v"}')])]
    as_object = chat_format("glm46").render(conversation, [])
    assert "<arg_key>k</arg_key>\n<arg_value>v</arg_value>" in as_object
    conversation = [USER, _assistant(tool_calls=[_call("a", {"k": "v"})])]
    assert '>>>f\n{"k": "v"}' in chat_format("functionary-3.2").render(conversation, [])


@pytest.mark.parametrize("arguments", ["{", "[1]"])
def test_arguments_that_are_no_object_are_refused_with_the_tools_name(
    arguments: str, chat_format: Find
):
    conversation = [USER, _assistant(tool_calls=[_call("a", arguments)])]
    with pytest.raises(ConfigError, match="'f'"):
        chat_format("glm46").render(conversation, [])


def test_ids_are_shortened_where_nine_characters_are_demanded():
    source = (
        "{%- for m in messages %}{% for c in m.tool_calls or [] %}"
        "{% if c.id | length != 9 %}{{ raise_exception('id') }}{% endif %}"
        "{{ '[TOOL_CALLS]' ~ c.function.name ~ '[ARGS]' ~ c.function.arguments | tojson }}"
        "{{ '#' ~ c.id }}{% endfor %}{{ '@' ~ m.tool_call_id if m.role == 'tool' }}{% endfor %}"
    )
    conversation = [
        USER,
        _assistant(tool_calls=[_call("call_with_a_long_id", {})]),
        {"role": "tool", "tool_call_id": "call_with_a_long_id", "content": "1"},
    ]
    text = ChatFormat.from_template(source).render(conversation, [], adapt=False)
    made, told = text.split("#")[1].split("@")
    assert made == told
    assert len(made) == 9


def test_ids_carry_names_where_the_template_shows_nothing_else(chat_format: Find):
    conversation = [
        USER,
        _assistant(tool_calls=[_call("x", {}), _call("y", {})]),
        {"role": "tool", "tool_call_id": "y", "content": "1"},
    ]
    text = chat_format("kimi-k2").render(conversation, [])
    assert "<|tool_call_begin|>functions.f:1<|tool_call_argument_begin|>" in text
    assert "## Return of functions.f:1" in text


TWO_CALLS: list[dict[str, Any]] = [
    USER,
    {
        "role": "assistant",
        "content": "Both.",
        "tool_calls": [
            {"id": "x", "function": {"name": "first", "arguments": {}}},
            {"id": "y", "function": {"name": "second", "arguments": {}}},
        ],
    },
    {"role": "tool", "tool_call_id": "y", "content": "two"},
    {"role": "tool", "tool_call_id": "x", "content": "one"},
]
ONE_CALL_ONLY = (
    "{%- for m in messages %}{% if m.tool_calls %}"
    "{% if m.tool_calls | length > 1 %}{{ raise_exception('one call only') }}{% endif %}"
    "{{ m.content ~ '<call>' }}"
    '{{ {"name": m.tool_calls[0].function.name, "parameters": m.tool_calls[0].function.arguments}'
    " | tojson }}{{ '</call>' }}"
    "{% else %}{{ '<' ~ m.role ~ '>' ~ m.content ~ '<end>' }}{% endif %}{% endfor %}"
)


def test_calls_get_messages_of_their_own_where_a_template_takes_one_only():
    chat = ChatFormat.from_template(ONE_CALL_ONLY)
    text = chat.render(TWO_CALLS, [])
    first, second = (
        f'<call>{{"name": "{n}", "parameters": {{}}}}</call>' for n in ("first", "second")
    )
    assert text.endswith(f"Both.{first}<tool>one<end>{second}<tool>two<end>")
    with pytest.raises(TemplateRefusal, match="one call only"):
        chat.render(TWO_CALLS, [], adapt=False)


def test_results_follow_their_own_calls_where_a_template_shows_only_the_first(chat_format: Find):
    text = chat_format("harmony").render(TWO_CALLS, [])
    parts = (
        "to=functions.first<",
        "functions.first to=assistant",
        "one",
        "to=functions.second<",
        "functions.second to=assistant",
        "two",
    )
    order = [text.index(part) for part in parts]
    assert order == sorted(order)


def test_calls_and_results_without_partners_stay():
    asked = with_single_calls([*TWO_CALLS[:2], {**TWO_CALLS[2], "tool_call_id": "z"}, USER])
    assert [message["role"] for message in asked] == [
        "user",
        "assistant",
        "assistant",
        "tool",
        "user",
    ]
    assert [message["content"] for message in asked[1:4]] == ["Both.", "", "two"]


def test_thoughts_go_where_the_template_looks_for_them(chat_format: Find):
    conversation = [USER, _assistant(content="Yes.", reasoning_content="Hm.")]
    for name, shown in {
        "ministral3": "[THINK]Hm.[/THINK]Yes.",
        "lfm2.5": "<think>\nHm.\n</think>\nYes.",
        "apertus": "<|inner_prefix|>Hm.<|inner_suffix|>Yes.",
    }.items():
        text = chat_format(name).render(conversation, [], add_generation_prompt=False)
        assert shown in text


def test_content_may_be_parts_on_either_side():
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    as_text = ChatFormat.from_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    assert as_text.render([{"role": "user", "content": parts}], []) == "one\ntwo"
    wanted = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
    as_parts = ChatFormat.from_template(wanted)
    assert as_parts.render([USER], []) == "Hi"


def test_developers_speak_as_the_system_unless_the_template_knows_them(chat_format: Find):
    rules = {"role": "developer", "content": "Be brief."}
    assert "<|system|>\nBe brief." in chat_format("glm46").render([rules, USER], [])


def test_results_are_attached_where_the_template_wants_them_at_the_call(chat_format: Find):
    conversation = [
        USER,
        _assistant(tool_calls=[_call("a", {})]),
        {"role": "tool", "tool_call_id": "a", "content": json.dumps({"temp": 21})},
    ]
    text = chat_format("gemma4").render(conversation, [])
    assert "<|tool_response>response:f{temp:21}<tool_response|>" in text


def test_calls_of_the_past_are_written_as_text_where_the_template_shows_none(
    chat_format: Find, tools: list[dict[str, Any]]
):
    conversation = [
        USER,
        _assistant(tool_calls=[_call("a", {"city": "Rome"})]),
        {"role": "tool", "tool_call_id": "a", "content": "21"},
    ]
    text = chat_format("lfm2").render(conversation, tools)
    assert '<|tool_call_start|>[f(city="Rome")]<|tool_call_end|><|im_end|>' in text
    assert "<|tool_response_start|>21<|tool_response_end|>" in text


def test_tools_that_the_template_does_not_show_are_described(
    chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format("deepseek-v3.1")
    text = chat.render([USER], tools)
    assert '"name": "get_weather_later"' in text
    assert "function_name<" in text
    assert "get_weather" not in chat.render([USER], tools, adapt=False)


@pytest.mark.parametrize("name", ["qwen3.5", "glm46", "nemotron3", "deepseek-v3.2"])
def test_the_thinking_switch_reaches_the_template(name: str, chat_format: Find):
    chat = chat_format(name)
    assert chat.supports_thinking
    on, off = (chat.generation_prompt([USER], [], enable_thinking=value) for value in (True, False))
    assert on != off
    assert chat.render([USER], [], enable_thinking=True).endswith(on)


def test_a_message_can_be_continued(chat_format: Find):
    chat = chat_format("qwen3.5")
    begun = _assistant(content="Hello, ", reasoning_content="I think")
    content = chat.render([USER, begun], [], continue_final_message="content")
    assert content.endswith("<|im_start|>assistant\n<think>\nI think\n</think>\n\nHello, ")
    thoughts = chat.render([USER, begun], [], continue_final_message="reasoning")
    assert thoughts.endswith("<|im_start|>assistant\n<think>\nI think")
    opening = chat.generation_prompt([USER, begun], [], continue_final_message="content")
    parsed = chat.parse("world", [], generation_prompt=opening, prefill="Hello, ")
    assert (parsed.content, parsed.reasoning) == ("Hello, world", "I think")


def test_a_continued_answer_without_thoughts_closes_the_block(chat_format: Find):
    begun = _assistant(content="Hello, ")
    text = chat_format("qwen3.5").render([USER, begun], [], continue_final_message="content")
    assert text.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\nHello, ")


def test_formats_say_what_the_tokenizer_must_keep(chat_format: Find):
    chat = chat_format("devstral")
    assert {"[TOOL_CALLS]", "[ARGS]"} <= set(chat.preserved_tokens)
    assert chat.writes_bos
    assert "<think>" in chat_format("glm46").preserved_tokens
    assert "<|tool_call>" in chat_format("gemma4").preserved_tokens
