"""What can go wrong on the way, by plan or by a seeded chance."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cascade.simulated.received import Received

__all__ = [
    "CutsOff",
    "Failing",
    "Fails",
    "Fault",
    "Faults",
    "Garbles",
    "Revokes",
    "Slow",
    "Stalls",
    "WrongType",
    "at_random",
    "at_requests",
    "no_faults",
]

Failing = Literal[
    "authentication",
    "permission",
    "not_found",
    "rate_limit",
    "quota",
    "server",
    "unavailable",
    "overloaded",
    "timeout",
]
"""A provider's failure, for whose status, type, code and text each wire format has its own form.

`quota` is the account's money, which waiting does not mend; `server` a fault inside (500),
`unavailable` a 503, `timeout` a 504."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails:
    """The provider answers with an error.

    Attributes:
        failure: Which one.
        after_events: `None` answers with the error's status. A number answers with status 200, and
            reports the error in the stream after that many events; where the request asks for no
            stream, the error's status is used.
        retry_after_s: The header `retry-after`, in seconds.
        retry_after_ms: The header `retry-after-ms`, in milliseconds.
    """

    failure: Failing
    after_events: int | None = None
    retry_after_s: float | None = None
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revokes:
    """The key of this request is refused, now and from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutsOff:
    """The connection is closed too early.

    Attributes:
        after_bytes: Of the answer's body; `None` is before the status line.
    """

    after_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalls:
    """The answer stops and the connection stays open, until the client leaves.

    Attributes:
        after_events: `None` is before the status line. An answer that is no stream stops after its
            status line for any number.
    """

    after_events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Each event of a stream, or the body of another answer, is waited for.

    Attributes:
        pause_s: Before each, in seconds.
    """

    pause_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbles:
    """The answer's JSON is broken off in the middle, under a sound frame.

    Attributes:
        event: The event of a stream whose data are broken, from 0; the last for a higher number.
    """

    event: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongType:
    """A page in place of the answer, as proxies and portals put it there.

    Attributes:
        status: Of the page.
        content_type: Of the page.
    """

    status: int = 200
    content_type: str = "text/html; charset=utf-8"


Fault = Fails | Revokes | CutsOff | Stalls | Slow | Garbles | WrongType

Faults = Callable[[Received], Fault | None]
"""What goes wrong with a request that is about to be served; `None` for nothing."""


def no_faults(_received: Received) -> Fault | None:
    """Nothing ever goes wrong."""
    return None


def at_requests(faults: Mapping[int, Fault]) -> Faults:
    """The faults of the requests of those numbers, counted from 0."""

    def fault(received: Received) -> Fault | None:
        return faults.get(received.number)

    return fault


def at_random(probability: float, kinds: Sequence[Fault], *, seed: int) -> Faults:
    """One of *kinds* with a probability; the same for the same seed and request number."""

    def fault(received: Received) -> Fault | None:
        chance = random.Random(f"{seed}/{received.number}")  # noqa: S311 - a plan, no secret
        return chance.choice(kinds) if chance.random() < probability else None

    return fault
