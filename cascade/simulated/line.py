"""The line to a client: sends answers, and breaks them off as a fault wants it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import anyio
from pydantic_core import to_json

from cascade.simulated.faults import CutsOff, Fails, Fault, Garbles, Slow, Stalls
from cascade.simulated.wire import Event

__all__ = ["CLOSE", "Line", "Message", "Plan", "frame", "planned", "split", "whole"]

CLOSE = "cascade.simulated.close"
"""Key of an ASGI scope: the function that closes its connection."""

Ending = Literal["complete", "cut", "stalled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An answer's body, piece by piece, and how it ends.

    Attributes:
        pieces: What is sent.
        ending: `complete` marks its end as HTTP does, `cut` closes the connection without that,
            `stalled` leaves it open.
        pause_s: Before each piece.
        headed: Whether the status line is sent at all.
        length: What the status line promises, in bytes; `None` promises nothing, as streams do.
    """

    pieces: Sequence[bytes]
    ending: Ending = "complete"
    pause_s: float = 0.0
    headed: bool = True
    length: int | None = None


def whole(body: bytes) -> Plan:
    """A body that is sent at once, with its length."""
    return Plan(pieces=(body,), length=len(body))


def frame(event: Event) -> bytes:
    """A server-sent event as it stands in the stream."""
    data = event.data.encode() if isinstance(event.data, str) else to_json(event.data)
    name = f"event: {event.name}\n".encode() if event.name else b""
    return name + b"data: " + data + b"\n\n"


def planned(pieces: Sequence[bytes], fault: Fault | None, *, failure: bytes = b"") -> Plan:
    """How an answer is sent that a fault strikes.

    Args:
        pieces: The framed events of a stream, or the one body of another answer.
        fault: That strikes it.
        failure: The event that reports a failure in mid-stream, framed.
    """
    match fault:
        case CutsOff(after_bytes=None) | Stalls(after_events=None):
            ending = "cut" if isinstance(fault, CutsOff) else "stalled"
            return Plan(pieces=(), ending=ending, headed=False)
        case CutsOff(after_bytes=int(count)):
            return Plan(pieces=[b"".join(pieces)[:count]], ending="cut")
        case Stalls(after_events=int(count)):
            return Plan(pieces=pieces[:count], ending="stalled")
        case Fails(after_events=int(count)) if failure:
            return Plan(pieces=[*pieces[:count], failure])
        case Garbles():
            return Plan(pieces=_garbled(pieces, fault.event))
        case Slow():
            return Plan(pieces=pieces, pause_s=fault.pause_s)
        case _:
            return Plan(pieces=pieces)


def _garbled(pieces: Sequence[bytes], index: int) -> list[bytes]:
    """The pieces with the JSON of one of them broken off half-way."""
    index = min(index, len(pieces) - 1)
    piece = pieces[index]
    head, mark, rest = piece.partition(b"data: ")
    if not mark:
        head, rest = b"", piece
    end = b"\n\n" if mark else b""
    broken = head + mark + rest[: max(1, len(rest) // 2)] + end
    return [*pieces[:index], broken, *pieces[index + 1 :]]


Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One request's way back to its client."""

    scope: Message
    receive: Callable[[], Awaitable[Message]]
    send: Callable[[Message], Awaitable[None]]

    async def body(self) -> bytes:
        """The whole body of the request."""
        parts: list[bytes] = []
        while True:
            message = await self.receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def answer(self, status: int, headers: Mapping[str, str], plan: Plan) -> None:
        """Sends an answer, or as much of it as the plan wants."""
        if plan.headed:
            pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
            if plan.length is not None:
                pairs.append((b"content-length", str(plan.length).encode()))
            await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        for piece in plan.pieces:
            if plan.pause_s and await self._is_left_within(plan.pause_s):
                return
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        if plan.ending == "complete":
            await self.send({"type": "http.response.body", "body": b""})
        elif plan.ending == "cut":
            self.scope[CLOSE]()
        else:
            await self._is_left_within(float("inf"))

    async def _is_left_within(self, pause_s: float) -> bool:
        """Waits; true as soon as the client has gone."""
        with anyio.move_on_after(pause_s):
            await self.receive()  # there is nothing left to come but the end of the connection
            return True
        return False


def split(pieces: Sequence[bytes], piece_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of another size."""
    joined = b"".join(pieces)
    return (joined[start : start + piece_bytes] for start in range(0, len(joined), piece_bytes))
