"""Outputs that need a rule of their own: thoughts, quoted calls, odd values, addressed messages."""

from collections.abc import Callable
from typing import Any

import pytest

from cascade.backends.llama.chat import ChatFormat, ParsedOutput, ToolGrammar
from cascade.backends.llama.chat.catalogue import candidates
from cascade.backends.llama.chat.output import Prompt, read_output
from cascade.backends.llama.chat.reasoning import HARMONY_MARKERS, ReasoningMarkers

Find = Callable[[str], ChatFormat]

CALL = (
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n"
    "</tool_call>"
)
OPEN = "<|im_start|>assistant\n<think>\n"
CLOSED = "<|im_start|>assistant\n<think>\n\n</think>\n\n"


@pytest.fixture
def qwen(chat_format: Find) -> ChatFormat:
    return chat_format("qwen3.5")


def _calls(parsed: ParsedOutput) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in parsed.calls]


@pytest.mark.parametrize(
    ("opening", "output", "reasoning", "content"),
    [
        (OPEN, "Hm.\n</think>\n\nYes.", "Hm.", "Yes."),
        (OPEN, "Only thoughts", "Only thoughts", ""),
        (CLOSED, "Only an answer", "", "Only an answer"),
        ("<|im_start|>assistant\n", "<think>Hm.</think>Yes.", "Hm.", "Yes."),
        ("<|im_start|>assistant\n", "Hm.</think>Yes.", "Hm.", "Yes."),
        ("<|im_start|>assistant\n", "Just text", "", "Just text"),
        (OPEN + "I beg", "an.\n</think>\nYes.", "I began.", "Yes."),
        ("<think>Done.</think>", "Yes.", "Done.", "Yes."),
    ],
)
def test_the_generation_prompt_decides_what_are_thoughts(
    qwen: ChatFormat, opening: str, output: str, reasoning: str, content: str
):
    parsed = qwen.parse(output, [], generation_prompt=opening)
    assert (parsed.reasoning, parsed.content.strip()) == (reasoning, content)


def test_a_call_quoted_in_thoughts_is_not_made(qwen: ChatFormat, tools: list[dict[str, Any]]):
    output = f"Shall I write {CALL}?\n</think>\n\nNo."
    parsed = qwen.parse(output, tools, generation_prompt=OPEN)
    assert parsed.calls == ()
    assert CALL in parsed.reasoning
    made = qwen.grammar(tools, generation_prompt=OPEN)
    assert made is not None
    assert made.trigger_start(output) is None
    assert made.trigger_start(output + CALL) == len(output)


def test_a_call_ends_thoughts_that_nothing_else_ended(
    qwen: ChatFormat, tools: list[dict[str, Any]]
):
    parsed = qwen.parse(f"I look it up.\n{CALL}", tools, generation_prompt=OPEN)
    assert _calls(parsed) == [("get_weather", {"city": "Rome"})]
    assert parsed.reasoning == "I look it up."


def test_thoughts_can_be_left_in_the_content(qwen: ChatFormat):
    parsed = qwen.parse("<think>Hm.</think>Yes.", [], keep_thoughts_inline=True)
    assert (parsed.content, parsed.reasoning) == ("<think>Hm.</think>Yes.", "")


def test_text_behind_a_call_is_content(qwen: ChatFormat, tools: list[dict[str, Any]]):
    parsed = qwen.parse(f"Before. {CALL} Behind.", tools)
    assert parsed.content == "Before.  Behind."
    assert len(parsed.calls) == 1


def test_a_missing_end_marker_at_the_end_does_no_harm(
    qwen: ChatFormat, tools: list[dict[str, Any]]
):
    for cut in (len("</tool_call>"), len("ool_call>"), len("\n</tool_call>") + 3):
        parsed = qwen.parse(CALL[:-cut], tools)
        assert _calls(parsed) == [("get_weather", {"city": "Rome"})]


