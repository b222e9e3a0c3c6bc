"""Conversations to learn from: oracle steps, with slips, nudges, advice, changing tools, new words.

A slip is a wrong or repeated call that the model does not learn to make, only to recover from. A
nudge is a user message that asks for something else. Where `ask_expert` is on offer, the oracle
asks it before the steps that a tiny model is bad at, and goes on alone when the expert is refused.
"""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any

import jinja2

from cascade.desk.calls import Call, Exchange, Reply, Step
from cascade.desk.names import invented
from cascade.desk.oracle import oracle_next
from cascade.desk.records import STATUSES, TIERS
from cascade.desk.tasks import SYSTEM, DeskTask, reply_of
from cascade.desk.world import TOOL_EFFECTS, Office

__all__ = ["Conversation", "chat_template", "conversation", "render", "tool_schemas"]

_MOST_STEPS = 40
_BLURRED_SHARE = 0.3  # of the prompts
_CHANGED_SHARE = 0.15  # of their plain words
_QUOTED_OR_WORD = re.compile(r'"[^"]*"|(?<![\w/.-])[a-z]+(?![\w/.-])')
_KEPT_WORDS = {*STATUSES, *TIERS, "order"}

_EXTRA_TOOLS: dict[str, tuple[str, ...]] = {
    "ask_expert": ("question",),
    "escalate": ("reason",),
    "search": ("query",),
    "get_weather": ("city",),
    "list_files": ("folder",),
    "delete_file": ("path",),
    "book_room": ("room", "day"),
    "translate": ("text", "language"),
    "get_time": (),
    "create_ticket": ("title", "text"),
}
_SYSTEMS = (
    "You are a helpful assistant.",
    "You are an office assistant with tools. Do the task, then answer in one sentence.",
    "Help the staff of the order desk.",
)
_NUDGES = (
    "You have repeated the same call; try something else.",
    "That call was made before. Try another step.",
    "You seem to be stuck; go on with the task in another way.",
    "This does not help. Look at the results so far and take the next step.",
)
_QUESTIONS = {
    "total": "Which totals do I add up?",
    "priciest": "Which order has the highest total?",
    "compare": "Who has spent more?",
    "refund": "Is the total within the limit?",
    "loyalty": "How is the refund worked out?",
}
_REFUSALS = (
    "ToolError: no expert is allowed for this task; go on alone",
    "ToolError: the quota of questions is used up",
    "refused: this task must not leave the machine",
    "No expert is available. Continue with the tools you have.",
)


@dataclass(slots=True, kw_only=True)
class Conversation:
    """Chat messages with their tools.

    Attributes:
        messages: In the form that chat templates take.
        tools: Tool definitions in the form that chat templates take.
        learnt: For each assistant message in turn, whether the model is to learn it.
    """

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tools: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    learnt: list[bool] = field(default_factory=list[bool])

    def add_call(self, call: Call, reply: Reply, *, is_learnt: bool = True) -> None:
        """Append an assistant message with one call, and its result."""
        function = {"name": call.name, "arguments": dict(call.arguments)}
        self.messages.append(
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"type": "function", "function": function}],
            }
        )
        self.messages.append({"role": "tool", "content": reply.text})
        self.learnt.append(is_learnt)

    def add_answer(self, answer: str) -> None:
        """Append the final assistant message."""
        self.messages.append({"role": "assistant", "content": answer})
        self.learnt.append(True)


def conversation(task: DeskTask, rng: random.Random) -> Conversation:
    """Return the oracle's conversation over a task, varied as described at the top."""
    names = _tool_names(rng)
    made = Conversation(tools=tool_schemas(names))
    system = SYSTEM if rng.random() < 0.88 else rng.choice(_SYSTEMS)
    made.messages.append({"role": "system", "content": system})
    prompt = _blurred(task.prompt, rng) if rng.random() < _BLURRED_SHARE else task.prompt
    made.messages.append({"role": "user", "content": prompt})
    office, history = Office(task.records), list[Exchange]()
    slip_at = rng.randrange(1, 6) if rng.random() < 0.2 else -1
    may_ask = "ask_expert" in names
    while len(history) < _MOST_STEPS:
        if len(history) == slip_at:
            _slip(made, task, office, history, rng)
        step = oracle_next(task, history)
        if may_ask and _is_doubtful(task, history, step):
            _ask(made, task, step, rng)
        if step.call is None:
            made.add_answer(step.answer or "")
            return made
        reply = reply_of(office, step.call)
        history.append(Exchange(call=step.call, reply=reply))
        made.add_call(step.call, reply)
    raise AssertionError(f"task {task.task_id} takes more than {_MOST_STEPS} steps")


def chat_template() -> str:
    """Return the text of the chat template that goes into the GGUF."""
    return Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")


