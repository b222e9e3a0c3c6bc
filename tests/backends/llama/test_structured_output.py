"""Answers of a given form: whatever a random model writes under the grammar fits the schema."""

import datetime as dt
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import pytest
import tiny_gguf
from pydantic import BaseModel, Field

from cascade.backends.llama.backend import LlamaBackend
from cascade.backends.llama.chat import ParsedOutput
from cascade.backends.llama.conversion import system_messages
from cascade.backends.llama.drafts import token_statistics
from cascade.backends.llama.engine import Generation, Grammar, Model, Timing, TokenInfo
from cascade.backends.llama.engine.grammar import GrammarCache, GrammarState
from cascade.exchange import Draft, OutputSchema, Request, Sampling, TokenSpan, ToolSpec, View
from cascade.lanes import Lane
from cascade.messages import Message, Reasoning, UserMessage
from cascade.runtime.structured import output_schema, problem_with

# Loops make no difference here and are told apart by the contract's tests.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

Word = Annotated[str, Field(pattern=r"^[a-z ]{2,6}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: Annotated[int, Field(ge=-20, le=20)]
    y: Annotated[float, Field(gt=0, lt=2.5)]


class Place(BaseModel):
    name: Word
    at: Point


class Journey(BaseModel, extra="forbid"):
    start: Place
    end: Place | None = None


class Choice(BaseModel, extra="forbid"):
    colour: Colour
    kind: Literal["a", "b", 3]
    sure: bool


class Lists(BaseModel):
    words: Annotated[list[Word], Field(min_length=1, max_length=3)]
    pairs: Annotated[list[tuple[int, bool]], Field(max_length=2)] = []
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{3}$")]


class Figures(BaseModel):
    count: int
    share: Share
    price: Decimal
    free: float
    day: dt.date
    at: dt.datetime
    lasts: dt.timedelta
    level: Annotated[int, Field(gt=3, lt=9)]


class Optional(BaseModel, extra="forbid"):
    note: Word | None = None
    share: Share = 0.5


class Cat(BaseModel):
    species: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    species: Literal["dog"]
    name: Word


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="species")]
    other: Cat | Word | int | None


FORMS: tuple[type[BaseModel], ...] = (Journey, Choice, Lists, Figures, Optional, Owner)

