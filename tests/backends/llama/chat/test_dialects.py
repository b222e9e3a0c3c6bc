"""Every dialect, by small templates: rendered, read back, located, and bound by a grammar."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat, ParsedOutput
from cascade.backends.llama.chat.output import Prompt, read_output
from cascade.backends.llama.chat.writing import write_calls

Call = tuple[str, dict[str, Any]]
Find = Callable[[str], ChatFormat]
Verdict = Callable[[str, str], str]

DIALECTS = {
    "apertus": "name-as-key",
    "cohere2": "marker-json-array",
    "command-r-plus": "marker-json-array",
    "deepseek-v3.1": "deepseek-sep",
    "deepseek-v3.2": "invoke-xml",
    "devstral": "mistral-args",
    "functionary-3.1": "tag-name-json",
    "functionary-3.2": "recipient",
    "gemma4": "gemma4-call",
    "gigachat-3.1": "marker-json-one",
    "glm46": "arg-key-value",
    "glm47": "arg-key-value",
    "granite4": "hermes-json",
    "harmony": "harmony",
    "kimi-k2": "kimi-section",
    "lfm2": "pythonic",
    "lfm2.5": "pythonic",
    "ling3": "arg-key-value",
    "minicpm5": "fn-param-attr-xml",
    "ministral3": "mistral-args",
    "nemotron3": "fn-param-xml",
    "qwen3.5": "fn-param-xml",
}
SINGLE = ("gigachat-3.1", "harmony")
ADDRESSED = ("functionary-3.2", "harmony")
CALLS: dict[str, list[Call]] = {
    "one": [("get_weather", {"city": "São Paulo"})],
    "optional": [("get_weather", {"city": "Oslo", "unit": "celsius"})],
    "typed": [
        (
            "search",
            {
                "query": 'cats & <dogs> "x"\nsecond line',
                "limit": 3,
                "tags": ["a", "b c"],
                "filter": {"lang": "de", "min_score": 0.5},
                "exact": True,
            },
        )
    ],
    "no arguments": [("get_time", {})],
    "two": [("get_weather", {"city": "Paris"}), ("search", {"query": "hotels", "limit": 5})],
    "longer name": [("get_weather_later", {"city": "Rome"})],
}
ROUNDS = [
    pytest.param(name, calls, id=f"{name}-{kind}")
    for name in DIALECTS
    for kind, calls in CALLS.items()
    if len(calls) == 1 or name not in SINGLE
]
QUESTION = [{"role": "user", "content": "Please help."}]


def _message(calls: list[Call], content: str = "") -> dict[str, Any]:
    written = [
        {
            "id": f"call0000{at}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for at, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant", "content": content, "tool_calls": written}


def _written(chat: ChatFormat, calls: list[Call]) -> str:
    """The text of calls in a format's own dialect."""
    written = [(name, arguments, f"call0000{at}") for at, (name, arguments) in enumerate(calls)]
    return write_calls(chat.choice.dialect.syntax, written)


def _named(parsed: ParsedOutput) -> list[Call]:
    return [(call.name, call.arguments) for call in parsed.calls]


@pytest.mark.parametrize(("name", "dialect"), DIALECTS.items())
def test_a_template_gives_its_dialect_away(name: str, dialect: str, chat_format: Find):
    chat = chat_format(name)
    assert chat.dialect == dialect
    assert chat.supports_tools


