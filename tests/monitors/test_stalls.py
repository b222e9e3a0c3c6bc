"""Which steps lead nowhere: the same words, nothing new, a budget that runs down."""

from decimal import Decimal

from watched_steps import Done, Trajectory, codes_in, done, said, tool_of

from cascade.monitors import Fact, Stuck
from cascade.monitors.digests import Digester, alike
from cascade.policy import Budget, Goal, StuckSettings
from cascade.steps import Step

SEARCH = tool_of("search")
SAVE = tool_of("save", side_effect="write")
THOUGHT = "I have to find out which of the two customers wrote the letter before I can answer."


def only(code: str, *steps: Done, **settings: int) -> list[int]:
    monitor = Stuck(StuckSettings.model_validate(settings))
    return codes_in(monitor, Trajectory(done=steps)).get(code, [])


def test_saying_the_same_again_and_again_is_a_monologue():
    steps = [said(THOUGHT), said(f"Well. {THOUGHT}"), said(THOUGHT), said(THOUGHT)]
    assert only("monologue", *steps, monologue=3) == [3, 4]


def test_texts_without_enough_words_are_not_alike():
    short, long = (Digester().of(Trajectory(done=[said(t)]).steps())[0] for t in ("No.", THOUGHT))
    assert alike(long, long, 1.0)
    assert not alike(short, long, 0.0)
    assert not alike(short, short, 0.0)


def test_saying_something_else_is_no_monologue():
    words = ("first the letter is looked up in the files", "then both customers are asked for it")
    assert only("monologue", *[said(f"{word} {n}" * 2) for n, word in enumerate(words * 2)]) == []


def test_a_short_phrase_may_be_said_again():
    assert only("monologue", *[said("Let me go on.")] * 5) == []


def test_the_same_words_over_work_that_brings_something_are_no_monologue():
    steps = [
        done(SEARCH, {"query": str(n)}, f"customer {n}", text=f"{THOUGHT} Next.") for n in range(6)
    ]
    assert only("monologue", *steps) == []


def test_steps_that_bring_nothing_new_are_no_change():
    finding = [done(SEARCH, {"query": str(n)}, "customer 7: Weber") for n in range(6)]
    assert only("no_change", *finding, steps_without_change=4) == [5, 6]


def test_a_new_line_is_something_new():
    steps = [done(SEARCH, {"query": str(n)}, f"customer 7: Weber\nletter {n}") for n in range(9)]
    assert only("no_change", *steps, steps_without_change=3) == []


def test_a_record_that_differs_in_one_field_is_something_new():
    records = [f'{{"id": {n}, "state": "open"}}' for n in range(9)]
    steps = [done(SEARCH, {"id": n}, record) for n, record in enumerate(records)]
    assert only("no_change", *steps, steps_without_change=3) == []


def test_the_same_records_in_another_order_are_nothing_new():
    one, other = '{"id": 1, "name": "Ada"}', '{"id": 2, "name": "Bob"}'
    lists = [f"[{one}, {other}]", f"[{other}, {one}]", f"[{one}]", f"[{other}]"]
    steps = [done(SEARCH, {"page": n}, held) for n, held in enumerate(lists)]
    assert only("no_change", *steps, steps_without_change=3) == [4]


def test_a_new_change_is_something_new():
    steps = [done(SAVE, {"text": str(n)}, "saved") for n in range(9)]
    assert only("no_change", *steps, steps_without_change=3) == []


def test_what_an_extractor_of_ones_own_finds_is_something_new():
    class Moves:
        name = "moves"

        def facts(self, step: Step) -> list[Fact]:
            return [Fact("write", f"move {step.number}")]

    steps = [done(SEARCH, {"query": "x"}, "nothing there")] * 6
    settings = StuckSettings(steps_without_change=3)
    assert "no_change" in codes_in(Stuck(settings), Trajectory(done=steps))
    moving = Stuck(settings, extractors=[Moves()])
    assert "no_change" not in codes_in(moving, Trajectory(done=steps))


def burning(budget: Budget, *steps: Done) -> list[int]:
    monitor = Stuck(StuckSettings(budget_share=0.5))
    return codes_in(monitor, Trajectory(done=steps, budget=budget)).get("budget_burn", [])


def test_reading_on_and_on_burns_the_budget_where_something_is_to_be_written():
    steps = [done(SEARCH, {"query": str(n)}, f"file {n}") for n in range(6)]
    monitor = Stuck(StuckSettings(budget_share=0.5))
    budget = Budget(steps=10)
    with_writing = Trajectory(done=steps, budget=budget, tools=(SEARCH, SAVE))
    assert codes_in(monitor, with_writing) == {"budget_burn": [5, 6]}
    only_reading = Trajectory(done=steps, budget=budget, tools=(SEARCH,))
    assert codes_in(monitor, only_reading) == {}


def test_progress_starts_the_count_of_a_budget_anew():
    steps = [done(SEARCH, {"query": str(n)}, f"file {n}") for n in range(8)]
    steps[4] = done(SAVE, {"text": "x"}, "saved")
    assert burning(Budget(steps=10), *steps) == []


def test_a_goal_that_is_reached_is_progress():
    steps = [done(SEARCH, {"query": str(n)}, f"file {n}") for n in range(8)]
    goal = Goal(name="found it", tool="search", arguments={"query": "4"})
    monitor = Stuck(StuckSettings(budget_share=0.5), goals=[goal])
    trajectory = Trajectory(done=steps, budget=Budget(steps=10), tools=(SEARCH, SAVE))
    assert codes_in(monitor, trajectory) == {}


def test_tokens_and_money_are_budgets_too():
    steps = [done(SEARCH, {"query": str(n)}, "the same") for n in range(6)]
    assert burning(Budget(steps=None, tokens=600), *steps) == [4, 5, 6]
    trajectory = Trajectory(done=steps, budget=Budget(steps=None, usd=Decimal("0.10")))
    prefix = trajectory.prefix()
    monitor = Stuck(StuckSettings(budget_share=0.5, steps_without_change=50, repeated_calls=50))
    assert not list(monitor.watch(prefix))
    spent = type(prefix)(
        task=prefix.task,
        tools=prefix.tools,
        steps=prefix.steps,
        step=prefix.step,
        budget=prefix.budget,
        tokens_used=prefix.tokens_used,
        usd_used=Decimal("0.08"),
    )
    (signal,) = monitor.watch(spent)
    assert signal.code == "budget_burn"
    assert "67% of the budget of 0.10 USD" in signal.evidence


def test_without_a_budget_nothing_burns():
    steps = [done(SEARCH, {"query": "x"}, "the same")] * 20
    assert burning(Budget(steps=None), *steps) == []
