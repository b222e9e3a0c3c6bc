"""Templates without tools: the tools are described, calls and results are written as text."""

from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat

CHATML = (
    "{%- for message in messages %}"
    "{{ '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
NO_SYSTEM = "{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
            },
            {"id": "b", "type": "function", "function": {"name": "get_time", "arguments": "{}"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "21 degrees"},
    {"role": "tool", "tool_call_id": "b", "content": "noon"},
]


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat.from_template(CHATML)


def test_the_fallback_says_why_it_was_taken(chat: ChatFormat):
    assert chat.dialect == "fallback"
    assert not chat.supports_tools
    assert "knows no tools" in chat.note
    assert "<tool_response>" in chat.stop_strings


def test_the_end_of_a_plain_answer_ends_a_turn(chat: ChatFormat):
    assert "<|im_end|>" in chat.stop_strings
    assert chat.parse("Done.<|im_end|>", []).content == "Done."


def test_a_template_without_tags_has_no_end_of_turn_to_stop_at():
    plain = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '\n' }}{% endfor %}"
    assert ChatFormat.from_template(plain).stop_strings == ("<tool_response>",)


def test_tools_join_the_system_text_with_an_example(chat: ChatFormat, tools: list[dict[str, Any]]):
    text = chat.render(CONVERSATION[:2], tools)
    system = text.split("<|im_end|>", maxsplit=1)[0]
    assert system.startswith("<|im_start|>system\nBe brief.")
    assert '"name": "get_weather_later"' in system
    assert '<tool_call>\n{"name": "function_name"' in system


def test_calls_and_results_of_the_past_become_text(chat: ChatFormat, tools: list[dict[str, Any]]):
    text = chat.render(CONVERSATION, tools)
    assert (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>' in text
    )
    results = (
        "<|im_start|>user\n<tool_response>\n21 degrees\n</tool_response>\n"
        "<tool_response>\nnoon\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )
    assert text.endswith(results)


def test_without_adapting_the_template_alone_decides(chat: ChatFormat, tools: list[dict[str, Any]]):
    text = chat.render(CONVERSATION, tools, adapt=False)
    assert "get_weather" not in text
    assert "<|im_start|>tool\nnoon" in text


def test_a_template_without_system_role_gets_the_tools_in_the_first_question(
    tools: list[dict[str, Any]],
):
    text = ChatFormat.from_template(NO_SYSTEM + CHATML).render(CONVERSATION[:2], tools)
    assert text.startswith("<|im_start|>user\nBe brief.\n\n# Tools")
    assert "Weather?<|im_end|>" in text


def test_the_fallback_binds_calls_by_the_same_grammar(
    chat: ChatFormat, tools: list[dict[str, Any]], verdict: Callable[[str, str], str]
):
    made = chat.grammar(tools)
    assert made is not None
    assert made.trigger_words == ("<tool_call>",)
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    assert verdict(made.gbnf, call) == "accept"


def test_rendering_changes_nothing_that_the_caller_holds(
    chat: ChatFormat, tools: list[dict[str, Any]]
):
    before = repr(CONVERSATION)
    chat.render(CONVERSATION, tools)
    assert repr(CONVERSATION) == before
