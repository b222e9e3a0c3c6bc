"""What a higher lane is shown, and what never leaves the machine."""

from typing import Literal

from pydantic import PositiveInt

from cascade.frozen import Frozen

__all__ = ["HandingOver", "Redacting"]


class HandingOver(Frozen):
    """The views of lanes that take over."""

    up: Literal["packet", "transcript"] = "packet"
    """What a higher lane sees: a short packet of facts, or the whole conversation."""
    down: Literal["transcript", "digest"] = "transcript"
    """What the home lane sees of a higher lane's steps: all of it, or a digest."""
    packet_tokens: PositiveInt = 6000
    """Longest packet, in tokens of about four characters."""


class Redacting(Frozen):
    """What is replaced by placeholders on the way to lanes that are not local.

    Pictures are left out of redacted views, as nobody can tell what they show.
    """

    enabled: bool = False
    localities: tuple[Literal["private", "remote"], ...] = ("remote",)
    """Lanes whose views are redacted."""
    recognisers: tuple[str, ...] = ("contacts", "numbers", "secrets")
    """What is looked for: groups of built-in patterns (`contacts`, `numbers`, `network`,
    `secrets`), `detect-secrets` or `presidio` where installed, or `module:attribute` of the user's
    own: a recogniser, something that makes one, or a list of values. The values themselves do not
    belong here, as settings are recorded."""