@pytest.mark.parametrize(("name", "calls"), ROUNDS)
def test_calls_that_a_conversation_shows_are_in_the_form_that_is_read(
    name: str, calls: list[Call], chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format(name)
    shown = chat.render(
        [*QUESTION, _message(calls)], tools, add_generation_prompt=False, enable_thinking=False
    )
    before = chat.render(QUESTION, tools, add_generation_prompt=False, enable_thinking=False)
    assert shown.startswith(before)
    opening = chat.generation_prompt(QUESTION, tools, enable_thinking=False)
    turn = shown[len(before) :]
    output = turn.removeprefix(opening)
    parsed = chat.parse(output, tools, generation_prompt=opening if output != turn else "")
    assert _named(parsed) == calls
    assert parsed.problem is None


@pytest.mark.parametrize(("name", "calls"), ROUNDS)
def test_written_calls_are_read_back(
    name: str, calls: list[Call], chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format(name)
    lead = "" if name in ADDRESSED else "Let me look.\n"
    parsed = chat.parse(lead + _written(chat, calls), tools)
    assert _named(parsed) == calls
    assert parsed.content.strip() == lead.strip()
    assert (parsed.problem, parsed.unread) == (None, "")


@pytest.mark.parametrize(("name", "calls"), ROUNDS)
def test_spans_cover_names_keys_and_values(
    name: str, calls: list[Call], chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format(name)
    output = _written(chat, calls)
    for call in chat.parse(output, tools).calls:
        found = [(span.kind, output[span.start : span.end]) for span in call.spans]
        assert found[0] == ("name", call.name)
        assert [text for kind, text in found if kind == "key"] == list(call.arguments)
        values = [text for kind, text in found if kind == "value"]
        assert [
            _meant(text, like) for text, like in zip(values, call.arguments.values(), strict=True)
        ] == list(call.arguments.values())


def _meant(text: str, like: object) -> object:
    """The value that a span's text stands for, a string without its quotes."""
    if isinstance(like, str):
        return text if text == like else json.loads(f'"{text}"')
    if isinstance(like, bool):
        return {"true": True}[text.lower()]
    quoted = text.replace('<|"|>', '"')
    bare_keys = re.sub(r"([{,])(\w+):", r'\1"\2":', quoted)
    return json.loads(bare_keys)


@pytest.mark.parametrize(("name", "calls"), ROUNDS)
def test_the_grammar_holds_from_the_trigger_to_the_end_of_the_calls(
    name: str,
    calls: list[Call],
    chat_format: Find,
    tools: list[dict[str, Any]],
    verdict: Verdict,
):
    chat = chat_format(name)
    made = chat.grammar(tools)
    assert made is not None
    output = _written(chat, calls)
    start = made.trigger_start(output)
    assert start == 0
    assert verdict(made.gbnf, output) == "accept"
    assert verdict(made.gbnf, output[:-2]) == "incomplete"
    assert verdict(made.gbnf, output + " Done.") == "dead"
    unknown = output.replace(calls[0][0], calls[0][0] + "_zz", 1)
    assert verdict(made.gbnf, unknown) == "dead"


@pytest.mark.parametrize("name", DIALECTS)
def test_the_grammar_demands_types_and_required_arguments(
    name: str, chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format(name)
    made = chat.grammar(tools)
    assert made is not None
    wrong_type = _written(chat, [("search", {"query": "x", "limit": 3})]).replace("3", "many", 1)
    assert verdict(made.gbnf, wrong_type) == "dead"
    missing = _written(chat, [("search", {"limit": 3})])
    assert verdict(made.gbnf, missing) == "dead"
    any_order = _written(chat, [("search", {"limit": 3, "exact": True, "query": "x"})])
    assert verdict(made.gbnf, any_order) == "accept"


@pytest.mark.parametrize("name", DIALECTS)
def test_a_required_call_may_follow_a_few_words_but_not_be_left_out(
    name: str, chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format(name)
    made = chat.grammar(tools, tool_choice="required")
    assert made is not None
    assert not made.lazy
    call = _written(chat, CALLS["one"])
    assert verdict(made.gbnf, call) == "accept"
    assert verdict(made.gbnf, "Nothing to call.") in {"dead", "incomplete"}


@pytest.mark.parametrize("name", DIALECTS)
def test_without_parallel_calls_the_grammar_ends_after_one(
    name: str, chat_format: Find, tools: list[dict[str, Any]], verdict: Verdict
):
    chat = chat_format(name)
    made = chat.grammar(tools, parallel=False)
    assert made is not None
    assert verdict(made.gbnf, _written(chat, CALLS["one"])) == "accept"
    if name not in SINGLE:
        assert verdict(made.gbnf, _written(chat, CALLS["two"])) != "accept"


@pytest.mark.parametrize("name", sorted(set(DIALECTS) - set(ADDRESSED)))
def test_a_call_that_breaks_off_is_a_problem_and_no_content(
    name: str, chat_format: Find, tools: list[dict[str, Any]]
):
    chat = chat_format(name)
    whole = _written(chat, [("search", {"query": "a long question"})])
    broken = "I will search.\n" + whole[: whole.index("long")]
    parsed = chat.parse(broken, tools)
    assert parsed.calls == ()
    assert parsed.problem is not None
    assert parsed.content.strip() == "I will search."
    assert "search" in parsed.unread


@pytest.mark.parametrize("name", DIALECTS)
def test_without_tools_nothing_is_a_call(name: str, chat_format: Find):
    chat = chat_format(name)
    text = _written(chat, CALLS["one"])
    parsed = read_output(chat.choice.dialect, None, text, {}, prompt=Prompt())
    assert parsed.calls == ()
