"""Remote lanes for tests: answers without a network, and the view and request that ask for them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from pydantic_core import to_json

from cascade.backends.openai import openai_backend
from cascade.backends.remote import RemoteBackend
from cascade.credentials import Credential
from cascade.exchange import Delta, Draft, OutputSchema, Request, Sampling, ToolSpec, View
from cascade.lanes import Lane
from cascade.messages import (
    AssistantMessage,
    Message,
    Origin,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

__all__ = [
    "CALL",
    "KEY",
    "LOOK_UP",
    "ORIGIN",
    "STEP",
    "TASK",
    "Answers",
    "Pieces",
    "asked",
    "drafted",
    "events_of",
    "lane",
    "opened",
    "shown",
]

KEY = "sk-canary-5f0d9b3e7a"
ENDPOINT = "http://models.example/v1"
ORIGIN = Origin(provider="openai", model="m", endpoint=ENDPOINT, account="a")
LOOK_UP = ToolSpec(
    name="look_up",
    description="Looks a value up.",
    parameters={"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
    side_effect="read",
)
TASK = UserMessage.of("Look a up.")
CALL = ToolCall(id="call_x_1_0", name="look_up", arguments={"key": "a"})
STEP: tuple[Message, ...] = (
    AssistantMessage(parts=(Text(text="First a."), CALL)),
    ToolMessage(parts=(ToolResult(call_id=CALL.id, name="look_up", parts=(Text(text="1"),)),)),
)


def lane(**fields: Any) -> Lane:
    """A lane of Chat Completions."""
    defaults: dict[str, Any] = {
        "name": "far",
        "backend": "openai",
        "model": "m",
        "locality": "remote",
        "endpoint": ENDPOINT,
    }
    return Lane(**(defaults | fields))


def shown(
    *messages: Message,
    tools: Sequence[ToolSpec] = (LOOK_UP,),
    system: str | None = "You look things up.",
    output: OutputSchema | None = None,
    plain_until: int = 0,
    trajectory_id: str = "t",
) -> View:
    """A view of the task and *messages*."""
    return View(
        trajectory_id=trajectory_id,
        system=system,
        messages=(TASK, *messages),
        tools=tuple(tools),
        output=output,
        plain_until=plain_until,
    )


def asked(
    hop: int = 1,
    *,
    stream: bool = False,
    timeout_s: float | None = None,
    sampling: Sampling | None = None,
    effort: str | None = None,
) -> Request:
    """A request for at most 100 tokens."""
    return Request(
        hop=hop,
        max_output_tokens=100,
        seed=7,
        stream=stream,
        timeout_s=timeout_s,
        sampling=sampling or Sampling(),
        effort=effort,
    )


class Pieces(httpx2.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised in its place."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed += 1


def events_of(*payloads: Mapping[str, Any] | str) -> bytes:
    """Server-sent events, an end among them where a payload is `[DONE]`."""
    texts = (each.encode() if isinstance(each, str) else to_json(each) for each in payloads)
    return b"".join(b"data: " + text + b"\n\n" for text in texts)


class Answers(httpx2.AsyncBaseTransport):
    """A transport that answers by a function and remembers what was asked."""

    def __init__(self, answer: Callable[[httpx2.Request], httpx2.Response | Exception]) -> None:
        self._answer = answer
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []
        self.closed = 0

    @classmethod
    def stream(cls, *payloads: Mapping[str, Any] | str) -> "Answers":
        """Always the same stream."""
        body = events_of(*payloads)

        def answer(_request: httpx2.Request) -> httpx2.Response:
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=headers, stream=Pieces(body))

        return cls(answer)

    @classmethod
    def json(
        cls, payload: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> "Answers":
        """Always the same JSON."""

        def answer(_request: httpx2.Request) -> httpx2.Response:
            named = {"content-type": "application/json", **(headers or {})}
            return httpx2.Response(status, headers=named, stream=Pieces(to_json(payload)))

        return cls(answer)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(404, stream=Pieces(b""))
        self.requests.append(request)
        self.bodies.append(await request.aread())
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed += 1


@asynccontextmanager
async def opened(
    transport: httpx2.AsyncBaseTransport | None,
    of: Lane | None = None,
    *,
    credential: Credential | None = None,
) -> AsyncGenerator[RemoteBackend]:
    """An open lane whose key is a canary, given by a command as that needs no environment.

    A command is waited for in a thread; so give another *credential* where the key is read again
    and the clock is one that jumps.
    """
    of = of or lane()
    credential = credential or Credential(lane=of.name, command=("printf", KEY))
    backend = openai_backend(of, credential, transport=transport)
    try:
        await backend.open()
        yield backend
    finally:
        await backend.aclose()


async def drafted(
    backend: RemoteBackend, view: View, request: Request
) -> tuple[Draft, list[Delta]]:
    """The draft of one call and its deltas."""
    async with backend.call(view, request) as hop:
        deltas = [delta async for delta in hop]
        return hop.draft, deltas
