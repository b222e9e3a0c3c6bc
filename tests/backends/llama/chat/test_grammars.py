"""Grammars of calls beyond what every dialect shares."""

from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat
from cascade.backends.llama.chat.call_grammar import calls_grammar
from cascade.backends.llama.chat.catalogue import candidates
from cascade.backends.llama.chat.gbnf import Rules, until
from cascade.backends.llama.chat.results import ToolGrammar
from cascade.backends.llama.chat.writing import write_calls
from cascade.errors import ConfigError

Find = Callable[[str], ChatFormat]
Verdict = Callable[[str, str], str]

RAIN = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _grammar(evidence: str, schemas: dict[str, dict[str, Any]]) -> ToolGrammar:
    rules = Rules()
    made = calls_grammar(rules, next(candidates(evidence)).syntax, schemas, parallel=True)
    return ToolGrammar(
        gbnf=rules.text(made.body),
        lazy=True,
        trigger_words=made.words,
        trigger_patterns=made.patterns,
    )


def test_no_grammar_without_tools_or_without_the_wish_for_calls(
    chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format("glm46")
    assert chat.grammar([]) is None
    assert chat.grammar(tools, tool_choice="none") is None


def test_one_tool_can_be_demanded(chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict):
    chat = chat_format("granite4")
    made = chat.grammar(tools, tool_choice={"type": "function", "function": {"name": "get_time"}})
    assert made is not None
    assert not made.lazy
    assert verdict(made.gbnf, '<tool_call>{"name": "get_time", "arguments": {}}</tool_call>') == (
        "accept"
    )
    other = '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>'
    assert verdict(made.gbnf, other) == "dead"


def test_a_demanded_tool_must_be_offered(chat_format: Find, tools: list[dict[str, Any]]):
    choice = {"type": "function", "function": {"name": "unheard_of"}}
    with pytest.raises(ConfigError, match="get_weather_later"):
        chat_format("granite4").grammar(tools, tool_choice=choice)


def test_a_required_call_may_follow_thoughts(
    chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format("glm47")
    opened = chat.generation_prompt([{"role": "user", "content": "x"}], tools, enable_thinking=True)
    call = "<tool_call>get_time</tool_call>"
    inside = chat.grammar(tools, tool_choice="required", generation_prompt=opened)
    outside = chat.grammar(tools, tool_choice="required")
    assert inside is not None
    assert outside is not None
    assert verdict(inside.gbnf, f"Hm <tool_call> or not?</think>{call}") == "accept"
    assert verdict(inside.gbnf, call) == "incomplete"
    assert verdict(outside.gbnf, call) == "accept"
    assert verdict(outside.gbnf, f"<think>Hm.</think>\n{call}") == "accept"


@pytest.mark.parametrize(
    "call",
    [
        ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Rome"}',
        (
            "<|channel|>commentary to=functions.get_weather <|constrain|>json"
            '<|message|>{"city": "Rome"}'
        ),
    ],
)
def test_harmony_calls_are_bound_from_their_header_on(
    call: str, chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    made = chat_format("harmony").grammar(tools, generation_prompt="<|start|>assistant")
    assert made is not None
    thought = "<|channel|>analysis<|message|>Rome to=me.<|end|><|start|>assistant"
    assert made.trigger_start(thought + call) == len(thought)
    assert made.trigger_start(call) == 0
    assert verdict(made.gbnf, call) == "accept"
    assert verdict(made.gbnf, call.replace("get_weather", "snow")) == "dead"


def test_bare_json_is_bound_once_it_names_a_tool(verdict: Verdict):
    made = _grammar('{"name": "x", "parameters": {}}', {"rain": RAIN})
    call = '{"name": "rain", "parameters": {"city": "Rome"}}'
    assert made.trigger_start("\n" + call) == 1
    assert made.trigger_start('{"name": "Ada"}') is None
    assert verdict(made.gbnf, call) == "accept"
    typed = call.replace("{", '{"type": "function", ', 1)
    assert made.trigger_start(typed) == 0
    assert verdict(made.gbnf, typed) == "accept"


@pytest.mark.parametrize("before", ["<|python_tag|>", "Sure.\n", "I ask: ", "[", "Not {this}. "])
def test_bare_json_is_bound_wherever_its_reader_finds_it(before: str):
    made = _grammar('{"name": "x", "parameters": {}}', {"rain": RAIN})
    assert made.trigger_start(before + '{"name": "rain"') == len(before)
    assert made.trigger_start(before + '{"name": "rainbow"') is None


def test_bare_json_in_the_wrapped_form_is_bound_as_a_whole(verdict: Verdict):
    made = _grammar('{"name": "x", "parameters": {}}', {"rain": RAIN})
    call = '{"type": "function", "function": {"name": "rain", "parameters": {"city": "Rome"}}}'
    assert made.trigger_start(call) == 0
    assert verdict(made.gbnf, call) == "accept"
    assert verdict(made.gbnf, call.replace('"Rome"', "1")) == "dead"
    assert verdict(made.gbnf, call[:-1]) == "incomplete"


@pytest.mark.parametrize("name", ["qwen3.5", "glm46", "granite4", "lfm2", "gemma4"])
def test_a_parameter_whose_schema_is_a_truth_value_takes_anything(
    name: str, chat_format: Find, verdict: Verdict
):
    chat = chat_format(name)
    parameters = {"type": "object", "properties": {"any": True}}
    tools = [{"type": "function", "function": {"name": "free", "parameters": parameters}}]
    call = write_calls(chat.choice.dialect.syntax, [("free", {"any": 7}, "")])
    made = chat.grammar(tools)
    assert made is not None
    assert verdict(made.gbnf, call) == "accept"
    assert [found.arguments for found in chat.parse(call, tools).calls] == [{"any": 7}]


def test_a_tool_without_a_schema_takes_any_arguments(verdict: Verdict):
    made = _grammar("<tool_call></tool_call>", {"free": {}})
    for arguments in ("{}", '{"a": [1, {"b": null}]}'):
        call = f'<tool_call>{{"name": "free", "arguments": {arguments}}}</tool_call>'
        assert verdict(made.gbnf, call) == "accept"


def test_more_than_four_required_arguments_keep_their_order(verdict: Verdict):
    names = ["a", "b", "c", "d", "e"]
    schema = {"properties": {name: {"type": "integer"} for name in names}, "required": names}
    made = _grammar("<tool_call></tool_call>", {"many": schema})
    call = '<tool_call>{{"name": "many", "arguments": {{{}}}}}</tool_call>'
    members = [f'"{name}": 1' for name in names]
    assert verdict(made.gbnf, call.format(", ".join(members))) == "accept"
    assert verdict(made.gbnf, call.format(", ".join(reversed(members)))) == "dead"


@pytest.mark.parametrize("end", ["</a>", "aab", "<<>", "]]", "-^]"])
def test_free_text_ends_at_the_first_end_tag(end: str, verdict: Verdict):
    rules = Rules()
    grammar = rules.text(f"{until(rules, end)} {_quoted(end)}")
    for text in ("", "x", end[:-1], end[0] + end[:-1], f"a{end[:1]}b\n"):
        if end not in (text + end)[:-1]:
            assert verdict(grammar, text + end) == "accept"
        assert verdict(grammar, text + end + "x") == "dead"
    assert verdict(grammar, "no end") == "incomplete"


def _quoted(text: str) -> str:
    return '"' + text + '"'