def test_a_forgotten_outer_tag_does_no_harm_for_offered_tools(
    qwen: ChatFormat, tools: list[dict[str, Any]]
):
    bare = CALL.removeprefix("<tool_call>\n")
    assert _calls(qwen.parse(bare, tools)) == [("get_weather", {"city": "Rome"})]
    made = qwen.grammar(tools)
    assert made is not None
    assert made.trigger_start("Well. " + bare) == len("Well. ")
    other = bare.replace("get_weather", "unheard_of")
    assert qwen.parse(other, tools).content == other


def test_an_unknown_tool_is_still_a_call(qwen: ChatFormat, tools: list[dict[str, Any]]):
    parsed = qwen.parse(CALL.replace("get_weather", "unheard_of"), tools)
    assert _calls(parsed) == [("unheard_of", {"city": "Rome"})]


def test_a_value_may_hold_the_tag_that_ends_values(qwen: ChatFormat, tools: list[dict[str, Any]]):
    text = "if a</parameter>b:\n\n  x"
    parsed = qwen.parse(CALL.replace("Rome", text), tools)
    assert _calls(parsed) == [("get_weather", {"city": text})]


def _typed(union: str, schema: dict[str, Any], text: str, chat_format: Find) -> object:
    chat = chat_format("qwen3.5" if union == "json" else "glm46")
    tool = {"name": "t", "parameters": {"type": "object", "properties": {"v": schema}}}
    written = {
        "json": CALL.replace("get_weather", "t").replace("city", "v").replace("Rome", text),
        "text": f"<tool_call>t\n<arg_key>v</arg_key>\n<arg_value>{text}</arg_value>\n</tool_call>",
    }
    parsed = chat.parse(written[union], [{"type": "function", "function": tool}])
    return parsed.calls[0].arguments["v"]


@pytest.mark.parametrize(
    ("union", "schema", "text", "value"),
    [
        ("json", {"type": "string"}, "5123", "5123"),
        ("json", {"type": "string"}, '"foo"', '"foo"'),
        ("json", {"type": "integer"}, "-14", -14),
        ("json", {"type": "integer"}, "many", "many"),
        ("json", {"type": ["string", "null"]}, "null", None),
        ("json", {"type": ["string", "integer"]}, '"7"', '"7"'),
        ("json", {"type": ["string", "number"]}, "7", 7),
        ("json", {"anyOf": [{"type": "string"}, {"type": "object"}]}, '{"a": 1}', {"a": 1}),
        ("json", {"enum": ["on", "off"]}, "on", "on"),
        ("json", {"type": "boolean"}, "True", True),
        ("json", {}, "[1]", [1]),
        ("json", {}, "plain", "plain"),
        ("text", {"type": ["string", "null"]}, "null", "null"),
        ("text", {"type": "array"}, '["x"]', ["x"]),
    ],
)
def test_plain_text_is_typed_by_the_schema(
    union: str, schema: dict[str, Any], text: str, value: object, chat_format: Find
):
    assert _typed(union, schema, text, chat_format) == value


def test_a_reference_in_the_schema_is_followed(chat_format: Find):
    schema = {"$ref": "#/properties/w"}
    tool = {"name": "t", "parameters": {"properties": {"v": schema, "w": {"type": "integer"}}}}
    text = "<tool_call>t\n<arg_key>v</arg_key>\n<arg_value>7</arg_value>\n</tool_call>"
    parsed = chat_format("glm46").parse(text, [{"type": "function", "function": tool}])
    assert parsed.calls[0].arguments == {"v": 7}


