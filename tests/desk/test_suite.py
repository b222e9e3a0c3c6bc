"""Desk as a suite of the runtime."""

from cascade.desk.families import FAMILIES
from cascade.desk.suite import DeskSuite
from cascade.desk.tasks import make_task
from cascade.suites import Suite


def as_suite(candidate: Suite) -> Suite:
    """Type-checks that a value is a suite."""
    return candidate


def test_desk_is_a_suite():
    suite = as_suite(DeskSuite())
    assert suite.name == "desk"
    assert list(suite.families) == list(FAMILIES)


def test_tasks_are_dealt_evenly_over_the_families():
    tasks = DeskSuite().tasks(2 * len(FAMILIES), 1)
    assert sorted(task.family for task in tasks) == sorted([*FAMILIES, *FAMILIES])
    assert len({task.id for task in tasks}) == len(tasks)


def test_the_same_seed_gives_the_same_tasks_and_another_gives_others():
    first, again, other = (
        [task.prompt for task in DeskSuite().tasks(28, seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert not set(first) & set(other)


def test_more_tasks_begin_with_the_fewer():
    few, many = (DeskSuite().tasks(count, 3) for count in (5, 20))
    assert [task.id for task in few] == [task.id for task in many[:5]]


def test_a_family_can_be_asked_for_alone():
    tasks = DeskSuite(families=("refund",)).tasks(4, 0)
    assert {task.family for task in tasks} == {"refund"}


def test_the_bundled_suite_uses_names_and_wordings_never_trained_on():
    task = DeskSuite().tasks(1, 0)[0]
    assert "evaluation" in task.id
    assert task.prompt == make_task(task.family, "evaluation", task.seed).prompt


def test_every_run_gets_an_office_of_its_own():
    task = DeskSuite(families=("mark",)).tasks(1, 0)[0]
    first, second = task.open(), task.open()
    order_id = task.desk.records.orders[0].order_id
    first.office.set_note(order_id, "x")
    assert second.office.orders[order_id].note == ""
    assert {tool.name for tool in first.tools} == {tool.name for tool in second.tools}


def test_an_episode_judges_its_own_office_and_answer():
    task = DeskSuite(families=("tier",)).tasks(1, 0)[0]
    episode = task.open()
    assert not episode.check(None).success
    score = episode.check(f"It is {task.desk.conclusion.needed[0]}.")
    assert (score.success, score.reward, score.reason) == (True, 1.0, "right")
