"""Prompts grow by what is new and keep the model's own words, unless a template rewrites them."""

import json
from collections.abc import Sequence

from cascade.backends.llama.chat import ChatFormat
from cascade.backends.llama.prompts import Begin, Conversation
from cascade.exchange import ToolSpec, View
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Message,
    Origin,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

HERMES = (
    "{%- if tools %}{{- '<|im_start|>system\\n<tools>' }}"
    "{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}"
    "{{- '\\n</tools><|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'tool' %}"
    "{{- '<|im_start|>user\\n<tool_response>\\n' + m.content }}"
    "{{- '\\n</tool_response><|im_end|>\\n' }}"
    "{%- elif m.role == 'assistant' %}{{- '<|im_start|>assistant\\n' + m.content }}"
    "{%- for c in m.tool_calls or [] %}"
    '{{- \'<tool_call>\\n{"name": "\' + c.function.name + \'", "arguments": \' }}'
    "{{- c.function.arguments | tojson }}{{- '}\\n</tool_call>' }}"
    "{%- endfor %}{{- '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
THOUGHTFUL = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
    "{%- if m.reasoning_content and loop.last %}"
    "{{- '<think>' + m.reasoning_content + '</think>' }}{%- endif %}"
    "{{- m.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
TOOL = ToolSpec(
    name="look",
    description="Looks.",
    parameters={"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
)


def tokenize(text: str) -> list[int]:
    return [ord(character) for character in text]


def text_of(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def view(*messages: Message, tools: tuple[ToolSpec, ...] = ()) -> View:
    return View(trajectory_id="t", system=None, messages=messages, tools=tools)


def conversation(template: str, begin: Begin | None = None) -> Conversation:
    chat = ChatFormat.from_template(template, bos_token="<s>", eos_token="<|im_end|>")
    return Conversation(chat=chat, tokenize=tokenize, begin=begin or Begin())


def artefact(written: str) -> Artefact:
    return Artefact(origin=Origin(provider="llama_cpp", model="m"), raw={"text": written})


def exchange(written: str = "") -> tuple[UserMessage, AssistantMessage, ToolMessage]:
    """A task, a call that the model wrote in its own spelling, and the result."""
    call = ToolCall(id="c1", name="look", arguments={"at": "door"})
    result = ToolResult(call_id="c1", name="look", parts=(Text(text="shut"),))
    return (
        UserMessage.of("go"),
        AssistantMessage(parts=(call,), artefact=artefact(written)),
        ToolMessage(parts=(result,)),
    )


def test_a_prompt_is_the_last_one_what_was_written_and_what_is_new() -> None:
    talk = conversation(HERMES)
    user, assistant, result = exchange()
    tools = (TOOL,)
    first = talk.prompt(view(user, tools=tools))
    written = '<tool_call>\n{"name": "look", "arguments": {"at": "door"}}\n</tool_call>'
    talk.generated(written, tokenize(written), ending="<|im_end|>")
    second = talk.prompt(view(user, assistant, result, tools=tools))
    before = text_of(first.tokens) + written
    assert text_of(second.tokens).startswith(before)
    rest = text_of(second.tokens)[len(before) :]
    assert rest.startswith("<|im_end|>\n<|im_start|>user\n<tool_response>\nshut")
    assert second.opening == "<|im_start|>assistant\n"


def test_the_models_own_spelling_of_a_call_stays_in_its_prompt() -> None:
    talk = conversation(HERMES)
    written = '<tool_call>{"name":"look","arguments":{"at":"door"}}</tool_call>'
    user, assistant, result = exchange(written)
    tools = (TOOL,)
    first = talk.prompt(view(user, tools=tools))
    talk.generated(written, tokenize(written), ending="<|im_end|>")
    second = text_of(talk.prompt(view(user, assistant, result, tools=tools)).tokens)
    assert second.startswith(text_of(first.tokens) + written + "<|im_end|>\n")
    assert second.count("<tool_response>") == 1
    # And the one after that still holds it, although the template would spell it otherwise.
    talk.generated("done", tokenize("done"), ending="<|im_end|>")
    later = (user, assistant, result, AssistantMessage(parts=(Text(text="done"),)))
    third = text_of(talk.prompt(view(*later, UserMessage.of("more"), tools=tools)).tokens)
    assert third.startswith(second + "done<|im_end|>\n")


def test_a_template_that_rewrites_old_turns_gets_its_way() -> None:
    talk = conversation(THOUGHTFUL)
    user = UserMessage.of("go")
    talk.prompt(view(user))
    written = "<think>hm</think>yes"
    talk.generated(written, tokenize(written), ending="<|im_end|>")
    answer = AssistantMessage(parts=(Reasoning(text="hm"), Text(text="yes")))
    second = talk.prompt(view(user, answer, UserMessage.of("sure?")))
    assert "<think>" not in text_of(second.tokens)
    assert "assistant\nyes<|im_end|>" in text_of(second.tokens)


def test_a_rejected_draft_leaves_the_prompt_with_its_step() -> None:
    talk = conversation(HERMES)
    user, assistant, _ = exchange()
    first = talk.prompt(view(user))
    talk.generated("<tool_call>{", tokenize("<tool_call>{"), ending="<|im_end|>")
    rejected = AssistantMessage(parts=(Text(text="<tool_call>{"),))
    note = UserMessage.of("again")
    second = talk.prompt(view(user, rejected, note))
    assert text_of(second.tokens).startswith(text_of(first.tokens) + "<tool_call>{<|im_end|>\n")
    talk.generated("fine", tokenize("fine"), ending="<|im_end|>")
    third = talk.prompt(view(user, assistant, UserMessage.of("more")))
    assert "again" not in text_of(third.tokens)


def test_a_beginning_token_is_put_in_front_unless_the_template_wrote_it() -> None:
    begin = Begin(token=7, text="<s>")
    plain = conversation(THOUGHTFUL, begin).prompt(view(UserMessage.of("go")))
    assert plain.tokens[0] == 7
    written = conversation("{{- bos_token }}" + THOUGHTFUL, begin)
    assert text_of(written.prompt(view(UserMessage.of("go"))).tokens).startswith("<s><|im")


def test_arguments_reach_the_template_as_objects() -> None:
    talk = conversation(HERMES)
    user, assistant, result = exchange()
    prompt = text_of(talk.prompt(view(user, assistant, result, tools=(TOOL,))).tokens)
    line = next(line for line in prompt.splitlines() if line.startswith('{"name"'))
    assert json.loads(line) == {"name": "look", "arguments": {"at": "door"}}


def test_a_draft_that_gave_way_to_another_message_leaves_the_prompt() -> None:
    talk = conversation(HERMES)
    user = UserMessage.of("go")
    talk.prompt(view(user))
    talk.generated("I deleted all.", tokenize("I deleted all."), ending="<|im_end|>")
    other = AssistantMessage(parts=(Text(text="Which one?"),))
    second = text_of(talk.prompt(view(user, other, UserMessage.of("that"))).tokens)
    assert "deleted" not in second
    assert "Which one?<|im_end|>" in second


def test_an_answer_that_was_not_taken_costs_nothing_of_what_came_before_it() -> None:
    talk = conversation(HERMES)
    user = UserMessage.of("go")
    talk.prompt(view(user))
    # Other tokens than tokenizing the text would give: only those are in the model's memory.
    talk.generated("yes", (1001, 1002), ending="<|im_end|>")
    taken = AssistantMessage(parts=(Text(text="yes"),), artefact=artefact("yes"))
    asked = (user, taken, UserMessage.of("sure?"))
    second = list(talk.prompt(view(*asked)).tokens)
    assert 1001 in second
    talk.generated("no", (1003,), ending="<|im_end|>")
    # A second sample is drawn from the same prompt,
    assert list(talk.prompt(view(*asked)).tokens) == second
    talk.generated("never", (1004,), ending="<|im_end|>")
    # and then somebody else answers.
    other = AssistantMessage(parts=(Text(text="of course"),))
    third = list(talk.prompt(view(*asked, other, UserMessage.of("thanks"))).tokens)
    assert third[: len(second)] == second
    assert text_of(third[len(second) :]).startswith("of course<|im_end|>\n")


def test_a_draft_that_was_stopped_leaves_the_prompt_as_it_was() -> None:
    talk = conversation(HERMES)
    user = UserMessage.of("go")
    first = list(talk.prompt(view(user)).tokens)
    talk.generated("", ())
    assert list(talk.prompt(view(user)).tokens) == first


def test_an_empty_block_of_thoughts_in_the_rendering_does_not_cost_the_memory() -> None:
    template = THOUGHTFUL.replace(
        "{%- if m.reasoning_content and loop.last %}",
        "{%- if m.role == 'assistant' and not m.reasoning_content %}"
        "{{- '<think></think>' }}{%- elif false %}",
    )
    talk = conversation(template)
    user = UserMessage.of("go")
    first = talk.prompt(view(user))
    talk.generated("yes", tokenize("yes"), ending="<|im_end|>")
    answer = AssistantMessage(parts=(Text(text="yes"),), artefact=artefact("yes"))
    second = text_of(talk.prompt(view(user, answer, UserMessage.of("sure?"))).tokens)
    assert second.startswith(text_of(first.tokens) + "yes<|im_end|>\n<|im_start|>user\nsure?")


def test_thinking_and_variables_reach_the_template() -> None:
    template = (
        "{{- 'thinking: ' ~ enable_thinking ~ ', effort: ' ~ reasoning_effort ~ ' ' }}" + THOUGHTFUL
    )
    prompt = conversation(template).prompt(
        view(UserMessage.of("go")), thinking=False, variables={"reasoning_effort": "low"}
    )
    assert text_of(prompt.tokens).startswith("thinking: False, effort: low ")
