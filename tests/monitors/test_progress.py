"""What counts as progress, and what it says."""

import json
from dataclasses import replace

from watched_steps import Done, Trajectory, did, done, tool_of

from cascade.messages import Image
from cascade.monitors import Fact, GeneralFacts, Progress
from cascade.monitors.progress import brings_news
from cascade.policy import Goal
from cascade.steps import Step

READ = tool_of("read")
WRITE = tool_of("write", side_effect="write")
TEST = tool_of("test")
PAY = tool_of("pay", side_effect="irreversible", goal="paid")


def facts(one: Done, *, goals: tuple[Goal, ...] = ()) -> list[Fact]:
    (step,) = Trajectory(done=[one]).steps()
    return list(GeneralFacts(goals=goals).facts(step))


def texts(kind: str, one: Done) -> list[str]:
    return [fact.text for fact in facts(one) if fact.kind == kind]


def test_lines_are_seen():
    assert texts("entity", done(READ, {}, "  one  line\n\ntwo\none line")) == ["one line", "two"]


def test_records_are_seen_as_wholes():
    held = {"id": 7, "tags": ["a", "b"], "owner": {"name": "Ada"}, "text": "x\ny"}
    assert texts("entity", done(READ, {}, json.dumps(held))) == [
        "id: 7",
        "tags: a",
        "tags: b",
        "name: Ada",
        "x",
        "y",
    ]
    assert texts("entity", done(READ, {}, "[1, 2]")) == ["1", "2"]
    assert texts("entity", done(READ, {}, '{"rows": [{"id": 1}]}')) == ["id: 1"]
    assert texts("entity", done(READ, {}, "{broken")) == ["{broken"]


def test_long_lines_are_cut_and_still_told_apart():
    one, other = (texts("entity", done(READ, {}, "x" * 300 + end)) for end in "ab")
    assert one != other
    assert len(one[0]) < 80


def test_of_a_long_result_both_ends_are_seen():
    lines = [f"line {n}" for n in range(3000)]
    seen = texts("entity", done(READ, {}, "\n".join(lines)))
    assert "line 0" in seen
    assert "line 2990" in seen
    assert len(seen) <= 64


def test_pictures_are_seen():
    def shown(data: str) -> list[str]:
        call = did(READ)
        picture = Image(media_type="image/png", data=data)
        result = call.result.model_copy(update={"parts": (picture,)})
        return texts("entity", Done(calls=(replace(call, result=result),)))

    assert shown("AAAA") != shown("BBBB")
    assert shown("AAAA") == shown("AAAA") != []


def test_a_write_is_named_with_its_arguments():
    (write,) = texts("write", done(WRITE, {"path": "a.py", "content": "x" * 99}, "ok"))
    assert write.startswith("write(path=a.py, content=xxx")
    other = texts("write", done(WRITE, {"path": "a.py", "content": "x" * 98}, "ok"))
    assert other != [write]
    assert texts("write", done(WRITE, {}, "PermissionError: no", error=True)) == []


def test_counts_of_tests_are_read_from_summaries_and_from_fields():
    assert texts("tests", done(TEST, {}, "== 3 passed, 1 failed in 2s", error=True)) == [
        "1 failed, 3 passed"
    ]
    assert texts("tests", done(TEST, {}, '{"passed": 3, "failed": 0}')) == ["0 failed, 3 passed"]
    assert texts("tests", done(TEST, {}, "Ran 4 tests in 1s\n\nFAILED (failures=2)")) == [
        "2 failures, 4 ran"
    ]
    assert texts("tests", done(TEST, {}, "the log has 3 errors")) == []
    assert texts("tests", done(TEST, {}, "version 1.3 passed")) == []


def test_an_error_is_seen_once_for_its_class():
    one, other = (
        texts("entity", done(READ, {"n": n}, f"KeyError: 'c{n}'", error=True)) for n in (1, 2)
    )
    assert one == other == ["read failed: KeyError '…'"]


def test_goals_are_reached_by_tools_and_by_tasks():
    goal = Goal(name="page two", tool="read", arguments={"n": 2})
    paid = done(PAY, {}, "ok")
    assert Fact("goal", "paid") in facts(paid)
    assert facts(done(READ, {"n": 2}, "x"), goals=(goal,))[0] == Fact("goal", "page two")
    assert Fact("goal", "paid") not in facts(done(PAY, {}, "ValueError: no", error=True))


def test_news_is_what_no_step_before_showed():
    steps = Trajectory(
        done=[
            done(READ, {}, "one\ntwo"),
            done(READ, {}, "two"),
            done(READ, {}, "two\nthree"),
            Done(calls=(did(READ, {}, "one"), did(WRITE, {}, "two"))),
        ]
    ).steps()
    progress = Progress([GeneralFacts()])
    shown = progress.of(steps)
    assert [brings_news(shown, index) for index in range(4)] == [True, False, True, True]
    telling = [brings_news(shown, index, telling=True) for index in range(4)]
    assert telling == [False, False, False, True]


def test_what_was_gathered_comes_once_and_in_order():
    steps = Trajectory(
        done=[done(READ, {}, "one"), done(WRITE, {"n": 1}, "one"), done(READ, {}, "two")]
    ).steps()
    progress = Progress([GeneralFacts()])
    assert [fact.text for fact in progress.gathered(steps, {"entity"})] == ["one", "two"]
    kinds = [fact.kind for fact in progress.gathered(steps)]
    assert kinds == ["entity", "write", "entity"]


def test_extractors_are_asked_once_a_step_and_all_of_them():
    asked: list[int] = []

    class Counting:
        name = "counting"

        def facts(self, step: Step) -> list[Fact]:
            asked.append(step.number)
            return [Fact("tests", "the same")]

    progress = Progress([GeneralFacts(), Counting()])
    steps = Trajectory(done=[done(READ, {}, "one")] * 3).steps()
    for _ in range(3):
        assert brings_news(progress.of(steps), 2) is False
    assert sorted(asked) == [1, 2, 3]
    assert [fact.kind for fact in progress.gathered(steps)] == ["entity", "tests"]
