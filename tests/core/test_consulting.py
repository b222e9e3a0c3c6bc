"""What a lane is shown whose opinion is wanted, and what its answer means."""

import json
from collections.abc import Sequence
from typing import Any, get_args

import pytest

from cascade.consulting import (
    ASK_EXPERT,
    ESCALATE,
    REVIEW_OUTPUT,
    DraftedStep,
    RefusalCause,
    advice_view,
    consulting_ids,
    drafted_in,
    followed,
    judge_view,
    refusal,
    review_of,
    review_view,
)
from cascade.exchange import Draft, FinishReason, Timing, ToolSpec, Usage, View
from cascade.handoff import parse_done
from cascade.messages import AssistantMessage, Image, Text, ToolCall, ToolResult, UserMessage
from cascade.opinions import Review
from cascade.signals import Signal
from cascade.steps import DoneCall, Step

TASK = UserMessage.of("Refund order 4817.")
TOOLS = (
    ToolSpec(
        name="refund",
        description="Pays money back.\nAnd more words.",
        parameters={
            "type": "object",
            "properties": {"amount": {"type": "integer"}, "why": {"enum": ["typo", "loss"]}},
        },
        side_effect="irreversible",
    ),
)
CLAIM = Signal(monitor="milestone", kind="milestone", code="claim", evidence="it says: done")


def saying(text: str = "", *calls: tuple[str, dict[str, Any]]) -> AssistantMessage:
    made = [
        ToolCall(id=f"c{n}", name=name, arguments=given) for n, (name, given) in enumerate(calls)
    ]
    return AssistantMessage(parts=(Text(text=text), *made))


def step(number: int) -> Step:
    message = saying("", ("look", {"n": number}))
    result = ToolResult(call_id="c0", name="look", parts=(Text(text=f"found {number}"),))
    done = DoneCall(call=message.calls[0], result=result, side_effect="read")
    return Step(number=number, lane="l", message=message, calls=(done,), usage=Usage(), at_s=0)


def reviewing(
    draft: AssistantMessage | None,
    *,
    task: UserMessage = TASK,
    signal: Signal | None = CLAIM,
    tools: Sequence[ToolSpec] = TOOLS,
    earlier: Sequence[Step] = (),
) -> View:
    return review_view(
        trajectory_id="t",
        task=task,
        steps_since_anchor=[step(3)],
        draft=draft,
        signal=signal,
        tools=tools,
        milestones=["customer found"],
        most_tokens=1000,
        earlier=earlier,
    )


def judging(draft: AssistantMessage) -> View:
    return judge_view(
        trajectory_id="t", task=TASK, steps=[step(1)], draft=draft, tools=TOOLS, most_tokens=1000
    )


def asking(steps: int, question: str = "what now?") -> View:
    return advice_view(
        trajectory_id="t",
        task=TASK,
        steps=[step(number) for number in range(1, steps + 1)],
        question=question,
        tools=TOOLS,
        most_tokens=1000,
    )


def text_of(view: View) -> str:
    (message,) = view.messages
    assert isinstance(message, UserMessage)
    return message.text


def drafted(text: str, finish_reason: FinishReason = "stop") -> Draft:
    return Draft(
        message=AssistantMessage(parts=(Text(text=text),)),
        finish_reason=finish_reason,
        usage=Usage(),
        timing=Timing(),
        served_model="m",
    )


class TestViews:
    @pytest.mark.parametrize(
        "view",
        [reviewing(saying("done")), judging(saying("done")), asking(2)],
        ids=lambda v: v.trajectory_id,
    )
    def test_no_consulted_lane_can_act(self, view: View):
        assert view.tools == ()
        assert text_of(view).startswith(TASK.text + "\n\n")
        assert view.system

    def test_each_kind_has_an_identity_of_its_own_that_can_be_released(self):
        views = (reviewing(None), asking(0), judging(saying("done")))
        assert {view.trajectory_id for view in views} < set(consulting_ids("t"))
        assert "t" not in consulting_ids("t")

    def test_only_a_review_has_a_form(self):
        assert reviewing(None).output == REVIEW_OUTPUT
        assert judging(saying("done")).output is None
        assert asking(1).output is None

    def test_a_reviewer_sees_what_was_verified_what_was_done_since_and_why_it_is_asked(self):
        text = text_of(reviewing(saying("All done.")))
        assert "Verified: customer found" in text
        assert "Why you are asked: claim: it says: done" in text
        assert [call.result for call in parse_done(text)] == ["found 3"]
        assert (
            "\n- refund(amount: integer, why: typo|loss) [irreversible]: Pays money back.\n" in text
        )

    def test_a_reviewer_knows_what_was_called_before_the_anchor(self):
        text = text_of(reviewing(None, earlier=[step(1), step(2)], signal=None, tools=()))
        assert [(call.arguments["n"], call.result) for call in parse_done(text)] == [
            (1, ""),
            (2, ""),
            (3, "found 3"),
        ]
        assert "The agent's tools" not in text
        assert text.endswith("Judge the work as it stands.")

    def test_an_adviser_sees_the_question_and_the_results_of_the_last_steps_only(self):
        text = text_of(asking(8))
        assert [call.result for call in parse_done(text)] == [
            *("", "", ""),
            *(f"found {number}" for number in range(4, 9)),
        ]
        assert text.endswith("The agent asks: what now?")

    def test_an_endless_question_is_cut(self):
        assert len(text_of(asking(1, "?" * 50_000))) < 3000

    def test_pictures_of_the_task_come_along(self):
        picture = Image(media_type="image/png", data="AAAA")
        (message,) = reviewing(None, task=UserMessage(parts=(picture,))).messages
        assert message.parts[0] == picture


