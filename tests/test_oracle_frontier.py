"""The desk oracle as a frontier model: it goes on from packets, reviews, advises and judges."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from oracle_histories import by_the_oracle, steps_of

from cascade.backends.anthropic import anthropic_backend
from cascade.backends.openai import openai_backend
from cascade.backends.remote import RemoteBackend
from cascade.consulting import advice_view, judge_view, review_of, review_view
from cascade.credentials import Credential
from cascade.desk.calls import Call, Exchange, Reply
from cascade.desk.calls import Step as DeskStep
from cascade.desk.families import FAMILIES
from cascade.desk.oracle import oracle_next, oracle_path, step_is_right
from cascade.desk.tasks import SYSTEM, DeskTask, make_task, reply_of
from cascade.desk.transcript import message_of
from cascade.desk.world import TOOL_EFFECTS, Office
from cascade.evaluation.frontier import OracleWire, oracle_lane, oracle_simulation
from cascade.evaluation.oracle_script import OracleScript
from cascade.exchange import Request, ToolSpec, View
from cascade.handoff import digest, packet
from cascade.messages import (
    AssistantMessage,
    Message,
    Text,
    ToolCall,
    UserMessage,
)
from cascade.opinions import Review
from cascade.simulated.received import Call as SeenCall
from cascade.simulated.received import Conversation, Received, Result, Said, ToolChoice
from cascade.simulated.script import Turn
from cascade.simulated.server import served

MOST = 6000
TASKS = [make_task(family, "evaluation", seed) for family in sorted(FAMILIES) for seed in range(3)]
WRITING = [
    task
    for task in TASKS
    if any(
        step.call is not None and TOOL_EFFECTS[step.call.name] != "read"
        for step in oracle_path(task, [])[1:]
    )
]
MANY = [task for task in TASKS if len(oracle_path(task, [])) >= 4]


def conversation(system: str, *turns: Said) -> Conversation:
    received = Received(number=0, method="POST", path="/", headers={}, body=b"", json=None)
    return Conversation(
        model="m",
        system=system,
        turns=turns,
        tools=(),
        tool_choice=ToolChoice(),
        schema=None,
        thinks=False,
        max_output_tokens=None,
        request=received,
    )


def as_seen(view: View) -> Conversation:
    """A view of one user message, as a simulated provider sees it."""
    (message,) = view.messages
    assert isinstance(message, UserMessage)
    return conversation(view.system or "", Said(role="user", text=message.text))


def drafting(call: Call | None = None, answer: str = "") -> AssistantMessage:
    return message_of(DeskStep(call=call, answer=answer), call_id="d")


def review(
    task: DeskTask,
    history: Sequence[Exchange],
    draft: AssistantMessage | None,
    *,
    anchor: int = 0,
    **script: Any,
) -> Review:
    steps = steps_of(history)
    view = review_view(
        trajectory_id="t",
        task=UserMessage.of(task.prompt),
        steps_since_anchor=steps[anchor:],
        earlier=steps[:anchor],
        draft=draft,
        signal=None,
        tools=(),
        milestones=(),
        most_tokens=MOST,
    )
    said = OracleScript([task], **script)(as_seen(view))
    return Review.model_validate_json(said.text)


def step_of(said: Turn) -> DeskStep:
    if not said.calls:
        return DeskStep(answer=said.text)
    (called,) = said.calls
    assert not isinstance(called.arguments, str)
    return DeskStep(call=Call(name=called.name, arguments=called.arguments))


def judged(task: DeskTask, history: Sequence[Exchange], draft: AssistantMessage) -> str:
    view = judge_view(
        trajectory_id="t",
        task=UserMessage.of(task.prompt),
        steps=steps_of(history),
        draft=draft,
        tools=(),
        most_tokens=MOST,
    )
    return OracleScript([task])(as_seen(view)).text


def is_on_track(task: DeskTask, history: Sequence[Exchange], draft: AssistantMessage) -> bool:
    return review(task, history, draft).on_track


class TestHandoffs:
    @pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
    def test_it_goes_on_from_a_packet_made_at_any_step(self, task: DeskTask):
        script = OracleScript(TASKS)
        whole = by_the_oracle(task)
        for done in range(len(whole) + 1):
            told = packet(UserMessage.of(task.prompt), steps_of(whole[:done]), most_tokens=MOST)
            said = script(conversation(SYSTEM, Said(role="user", text=told.text)))
            assert step_of(said) == oracle_next(task, whole[:done])

    def test_packets_its_own_calls_and_digests_make_one_history_in_order(self):
        for task in MANY:
            one, two, three, *rest = by_the_oracle(task)
            first = packet(UserMessage.of(task.prompt), steps_of([one]), most_tokens=MOST)
            later = digest(steps_of([three], 3), most_tokens=MOST)
            assert later is not None
            turns = (
                Said(role="user", text=first.text),
                Said(
                    role="assistant",
                    calls=(SeenCall(id="x", name=two.call.name, arguments=two.call.arguments),),
                ),
                Said(
                    role="user",
                    text=later.text,
                    results=(
                        Result(call_id="x", text=two.reply.text, is_error=two.reply.is_error),
                    ),
                ),
            )
            said = OracleScript([task])(conversation(SYSTEM, *turns))
            expected = rest[0].call if rest else None
            assert [call.name for call in said.calls] == ([expected.name] if expected else [])

    def test_a_call_that_was_never_answered_is_not_done(self):
        task = MANY[0]
        expected = oracle_next(task, []).call
        assert expected is not None
        called = SeenCall(id="x", name=expected.name, arguments=expected.arguments)
        turns = (Said(role="user", text=task.prompt), Said(role="assistant", calls=(called,)))
        assert step_of(OracleScript([task])(conversation(SYSTEM, *turns))).call == expected

    def test_a_task_behind_a_placeholder_is_not_known(self):
        told = UserMessage.of(f"<NAME_1> asks: {TASKS[0].prompt}")
        said = OracleScript(TASKS)(conversation(SYSTEM, Said(role="user", text=told.text)))
        assert said.text.startswith("(simulated)")
        assert not said.calls

    def test_a_call_that_asked_for_help_is_no_work(self):
        task = MANY[0]
        asked = Exchange(
            call=Call(name="ask_expert", arguments={"question": "?"}), reply=Reply(text="advice")
        )
        told = packet(UserMessage.of(task.prompt), steps_of([asked]), most_tokens=MOST)
        said = OracleScript([task])(conversation(SYSTEM, Said(role="user", text=told.text)))
        expected = oracle_next(task, []).call
        assert expected is not None
        assert said.calls[0].arguments == expected.arguments


class TestReviews:
    @pytest.mark.parametrize("anchor", [0, 2])
    @pytest.mark.parametrize("task", MANY, ids=lambda task: task.task_id)
    def test_what_the_oracle_does_itself_is_on_track_wherever_the_anchor_is(
        self, task: DeskTask, anchor: int
    ):
        whole = by_the_oracle(task)
        for done, exchange in enumerate(whole):
            found = review(task, whole[:done], drafting(exchange.call), anchor=min(anchor, done))
            assert found.on_track, exchange.call
        claim = drafting(answer=oracle_next(task, whole).answer or "")
        assert review(task, whole, claim, anchor=anchor).on_track
        assert review(task, whole, None, anchor=anchor).on_track

    @pytest.mark.parametrize("task", WRITING, ids=lambda task: task.task_id)
    def test_a_claim_that_comes_too_early_is_not_and_the_next_right_step_is_the_correction(
        self, task: DeskTask
    ):
        claim = drafting(answer=task.conclusion.answer)
        early = by_the_oracle(task, 1)
        found = review(task, early, claim)
        right = oracle_next(task, early).call
        assert right is not None
        assert not found.on_track
        assert found.milestone == "the final answer"
        arguments = json.dumps(dict(right.arguments), ensure_ascii=False)
        assert found.correction == f"Call {right.name} with {arguments}."

    def test_an_irreversible_call_on_the_wrong_thing_is_caught(self):
        caught = 0
        for task in TASKS:
            whole = by_the_oracle(task)
            for done, exchange in enumerate(whole):
                if TOOL_EFFECTS[exchange.call.name] != "irreversible":
                    continue
                name = next(iter(exchange.call.arguments))
                wrong = Call(
                    name=exchange.call.name, arguments={**exchange.call.arguments, name: "9999"}
                )
                assert not is_on_track(task, whole[:done], drafting(wrong))
                caught += 1
        assert caught > 3

    def test_a_detour_is_forgiven_by_a_reviewer_and_not_by_a_judge(self):
        task = MANY[0]
        detour = drafting(Call(name="read_file", arguments={"path": "nowhere"}))
        assert is_on_track(task, [], detour)
        assert judged(task, [], detour) == "no"

    def test_work_as_it_stands_is_wrong_while_a_wrong_write_stands(self):
        for task in TASKS:
            office = Office(task.records)
            order = task.records.orders[0]
            wrong = Call(name="set_note", arguments={"order_id": order.order_id, "text": "stray"})
            history = [Exchange(call=wrong, reply=reply_of(office, wrong))]
            assert not review(task, history, None).on_track
            paid = Call(
                name="send_message", arguments={"customer_id": order.customer_id, "text": "x"}
            )
            history = [Exchange(call=paid, reply=reply_of(office, paid))]
            found = review(task, history, None)
            assert not found.on_track
            assert found.correction.startswith("Answer: A person must look at this")

    def test_every_call_of_a_draft_has_to_be_right(self):
        task = next(task for task in TASKS if len(by_the_oracle(task)) > 2)
        first, second, *_ = by_the_oracle(task)
        calls = [
            ToolCall.model_validate({"id": f"d{n}", "name": name, "arguments": dict(arguments)})
            for n, (name, arguments) in enumerate(
                [
                    (first.call.name, first.call.arguments),
                    ("ask_expert", {"question": "?"}),
                    (second.call.name, second.call.arguments),
                    ("set_note", {"order_id": task.records.orders[0].order_id, "text": "stray"}),
                ]
            )
        ]
        assert judged(task, [], AssistantMessage(parts=tuple(calls[:3]))) == "yes"
        assert judged(task, [], AssistantMessage(parts=tuple(calls))) == "no"


class TestMistakes:
    def test_a_share_of_verdicts_is_wrong_and_the_same_ones_each_time(self):
        def verdicts(seed: int, mistakes: float) -> list[bool]:
            return [
                review(
                    task,
                    [],
                    drafting(oracle_next(task, []).call),
                    mistakes=mistakes,
                    seed=seed,
                ).on_track
                for task in TASKS
            ]

        assert all(verdicts(1, 0.0))
        assert not any(verdicts(1, 1.0))
        some = verdicts(1, 0.4)
        assert 0.2 < some.count(False) / len(some) < 0.6
        assert some == verdicts(1, 0.4)
        assert some != verdicts(2, 0.4)

    def test_a_mistaken_step_is_wrong(self):
        script = OracleScript(TASKS, mistakes=1.0)
        for task in TASKS:
            whole = by_the_oracle(task)
            for done in range(len(whole) + 1):
                told = packet(UserMessage.of(task.prompt), steps_of(whole[:done]), most_tokens=MOST)
                said = script(conversation(SYSTEM, Said(role="user", text=told.text)))
                assert not step_is_right(task, whole[:done], step_of(said))


LOOK = ToolSpec(
    name="get_order",
    description="Shows an order.",
    parameters={"type": "object", "properties": {"order_id": {"type": "string"}}},
    side_effect="read",
)


async def asked_over(wire: OracleWire, tasks: Sequence[DeskTask], *views: View) -> list[Any]:
    """The drafts that a real backend makes of the oracle's answers."""
    drafts: list[Any] = []
    async with AsyncExitStack() as stack:
        address = stack.enter_context(served(oracle_simulation(wire, tasks)))
        backend = backend_of(wire, address)
        await backend.open()
        stack.push_async_callback(backend.aclose)
        for hop, view in enumerate(views, 1):
            request = Request(hop=hop, max_output_tokens=400, seed=0)
            async with backend.call(view, request) as call:
                async for _ in call:
                    pass
                drafts.append(call.draft)
    return drafts


