"""Arms side by side, on runs whose figures can be worked out by hand."""

import pytest
from made_attempts import made_attempt

from cascade.errors import ConfigError
from cascade.evaluation.attempt import Attempt
from cascade.evaluation.comparing import ArmFigures, ArmRuns, PolicyReport, compare_arms

TASKS = ("a", "b", "c", "d")


def arm(name: str, *attempts: Attempt) -> ArmRuns:
    return ArmRuns(
        name=name,
        attempts=attempts,
        frontier=frozenset() if name == "local" else frozenset({"oracle"}),
    )


def local(*solved: str) -> ArmRuns:
    return arm("local", *(made_attempt(task, success=task in solved, local=4) for task in TASKS))


def frontier(*solved: str) -> ArmRuns:
    runs = (made_attempt(task, success=task in solved, frontier=4) for task in TASKS)
    return arm("frontier", *runs)


def mixed(*solved: str, name: str = "cascade", reviews: int = 0) -> ArmRuns:
    return arm(
        name,
        *(
            made_attempt(task, success=task in solved, local=3, frontier=1, reviews=reviews)
            for task in TASKS
        ),
    )


def compared(*arms: ArmRuns) -> dict[str, ArmFigures]:
    return {each.name: each for each in compare_arms(arms, rounds=200)}


def value(figures: ArmFigures, name: str) -> float:
    figure = getattr(figures, name)
    assert figure is not None
    return figure.value


def test_the_gap_recovered_is_the_share_of_what_the_frontier_solves_more():
    found = compared(local("a"), frontier("a", "b", "c"), mixed("a", "b"))
    assert value(found["local"], "gap_recovered") == 0
    assert value(found["frontier"], "gap_recovered") == 1
    assert value(found["cascade"], "gap_recovered") == pytest.approx(0.5)


def test_without_a_gap_there_is_nothing_to_recover():
    found = compared(local("a"), frontier("a"), mixed("a", "b"))
    assert found["cascade"].gap_recovered is None


def test_without_the_two_arms_there_is_neither_gap_nor_saving_nor_rescue():
    found = compared(mixed("a"))["cascade"]
    assert found.gap_recovered is None
    assert found.saving is None
    assert found.rescues is None
    assert found.harms is None


def test_rescue_and_harm_are_by_task_and_not_by_total():
    found = compared(local("a", "b"), mixed("b", "c"))["cascade"]
    assert value(found, "success") == 0.5
    assert value(found, "rescues") == 0.25
    assert value(found, "harms") == 0.25


def test_shares_of_steps_calls_and_tokens_differ_by_the_reviews():
    found = compared(mixed("a", reviews=1))["cascade"]
    assert value(found, "frontier_step_share") == pytest.approx(1 / 4)
    assert value(found, "frontier_call_share") == pytest.approx(2 / 5)
    assert value(found, "frontier_token_share") == pytest.approx(2 / 5)
    assert value(found, "judging_share") == pytest.approx(1 / 2)


def test_the_saving_is_against_the_frontier_alone():
    found = compared(frontier("a"), mixed("a"))
    assert value(found["cascade"], "saving") == pytest.approx(3 / 4)
    assert value(found["frontier"], "saving") == 0


def test_an_unknown_price_makes_the_cost_unknown_and_nothing_else():
    runs = [made_attempt(task, success=True, frontier=1, usd=None) for task in TASKS]
    found = compared(arm("cascade", *runs))["cascade"]
    assert found.usd is None
    assert found.judging_share is None
    assert value(found, "success") == 1


def test_loops_of_more_than_ten_steps_are_counted():
    runs = [made_attempt(task, success=False, local=20, loop=loop) for task, loop in
            zip(TASKS, (0, 10, 11, 30), strict=True)]  # fmt: skip
    assert value(compared(arm("cascade", *runs))["cascade"], "long_loops") == 0.5


def test_without_content_nobody_can_tell_loops():
    runs = [made_attempt(task, success=True, local=1, loop=None) for task in TASKS]
    assert compared(arm("cascade", *runs))["cascade"].long_loops is None


def test_differences_are_paired_and_against_baselines_only():
    random_arm = mixed("a", name="random@0.25")
    found = compared(local("a"), frontier("a", "b"), mixed("a", "b"), random_arm)
    against = {each.against: each.success for each in found["cascade"].differences}
    assert set(against) == {"local", "frontier", "random@0.25"}
    assert against["frontier"].value == against["frontier"].low == against["frontier"].high == 0
    assert against["local"].value == pytest.approx(0.25)


def test_more_seeds_of_one_task_stay_together():
    def runs(name: str, *, twice: bool) -> ArmRuns:
        return arm(
            name,
            *(
                made_attempt(task, success=task in "ab", seed=seed, local=1)
                for task in TASKS
                for seed in ((0, 1) if twice else (0,))
            ),
        )

    once = compare_arms([runs("cascade", twice=False)], rounds=300)[0]
    twice = compare_arms([runs("cascade", twice=True)], rounds=300)[0]
    assert twice.runs == 2 * once.runs
    assert twice.success == once.success


def test_arms_of_other_tasks_cannot_be_compared():
    other = arm("local", *(made_attempt(task, success=True, local=1) for task in "wxyz"))
    with pytest.raises(ConfigError, match="not of the same tasks"):
        compare_arms([mixed("a"), other])


def test_a_report_survives_its_own_json():
    report = PolicyReport(
        suite="made",
        tasks=4,
        seeds=(0,),
        home="small",
        frontier="large",
        simulated=True,
        draws=200,
        arms=compare_arms([local("a"), frontier(*TASKS), mixed("a", "b")], rounds=200),
    )
    assert PolicyReport.model_validate_json(report.model_dump_json()) == report
    assert report.arm("cascade").runs == 4
