"""Tasks: reproducible, solvable, kept apart by split, and judged by outcome."""

import random
import re
import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest

from cascade.desk import names
from cascade.desk.calls import Exchange
from cascade.desk.families import FAMILIES
from cascade.desk.oracle import oracle_next
from cascade.desk.tasks import DeskTask, Split, make_task, reply_of
from cascade.desk.wording import expand
from cascade.desk.world import Office

SPLITS: tuple[Split, ...] = get_args(Split)
EACH_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def solved(task: DeskTask) -> tuple[Office, list[Exchange], str | None]:
    office, history = Office(task.records), list[Exchange]()
    while len(history) < 40:
        step = oracle_next(task, history)
        if step.call is None:
            return office, history, step.answer
        history.append(Exchange(call=step.call, reply=reply_of(office, step.call)))
    pytest.fail(f"{task.task_id} is not solved in 40 steps")


@EACH_FAMILY
@pytest.mark.parametrize("split", SPLITS)
def test_the_oracle_solves_every_task(family: str, split: Split):
    for seed in range(25):
        task = make_task(family, split, seed)
        office, _, answer = solved(task)
        assert task.verdict(office, answer).success, task.task_id


@EACH_FAMILY
def test_a_run_that_does_nothing_fails(family: str):
    for seed in range(10):
        task = make_task(family, "evaluation", seed)
        assert not task.verdict(Office(task.records), None).success


def test_equal_arguments_make_equal_tasks_in_another_process():
    script = (
        "from cascade.desk import make_task\n"
        "for seed in range(5):\n"
        "    task = make_task('compare', 'evaluation', seed)\n"
        "    print(task.prompt, task.records)\n"
    )
    command = [sys.executable, "-c", script]
    runs = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)]
    assert runs[0] == runs[1]


def test_no_prompt_is_made_twice():
    prompts = [
        make_task(family, split, seed).prompt
        for family in FAMILIES
        for split in SPLITS
        for seed in range(15)
    ]
    assert len(set(prompts)) >= 0.99 * len(prompts)


def test_names_of_the_two_pools_share_no_word():
    rng = random.Random(1)
    words: dict[names.Pool, set[str]] = {
        pool: {word for _ in range(3000) for word in names.person(rng, pool).split()}
        for pool in ("train", "evaluation")
    }
    assert not words["train"] & words["evaluation"]
    assert len(words["evaluation"]) > 500


def test_training_tasks_hold_no_evaluation_name():
    for family in FAMILIES:
        for seed in range(20):
            for customer in make_task(family, "train", seed).records.customers:
                assert all(names.pool_of(word) == "train" for word in customer.name.split())


def _bare(sentence: str) -> str:
    return sentence.lower().rstrip(".?!")


@EACH_FAMILY
def test_wordings_of_the_two_pools_differ(family: str):
    wordings = FAMILIES[family].wordings
    assert len(wordings.train) >= 9
    assert len(wordings.evaluation) >= 4
    rng = random.Random(2)
    seen = {_bare(expand(wordings.pattern("train", rng), rng)) for _ in range(20_000)}
    asked = {_bare(expand(pattern, rng)) for pattern in wordings.evaluation for _ in range(50)}
    assert not seen & asked


def test_every_kind_of_fault_occurs_and_is_survived():
    faults = {
        make_task(family, "evaluation", seed).fault for family in FAMILIES for seed in range(25)
    }
    assert faults == {None, "timeout", "replaced", "misspelt", "renamed"}


def test_a_timeout_is_met_on_the_way_to_the_goal():
    tasks = [make_task("audit", "evaluation", seed) for seed in range(60)]
    flaky = [task for task in tasks if task.fault == "timeout"]
    assert flaky
    for task in flaky:
        _, history, _ = solved(task)
        assert sum(exchange.reply.is_transient for exchange in history) == 1


def test_an_irreversible_call_never_times_out():
    for family in FAMILIES:
        for seed in range(40):
            timeouts = make_task(family, "evaluation", seed).records.timeouts
            assert not any(key.startswith(("send_message", "issue_refund")) for key in timeouts)


def test_the_answer_may_be_worded_freely_but_not_wrongly():
    task = make_task("status", "evaluation", 3)
    office, _, _ = solved(task)
    status = task.conclusion.needed[0]
    assert task.verdict(office, f"It has been {status.upper()} since monday").success
    other = task.conclusion.banned[0]
    assert not task.verdict(office, f"It is {status}, or maybe {other}").success
    assert not task.verdict(office, "I do not know").success
    assert not task.verdict(office, None).success


def test_a_side_effect_on_anything_else_fails_the_task():
    task = make_task("status", "evaluation", 3)
    office, _, answer = solved(task)
    bystander = task.records.orders[-1]
    office.set_note(bystander.order_id, "oops")
    verdict = task.verdict(office, answer)
    assert not verdict.success
    assert bystander.order_id in verdict.reason


def test_a_message_sent_twice_fails_the_task():
    task = make_task("message", "evaluation", 4)
    office, _, answer = solved(task)
    sent = office.messages[0]
    office.send_message(sent.customer_id, sent.text)
    assert "by mistake" in task.verdict(office, answer).reason


def test_records_can_be_opened_again_and_again():
    task = make_task("mark", "evaluation", 1)
    before = replace(task.records)
    solved(task)
    assert task.records == before


def test_the_right_word_about_another_order_is_a_wrong_answer() -> None:
    task = make_task("status", "evaluation", 3)
    office = Office(task.records, reliable=True)
    right = task.conclusion.answer
    assert task.verdict(office, right).success
    [number] = set(re.findall(r"\b\d{4}\b", right))
    other = "1111" if number != "1111" else "2222"
    verdict = task.verdict(office, right.replace(number, other))
    assert not verdict.success
    assert other in verdict.reason
