"""What the model learns from: the oracle's steps as the chat template writes them."""

import random
import re

import pytest

from cascade.desk.calls import Call, Reply
from cascade.desk.families import FAMILIES
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import make_task
from cascade.desk.training.conversations import (
    Conversation,
    conversation,
    render,
    tool_schemas,
)
from cascade.desk.training.figures import auroc
from cascade.desk.training.player import Stepped
from cascade.desk.world import TOOL_EFFECTS


def sample(seed: int) -> Conversation:
    rng = random.Random(seed)
    return conversation(make_task(rng.choice(list(FAMILIES)), "train", seed), rng)


def test_a_conversation_is_written_in_the_hermes_form():
    made = Conversation(tools=tool_schemas(["get_order", "set_note"]))
    made.messages += [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    call = Call(name="set_note", arguments={"order_id": "1", "text": 'é "q" <b>'})
    made.add_call(call, Reply(text="R"))
    made.add_answer("A")
    assert render(made, add_generation_prompt=True) == (
        "<|im_start|>system\nS\n\n<tools>\nget_order(order_id)\nset_note(order_id, text)\n</tools>"
        "<|im_end|>\n"
        "<|im_start|>user\nU<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "set_note", "arguments": {"order_id": "1", '
        '"text": "é \\"q\\" <b>"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nR\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\nA<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_words_are_changed_in_some_prompts_but_not_what_the_task_turns_on():
    changed = 0
    for seed in range(300):
        rng = random.Random(seed)
        task = make_task(rng.choice(("note", "mark", "audit")), "train", seed)
        prompt = conversation(task, rng).messages[1]["content"]
        changed += prompt != task.prompt
        for pattern in (
            r'"[^"]*"',
            r"\b\d{4}\b",
            r"\w+/[\w-]+\.txt",
            r"\b(?:open|shipped|closed)\b",
        ):
            assert re.findall(pattern, prompt) == re.findall(pattern, task.prompt)
    assert 30 < changed < 150


def test_results_that_follow_each_other_share_a_turn():
    made = Conversation()
    made.messages += [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    assert render(made) == (
        "<|im_start|>user\n<tool_response>\n1\n</tool_response>"
        "\n<tool_response>\n2\n</tool_response><|im_end|>\n"
    )


def test_tools_without_parameters_and_arguments_as_text_are_rendered_too():
    bare = {"type": "function", "function": {"name": "now"}}
    call = {"id": "1", "function": {"name": "now", "arguments": "{}"}}
    made = Conversation(tools=[bare])
    made.messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    text = render(made)
    assert "now()" in text
    assert '{"name": "now", "arguments": {}}' in text


def test_the_tool_list_names_the_arguments_that_the_runtime_declares():
    trained = {
        schema["function"]["name"]: list(schema["function"]["parameters"]["properties"])
        for schema in tool_schemas(list(TOOL_EFFECTS))
    }
    declared: dict[str, list[str]] = {}
    for tool in DeskSuite().tasks(1, 0)[0].open().tools:
        properties = tool.spec.parameters["properties"]
        assert isinstance(properties, dict)
        declared[tool.name] = list(properties)
    assert trained == declared
    assert list(trained) == list(declared)


def test_the_same_seed_makes_the_same_conversation():
    assert render(sample(5)) == render(sample(5))
    assert render(sample(5)) != render(sample(6))


def test_slips_are_in_the_conversation_but_not_learnt():
    made = [sample(seed) for seed in range(150)]
    slipped = [one for one in made if not all(one.learnt)]
    assert 0.05 < len(slipped) / len(made) < 0.3
    for one in made:
        turns = [message for message in one.messages if message["role"] == "assistant"]
        assert len(turns) == len(one.learnt)
        assert one.learnt[-1]
        assert "tool_calls" not in turns[-1]


def test_the_expert_is_asked_only_where_it_is_on_offer():
    asked = 0
    for seed in range(200):
        made = sample(seed)
        offered = {tool["function"]["name"] for tool in made.tools}
        called = {
            call["function"]["name"]
            for message in made.messages
            for call in message.get("tool_calls", [])
        }
        assert called <= offered
        asked += "ask_expert" in called
    assert asked > 5


def stepped(confidence: float, *, is_right: bool) -> Stepped:
    return Stepped(text="", confidence=confidence, is_right=is_right, was_clean=True)


def test_auroc_is_one_when_right_steps_are_always_surer():
    steps = [stepped(0.2, is_right=False), stepped(0.6, is_right=True), stepped(0.9, is_right=True)]
    assert auroc(steps) == pytest.approx(1.0)


def test_auroc_halves_ties_and_counts_wrong_order():
    steps = [
        stepped(0.5, is_right=True),
        stepped(0.5, is_right=False),
        stepped(0.9, is_right=False),
    ]
    assert auroc(steps) == pytest.approx(0.25)


def test_auroc_of_one_kind_only_is_not_a_number():
    assert auroc([stepped(0.5, is_right=True)]) != auroc([stepped(0.5, is_right=True)])
