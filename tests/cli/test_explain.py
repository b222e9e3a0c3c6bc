"""`cascade explain`, over trajectories that were run for it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_drafts import a_call, spans, statistics
from two_lanes import ADVICE, LOCAL, REVIEW, SPAN_OF_TWO, recorded, small

from cascade import BackendUnavailable, Policy
from cascade.backends.scripted import Reply, calling
from cascade.events import Decided, Interrupted, encode
from cascade.exchange import Request, Usage, View
from cascade.policy import AgreementSettings, Budget, Escalating, Gating, Retries, Routing
from cascade.traces.record import read_trace

Command = Callable[..., Any]


@pytest.fixture
def trace(folder: Path) -> Path:
    """Stuck in step 4, two steps above, then a question and a wrong payment."""
    return recorded(folder)


def words(text: str) -> str:
    """The text on one line, without the padding of labels."""
    return " ".join(text.split())


class TestTheSummary:
    def test_has_a_line_for_each_call_that_left_the_home_lane(self, command: Command, trace: Path):
        ended = command("explain", str(trace))
        assert ended.code == 0
        lines = [line for line in ended.out.splitlines() if line.startswith("step ")]
        assert [line.split("  ")[0] for line in lines] == [
            "step 5 hop 5", "step 6 hop 6", "step 7", "step 7 hop 8", "step 8 hop 10",
            "step 8 hop 11", "step 9",
        ]  # fmt: skip
        assert "the step goes to lane gpt, for 2 steps: stuck (look was called 4 times" in lines[0]
        assert re.search(r"; p_fail 0\.\d\d against .*0\.\d\d; about \$0\.\d+ more; ", lines[0])
        assert re.search(r"; expected \$0\.\d+, cost \$0\.000055; accepted$", lines[0])
        assert "the step stays with lane gpt" in lines[1]
        assert "control is back on lane local" in lines[2]
        assert "lane gpt is asked for advice: How much?" in lines[3]
        assert f"answered: {ADVICE}; not followed" in lines[3]
        assert "lane gpt reviews: irreversible call (" in lines[4]
        assert "answered: not on track: the amount is wrong" in lines[4]
        assert "the step goes to lane gpt: review failed (the amount is wrong)" in lines[5]
        assert "control is back on lane local" in lines[6]

    def test_ends_with_what_was_spent_by_lane_role_and_cause(self, command: Command, trace: Path):
        out = words(command("explain", str(trace)).out)
        assert "local draft rejected 1" in out
        assert "gpt review accepted 1" in out
        assert "3 of 9 steps on other lanes than local · 2 opinions for $0.000" in out
        assert "of the bill" in out
        assert "judging pays where" in out or "a judgement costs more" in out

    def test_of_one_that_never_left_says_so(self, command: Command, folder: Path):
        stayed = recorded(folder, [calling(("look", {"number": 1})), "It is 7."], lanes=(LOCAL,))
        ended = command("explain", str(stayed))
        assert ended.code == 0
        assert "every model call ran on the home lane, local" in ended.out
        assert "opinions" not in ended.out

    def test_is_told_as_json_too(self, command: Command, trace: Path):
        told = json.loads(command("explain", str(trace), "--json").out)
        assert [hop["hop"] for hop in told["hops"]] == [5, 6, 8, 10, 11]
        assert told["returns"] == [{"step": 7, "lane": "local"}, {"step": 9, "lane": "local"}]
        assert told["hops"][2]["advice_followed"] is False
        assert told["hops"][0]["decision"]["comparison"]["worth_it"] is True
        total = sum(account["cost_usd"] for account in told["accounts"])
        assert total == pytest.approx(told["cost_usd"])


class TestAStep:
    def test_shows_evidence_reasons_and_the_comparison_in_words(
        self, command: Command, trace: Path
    ):
        out = words(command("explain", str(trace), "5").out)
        assert "noticed stuck (stuck/repeated_call; hard, counts at once)" in out
        assert "A monitor found that no progress is made." in out
        assert "a task that fails costs $0.10; as it goes it fails with probability" in out
        assert "lane gpt costs $0.00" in out
        assert "tokens of it cold: worth it" in out
        assert "became accepted" in out

    def test_shows_what_a_review_said_and_what_became_of_the_draft(
        self, command: Command, trace: Path
    ):
        out = words(command("explain", str(trace), "8").out)
        assert "hop 9 step 8 goes to lane local" in out
        assert "became set aside" in out
        assert "not on track: the amount is wrong; instead: Pay 3." in out
        assert "told Pay 3." in out
        assert "The draft calls a tool whose effect nobody can take back." in out

    def test_shows_question_and_advice_and_that_control_came_back(
        self, command: Command, trace: Path
    ):
        out = words(command("explain", str(trace), "7").out)
        assert "the home lane, local, goes on" in out
        assert f"question How much? advice {ADVICE}" in out
        assert "its advice was not followed" in out

    def test_says_why_the_other_lanes_were_not_taken(self, command: Command, trace: Path):
        out = words(command("explain", str(trace), "1").out)
        assert "local: Chosen. gpt: Nothing spoke for a lane other than the home lane." in out

    def test_is_told_as_json_too(self, command: Command, trace: Path):
        told = json.loads(command("explain", str(trace), "8", "--json").out)
        assert [hop["became"] for hop in told["hops"]] == ["set aside", "answered", "accepted"]
        assert told["reviews"][0]["review"] == REVIEW
        assert [signal["code"] for signal in told["signals"]] == ["irreversible_call"]
        assert len(told["drafts"]) == 2
        assert told["returned"] is False
        assert told["hops"][1]["reasons"] != []

    def test_that_is_not_there_is_a_clear_error(self, command: Command, trace: Path):
        ended = command("explain", str(trace), "99")
        assert ended.code == 2
        assert ended.err == f"cascade: {trace} has no step 99; it has steps 1 to 9\n"

    def test_is_counted_from_one(self, command: Command, trace: Path):
        assert command("explain", str(trace), "0").code == 2


def unsure(view: View, _request: Request) -> Reply:
    """Makes a call of which it is not sure, then answers."""
    if len(view.messages) > 2:
        return "Done."
    tokens = statistics([0.9, 0.1], spans(name=(0, 1), value=(1, 2)))
    return a_call("look", {"number": 1}, tokens=tokens)


def test_a_doubted_draft_shows_its_verdict_and_the_sum(command: Command, folder: Path):
    trace = recorded(folder, unsure, [calling(("look", {"number": 2}))])
    out = words(command("explain", str(trace), "1").out)
    assert "draft held" in out
    assert "confidence not passed: wrong with probability" in out
    assert "a wrong step here costs $0.02; it is wrong with probability" in out
    assert "(uncalibrated)" in out
    assert "The expected damage averted is more than the extra cost." in out


def test_samples_that_agree_are_shown_with_what_they_cost(command: Command, folder: Path):
    agreement = AgreementSettings(enabled=True, samples=1, borderline=(0, 1))
    trace = recorded(folder, unsure, policy=Policy(gates=Gating(agreement=agreement)))
    out = words(command("explain", str(trace), "1").out)
    assert "lane local drafts step 1 once more, to compare" in out
    assert "agreement passed: 2 of 2 drafts make the same step" in out
    told = json.loads(command("explain", str(trace), "1", "--json").out)
    assert [hop["became"] for hop in told["hops"]] == ["accepted", "answered"]
    assert told["hops"][1]["detail"].startswith("2 of 2 drafts make the same step")


def test_a_draft_that_cannot_be_used_says_why(command: Command, folder: Path):
    said = iter([a_call("look", {"number": 1}, problem="Its call cannot be read."), "Done."])
    trace = recorded(folder, lambda _view, _request: next(said))
    out = words(command("explain", str(trace), "1").out)
    assert "became rejected: Its call cannot be read." in out
    assert "the same lane tries again with the problem shown." in out


def test_a_review_that_approves_lets_the_draft_stand(command: Command, folder: Path):
    approved = json.dumps(REVIEW | {"on_track": True, "reason": "as asked"})
    trace = recorded(
        folder,
        [calling(("pay", {"amount": 3})), "It is paid."],
        lambda _view, _request: approved,
        policy=Policy.preset("private"),
    )
    out = words(command("explain", str(trace), "1").out)
    assert "lane gpt is remote; what it sees has placeholders for what is private" in out
    assert "review of irreversible call (gpt): on track: as asked" in out
    assert "accepted nothing spoke against it" in out
    told = json.loads(command("explain", str(trace), "1", "--json").out)
    assert [hop["became"] for hop in told["hops"]] == ["accepted", "answered"]
    assert told["judged"][-1]["accepted"] is True


def test_a_review_without_verdict_is_none(command: Command, folder: Path):
    trace = recorded(
        folder,
        [calling(("pay", {"amount": 3})), "It is paid."],
        lambda view, _request: "hm" if view.output else calling(("pay", {"amount": 3})),
    )
    told = json.loads(command("explain", str(trace), "1", "--json").out)
    assert [(hop["became"], hop["detail"]) for hop in told["hops"]] == [
        ("set aside", ""), ("answered", "no verdict"), ("accepted", ""),
    ]  # fmt: skip


def test_directives_are_explained_whether_they_can_be_followed_or_not(
    command: Command, folder: Path
):
    directive = '{"reason": "It is hard.", "lane": "gpt", "scope": "step", "steps": 1}'
    said = iter([directive, "no object"])
    policy = Policy(
        routing=Routing(mode="controller", controller="gpt", controller_every=1),
        budget=Budget(steps=2),
    )
    trace = recorded(
        folder,
        [calling(("look", {"number": number})) for number in range(3)],
        lambda view, _request: next(said) if view.output else calling(("look", {"number": 9})),
        policy=policy,
    )
    ended = command("explain", str(trace))
    assert "lane gpt is asked how to go on; " in ended.out
    assert "answered: step on gpt" in ended.out
    assert "the step goes to lane gpt: directive (It is hard.)" in ended.out
    assert "answered: The answer holds no JSON object." in ended.out
    step = words(command("explain", str(trace), "1").out)
    assert "lane gpt directs: step on gpt: It is hard." in step


def test_a_task_that_was_begun_anew_is_explained(command: Command, folder: Path):
    policy = Policy(escalation=Escalating(restart=True, nudge=False), budget=Budget(steps=6))
    trace = recorded(folder, policy=policy, resettable=True)
    assert "the task begins anew on lane gpt: stuck (look" in command("explain", str(trace)).out
    step = words(command("explain", str(trace), "4").out)
    assert "the world is as it was at first; the task begins anew" in step
    assert "The task begins anew on this lane, with its environment set back." in step


def test_a_call_that_was_interrupted_says_so_with_what_it_used(command: Command, trace: Path):
    events = read_trace(trace).events
    (place, decided), *_ = (
        (place, event) for place, event in enumerate(events) if isinstance(event, Decided)
    )
    at, usage = decided.at, Usage(input_tokens=40)
    stopped = Interrupted(
        seq=place + 2, at=at, step=1, hop=1, lane="local", role="draft", usage=usage,
        cost_usd=None,
    )  # fmt: skip
    again = stopped.model_copy(update={"seq": place + 3, "hop": None, "lane": None, "role": None})
    lines = [encode(event) for event in (*events[: place + 1], stopped, again)]
    trace.write_bytes(b"".join(line + b"\n" for line in lines))
    out = words(command("explain", str(trace), "1").out)
    assert "cost cost unknown: 40 prompt tokens (0 cached)" in out
    assert "became cut short" in out


def test_without_content_the_structure_is_still_explained(command: Command, folder: Path):
    trace = recorded(folder, content=False)
    ended = command("explain", str(trace))
    assert ended.code == 0
    assert "recorded without content: what was said is left out" in ended.out
    assert "the step goes to lane gpt, for 2 steps: stuck; p_fail " in ended.out
    step = words(command("explain", str(trace), "8").out)
    assert "lane gpt reviews" in step
    assert "the amount" not in step


def test_a_failed_call_shows_the_error_and_who_stood_in(command: Command, folder: Path):
    gone = BackendUnavailable("nobody is there", backend="scripted")
    policy = SPAN_OF_TWO.model_copy(update={"retries": Retries(on_a_lane=2)})
    trace = recorded(folder, small, lambda _view, _request: gone, policy=policy)
    out = words(command("explain", str(trace), "5").out)
    assert "became failed: BackendUnavailable: nobody is there" in out
    assert "The last call failed in a way that passes, so it is made again." in out
    assert re.search(r"waited \d+\.\d s", out)
    assert "The lane that the step belongs to could not serve it." in out


def test_a_stop_for_a_person_is_explained(command: Command, folder: Path):
    policy = Policy.preset("private").model_copy(
        update={"routing": Routing(execution="local_only"), "budget": Budget(steps=9)}
    )
    trace = recorded(folder, policy=policy)
    ended = command("explain", str(trace))
    assert "a person has to look: stuck, and nobody may take over: look was called" in ended.out
    step = words(command("explain", str(trace), "5").out)
    assert "local: Nothing is called until a person has looked." in step
    assert "gpt: The policy's execution mode does not allow a lane at that place." in step


def test_a_policy_that_only_decides_calls_nothing(command: Command, folder: Path):
    trace = recorded(folder, policy=Policy(routing=Routing(execution="decision_only")))
    out = words(command("explain", str(trace), "1").out)
    assert "became no call: the policy only decides: lane local" in out
    assert "no lane was called" in command("explain", str(trace)).out


def test_a_file_that_is_not_there_is_one_clear_line(command: Command):
    ended = command("explain", "none.jsonl")
    assert ended.code == 3
    assert ended.err == "cascade: none.jsonl: cannot be read: No such file or directory\n"


def test_a_file_that_is_no_trace_is_one_clear_line(command: Command):
    Path("other.jsonl").write_text('{"kind": "other"}\n', encoding="utf-8")
    ended = command("explain", "other.jsonl")
    assert ended.code == 3
    assert "other.jsonl, line 1: not an event of this version" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_cut_trace_is_explained_as_far_as_it_goes(command: Command, trace: Path):
    lines = trace.read_bytes().splitlines(keepends=True)
    kinds = [json.loads(line)["kind"] for line in lines]
    for events in range(1, len(lines)):
        trace.write_bytes(b"".join(lines[:events]) + b'{"kind"')
        ended = command("explain", str(trace))
        assert ended.code == 0
        assert "the last line was cut short (7 bytes)" in ended.out
        decided = kinds[:events].count("decided")
        assert command("explain", str(trace), "1").code == (0 if decided else 2)


def test_what_a_draft_cost_that_is_still_open_is_shown_as_held(command: Command, trace: Path):
    lines = trace.read_bytes().splitlines(keepends=True)
    held = next(place for place, line in enumerate(lines) if b'"accepted":null' in line)
    trace.write_bytes(b"".join(lines[: held + 1]))
    assert "local draft held 1" in words(command("show", str(trace)).out)
    assert "became held" in words(command("explain", str(trace), "8").out)
    told = json.loads(command("show", str(trace), "--json").out)
    assert "held" in [account["cause"] for account in told["accounts"]]


def test_an_event_of_a_hop_that_nothing_began_is_a_clear_error(command: Command, trace: Path):
    text = trace.read_text(encoding="utf-8")
    kind = '"kind":"drafted","step":1,"hop":1,'
    assert kind in text
    trace.write_text(text.replace(kind, kind.replace('"hop":1', '"hop":77')), encoding="utf-8")
    ended = command("explain", str(trace))
    assert ended.code == 3
    assert "is about hop 77, which no decision began" in ended.err