def test_markup_says_what_is_a_string(chat_format: Find, tools: list[dict[str, Any]]):
    bar = "\uff5c"
    open_, close = f"<{bar}DSML{bar}", f"</{bar}DSML{bar}"
    text = (
        f'{open_}function_calls>\n{open_}invoke name="search">\n'
        f'{open_}parameter name="query" string="true">7{close}parameter>\n'
        f'{open_}parameter name="limit" string="false">7{close}parameter>\n'
        f"{close}invoke>\n{close}function_calls>"
    )
    parsed = chat_format("deepseek-v3.2").parse(text, tools)
    assert _calls(parsed) == [("search", {"query": "7", "limit": 7})]


def test_character_data_is_taken_as_it_stands(chat_format: Find, tools: list[dict[str, Any]]):
    text = '<function name="search"><param name="query"><![CDATA[</param> & 1]]></param></function>'
    parsed = chat_format("minicpm5").parse(text, tools)
    assert _calls(parsed) == [("search", {"query": "</param> & 1"})]
    start, end = next((s.start, s.end) for s in parsed.calls[0].spans if s.kind == "value")
    assert text[start:end] == "</param> & 1"


def test_the_id_of_a_kimi_call_is_its_whole_head(chat_format: Find, tools: list[dict[str, Any]]):
    text = (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_time:3"
        "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>"
    )
    (call,) = chat_format("kimi-k2").parse(text, tools).calls
    assert (call.name, call.id) == ("get_time", "functions.get_time:3")


def test_python_literals_are_read(chat_format: Find, tools: list[dict[str, Any]]):
    text = (
        "<|tool_call_start|>[search(query='it\\'s \\u00fc\\n', limit=-3, exact=True,"
        " filter={'lang': None, \"min_score\": 1e-1}, tags=[\"a\", 'b',]), get_time()]"
        "<|tool_call_end|>"
    )
    parsed = chat_format("lfm2.5").parse(text.replace(",])", "])"), tools)
    arguments = {
        "query": "it's \u00fc\n",
        "limit": -3,
        "exact": True,
        "filter": {"lang": None, "min_score": 0.1},
        "tags": ["a", "b"],
    }
    assert _calls(parsed) == [("search", arguments), ("get_time", {})]


HARMONY = next(candidates("<|channel|> <|message|> functions."))
TURN = "<|start|>assistant"


def _harmony(output: str, *tools: str, opening: str = TURN) -> ParsedOutput:
    schemas: dict[str, dict[str, Any]] = {name: {} for name in tools}
    return read_output(HARMONY, HARMONY_MARKERS, output, schemas, prompt=Prompt(opening=opening))


def test_channels_are_told_apart():
    parsed = _harmony(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
        "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
        '<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{"a": 1}<|call|>',
        "get_time",
    )
    assert (parsed.reasoning, parsed.content) == ("Hm.", "I look.")
    assert _calls(parsed) == [("get_time", {"a": 1})]


def test_spans_of_a_harmony_call_count_from_the_output():
    output = ' to=functions.get_time<|channel|>commentary<|message|>{"a": "b"}'
    (call,) = _harmony(output, "get_time").calls
    assert [output[s.start : s.end] for s in call.spans] == ["get_time", "a", "b"]


def test_messages_to_strangers_and_broken_calls_are_reported():
    stranger = _harmony(" to=container.exec<|channel|>commentary<|message|>ls", "get_time")
    assert stranger.calls == ()
    assert "container.exec" in (stranger.problem or "")
    broken = _harmony(' to=functions.get_time<|channel|>commentary<|message|>{"a"', "get_time")
    assert broken.problem is not None
    assert '{"a"' in broken.unread


def test_a_harmony_output_without_headers_is_content():
    assert _harmony("Hello", "get_time").content == "Hello"
    cut = _harmony("<|channel|>comm", "get_time")
    assert (cut.content, cut.unread) == ("", "<|channel|>comm")


def test_recipients_are_tools_or_everyone(chat_format: Find, tools: list[dict[str, Any]]):
    chat = chat_format("functionary-3.2")
    parsed = chat.parse('all\nI look.>>>get_weather\n{"city": "Rome"}', tools)
    assert parsed.content == "I look."
    assert _calls(parsed) == [("get_weather", {"city": "Rome"})]
    quoted = chat.parse("all\nType >>>nothing\nhere", tools)
    assert quoted.content == "Type >>>nothing\nhere"


