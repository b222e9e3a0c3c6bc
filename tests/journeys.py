"""What happens in a trajectory over many lanes: planned beforehand, so that it can be shrunk."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from cascade.exchange import Draft, FinishReason, Timing, ToolSpec, Usage
from cascade.messages import AssistantMessage, Reasoning, Text, ToolCall
from cascade.simulated.faults import CutsOff, Fails, Fault, Garbles, WrongType
from cascade.simulated.script import Calls, Turn

__all__ = [
    "FAULTS",
    "LANES",
    "SPOILINGS",
    "TOOLS",
    "Attempt",
    "Done",
    "Journey",
    "Leg",
    "Saying",
    "Spoiling",
    "random_journey",
]

LANES = ("local", "claude", "gpt", "chat")

FAULTS: tuple[Fault, ...] = (
    Fails(failure="rate_limit", retry_after_s=1),
    Fails(failure="overloaded"),
    Fails(failure="overloaded", after_events=2),
    Fails(failure="server"),
    Fails(failure="unavailable", retry_after_ms=20),
    Fails(failure="quota"),
    Fails(failure="timeout"),
    CutsOff(),
    CutsOff(after_bytes=300),
    Garbles(event=1),
    WrongType(),
)

TOOLS: Mapping[str, ToolSpec] = {
    "work": ToolSpec(
        name="work",
        description="Does a piece of work.",
        parameters={
            "type": "object",
            "properties": {"piece": {"type": "string"}},
            "required": ["piece"],
            "additionalProperties": False,
        },
        side_effect="write",
        parallel=True,
    ),
    # Not all that it takes has to be given, which some providers put in other words.
    "polish": ToolSpec(
        name="polish",
        description="Does a piece of work with care.",
        parameters={
            "type": "object",
            "properties": {
                "piece": {"type": "string"},
                "times": {"type": "integer", "minimum": 1, "default": 2},
                "tools": {"type": "array", "items": {"enum": ["cloth", "brush"]}},
            },
            "required": ["piece"],
        },
        side_effect="write",
    ),
}
"""By name; both do the piece of work that they are given."""

Spoiling = Literal["cut", "declined", "garbled", "unfit"]
"""Why a draft cannot be used: it was cut off, calls and all; nothing was said but that nothing will
be; its call cannot be read; it is not of the form that was asked for. Wires on which one of these
cannot happen cut the draft off instead."""

SPOILINGS: tuple[Spoiling, ...] = ("cut", "declined", "garbled", "unfit")


_FINISHES: Mapping[Spoiling, FinishReason] = {"cut": "length", "declined": "refusal"}


class Done(BaseModel):
    """The form of an answer."""

    task: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A draft of a step, and who is to make it."""

    lane: str
    thinks: bool = False
    redacted: bool = False
    """Whether the thinking comes as a block that only the provider can read."""
    spoiled: Spoiling | None = None
    faults: tuple[Fault, ...] = ()
    """What strikes the first calls that are made for it to a provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A step: drafts that cannot be used, and the one that can."""

    attempts: tuple[Attempt, ...]
    pieces: int
    """Of work, each a tool call; none in the last leg, which is the answer."""
    text: str = ""
    tool: str = "work"
    """One of `TOOLS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A whole trajectory."""

    legs: tuple[Leg, ...]
    structured: bool = False
    system: bool = False
    streamed: bool = False

    def saying(self, task: str, step: int, attempt: int) -> "Saying":
        """What is said in a draft of a step, both counted from 0."""
        leg = self.legs[step]
        made = leg.attempts[min(attempt, len(leg.attempts) - 1)]
        text = leg.text
        if not leg.pieces:
            text = self.answer(task)
        thinking = f"thought {step}.{attempt} of {task}" if made.thinks else None
        return Saying(
            attempt=made,
            text=text,
            thinking=thinking,
            pieces=tuple(f"{task}.{step}.{index}" for index in range(leg.pieces)),
            tool=leg.tool,
            structured=self.structured,
        )

    def answer(self, task: str) -> str:
        """The last word."""
        if not self.structured:
            return f"{task} is done"
        return Done(task=task, pieces=sum(leg.pieces for leg in self.legs)).model_dump_json()

    def wanted(self, task: str) -> Counter[str]:
        """Every piece of work, once."""
        says = (self.saying(task, step, 0) for step in range(len(self.legs)))
        return Counter(piece for said in says for piece in said.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What the next call comes to, whoever serves it."""

    attempt: Attempt
    text: str
    thinking: str | None
    pieces: tuple[str, ...]
    tool: str
    structured: bool

    def turn(self, lane: str) -> Turn:
        """As a simulated provider says it."""
        calls = tuple(Calls(name=self.tool, arguments={"piece": piece}) for piece in self.pieces)
        turn = Turn(
            text=self.text, thinking=self.thinking, redacted=self.attempt.redacted, calls=calls
        )
        match self._spoiling(lane):
            case None:
                return turn
            case "declined":
                return Turn(text="No.", thinking=self.thinking, finish="refusal")
            case "garbled":
                broken = (*calls[:-1], Calls(name=self.tool, arguments='{"piece": '))
                return Turn(text=self.text, thinking=self.thinking, calls=broken)
            case _:
                text = self.text[: len(self.text) // 2]
                return Turn(
                    text=text or "I was about to",
                    thinking=self.thinking,
                    redacted=self.attempt.redacted,
                    calls=calls,
                    finish="length",
                )

    def reply(self) -> AssistantMessage | Draft:
        """As a model in this process says it."""
        thought = (Reasoning(text=self.thinking),) if self.thinking else ()
        spoiling = self._spoiling("local")
        if spoiling is None:
            text = (Text(text=self.text),) if self.text else ()
            # Ids are the backend's to give.
            calls = [
                ToolCall(id="none", name=self.tool, arguments={"piece": each})
                for each in self.pieces
            ]
            return AssistantMessage(parts=(*thought, *text, *calls))
        message = AssistantMessage(parts=(*thought, Text(text=f"{spoiling}, not done")))
        return Draft(
            message=message,
            finish_reason=_FINISHES.get(spoiling, "stop"),
            problem="Its call cannot be read." if spoiling == "garbled" else None,
            usage=Usage(input_tokens=1, output_tokens=1),
            timing=Timing(),
            served_model="script",
        )

    def _spoiling(self, lane: str) -> Spoiling | None:
        spoiling = self.attempt.spoiled
        # A provider that holds its answers to a form gives none of another form, and one that gives
        # arguments as values gives no broken ones.
        can_be = {
            "garbled": lane == "local" or (bool(self.pieces) and lane in {"gpt", "chat"}),
            "unfit": self.structured and not self.pieces and lane == "local",
        }
        return spoiling if spoiling is None or can_be.get(spoiling, True) else "cut"


def random_journey(seed: int, *, faults: float) -> Journey:
    """A journey by the dice.

    Args:
        seed: Of the dice.
        faults: The share of calls to providers that go wrong.
    """
    rng = random.Random(f"journey/{seed}")
    counts = [rng.randrange(1, 4) for _ in range(rng.randrange(7))]
    return Journey(
        legs=tuple(_random_leg(rng, pieces, faults) for pieces in (*counts, 0)),
        structured=rng.random() < 0.3,
        system=rng.random() < 0.5,
        streamed=rng.random() < 0.5,
    )


def _random_leg(rng: random.Random, pieces: int, faults: float) -> Leg:
    spoilings: Sequence[Spoiling | None] = (None,)
    if rng.random() < 0.15:
        spoilings = (rng.choice(SPOILINGS), None)
    attempts = tuple(_random_attempt(rng, each, faults) for each in spoilings)
    return Leg(
        attempts=attempts,
        pieces=pieces,
        text=rng.choice(("", "On it.")),
        tool=rng.choice(tuple(TOOLS)),
    )


def _random_attempt(rng: random.Random, spoiled: Spoiling | None, faults: float) -> Attempt:
    struck: list[Fault] = []
    while len(struck) < 3 and rng.random() < faults:
        struck.append(rng.choice(FAULTS))
    return Attempt(
        lane=rng.choice(LANES),
        thinks=rng.random() < 0.6,
        redacted=rng.random() < 0.2,
        spoiled=spoiled,
        faults=tuple(struck),
    )
