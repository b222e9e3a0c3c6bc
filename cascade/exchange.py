"""What goes into a model call and what comes out of it, the same for every backend."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, Self

from pydantic import JsonValue, NonNegativeInt

from cascade.frozen import Frozen, made
from cascade.messages import AssistantMessage, Message

__all__ = [
    "Delta",
    "Draft",
    "Dropped",
    "FinishReason",
    "OutputSchema",
    "Request",
    "Sampling",
    "SideEffect",
    "Timing",
    "TokenSpan",
    "TokenStatistics",
    "ToolSpec",
    "Usage",
    "View",
]

SideEffect = Literal["read", "write", "irreversible"]
"""What running a tool does to the world: nothing, a change, a change nobody can take back."""

FinishReason = Literal["stop", "tool_calls", "length", "deadline", "stopped", "refusal"]
"""Why a draft ended: by itself (with or without calls), at a limit, stopped by a gate, or because
the model or its provider declined to answer."""


class ToolSpec(Frozen):
    """A tool as a model and the policy see it."""

    name: str
    description: str
    parameters: dict[str, JsonValue]
    """JSON Schema of the arguments, an object."""
    side_effect: SideEffect = "write"
    parallel: bool = False
    """Whether calls of it may run at the same time as other parallel calls of the same step."""
    waits: bool = False
    """Whether calling it again with the same arguments is how one waits for something."""
    goal: str | None = None
    """Name of the part of a task that a call which succeeds has reached."""
    data_classes: tuple[str, ...] = ()
    """Classes of data that its results hold; lanes that may not see them are left out from then
    on."""


class OutputSchema(Frozen):
    """The form that the final answer is to have."""

    name: str
    """Letters, digits, `_` and `-`, at most 64 of them."""
    definition: dict[str, JsonValue]
    """JSON Schema of an object."""


class Usage(Frozen):
    """Tokens of one or several model calls, in buckets that do not overlap."""

    input_tokens: NonNegativeInt = 0
    """Prompt tokens that were read afresh; neither cached ones nor those written to a cache."""
    cache_read_tokens: NonNegativeInt = 0
    cache_write_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    estimated: bool = False
    """Whether some of it was reckoned here, as the provider's count never came."""

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, however they were served."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """Prompt and output together."""
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: Self) -> "Usage":
        return made(
            Usage,
            input_tokens=self.input_tokens + other.input_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            estimated=self.estimated or other.estimated,
        )


class Timing(Frozen):
    """Durations of one model call, in seconds."""

    queue_s: float = 0.0
    """From the request until work on it began."""
    first_token_s: float | None = None
    """From the request until the first token; `None` where that was not seen."""
    total_s: float = 0.0


class TokenSpan(Frozen):
    """A run of generated tokens that means something."""

    kind: Literal["name", "key", "value", "answer", "grammar"]
    """Tool name, argument name, argument value, final answer (of a structured one each value), or
    chosen under a grammar."""
    call: int | None = None
    """Index of the tool call in its message, from 0; `None` outside calls."""
    start: int
    end: int
    """Token indexes, from 0, the end excluded."""


class TokenStatistics(Frozen):
    """Per generated token: how sure the model was, before sampling changed anything.

    The three sequences have one entry a token. Natural logarithms throughout.
    """

    logprobs: tuple[float, ...]
    """Log-probability of the chosen token."""
    runner_up_logprobs: tuple[float, ...]
    """Log-probability of the most probable token that was not chosen."""
    entropies: tuple[float, ...]
    """Entropy of the distribution, in nats."""
    spans: tuple[TokenSpan, ...] = ()


class Sampling(Frozen):
    """How tokens are chosen. The default is greedy: the most probable one each time."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()


class Dropped(Frozen):
    """Something of the conversation that a lane was not shown."""

    what: Literal["reasoning", "message_form", "image", "sampling", "effort"]
    why: Literal["foreign_origin", "not_accepted", "not_supported", "redacted"]
    """It came from elsewhere; the provider refused it; the model cannot take it; nobody can tell
    what it shows, and the lane is to see placeholders."""
    count: int = 1


class Draft(Frozen):
    """One finished model call: a message that nobody has accepted yet."""

    message: AssistantMessage
    finish_reason: FinishReason
    usage: Usage
    timing: Timing
    served_model: str
    """The model that really answered, in its provider's words."""
    tokens: TokenStatistics | None = None
    """`None` where the backend has no log-probabilities."""
    problem: str | None = None
    """Why the output cannot be used as it is (unreadable call, cut off), in words for the model."""
    response_id: str | None = None
    """The provider's identifier of the answer, where there is one."""
    dropped: tuple[Dropped, ...] = ()
    """What the lane was not shown, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a lane is shown: a pure function of the log."""

    trajectory_id: str
    system: str | None
    messages: Sequence[Message]
    """From call to call of a lane this only grows."""
    tools: tuple[ToolSpec, ...]
    output: OutputSchema | None = None
    """The form of the final answer; `None` leaves it free."""
    plain_until: int = 0
    """So many messages at the start are shown without their providers' own blocks, as this lane did
    not accept them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a model call is to be made."""

    hop: int
    """The hop's number in its trajectory, from 1."""
    max_output_tokens: int
    seed: int
    sampling: Sampling = field(default_factory=Sampling)
    timeout_s: float | None = None
    """Seconds after which the call is to end with what it has."""
    effort: str | None = None
    """Reasoning effort by the provider's name for it; `None` leaves the model's default."""
    stream: bool = False
    """Whether anybody listens: a backend may skip making deltas when nobody does."""
    stop_below: float | None = None
    """Probability of a name or argument token under which a local draft is stopped; `None` never
    stops it."""

    def call_id(self, view: View, index: int) -> str:
        """The identity of this hop's call number *index*, from 0: unique, short and repeatable."""
        owner = sha256(view.trajectory_id.encode()).hexdigest()[:12]
        return f"call_{owner}_{self.hop}_{index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of a draft while it is being written."""

    text: str
    tokens: int = 1