LLAMA = next(candidates('{"name": "x", "parameters": {}}'))


@pytest.mark.parametrize(
    "output",
    [
        '{"name": "get_time", "parameters": {}}',
        'Sure: {"type": "function", "name": "get_time", "parameters": {}}',
        '{"type": "function", "function": {"name": "get_time", "parameters": {}}}',
    ],
)
def test_bare_json_that_names_an_offered_tool_is_a_call(output: str):
    parsed = read_output(LLAMA, None, output, {"get_time": {}}, prompt=Prompt())
    assert _calls(parsed) == [("get_time", {})]


@pytest.mark.parametrize("output", ['{"name": "Ada"}', "{not json", 'x.call("y")'])
def test_other_json_is_content(output: str):
    parsed = read_output(LLAMA, None, output, {"get_time": {}}, prompt=Prompt())
    assert (parsed.content, parsed.calls, parsed.problem) == (output, (), None)


@pytest.mark.parametrize(
    ("behind", "content", "names"),
    [
        ('{"name": "get_time", "parameters": {}}', "", ["get_time"]),
        ('x.call("y")', 'x.call("y")', []),
    ],
)
def test_the_tag_of_an_interpreter_is_no_content(behind: str, content: str, names: list[str]):
    parsed = read_output(LLAMA, None, "<|python_tag|>" + behind, {"get_time": {}}, prompt=Prompt())
    assert (parsed.content, [call.name for call in parsed.calls]) == (content, names)


def test_arguments_may_be_json_text(chat_format: Find, tools: list[dict[str, Any]]):
    text = '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Rome\\"}"}</tool_call>'
    assert _calls(chat_format("granite4").parse(text, tools)) == [("get_weather", {"city": "Rome"})]
    odd = text.replace('\\"city\\": ', "")
    assert chat_format("granite4").parse(odd, tools).problem is not None


def test_a_marker_that_is_only_mentioned_is_reported_with_its_text(
    chat_format: Find, tools: list[dict[str, Any]]
):
    parsed = chat_format("granite4").parse("Use <tool_call> tags.", tools)
    assert parsed.problem is not None
    assert (parsed.content, parsed.unread) == ("Use ", "<tool_call> tags.")


def test_a_fence_round_structured_output_is_dropped(qwen: ChatFormat):
    assert qwen.parse('```json\n{"a": 1}\n```', [], structured=True).content == '{"a": 1}'
    assert qwen.parse('{"a": 1}', [], structured=True).content == '{"a": 1}'


def test_the_text_of_an_end_token_is_no_content(qwen: ChatFormat):
    assert qwen.parse("Yes.<|im_end|>", []).content == "Yes."


def test_triggers_wait_for_the_end_of_thoughts_that_the_model_opened():
    grammar = ToolGrammar(
        gbnf="",
        lazy=True,
        trigger_words=("<call>",),
        trigger_patterns=(r"(?:^|\n)(do:)",),
        thoughts_start="<t>",
        thoughts_end="</t>",
    )
    assert grammar.trigger_start("a <call>") == 2
    assert grammar.trigger_start("\ndo:") == 1
    assert grammar.trigger_start("<t><call>") is None
    assert grammar.trigger_start("<t><call></t>.<call>") == 14
    assert grammar.trigger_start("nothing") is None


def test_markers_without_a_start_in_the_output_need_the_prompt():
    markers = ReasoningMarkers(start="<|think|>", end="<|end|>", ends_alone=False)
    dialect = next(candidates("<tool_call></tool_call>"))
    parsed = read_output(dialect, markers, "Hi<|end|>", {}, prompt=Prompt())
    assert parsed.reasoning == ""