def render(made: Conversation, *, add_generation_prompt: bool = False) -> str:
    """Return the conversation as the chat template writes it."""
    return _template().render(
        messages=made.messages, tools=made.tools, add_generation_prompt=add_generation_prompt
    )


def tool_schemas(names: list[str]) -> list[dict[str, Any]]:
    """Return definitions of the named tools, arguments in the order of their signatures."""
    return [_schema(name, _arguments(name)) for name in names]


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - chat text, not HTML
    dumps: Callable[..., str] = json.dumps
    environment.filters["tojson"] = lambda value: dumps(value, ensure_ascii=False)
    return environment.from_string(chat_template())


def _arguments(name: str) -> tuple[str, ...]:
    if name in _EXTRA_TOOLS:
        return _EXTRA_TOOLS[name]
    return tuple(signature(getattr(Office, name)).parameters)[1:]


def _schema(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    properties = {argument: {"type": "string"} for argument in arguments}
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _blurred(prompt: str, rng: random.Random) -> str:
    """Return the prompt with some of its plain words replaced, left out or doubled by new ones.

    A model that learnt from such prompts takes a word that it never met for what it is: a word.
    """
    return " ".join(_QUOTED_OR_WORD.sub(lambda match: _other(match[0], rng), prompt).split())


def _other(word: str, rng: random.Random) -> str:
    chance = rng.random()
    if word.startswith('"') or word in _KEPT_WORDS or chance >= _CHANGED_SHARE:
        return word
    if chance < _CHANGED_SHARE / 5:
        return ""
    if chance < _CHANGED_SHARE / 5 * 2:
        return f"{word} {invented(rng, 'train')}"
    return invented(rng, "train")


def _tool_names(rng: random.Random) -> list[str]:
    own = list(TOOL_EFFECTS)
    kind = rng.random()
    if kind < 0.5:
        return own
    if kind < 0.75:
        return [*own, *(("ask_expert", "escalate") if rng.random() < 0.7 else ("escalate",))]
    others = rng.sample(list(_EXTRA_TOOLS), rng.randrange(4))
    names = [*own, *others]
    rng.shuffle(names)
    return names


def _slip(
    made: Conversation, task: DeskTask, office: Office, history: list[Exchange], rng: random.Random
) -> None:
    repeats = rng.randrange(1, 3)
    call = history[-1].call
    if rng.random() < 0.5:
        call = _wrong_read(task, rng)
        repeats = 1
    if TOOL_EFFECTS[call.name] == "irreversible":
        return
    for _ in range(repeats):
        reply = reply_of(office, call)
        history.append(Exchange(call=call, reply=reply))
        made.add_call(call, reply, is_learnt=False)
    if rng.random() < 0.5:
        made.messages.append({"role": "user", "content": rng.choice(_NUDGES)})


def _wrong_read(task: DeskTask, rng: random.Random) -> Call:
    if rng.random() < 0.7:
        order_id = rng.choice(task.records.orders).order_id
        if rng.random() < 0.4:
            order_id = order_id[:3] + str(rng.randrange(10))
        return Call(name="get_order", arguments={"order_id": order_id})
    customer = rng.choice(task.records.customers)
    return Call(name="list_orders", arguments={"customer_id": customer.customer_id})


def _is_doubtful(task: DeskTask, history: list[Exchange], step: Step) -> bool:
    name = step.call.name if step.call else "answer"
    asked_before = history and history[-1].reply.is_transient
    if asked_before:
        return False
    match task.family:
        case "total" | "loyalty":
            return name == "calculator"
        case "priciest":
            return name == "update_order"
        case "compare":
            return name == "answer"
        case "refund":
            is_known = bool(history) and history[-1].call.name == "get_order"
            return is_known and name in ("issue_refund", "answer")
        case _:
            return False


def _ask(made: Conversation, task: DeskTask, step: Step, rng: random.Random) -> None:
    text = rng.choice(_REFUSALS) if rng.random() < 0.25 else _advice(step, rng)
    question = Call(name="ask_expert", arguments={"question": _QUESTIONS[task.family]})
    made.add_call(question, Reply(text=text))


def _advice(step: Step, rng: random.Random) -> str:
    if step.call is None:
        opening = rng.choice(
            ("Answer: ", "Finish with: ", "", "The answer is: ", "You are done. Say: ")
        )
        return opening + (step.answer or "")
    arguments = json.dumps(dict(step.call.arguments), ensure_ascii=False)
    return rng.choice(
        (
            f"Call {step.call.name} with {arguments}.",
            f"Next: {step.call.name} {arguments}",
            f"{step.call.name}({arguments})",
            f"The right next step is {step.call.name} with {arguments}.",
            f'{{"name": "{step.call.name}", "arguments": {arguments}}}',
            "Use " + ", ".join(str(value) for value in step.call.arguments.values()) + ".",
        )
    )
