"""The bundled model over desk tasks, each of its steps labelled by the oracle."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import anyio

from cascade.backends.base import Backend
from cascade.desk.calls import Call, Exchange, Reply
from cascade.desk.calls import Step as DeskStep
from cascade.desk.oracle import oracle_next, step_is_right
from cascade.desk.suite import SuiteTask
from cascade.desk.tasks import DeskTask, reply_of
from cascade.desk.transcript import message_of
from cascade.desk.world import TOOL_EFFECTS, Office
from cascade.exchange import Draft, Request, ToolSpec, Usage, View
from cascade.messages import AssistantMessage, Message, Text, ToolMessage, ToolResult, UserMessage
from cascade.self_escalation import ASK_EXPERT, ESCALATE
from cascade.steps import DoneCall, Prefix, Step

__all__ = ["Play", "PlayedStep", "Standing", "play", "play_all"]

Standing = Literal["clean", "off_path", "lost"]
"""How a task stood before a step: every step so far was right; one was wrong and can be made good;
something that cannot be taken back went wrong, so that no step is right any more."""

_MOST_STEPS = 30
_MOST_TOKENS = 256
_LOOP = 3
_FOR_HELP = frozenset({ASK_EXPERT.name, ESCALATE.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedStep:
    """One drafted step with all that a gate is shown of it."""

    task_id: str
    prefix: Prefix
    draft: Draft
    was_wrong: bool
    """Whether it did not bring the task closer to success."""
    standing: Standing


@dataclass(slots=True, kw_only=True)
class Play:
    """One task that was played."""

    task: DeskTask
    steps: list[PlayedStep] = field(default_factory=list[PlayedStep])
    success: bool = False
    looped: bool = False
    """Whether it ended because one call was made three times and went through each time."""


@dataclass(slots=True, kw_only=True)
class _Desk:
    """One task under way."""

    task: DeskTask
    prompt: UserMessage
    office: Office
    tools: tuple[ToolSpec, ...]
    messages: list[Message]
    guided: bool
    play: Play
    history: list[Exchange] = field(default_factory=list[Exchange])
    steps: list[Step] = field(default_factory=list[Step])
    standing: Standing = "clean"

    def judge(self, draft: Draft) -> bool:
        """Notes a draft with its label; whether it was wrong."""
        was_wrong = not self._is_right(draft)
        if oracle_next(self.task, self.history).beyond_repair:
            self.standing = "lost"
        step = PlayedStep(
            task_id=self.task.task_id,
            prefix=self._prefix(),
            draft=draft,
            was_wrong=was_wrong,
            standing=self.standing,
        )
        self.play.steps.append(step)
        return was_wrong

    def accept(self, message: AssistantMessage, usage: Usage) -> None:
        """Makes the calls of a message, or ends with its answer."""
        self.messages.append(message)
        if not message.calls:
            self.play.success = self.task.verdict(self.office, message.text).success
            return
        done: list[DoneCall] = []
        for call in message.calls:
            reply = self._reply(Call(name=call.name, arguments=call.arguments))
            result = ToolResult(
                call_id=call.id,
                name=call.name,
                parts=(Text(text=reply.text),),
                is_error=reply.is_error,
            )
            effect = TOOL_EFFECTS.get(call.name, "write")
            done.append(DoneCall(call=call, result=result, side_effect=effect))
        self.messages.append(ToolMessage(parts=tuple(one.result for one in done)))
        number = len(self.steps) + 1
        self.steps.append(
            Step(
                number=number,
                lane="local",
                message=message,
                calls=tuple(done),
                usage=usage,
                at_s=float(number),
            )
        )

    def _reply(self, call: Call) -> Reply:
        if call.name in _FOR_HELP:
            return Reply(text=_advice(oracle_next(self.task, self.history)))
        reply = reply_of(self.office, call)
        self.history.append(Exchange(call=call, reply=reply))
        same = [one for one in self.history if one.call.key == call.key]
        self.play.looped |= sum(not one.reply.is_transient for one in same) >= _LOOP
        return reply

    def _prefix(self) -> Prefix:
        return Prefix(
            task=self.prompt, tools=self.tools, steps=tuple(self.steps), step=len(self.steps) + 1
        )

    def _is_right(self, draft: Draft) -> bool:
        message, history = draft.message, list(self.history)
        if draft.problem is not None:
            return False
        if not message.calls:
            return step_is_right(self.task, history, DeskStep(answer=message.text))
        for call in message.calls:
            made = Call(name=call.name, arguments=call.arguments)
            if not step_is_right(self.task, history, DeskStep(call=made)):
                return False
            # Whatever it will say: what the oracle needs of a right call it knows by itself.
            history.append(Exchange(call=made, reply=Reply(text="")))
        return True


async def play(
    backend: Backend,
    task: SuiteTask,
    *,
    guided: bool = False,
    asking: bool = False,
    stop_below: float | None = None,
) -> Play:
    """Plays one task greedily and labels each step.

    Args:
        backend: An open backend.
        task: The task.
        guided: A wrong step is replaced by the oracle's, as in a cascade whose gates are perfect;
            else the model's own steps are all taken, wrong ones included.
        asking: The model may ask the oracle, as it may where policy allows it. Such steps have no
            label and are not among the played ones.
        stop_below: As in `Request`. A draft that was stopped counts as wrong, and it is replaced
            by the oracle's step in any case.
    """
    episode = task.open()
    prompt = UserMessage.of(task.prompt)
    desk = _Desk(
        task=task.desk,
        prompt=prompt,
        office=episode.office,
        tools=(
            *(tool.spec for tool in episode.tools),
            *((ASK_EXPERT, ESCALATE) if asking else ()),
        ),
        messages=[prompt],
        guided=guided,
        play=Play(task=task.desk),
    )
    key = f"{task.id}/{guided}/{asking}/{stop_below}"
    for hop in range(1, _MOST_STEPS + 1):
        view = View(trajectory_id=key, system=task.system, messages=desk.messages, tools=desk.tools)
        request = Request(hop=hop, max_output_tokens=_MOST_TOKENS, seed=0, stop_below=stop_below)
        async with backend.call(view, request) as call:
            async for _ in call:
                pass
            draft = call.draft
        message = _taken(desk, draft, hop)
        if message is None:
            break
        desk.accept(message, draft.usage)
        if not message.calls or desk.play.looped:
            break
    backend.release(key)
    return desk.play


async def play_all(
    backend: Backend,
    tasks: Sequence[SuiteTask],
    *,
    guided: bool = False,
    asking: bool = False,
    stop_below: float | None = None,
    at_once: int = 8,
) -> list[Play]:
    """Plays tasks, so many at once; the plays come in the order of the tasks."""
    plays: dict[str, Play] = {}
    limit = anyio.CapacityLimiter(at_once)

    async def one(task: SuiteTask) -> None:
        async with limit:
            plays[task.id] = await play(
                backend, task, guided=guided, asking=asking, stop_below=stop_below
            )

    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(one, task)
    return [plays[task.id] for task in tasks]


def _taken(desk: _Desk, draft: Draft, hop: int) -> AssistantMessage | None:
    """The message that is taken in a step; `None` where there is none to go on with."""
    if any(call.name in _FOR_HELP for call in draft.message.calls):
        return draft.message
    was_wrong = desk.judge(draft)
    stopped = draft.finish_reason == "stopped"
    if was_wrong and (desk.guided or stopped):
        following = oracle_next(desk.task, desk.history)
        return message_of(following, call_id=f"oracle_{hop}")
    if draft.problem is not None:
        return None
    if was_wrong and desk.standing == "clean":
        desk.standing = "off_path"
    return draft.message


def _advice(step: DeskStep) -> str:
    """A step in the words of an adviser."""
    if step.call is None:
        return f"Answer: {step.answer}"
    arguments = json.dumps(dict(step.call.arguments), ensure_ascii=False)
    return f"Call {step.call.name} with {arguments}."
