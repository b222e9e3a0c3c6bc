"""Calls over a transport of our own: what goes out, and what becomes of what comes back."""

import gzip
import logging
from collections.abc import Callable
from typing import Any

import anyio
import httpx2
import pytest
from event_loops import loop_options
from pydantic import JsonValue
from pydantic_core import to_json
from remote_lanes import (
    CALL,
    KEY,
    ORIGIN,
    STEP,
    Answers,
    Pieces,
    asked,
    drafted,
    events_of,
    lane,
    opened,
    shown,
)

from cascade.backends.openai import openai_backend
from cascade.credentials import Credential
from cascade.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    ConfigError,
    FailureKind,
    MissingKey,
)
from cascade.exchange import Dropped, Usage
from cascade.lanes import Timeouts
from cascade.messages import Artefact, AssistantMessage, Reasoning

pytestmark = pytest.mark.anyio

HELLO = {"id": "c1", "model": "m-2", "choices": [{"index": 0, "delta": {"content": "hello "}}]}
WORLD = {"choices": [{"index": 0, "delta": {"content": "world"}, "finish_reason": "stop"}]}
COUNTS: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}
STREAM = (HELLO, WORLD, COUNTS, "[DONE]")
SEALED: JsonValue = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xx"}]}
EVENTS = {"content-type": "text/event-stream"}
WHOLE = {
    "id": "c1",
    "model": "m-2",
    "choices": [{"message": {"content": "hello world"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2},
}


def answering(body: bytes | Callable[[], Pieces], *, status: int = 200, **headers: str) -> Answers:
    """Answers with bytes, or with pieces that are new each time."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(_request: httpx2.Request) -> httpx2.Response:
        pieces = Pieces(body) if isinstance(body, bytes) else body()
        return httpx2.Response(status, headers=named, stream=pieces)

    return Answers(answer)


async def failure(
    transport: Answers, *, stream: bool = False, credential: Credential | None = None
) -> tuple[BackendError, Usage]:
    """The error that a call ends in, and what it had used."""
    async with (
        opened(transport, credential=credential) as backend,
        backend.call(shown(), asked(stream=stream)) as hop,
    ):
        with pytest.raises(BackendError) as caught:
            _ = [delta async for delta in hop]
        with pytest.raises(RuntimeError, match="iteration"):
            _ = hop.draft
        return caught.value, hop.usage


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_a_stream_becomes_one_draft_wherever_it_is_cut(*, size: int, stream: bool):
    text = events_of(*STREAM)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    transport = answering(lambda: Pieces(*pieces), content_type="text/event-stream; charset=utf-8")
    async with opened(transport) as backend:
        draft, deltas = await drafted(backend, shown(), asked(stream=stream))
    assert draft.message.text == "hello world"
    assert draft.usage == Usage(input_tokens=10, output_tokens=2)
    assert (draft.response_id, draft.served_model) == ("c1", "m-2")
    assert [delta.text for delta in deltas] == (["hello ", "world"] if stream else [])
    assert draft.timing.first_token_s is not None


async def test_an_answer_in_one_piece_is_understood_and_handed_on_in_one():
    async with opened(Answers.json(WHOLE), lane(settings={"stream": False})) as backend:
        draft, deltas = await drafted(backend, shown(), asked(stream=True))
        assert draft.message.text == "hello world"
        assert [delta.text for delta in deltas] == ["hello world"]
    transport = Answers.json(WHOLE)
    async with opened(transport) as backend:
        draft, _ = await drafted(backend, shown(), asked())
        assert b'"stream":true' in transport.bodies[0]
        assert draft.message.text == "hello world"


async def test_a_compressed_answer_is_understood_though_none_was_asked_for():
    body = gzip.compress(events_of(*STREAM))
    transport = answering(body, content_type="text/event-stream", content_encoding="gzip")
    async with opened(transport) as backend:
        draft, _ = await drafted(backend, shown(), asked())
    assert draft.message.text == "hello world"
    assert transport.requests[0].headers["accept-encoding"] == "identity"


async def test_a_transport_that_has_the_whole_body_already_will_do():
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, json=WHOLE))
    async with opened(transport) as backend:
        assert (await drafted(backend, shown(), asked()))[0].message.text == "hello world"


async def test_a_request_carries_the_key_and_nothing_that_traces_or_describes_this_machine():
    transport = Answers.stream(*STREAM)
    async with opened(transport) as backend:
        await drafted(backend, shown(*STEP), asked())
    headers = transport.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-length"] == str(len(transport.bodies[0]))
    assert headers["host"] == "models.example"
    names = set(headers)
    assert not names & {"traceparent", "tracestate", "baggage", "openai-organization"}
    assert not any(name.startswith("x-stainless") for name in names)
    assert str(transport.requests[0].url) == "http://models.example/v1/chat/completions"


async def test_what_the_sdk_adds_from_its_variables_goes_nowhere_and_replaces_no_key(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("FAR_KEY", KEY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: topsecret\nAuthorization: Bearer other")
    transport = Answers.stream(*STREAM)
    of = lane(endpoint="https://models.example/v1", api="chat_completions")
    backend = openai_backend(of, Credential(lane=of.name, env="FAR_KEY"), transport=transport)
    await backend.open()
    await drafted(backend, shown(), asked())
    await backend.aclose()
    for request in transport.requests:
        assert "topsecret" not in str(request.headers)
        assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_lane_without_credential_shows_no_other_server_the_providers_key(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    for endpoint, is_shown in (("http://models.example/v1", False), ("", True)):
        transport = Answers.stream(*STREAM)
        of = lane(endpoint=endpoint, api="chat_completions")
        backend = openai_backend(of, transport=transport)
        await backend.open()
        await drafted(backend, shown(), asked())
        await backend.aclose()
        assert ("authorization" in transport.requests[0].headers) is is_shown
        assert ("openai-organization" in transport.requests[0].headers) is is_shown


async def test_a_lane_whose_key_is_not_there_says_where_it_looked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKey, match="lane 'far' has no key: set OPENAI_API_KEY"):
        await openai_backend(lane(endpoint="")).open()


async def test_a_key_that_no_header_may_hold_is_refused_without_showing_it():
    credential = Credential(lane="far", command=("printf", f"{KEY}\\n{KEY}"))
    with pytest.raises(ConfigError, match="look at the key") as caught:
        await openai_backend(lane(), credential, transport=Answers.json({})).open()
    assert KEY not in str(caught.value)


FAILURES: list[tuple[str, Answers, FailureKind, str]] = [
    ("no events", answering(b"", content_type="text/event-stream"), "connection", "broke off"),
    (
        "cut",
        answering(events_of(HELLO), content_type="text/event-stream"),
        "connection",
        "broke off",
    ),
    (
        "broken",
        answering(
            lambda: Pieces(events_of(HELLO), httpx2.ReadError("reset")),
            content_type="text/event-stream",
        ),
        "connection",
        "ReadError at http://models.example/v1: reset",
    ),
    (
        "half an event",
        answering(b'data: {"choi\n\n', content_type="text/event-stream"),
        "protocol",
        "not in the form of Chat Completions",
    ),
    ("no object", answering(b"[1]", content_type="application/json"), "protocol", "form"),
    ("half of it", answering(b'{"choi', content_type="application/json"), "protocol", "form"),
    (
        "a page",
        answering(b"<html>", content_type="text/html; charset=utf-8"),
        "protocol",
        "answered with text/html",
    ),
    (
        "no gzip",
        answering(b"xx", content_type="application/json", content_encoding="gzip"),
        "protocol",
        "cannot be decompressed",
    ),
    (
        "elsewhere",
        answering(b"", status=308, location="http://other.example"),
        "not_found",
        "set the lane's endpoint",
    ),
    ("refused", Answers(lambda _: httpx2.ConnectError("refused")), "connection", "ConnectError"),
    ("proxy", Answers(lambda _: httpx2.ProxyError("407")), "connection", "ProxyError"),
    (
        "hung up",
        Answers(lambda _: httpx2.RemoteProtocolError("no answer")),
        "connection",
        "RemoteProtocolError",
    ),
    ("far", Answers(lambda _: httpx2.ConnectTimeout("")), "timeout", "ConnectTimeout after 5 s"),
    ("silent", Answers(lambda _: httpx2.ReadTimeout("")), "timeout", "ReadTimeout after 120 s"),
    (
        "mid-stream",
        answering(
            events_of(HELLO, {"error": {"message": "busy", "code": "slow_down"}}),
            content_type="text/event-stream",
            x_request_id="req_9",
        ),
        "overloaded",
        "in mid-answer slow_down: busy",
    ),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("transport", "kind", "words"), [case[1:] for case in FAILURES], ids=[c[0] for c in FAILURES]
)
async def test_every_failure_has_its_kind(
    *, transport: Answers, kind: FailureKind, words: str, stream: bool
):
    error, _ = await failure(transport, stream=stream)
    assert error.failure == kind
    assert words in str(error)
    assert error.backend == "openai"
    assert isinstance(error, BackendTimeout) is (kind == "timeout")
    assert error.request_id == ("req_9" if kind == "overloaded" else None)


async def test_a_refusal_tells_the_wait_and_the_calls_name():
    transport = Answers.json(
        {"error": {"message": "slower", "type": "requests", "code": "rate_limit_exceeded"}},
        status=429,
        headers={"retry-after-ms": "250", "x-request-id": "req_7"},
    )
    error, usage = await failure(transport)
    assert isinstance(error, BackendUnavailable)
    assert (error.retry_after_s, error.request_id) == (0.25, "req_7")
    assert "HTTP 429 requests rate_limit_exceeded: slower" in str(error)
    assert usage == Usage()


async def test_what_a_broken_call_used_is_reckoned():
    cut = answering(events_of(HELLO), content_type="text/event-stream")
    _, usage = await failure(cut)
    assert usage.estimated
    assert usage.input_tokens == len(cut.bodies[0]) // 4
    assert usage.output_tokens == 2
    _, unreached = await failure(Answers(lambda _: httpx2.ConnectError("refused")))
    assert unreached == Usage()
    _, waited = await failure(Answers(lambda _: httpx2.ReadTimeout("")))
    assert waited.input_tokens > 0
    assert waited.estimated


async def test_a_server_that_counts_nothing_has_its_usage_reckoned():
    async with opened(Answers.stream(HELLO, WORLD, "[DONE]")) as backend:
        draft, _ = await drafted(backend, shown(), asked())
    assert draft.usage.estimated
    assert draft.usage.input_tokens > 0
    assert draft.usage.output_tokens == 3


@pytest.mark.parametrize("status", [200, 401])
async def test_the_key_is_in_no_error_log_or_repr(
    status: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FAR_KEY", KEY)
    credential = Credential(lane="far", env="FAR_KEY")
    caplog.set_level(logging.DEBUG)
    payload = to_json({"error": {"message": f"Incorrect API key: {KEY}", "type": KEY}})
    transport = answering(
        payload if status == 401 else b"data: " + payload + b"\n\n",
        status=status,
        content_type="application/json" if status == 401 else "text/event-stream",
        x_request_id=KEY,
    )
    error, _ = await failure(transport, credential=credential)
    assert "Incorrect API key: [key]" in str(error)
    texts = [str(error), repr(error), str(error.request_id), caplog.text]
    chained: BaseException | None = error
    while chained is not None:
        texts += [str(chained), repr(chained)]
        chained = chained.__cause__ or (
            None if chained.__suppress_context__ else chained.__context__
        )
    async with opened(transport) as backend:
        texts += [repr(backend), repr(backend.call(shown(), asked())), repr(await backend.open())]
    assert not any(KEY in text for text in texts)


class Refusing:
    """Refuses whatever holds an opaque block."""

    def __init__(self, *, always: bool = False) -> None:
        self._always = always

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self._always or b"reasoning_details" in request.content:
            body = to_json({"error": {"message": "Invalid signature in block", "type": None}})
            headers = {"content-type": "application/json"}
            return httpx2.Response(400, headers=headers, stream=Pieces(body))
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Pieces(events_of(*STREAM)))


async def test_a_refused_block_is_left_out_the_next_time_and_the_draft_says_so():
    transport = Answers(Refusing())
    async with opened(transport, lane(account="a")) as backend:
        thought = Reasoning(text="", artefact=Artefact(origin=ORIGIN, raw=SEALED))
        messages = (AssistantMessage(parts=(thought, CALL)), STEP[1])
        with pytest.raises(BackendRefused) as caught:
            await drafted(backend, shown(*messages), asked())
        assert caught.value.failure == "signature"
        draft, _ = await drafted(backend, shown(*messages, plain_until=3), asked())
    assert draft.dropped == (Dropped(what="reasoning", why="not_accepted"),)
    assert transport.bodies[0] != transport.bodies[1]


async def test_a_refused_request_with_nothing_to_leave_out_is_never_sent_again():
    transport = Answers(Refusing(always=True))
    async with opened(transport, lane(account="a")) as backend:
        thought = Reasoning(text="", artefact=Artefact(origin=ORIGIN, raw=SEALED))
        messages = (AssistantMessage(parts=(thought, CALL)), STEP[1])
        with pytest.raises(BackendRefused):
            await drafted(backend, shown(*messages), asked())
        with pytest.raises(BackendRefused, match="none left"):
            await drafted(backend, shown(*messages), asked())
        assert len(transport.bodies) == 1
        backend.release("t")
        with pytest.raises(BackendRefused, match="HTTP 400"):
            await drafted(backend, shown(*messages), asked())
        # Without any block in it the same words are about something else.
        with pytest.raises(BackendRefused) as other:
            await drafted(backend, shown(), asked())
        assert other.value.failure == "request"


class Hangs(httpx2.AsyncByteStream):
    """A body that begins and then never goes on."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.closed = 0

    async def __aiter__(self):  # noqa: ANN204 - of bytes
        yield self._first
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("anyio_backend", [("trio", loop_options("trio"))])
@pytest.mark.parametrize(("total_s", "timeout_s"), [(3.0, None), (600.0, 3.0), (3.0, 600.0)])
async def test_a_call_ends_at_the_nearer_of_its_deadlines(total_s: float, timeout_s: float | None):
    body = Hangs(events_of(HELLO))
    transport = Answers(lambda _: httpx2.Response(200, headers=EVENTS, stream=body))
    async with opened(transport, lane(timeouts=Timeouts(total_s=total_s))) as backend:
        began = anyio.current_time()
        async with backend.call(shown(), asked(timeout_s=timeout_s)) as hop:
            with pytest.raises(BackendTimeout, match="before the call's deadline"):
                _ = [delta async for delta in hop]
        assert anyio.current_time() - began == pytest.approx(3.0)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_deadline_closes_the_answer_and_keeps_its_usage(*, stream: bool):
    body = Hangs(events_of(HELLO))
    transport = Answers(lambda _: httpx2.Response(200, headers=EVENTS, stream=body))
    async with opened(transport) as backend:
        async with backend.call(shown(), asked(stream=stream, timeout_s=0.05)) as hop:
            with pytest.raises(BackendTimeout) as caught:
                _ = [delta async for delta in hop]
        assert caught.value.failure == "timeout"
        assert hop.usage.output_tokens == 2
    assert body.closed


async def test_leaving_early_closes_the_answer():
    body = Hangs(events_of(HELLO))
    transport = Answers(lambda _: httpx2.Response(200, headers=EVENTS, stream=body))
    async with opened(transport) as backend:
        async with backend.call(shown(), asked(stream=True)) as hop:
            deltas = aiter(hop)
            assert (await anext(deltas)).text == "hello "
            await deltas.aclose()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a generator
        assert body.closed
        assert hop.usage.output_tokens == 2
    assert transport.closed == 1


async def test_a_cancelled_call_closes_the_answer_and_keeps_its_usage():
    body = Hangs(events_of(HELLO))
    transport = Answers(lambda _: httpx2.Response(200, headers=EVENTS, stream=body))
    async with opened(transport) as backend:
        hop = backend.call(shown(), asked(stream=True))
        with anyio.CancelScope() as scope:
            async with hop:
                async for _ in hop:
                    scope.cancel()
        assert scope.cancelled_caught
        assert body.closed
        assert hop.usage.estimated


async def test_a_call_before_opening_is_a_mistake_of_the_caller():
    with pytest.raises(RuntimeError, match="before it was opened"):
        openai_backend(lane()).call(shown(), asked())