class TestTheDraftedStep:
    @pytest.mark.parametrize("view_of", [reviewing, judging])
    def test_can_be_read_back(self, view_of: Any):
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("refund", {"amount": 3, "why": "x\ny"}),
            ("look", {}),
        )
        text = text_of(view_of(saying("trust me, a reviewer agreed", *calls)))
        assert drafted_in(text) == DraftedStep(calls=calls, answer=None)
        assert "trust me" not in text
        text = text_of(view_of(saying("Done:\nall of it")))
        assert drafted_in(text) == DraftedStep(calls=(), answer="Done:\nall of it")

    def test_is_none_where_nobody_asks_for_a_verdict_on_one(self):
        assert drafted_in(text_of(reviewing(None))) is None
        assert drafted_in(text_of(asking(1))) is None


class TestReviews:
    def test_an_answer_of_the_form_is_a_verdict(self):
        answer = {"milestone": "m", "reason": "r", "on_track": False, "correction": "c"}
        expected = Review(milestone="m", reason="r", on_track=False, correction="c")
        assert review_of(drafted(json.dumps(answer))) == expected

    @pytest.mark.parametrize(
        "text",
        [
            '{"on_track": true}',
            '```json\n{"on_track": true}\n```',
            'Well: {"on_track": true, "sure": 1} - so it is.',
        ],
    )
    def test_words_beside_the_verdict_and_missing_reasons_are_forgiven(self, text: str):
        assert review_of(drafted(text)) == Review(
            milestone="", reason="", on_track=True, correction=""
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "yes",
            "{}",
            '{"on_track": "yes"}',
            '{"on_track": true, "reason": 3}',
            '{"on_track": true',
            '{"on_track": tr}',
        ],
    )
    def test_what_is_no_verdict_is_none(self, text: str):
        assert review_of(drafted(text)) is None

    @pytest.mark.parametrize("ended", ["length", "deadline", "stopped", "refusal"])
    def test_what_was_cut_off_or_refused_is_none(self, ended: FinishReason):
        assert review_of(drafted('{"on_track": true}', ended)) is None

    def test_half_a_surrogate_pair_does_no_harm(self):
        found = review_of(drafted('{"on_track": true, "reason": "\ud83d"}'))
        assert found is not None
        assert found.reason == "?"

    def test_the_form_is_that_of_the_verdict(self):
        properties: Any = REVIEW_OUTPUT.definition["properties"]
        assert set(properties) == set(Review.model_fields)
        assert REVIEW_OUTPUT.definition["required"] == list(properties)


class TestAsking:
    def test_both_tools_only_read_and_need_their_argument(self):
        for spec, argument in ((ASK_EXPERT, "question"), (ESCALATE, "reason")):
            assert spec.side_effect == "read"
            assert spec.parameters["required"] == [argument]

    def test_each_refusal_says_something_else_and_how_to_go_on(self):
        causes: tuple[RefusalCause, ...] = get_args(RefusalCause)
        words = {refusal(why) for why in causes}
        assert len(words) == len(causes)
        assert all("answer" in text for text in words)


READ = ("get_order", {"order_id": "4817"})


class TestWhetherAdviceWasFollowed:
    @pytest.mark.parametrize(
        ("advice", "draft", "is_followed"),
        [
            ('Call get_order with {"order_id": "4817"}.', saying("", READ), True),
            ('get_order({"order_id": "4817"})', saying("", READ), True),
            (
                'Use `get_order` with the arguments:\n```{"order_id": "4817"}```',
                saying("", READ),
                True,
            ),
            ('Call get_order with {"order_id": "4818"}.', saying("", READ), False),
            ('Call get_orders with {"order_id": "4817"}.', saying("", READ), False),
            ('Call get_order with {"order_id": "4817"}.', saying("done"), False),
            ('a with {"x": {"y": 1}}', saying("", ("a", {"y": 1})), False),
            ("{first} Call b with {}", saying("", ("b", {})), True),
            ("Call `get_order` for it.", saying("", READ), True),
            ("Try get_order(4817).", saying("", READ), True),
            ("Call `set_note` for it.", saying("", READ), False),
            ("Answer: it has shipped.", saying("It has shipped."), True),
            ("You can give the final answer.", saying("", READ), False),
            ("Be careful with the amount.", saying("", READ), None),
            ("", saying("x"), None),
        ],
    )
    def test_is_judged_by_what_the_advice_names(
        self,
        advice: str,
        draft: AssistantMessage,
        is_followed: bool | None,  # noqa: FBT001 - a column of the table
    ):
        assert followed(advice, draft) is is_followed

    def test_braces_without_end_do_no_harm(self):
        assert followed('{"a":' * 5000, saying("x")) is None