def backend_of(wire: OracleWire, address: str) -> RemoteBackend:
    lane = oracle_lane(wire, address)
    credential = Credential(lane=lane.name, command=("echo", "any text"))
    return (openai_backend if wire == "openai" else anthropic_backend)(lane, credential)


@pytest.mark.asyncio
@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_packets_reviews_advice_and_judging_go_over_a_real_wire(wire: OracleWire):
    task = WRITING[0]
    whole = by_the_oracle(task, 1)
    asked = UserMessage.of(task.prompt)
    steps = steps_of(whole)
    right = oracle_next(task, whole)
    draft = message_of(right, call_id="d")
    messages: tuple[Message, ...] = (packet(asked, steps, note="it is hard", most_tokens=MOST),)
    step, reviewed, advised, verdict = await asked_over(
        wire,
        [task],
        View(trajectory_id="t", system=SYSTEM, messages=messages, tools=(LOOK,)),
        review_view(
            trajectory_id="t",
            task=asked,
            steps_since_anchor=steps,
            draft=AssistantMessage(parts=(Text(text="All is done."),)),
            signal=None,
            tools=(LOOK,),
            milestones=(),
            most_tokens=MOST,
        ),
        advice_view(
            trajectory_id="t",
            task=asked,
            steps=steps,
            question="?",
            tools=(LOOK,),
            most_tokens=MOST,
        ),
        judge_view(
            trajectory_id="t", task=asked, steps=steps, draft=draft, tools=(LOOK,), most_tokens=MOST
        ),
    )
    assert right.call is not None
    assert [(call.name, call.arguments) for call in step.message.calls] == [
        (right.call.name, right.call.arguments)
    ]
    found = review_of(reviewed)
    assert found is not None
    assert not found.on_track
    assert found.correction == advised.message.text
    assert advised.message.text.startswith(f"Call {right.call.name} with ")
    assert verdict.message.text == "yes"