TOOL = ToolSpec(
    name="look_up",
    description="Looks a value up.",
    parameters={
        "type": "object",
        "properties": {"key": {"type": "string", "pattern": "^[a-z]{1,6}$"}},
        "required": ["key"],
        "additionalProperties": False,
    },
)
HOT = Sampling(temperature=40.0)
"""Hot enough for all that the grammar allows to be about as likely."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write_llama(tmp_path_factory.mktemp("m") / "m.gguf", context=4096, seed=7)


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncGenerator[LlamaBackend]:
    lane = Lane(
        name="tiny",
        backend="llama_cpp",
        model=str(path),
        locality="local",
        settings={"threads": 1, **settings},
    )
    backend = LlamaBackend(lane)
    try:
        await backend.open()
        yield backend
    finally:
        await backend.aclose()


def view(
    form: type[BaseModel] | None,
    *messages: Message,
    trajectory_id: str = "t",
    tools: tuple[ToolSpec, ...] = (),
) -> View:
    return View(
        trajectory_id=trajectory_id,
        system="Be brief.",
        messages=messages or (UserMessage.of("Say something."),),
        tools=tools,
        output=None if form is None else output_schema(form),
    )


async def drafted(backend: LlamaBackend, seen: View, request: Request) -> Draft:
    async with backend.call(seen, request) as hop:
        async for _ in hop:
            pass
        return hop.draft


async def all_drafted(
    backend: LlamaBackend, views: Sequence[View], sampling: Sampling
) -> list[Draft]:
    drafts: dict[str, Draft] = {}

    async def one(seed: int, seen: View) -> None:
        request = Request(hop=1, max_output_tokens=700, seed=seed, sampling=sampling)
        drafts[seen.trajectory_id] = await drafted(backend, seen, request)

    async with anyio.create_task_group() as tasks:
        for seed, seen in enumerate(views):
            tasks.start_soon(one, seed, seen)
    return [drafts[seen.trajectory_id] for seen in views]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.5), HOT])
async def test_whatever_is_written_fits_the_schema(path: Path, sampling: Sampling) -> None:
    tries = 1 if sampling.temperature == 0 else 3
    forms = [form for form in FORMS for _ in range(tries)]
    views = [view(form, trajectory_id=str(at)) for at, form in enumerate(forms)]
    async with opened(path) as backend:
        drafts = await all_drafted(backend, views, sampling)
    for form, draft in zip(forms, drafts, strict=True):
        assert draft.finish_reason == "stop", draft.message.text
        assert problem_with(form, draft) is None, draft.message.text
        form.model_validate_json(draft.message.text)


async def test_with_tools_a_turn_is_a_call_or_fits_the_schema(path: Path) -> None:
    forms = FORMS * 2
    views = [view(form, trajectory_id=str(at), tools=(TOOL,)) for at, form in enumerate(forms)]
    async with opened(path) as backend:
        drafts = await all_drafted(backend, views, HOT)
    for form, draft in zip(forms, drafts, strict=True):
        assert draft.problem is None
        for call in draft.message.calls:
            assert call.name == "look_up"
            assert re.fullmatch("[a-z]{1,6}", str(call.arguments["key"]))
        if not draft.message.calls:
            form.model_validate_json(draft.message.text)
    kinds = {draft.finish_reason for draft in drafts}
    assert kinds == {"stop", "tool_calls"}


async def test_an_answer_that_is_cut_off_says_so(path: Path) -> None:
    async with opened(path) as backend:
        request = Request(hop=1, max_output_tokens=5, seed=1)
        draft = await drafted(backend, view(Figures), request)
    assert draft.finish_reason == "length"
    assert draft.problem is None
    assert draft.message.text.startswith("{")
    assert draft.tokens is not None
    assert TokenSpan(kind="grammar", start=0, end=5) in draft.tokens.spans


async def test_after_a_cancelled_call_the_next_one_fits_the_schema(path: Path) -> None:
    async with opened(path) as backend:
        streaming = Request(hop=1, max_output_tokens=700, seed=1, stream=True)
        async with backend.call(view(Journey), streaming) as hop:
            with anyio.CancelScope() as scope:
                async for _ in hop:
                    scope.cancel()
        assert scope.cancelled_caught
        again = Request(hop=2, max_output_tokens=700, seed=1)
        draft = await drafted(backend, view(Journey), again)
    Journey.model_validate_json(draft.message.text)


async def test_a_grammar_is_made_once_for_a_form_and_its_tools(path: Path) -> None:
    async with opened(path) as backend:
        request = Request(hop=1, max_output_tokens=2, seed=1)
        for trajectory_id in ("a", "b"):
            for form in (Choice, Optional, None):
                name = f"{trajectory_id}-{form}"
                seen = view(form, trajectory_id=name, tools=(TOOL,))
                await drafted(backend, seen, request)
        lazy = [grammar.lazy for grammar in backend.grammars.values() if grammar is not None]
    assert lazy == [False, False, True]


async def test_the_lane_says_that_a_grammar_holds_its_answers(path: Path) -> None:
    async with opened(path) as backend:
        assert (await backend.open()).capabilities.structured_output == "grammar"


async def test_the_form_is_told_once_and_the_prompt_only_grows(path: Path) -> None:
    async with opened(path) as backend:
        first_view = view(Choice)
        asked = system_messages(first_view)[0]["content"]
        first = await drafted(backend, first_view, Request(hop=1, max_output_tokens=99, seed=1))
        talk = (*first_view.messages, first.message, UserMessage.of("More."))
        second = await drafted(
            backend, view(Choice, *talk), Request(hop=2, max_output_tokens=99, seed=1)
        )
    assert asked.startswith("Be brief.\n\n")
    assert asked.endswith(json.dumps(output_schema(Choice).definition))
    assert second.usage.cache_read_tokens >= first.usage.prompt_tokens
    assert second.usage.input_tokens < first.usage.prompt_tokens


async def test_a_form_without_a_system_text_becomes_one() -> None:
    form = OutputSchema(name="any", definition={"type": "object"})
    bare = View(trajectory_id="t", system=None, messages=(), tools=(), output=form)
    assert [message["role"] for message in system_messages(bare)] == ["system"]
    free = View(trajectory_id="t", system=None, messages=(), tools=())
    assert system_messages(free) == []


@pytest.mark.parametrize("known", ["", "{# </think> #}"])
async def test_thoughts_come_first_and_free(path: Path, known: str) -> None:
    opening = tiny_gguf.CHAT_TEMPLATE.replace("assistant\\n", "assistant\\n<think>\\n")
    template = opening + known
    async with opened(path, chat_template=template) as backend:
        request = Request(hop=1, max_output_tokens=20, seed=1)
        draft = await drafted(backend, view(Choice), request)
        made = next(iter(backend.grammars.values()))
    assert [type(part) for part in draft.message.parts] == [Reasoning]
    assert draft.tokens is not None
    assert "grammar" not in {span.kind for span in draft.tokens.spans}
    assert made is not None
    answer = '{"colour": "red", "kind": 3, "sure": true}'
    assert in_force_after(path, made, f"red <or> blue</thin ...</think>\n\n{answer}") == answer


async def test_thoughts_that_nothing_opened_come_first_too(path: Path) -> None:
    template = tiny_gguf.CHAT_TEMPLATE + "{# <think></think> #}"
    async with opened(path, chat_template=template) as backend:
        request = Request(hop=1, max_output_tokens=300, seed=1)
        draft = await drafted(backend, view(Choice), request)
        made = next(iter(backend.grammars.values()))
    Choice.model_validate_json(draft.message.text)
    assert made is not None
    answer = '{"sure": true, "kind": "a", "colour": "blue"}'
    assert in_force_after(path, made, f"<think>hm</think>{answer}") == "<think>" + answer
    assert in_force_after(path, made, answer) == answer


def in_force_after(path: Path, grammar: Grammar, text: str) -> str:
    """What of a text, which the grammar must allow, counts as chosen under it; no line breaks."""
    model = Model(path)
    cache = GrammarCache(model)
    state = GrammarState(grammar, cache, model)
    held = b""
    try:
        for token in model.tokenize(text, special=False):
            assert state.allows(token), text
            held += model.piece(token) if state.in_force else b""
            state.accept(token)
        assert state.allows(model.eos)
    finally:
        state.close()
        cache.close()
        model.close()
    return held.decode().replace("\n", "")


def spans_of(*pieces: str, answer: str) -> list[tuple[str, str]]:
    """The kinds and texts of an answer's spans, each piece being a token chosen under a grammar."""
    tokens = tuple(
        TokenInfo(at, piece.encode(), -0.1, 0, -2.0, 0.5, under_grammar=True)
        for at, piece in enumerate(pieces)
    )
    generation = Generation(
        tokens=tokens,
        text="".join(pieces),
        finish_reason="length",
        prompt_tokens=1,
        cached_tokens=0,
        evaluated_tokens=1,
        shared_tokens=0,
        restored=False,
        recomputed_tokens=0,
        timing=Timing(queue_s=0.0, prefill_s=0.0, decode_s=0.0),
    )
    parsed = ParsedOutput(content=answer, reasoning="", calls=())
    made = token_statistics(generation, parsed, structured=True)
    return [(span.kind, "".join(pieces[span.start : span.end])) for span in made.spans]


async def test_each_value_of_an_answer_is_a_span_of_its_own() -> None:
    pieces = ("\n", '{"', "a", '": "', "Ro", "me", '", "', "b", '": ', "[1", "]", "}")
    whole = "".join(pieces)
    assert spans_of(*pieces, answer=whole) == [
        ("answer", "Rome"),
        ("answer", "[1]"),
        ("grammar", whole),
    ]


async def test_an_answer_without_values_or_without_an_end_is_one_span() -> None:
    assert spans_of("{", "}", answer="{}") == [("answer", "{}"), ("grammar", "{}")]
    assert spans_of('{"a', '": 1', answer='{"a": 1')[0] == ("answer", '{"a": 1')
