"""A draft that is stopped while it is written leaves nothing behind but its figures."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.llama.chat import CallWatch
from cascade.backends.llama.chat.catalogue import HERMES
from cascade.backends.llama.engine import TokenInfo
from cascade.backends.llama.stopping import TokenWatch
from cascade.desk import DeskSuite
from cascade.desk.suite import SuiteTask
from cascade.exchange import Draft, Request, TokenSpan, View
from cascade.lanes import Lane
from cascade.messages import AssistantMessage, Text, UserMessage

NEVER_SO_SURE = 0.9999999
"""No probability of a token of the bundled model is as high, once it is a name or value."""


def token(text: str | bytes, probability: float = 1.0) -> TokenInfo:
    piece = text.encode() if isinstance(text, str) else text
    return TokenInfo(1, piece, math.log(probability), 2, -9.0, 0.1, under_grammar=False)


def watch(below: float) -> TokenWatch:
    calls = CallWatch.of(HERMES.syntax, None, "")
    assert calls is not None
    return TokenWatch(calls, below)


def test_an_unlikely_token_of_a_value_stops_and_one_of_the_json_does_not() -> None:
    listening = watch(0.2)
    pieces = ["<tool_call>", "\n", '{"name": "', "f", '", "arguments": {"', "a", '": "']
    assert not any(
        listening(token(piece, 0.1 if piece.startswith('"') else 0.9)) for piece in pieces
    )
    assert listening.reason is None
    assert listening(token("48", 0.19))
    assert listening.reason == (
        "It was stopped in the arguments of call 1: the token '48' had probability 0.190, "
        "below 0.2."
    )
    assert listening.spans == (
        TokenSpan(kind="name", call=0, start=3, end=4),
        TokenSpan(kind="key", call=0, start=5, end=6),
        TokenSpan(kind="value", call=0, start=7, end=8),
    )


def test_a_part_of_a_character_counts_where_it_stands() -> None:
    listening = watch(0.5)
    first, second = "é".encode()[:1], "é".encode()[1:]
    for piece in ("<tool_call>", '{"name": "f", "arguments": {"a": "', "x"):
        assert not listening(token(piece))
    assert listening(token(first, 0.4))
    listening = watch(0.5)
    for piece in ("<tool_call>", '{"name": "f", "arguments": {"a": "', "x", first):
        assert not listening(token(piece))
    assert listening(token(second, 0.4))


def test_a_limit_of_zero_never_stops() -> None:
    listening = watch(0.0)
    text = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    assert not any(listening(token(character, 1e-9)) for character in text)


@asynccontextmanager
async def opened() -> AsyncGenerator[LlamaBackend]:
    backend = LlamaBackend(
        Lane(name="local", backend="llama_cpp", model="bundled:desk", locality="local")
    )
    try:
        await backend.open()
        yield backend
    finally:
        await backend.aclose()


def task() -> SuiteTask:
    return DeskSuite(split="familiar", families=("status",)).tasks(1, seed=3)[0]


def view(key: str = "t", *more: AssistantMessage | UserMessage) -> View:
    made = task()
    tools = tuple(tool.spec for tool in made.open().tools)
    messages = (UserMessage.of(made.prompt), *more)
    return View(trajectory_id=key, system=made.system, messages=messages, tools=tools)


async def drafted(
    backend: LlamaBackend, seen: View, *, hop: int = 1, stop_below: float | None = None
) -> Draft:
    request = Request(hop=hop, max_output_tokens=200, seed=1, stop_below=stop_below)
    async with backend.call(seen, request) as call:
        async for _ in call:
            pass
        return call.draft


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
class TestInTheEngine:
    async def test_a_stopped_draft_ends_at_the_token_that_stopped_it(self) -> None:
        async with opened() as backend:
            whole = await drafted(backend, view("whole"))
            stopped = await drafted(backend, view("stopped"), stop_below=NEVER_SO_SURE)
        assert whole.tokens is not None
        assert stopped.tokens is not None
        assert stopped.finish_reason == "stopped"
        assert not stopped.message.calls
        assert stopped.problem is not None
        assert "It was stopped in the" in stopped.problem
        count = len(stopped.tokens.logprobs)
        assert stopped.usage.output_tokens == count < len(whole.tokens.logprobs)
        assert stopped.tokens.logprobs == pytest.approx(whole.tokens.logprobs[:count], abs=0.01)
        assert any(span.end == count for span in stopped.tokens.spans if span.kind != "grammar")

    async def test_names_and_arguments_are_marked_as_in_the_whole_draft(self) -> None:
        async with opened() as backend:
            whole = await drafted(backend, view("whole"))
            assert whole.tokens is not None
            marked = {
                at
                for span in whole.tokens.spans
                if span.kind in {"name", "key", "value"}
                for at in range(span.start, span.end)
            }
            least = min(whole.tokens.logprobs[at] for at in marked)
            # Just above the least one, that token and no earlier one stops it.
            below = math.exp(least) + 1e-6
            stopped = await drafted(backend, view("stopped"), stop_below=below)
        assert stopped.tokens is not None
        assert len(stopped.tokens.logprobs) - 1 == min(
            at for at in marked if whole.tokens.logprobs[at] < math.log(below)
        )

    async def test_a_limit_that_nothing_falls_below_changes_nothing(self) -> None:
        async with opened() as backend:
            plain = await drafted(backend, view("plain"))
            watched = await drafted(backend, view("watched"), stop_below=1e-9)
        assert watched.message.artefact == plain.message.artefact
        assert watched.finish_reason == plain.finish_reason

    async def test_nothing_of_a_stopped_draft_stays_and_the_prompt_does(self) -> None:
        async with opened() as backend:
            fresh = await drafted(backend, view("fresh"))
            stopped = await drafted(backend, view("t"), stop_below=NEVER_SO_SURE)
            again = await drafted(backend, view("t"), hop=2)
        # All of the prompt but its last token, whose logits are wanted again.
        assert again.usage.cache_read_tokens == stopped.usage.prompt_tokens - 1
        assert again.message.artefact == fresh.message.artefact

    async def test_a_turn_of_another_lane_follows_a_stopped_draft_at_no_cost(self) -> None:
        async with opened() as backend:
            stopped = await drafted(backend, view("t"), stop_below=NEVER_SO_SURE)
            turn = AssistantMessage(parts=(Text(text="It is shipped."),))
            after = await drafted(backend, view("t", turn, UserMessage.of("Thanks.")), hop=2)
        assert after.usage.cache_read_tokens >= stopped.usage.prompt_tokens - 1

    async def test_without_tools_there_is_nothing_to_stop(self) -> None:
        async with opened() as backend:
            bare = View(
                trajectory_id="t", system=None, messages=(UserMessage.of("Hello."),), tools=()
            )
            made = await drafted(backend, bare, stop_below=NEVER_SO_SURE)
        assert made.finish_reason in {"stop", "length"}
