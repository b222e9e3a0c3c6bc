"""Grammars of turns that end in an answer of a given form, in every dialect."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat, value_spans
from cascade.backends.llama.chat.writing import write_calls

Find = Callable[[str], ChatFormat]
Verdict = Callable[[str, str], str]

FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "rain": {"type": "boolean"},
        "chance": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["city", "rain"],
    "additionalProperties": False,
}
ANSWER = '{"city": "Rome", "rain": false, "chance": 0.25}'
TEMPLATES = (
    "apertus",
    "cohere2",
    "command-r-plus",
    "deepseek-v3.1",
    "deepseek-v3.2",
    "devstral",
    "functionary-3.1",
    "functionary-3.2",
    "gemma4",
    "gigachat-3.1",
    "glm46",
    "glm47",
    "granite4",
    "harmony",
    "kimi-k2",
    "lfm2",
    "lfm2.5",
    "ling3",
    "minicpm5",
    "ministral3",
    "nemotron3",
    "qwen3.5",
)
ASKED = [{"role": "user", "content": "Does it rain in Rome?"}]


def turn(
    chat: ChatFormat, tools: list[dict[str, Any]], *, is_tool_wanted: bool
) -> tuple[str, str, str]:
    """The opening of a turn, what comes first in it, and a call or an answer as models write it."""
    opening = chat.generation_prompt(ASKED, tools)
    said = ANSWER
    if is_tool_wanted:
        said = write_calls(chat.choice.dialect.syntax, [("get_weather", {"city": "Rome"}, "c" * 9)])
    elif chat.dialect == "harmony":
        said = "<|channel|>final<|message|>" + ANSWER
    elif chat.dialect == "recipient":
        said = "all\n" + ANSWER
    markers = chat.markers
    thoughts = ""
    if markers is not None and markers.is_open(opening):
        thoughts = f"Hm, <{markers.end}\n"
    return opening, thoughts, said


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("is_tool_wanted", [True, False])
def test_a_turn_is_a_call_or_the_answer(
    name: str,
    chat_format: Find,
    tools: list[dict[str, Any]],
    verdict: Verdict,
    *,
    is_tool_wanted: bool,
):
    chat = chat_format(name)
    opening, thoughts, said = turn(chat, tools, is_tool_wanted=is_tool_wanted)
    made = chat.grammar(tools, generation_prompt=opening, answer=FORM)
    assert made is not None
    assert not made.lazy
    text = thoughts + said
    assert verdict(made.gbnf, text) == "accept"
    assert verdict(made.gbnf, thoughts + "Well, " + said) == "dead"
    read = chat.parse(text, tools, generation_prompt=opening, structured=True)
    assert read.problem is None
    assert [call.name for call in read.calls] == ["get_weather"] * is_tool_wanted
    assert read.content.strip() == ("" if is_tool_wanted else ANSWER)


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_answer_that_does_not_fit_cannot_be_written(
    name: str, chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format(name)
    for offered in (tools, []):
        opening, thoughts, said = turn(chat, offered, is_tool_wanted=False)
        made = chat.grammar(offered, generation_prompt=opening, answer=FORM)
        assert made is not None
        assert verdict(made.gbnf, thoughts + said) == "accept"
        for wrong in ('"rain": 1', '"snow": false', '"rain": false, "chance": 1.5'):
            text = thoughts + said.replace('"rain": false, "chance": 0.25', wrong)
            assert verdict(made.gbnf, text) == "dead"
        assert verdict(made.gbnf, thoughts + said + " I hope that helps.") == "dead"


def test_without_calls_there_is_only_the_answer(
    chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format("granite4")
    made = chat.grammar(tools, tool_choice="none", answer=FORM)
    assert made is not None
    assert verdict(made.gbnf, ANSWER) == "accept"
    assert verdict(made.gbnf, '<tool_call>{"name": "get_time", "arguments": {}}') == "dead"


def test_a_demanded_call_leaves_no_room_for_an_answer(
    chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    made = chat_format("granite4").grammar(tools, tool_choice="required", answer=FORM)
    assert made is not None
    call = '<tool_call>{"name": "get_time", "arguments": {}}</tool_call>'
    assert verdict(made.gbnf, "I look: " + call) == "accept"
    assert verdict(made.gbnf, ANSWER) == "incomplete"


@pytest.mark.parametrize("name", ["granite4", "qwen3.5", "glm46", "lfm2", "cohere2"])
def test_a_call_that_an_answer_only_speaks_of_is_none(
    name: str, chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format(name)
    opening, thoughts, _ = turn(chat, tools, is_tool_wanted=False)
    call = write_calls(chat.choice.dialect.syntax, [("get_time", {}, "")])
    answer = json.dumps({"city": f"I wrote {call}.", "rain": True})
    read = chat.parse(thoughts + answer, tools, generation_prompt=opening, structured=True)
    assert read.calls == ()
    assert json.loads(read.content) == json.loads(answer)


def test_an_answer_may_stand_between_the_marks_of_its_dialect(
    chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format("cohere2")
    made = chat.grammar(tools, answer=FORM)
    assert made is not None
    assert "<|START_RESPONSE|>" in chat.choice.dialect.content_marks
    marked = f"<|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>"
    assert verdict(made.gbnf, marked) == "accept"
    assert verdict(made.gbnf, f"<|START_RESPONSE|>So: {ANSWER}") == "dead"
    read = chat.parse(marked, tools, structured=True)
    assert (read.content, read.calls, read.problem) == (ANSWER, (), None)


def test_bare_json_is_a_call_only_as_a_whole(tools: list[dict[str, Any]], verdict: Verdict):
    template = (
        "{% for message in messages %}{% if message.tool_calls %}"
        '{"name": "{{ message.tool_calls[0].function.name }}", "parameters": '
        "{{ message.tool_calls[0].function.arguments | tojson }}}"
        "{% else %}{{ message.role }}: {{ message.content }}{% endif %}<end>\n{% endfor %}"
        "{% if tools %}{{ tools | tojson }}{% endif %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    chat = ChatFormat.from_template(template)
    assert chat.dialect == "bare-json"
    nested = {"type": "object", "properties": {"best": {"type": "object"}}, "required": ["best"]}
    made = chat.grammar(tools, answer=nested)
    assert made is not None
    call = '{"name": "get_time", "parameters": {}}'
    answer = f'{{"best": {call}}}'
    assert verdict(made.gbnf, call) == "accept"
    assert verdict(made.gbnf, answer) == "accept"
    assert [each.name for each in chat.parse(call, tools, structured=True).calls] == ["get_time"]
    read = chat.parse(answer, tools, structured=True)
    assert (read.calls, read.content) == ((), answer)
    assert chat.parse(answer, tools).calls != ()


def test_thoughts_that_never_end_are_no_answer(chat_format: Find, tools: list[dict[str, Any]]):
    read = chat_format("glm47").parse(
        f"So: {ANSWER}", tools, generation_prompt="<think>", structured=True
    )
    assert (read.content, read.calls) == ("", ())
    assert ANSWER in read.reasoning


def test_values_of_an_answer_are_found_without_their_quotes():
    spans = value_spans(ANSWER)
    assert [ANSWER[span.start : span.end] for span in spans] == ["Rome", "false", "0.25"]
    assert value_spans(ANSWER[:-1]) == ()
    assert value_spans("plain") == ()
