"""What a simulated model says next, and who decides that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cascade.errors import ConfigError
from cascade.simulated.received import Conversation

__all__ = ["Calls", "Finish", "InOrder", "Script", "Turn", "by_turn"]

Finish = Literal["stop", "calls", "length", "refusal"]
"""Why a turn ends: it is over, tools are called, the length is used up, the model declines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A tool call that the model makes.

    Attributes:
        name: The tool's.
        arguments: A JSON object; or a text that is sent as it is, valid or not, for wire formats
            that carry arguments as text.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the model says: thinking, then text, then calls.

    Attributes:
        text: Empty for none.
        thinking: `None` for no thinking at all; dropped where the request does not let it think.
        redacted: Whether the thinking comes as a block that only the provider can read.
        calls: In the order in which they are made.
        finish: `None` follows from whether there are calls.
    """

    text: str = ""
    thinking: str | None = None
    redacted: bool = False
    calls: tuple[Calls, ...] = ()
    finish: Finish | None = None

    @property
    def ends(self) -> Finish:
        """Why the turn ends."""
        return self.finish or ("calls" if self.calls else "stop")


Script = Callable[[Conversation], Turn]
"""Decides what the model says next. Called in the server's thread, one request at a time."""


class InOrder:
    """A script that says the given turns, one each request, whatever it is asked.

    A turn whose answer a fault broke is said again.
    """

    def __init__(self, *turns: Turn) -> None:
        self._to_come = list(turns)

    def __call__(self, _conversation: Conversation) -> Turn:
        """The next turn.

        Raises:
            ConfigError: All of them were said.
        """
        if not self._to_come:
            raise ConfigError("the script has no turn left; give it one for each request")
        return self._to_come.pop(0)

    def give_back(self, turn: Turn) -> None:
        """Puts a turn that never arrived whole back to the front."""
        self._to_come.insert(0, turn)


def by_turn(*turns: Turn) -> Script:
    """A script that says the n-th turn to a conversation with n assistant turns in it."""

    def say(conversation: Conversation) -> Turn:
        said = sum(turn.role == "assistant" for turn in conversation.turns)
        if said >= len(turns):
            raise ConfigError(f"the script has {len(turns)} turns, the conversation {said} already")
        return turns[said]

    return say
