import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import frontier, home, ladders

from cascade.exchange import SideEffect, ToolSpec
from cascade.lanes import Lane, Profile
from cascade.policy import Routing
from cascade.routing.difficulty import Difficulty, difficulty, lane_for

EASY = "What is the phone number of Ann?"
HARD = """\
Move every meeting of the week of 2026-11-23 that Ann Keller or bob@example.org attends:
- to the first free slot after 14:00, but not on Friday;
- in room "Blue" if it has 8 seats, otherwise in "Green";
- and write to all who come from outside, in their language.
Then cancel the catering (order A-4711), unless it is paid, and tell me the total."""


def spec(name: str, side_effect: SideEffect = "read") -> ToolSpec:
    return ToolSpec(name=name, description="", parameters={}, side_effect=side_effect)


def part(of: Difficulty, name: str) -> float:
    return next(each.value for each in of.parts if each.name == name)


def test_a_task_with_many_demands_is_harder_than_a_plain_question():
    assert difficulty(EASY).value < 0.15
    assert difficulty(HARD).value > 0.35


def test_the_weights_add_up_to_one():
    assert sum(each.weight for each in difficulty("").parts) == pytest.approx(1)


def test_nothing_at_all_is_not_difficult():
    assert difficulty("").value == 0
    assert difficulty("").in_words == "difficulty 0.00"


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Look it up.", 0),
        ("Book it for Ann.", 1),
        ("Book it for Ann, Ann and Ann.", 1),
        ("Ask ann@example.org about A-4711 on 2026-11-23.", 3),
        ('Rename "old report" to `new_report`.', 2),
        ("Run tests/core/test_state.py with max_steps and maxTokens.", 3),
        ("Schreibe an „Haus Nord“ und «Café».", 2),
    ],
)
def test_different_entities_are_counted_once_each(text: str, entities: int):
    assert part(difficulty(text), "entities") == pytest.approx(entities / (entities + 4))


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Do it.", 0),
        ("Do it. Then stop.", 1),
        ("If it rains, stay; otherwise go.", 2),
        ("Do this:\n- one\n- two", 3),
        ("1. one\n2. two", 2),
        ("如果下雨，就留下。否则走。", 2),  # noqa: RUF001 - as it is written
        ("晴れたら、行く。雨なら、行かない。", 3),
    ],
)
def test_demands_are_counted_by_punctuation_and_not_by_words(text: str, clauses: int):
    assert part(difficulty(text), "clauses") == pytest.approx(clauses / (clauses + 4))


def test_tools_that_cannot_be_taken_back_count_by_their_share():
    tools = (spec("find"), spec("send", "irreversible"))
    assert part(difficulty(EASY, tools), "irreversible") == 0.5
    assert part(difficulty(EASY, tools), "tools") == pytest.approx(1 / 13)


def test_the_largest_contribution_is_told_first():
    assert difficulty("Go on.", errors=6).in_words.startswith(
        "difficulty 0.08 (errors 0.75, length"
    )


@given(st.text(), st.integers(0, 100), st.integers(0, 100), st.integers(0, 50))
def test_steps_and_errors_only_add_to_it(task: str, steps: int, errors: int, more: int):
    base = difficulty(task, steps_done=steps, errors=errors)
    later = difficulty(task, steps_done=steps + more, errors=errors + more)
    assert 0 <= base.value <= later.value <= 1


@pytest.mark.parametrize(
    "blob", ["A", "a", "a1", "a.", "a_", "/", '"', "-", ". ", " ", "\n", "\n\t", "«„"]
)
def test_a_file_pasted_into_a_task_is_read_in_full_without_trouble(blob: str):
    assert 0 < difficulty(f"x{blob * 200_000}x").value < 1


def test_a_task_goes_to_the_lowest_lane_whose_ceiling_holds_it():
    ladder = (
        frontier("top", tier=2),
        frontier("middle", tier=1, profile=Profile(ceiling=0.5)),
        home(profile=Profile(ceiling=0.2)),
    )
    assert lane_for(rated(0.2), ladder, Routing()) == ladder[2]
    assert lane_for(rated(0.3), ladder, Routing()) == ladder[1]
    assert lane_for(rated(0.6), ladder, Routing()) == ladder[0]
    assert lane_for(rated(0.3), ladder, Routing(difficulty_margin=0.1)) == ladder[2]


def test_a_lane_without_a_ceiling_takes_any_task():
    assert lane_for(rated(1.0), (frontier(), home()), Routing()) == home()


def test_the_top_lane_takes_what_is_above_all_ceilings():
    low = Profile(ceiling=0.1)
    ladder = (home(profile=low), frontier("b", profile=low), frontier("a", profile=low))
    chosen = lane_for(rated(0.9), ladder, Routing())
    assert chosen is not None
    assert chosen.name == "a"


def test_without_lanes_there_is_none_to_take_it():
    assert lane_for(rated(0.1), (), Routing()) is None


@given(ladders, st.floats(0, 1), st.floats(0, 1))
def test_a_harder_task_never_goes_to_a_lower_lane(
    ladder: tuple[Lane, ...], one: float, other: float
):
    low, high = sorted((one, other))
    easier = lane_for(rated(low), ladder, Routing())
    harder = lane_for(rated(high), ladder, Routing())
    assert easier is not None
    assert harder is not None
    assert easier.tier <= harder.tier


def rated(value: float) -> Difficulty:
    return Difficulty(value=value, parts=())
