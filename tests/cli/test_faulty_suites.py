"""Suites whose own code is at fault: one clear line each, or a fact that is told."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Command = Callable[..., Any]

SUITE = """
    from types import SimpleNamespace as Made
    from cascade.suites import Score

    def make(check=lambda answer: Score(success=True, reward=1.0, reason="r"), tools=(), **other):
        def task(number):
            parts = dict(id=f"t{number}", family="f", seed=number, prompt="p", system="")
            world = Made(tools=tools, check=check)
            return Made(**{**parts, "open": lambda: world, **other})

        return Made(name="mine", families=["f"], tasks=lambda n, seed: [task(i) for i in range(n)])

    async def later(*arguments):
        return None

    def boom(*arguments):
        raise ValueError("boom")

    def scored(**changes):
        return lambda answer: Score(**{"success": True, "reward": 1.0, "reason": "r", **changes})

    def with_tasks(tasks):
        suite = make()
        return Made(name="mine", families=["f"], tasks=lambda n, seed: tasks(suite.tasks, n, seed))

    def named(name):
        return Made(name=name, families=["f"], tasks=make().tasks)

    replies = lambda view, request: "done"
    suite = {0}
"""


@pytest.fixture
def evaluate(command: Command) -> Command:
    """Evaluates the suite that an expression makes."""

    def run(expression: str) -> Any:
        text = dedent(SUITE).replace("{0}", expression)
        Path("mine.py").write_text(text, encoding="utf-8")
        model = ("--model", "scripted:mine.py:replies")
        return command("eval", "mine.py:suite", "--tasks", "5", *model)

    return run


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("make(check=lambda answer: True)", "task 't0': its `check` returned bool 'True' and no"),
        ("make(check=lambda answer: None)", "its `check` returned NoneType 'None' and no Score"),
        ("make(check=later)", "its `check` returned a coroutine (it must be a plain function"),
        ("make(check=scored(reward=float('nan')))", "a Score whose reward nan is not in [0, 1]"),
        ("make(check=scored(reward='1'))", "a Score whose reward '1' is not in [0, 1]"),
        ("make(check=scored(success=None))", "whose success None is neither True nor False"),
        ("make(check=scored(reason=None))", "a Score whose reason None is not text"),
        ("make(open=lambda: None)", "task 't0': its `open` returned NoneType 'None' and no world"),
        ("make(open=later)", "its `open` returned a coroutine"),
        ("make(tools=None)", "task 't0': its `tools` cannot be used: TypeError"),
        ("make(prompt=None)", "suite 'mine', task 1: its `prompt` is None and must be text"),
        ("make(id=7)", "its `id` is 7 and must be text"),
        ("make(seed='a')", "its `seed` is 'a' and must be a whole number"),
        ("make(system=7)", "its `system` is 7 and must be text"),
        ("make(open=7)", "its `open` cannot be called"),
        ("with_tasks(lambda tasks, n, seed: [Made(id='a')])", "task 1: no `family`: Attribute"),
        ("with_tasks(boom)", "suite 'mine': its `tasks` raised ValueError: boom"),
        ("with_tasks(lambda *_: (boom() for _ in 'a'))", "its `tasks` raised ValueError: boom"),
        ("with_tasks(later)", "suite 'mine': its `tasks` returned a coroutine"),
        ("with_tasks(lambda *_: 7)", "its `tasks` returned int '7' and no tasks"),
        ("with_tasks(lambda *_: [])", "suite 'mine' gave none of the 5 tasks that were asked for"),
        ("named('')", "the suite's `name` is '' and must be text"),
        ("Made(name='a', families=None, tasks=boom)", "its `families` is None and must be a list"),
    ],
)
def test_a_fault_is_one_clear_line(evaluate: Command, expression: str, told: str):
    ended = evaluate(expression)
    assert told in ended.err
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)


def test_fewer_tasks_than_asked_for_are_run_and_told(evaluate: Command):
    ended = evaluate("with_tasks(lambda tasks, n, seed: tasks(2, seed))")
    assert (ended.code, ended.err) == (0, "suite mine gave 2 of 5 tasks\n")
    assert "[2/2]" in ended.out


@pytest.mark.parametrize("count", ["n", "n + 3"])
def test_a_generator_of_tasks_is_as_good_as_a_list(evaluate: Command, count: str):
    ended = evaluate(f"with_tasks(lambda tasks, n, seed: (one for one in tasks({count}, seed)))")
    assert (ended.code, ended.err) == (0, "")
    assert "[5/5]" in ended.out


def test_a_name_with_a_slash_makes_one_folder(evaluate: Command):
    assert evaluate("named('my/suite')").code == 0
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("my-suite-")
    assert (folder / "summary.json").is_file()
