"""The bundled GGUF file: what it says of itself, and that it really does the routine families."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cascade.desk
from cascade.desk.calls import Call, Exchange, Reply
from cascade.desk.families import FAMILIES
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import SYSTEM, make_task, reply_of
from cascade.desk.training.conversations import (
    Conversation,
    chat_template,
    conversation,
    render,
    tool_schemas,
)
from cascade.desk.training.player import Player, call_in, play
from cascade.desk.world import TOOL_EFFECTS, Office

FOLDER = Path(cascade.desk.__file__).parent
MODEL = FOLDER / "desk.gguf"
ROUTINE = tuple(name for name, family in FAMILIES.items() if family.level == "routine")


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    loaded = Player(MODEL)
    yield loaded
    loaded.close()


def test_the_file_is_small_and_is_the_one_on_the_model_card():
    content = MODEL.read_bytes()
    assert len(content) <= 8_000_000
    assert hashlib.sha256(content).hexdigest() in (FOLDER / "MODEL_CARD.md").read_text()


def test_the_file_carries_the_template_that_it_was_trained_with(player: Player):
    metadata = player.metadata()
    assert metadata["tokenizer.chat_template"] == chat_template()
    assert metadata["general.architecture"] == "llama"


def test_others_render_the_template_as_training_did(player: Player):
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415 - heavy

    formatter: Any = Jinja2ChatFormatter(
        template=player.metadata()["tokenizer.chat_template"],
        eos_token="",
        bos_token="",
        add_generation_prompt=True,
    )
    for seed, family in enumerate(FAMILIES):
        made = conversation(make_task(family, "train", seed), random.Random(seed))
        shown = formatter(messages=made.messages, tools=made.tools).prompt
        assert shown == render(made, add_generation_prompt=True)


@pytest.mark.slow
def test_routine_tasks_are_solved_in_known_words_and_in_new_ones(player: Player):
    known, new = (
        [
            play(player, task.desk).success
            for task in DeskSuite(families=ROUTINE, split=split).tasks(6 * len(ROUTINE), 11)
        ]
        for split in ("familiar", "evaluation")
    )
    assert sum(known) >= 0.9 * len(known)
    assert sum(new) >= 0.8 * len(new)


@pytest.mark.slow
def test_the_hard_families_are_mostly_not(player: Player):
    hard = tuple(name for name, family in FAMILIES.items() if family.level == "hard")
    runs = [play(player, task.desk) for task in DeskSuite(families=hard).tasks(24, 11)]
    assert sum(run.success for run in runs) < 0.5 * len(runs)


def first_call(player: Player, made: Conversation) -> Call | None:
    text, _ = player.generate(render(made, add_generation_prompt=True))
    return call_in(text)


def test_tools_added_to_the_list_do_not_derail_it(player: Player):
    task = make_task("status", "familiar", 12)
    made = Conversation(tools=tool_schemas([*TOOL_EFFECTS, "ask_expert", "escalate"]))
    made.messages += [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": task.prompt},
    ]
    call = first_call(player, made)
    assert call is not None
    assert call.name == "get_order"


def test_a_nudge_after_a_repeat_does_not_derail_it(player: Player):
    task = next(t for t in (make_task("message", "familiar", s) for s in range(9)) if not t.fault)
    made = Conversation(tools=tool_schemas(list(TOOL_EFFECTS)))
    made.messages += [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": task.prompt},
    ]
    office, history = Office(task.records), list[Exchange]()
    find = Call(name="find_customer", arguments={"name": task.records.customers[0].name})
    for _ in range(2):
        reply: Reply = reply_of(office, find)
        history.append(Exchange(call=find, reply=reply))
        made.add_call(find, reply)
    nudge = "You have repeated the same call; try something else."
    made.messages.append({"role": "user", "content": nudge})
    call = first_call(player, made)
    assert call is not None
    assert call.name == "send_message"


def test_the_same_prompt_is_answered_the_same_with_and_without_kept_tokens(player: Player):
    made = conversation(make_task("mark", "familiar", 3), random.Random(0))
    prompt = render(made, add_generation_prompt=True)
    first = player.generate(prompt)
    player.generate(prompt[: len(prompt) // 2])
    assert player.generate(prompt)[0] == first[0]
