"""Answers of a form, and tasks that hold pictures."""

from pathlib import Path

import pytest
from pydantic import BaseModel, Field
from worlds import TASK, World, in_order, runtime

from cascade import ConfigError
from cascade.backends.scripted import calling
from cascade.exchange import Request, View
from cascade.messages import Image, Text, UserMessage
from cascade.traces.record import read_trace

pytestmark = pytest.mark.anyio

PIXEL = Image(media_type="image/gif", data="R0lGODlhAQABAAAAACw=")


class Verdict(BaseModel):
    """What was found."""

    word: str
    score: int = Field(ge=0, le=10)


class Other(BaseModel):
    """Another form."""

    number: int


GOOD = '{"word": "yes", "score": 7}'
LOOK = calling(("look_up", {"key": "a"}))


async def test_an_answer_of_the_form_is_given_back_as_its_model():
    seen: list[View] = []

    def script(view: View, _request: Request) -> str:
        seen.append(view)
        return GOOD

    async with runtime(script) as cascade:
        result = await cascade.run(TASK, response_format=Verdict)
    assert result.parsed == Verdict(word="yes", score=7)
    assert result.answer == GOOD
    assert seen[0].output is not None
    assert seen[0].output.name == "Verdict"
    assert set(seen[0].output.definition["properties"]) == {"word", "score"}  # pyright: ignore[reportArgumentType] - any JSON


async def test_an_answer_of_another_form_is_drafted_again_with_what_is_wrong():
    script = in_order(LOOK, '{"word": "yes", "score": 70}', GOOD)
    async with runtime(script) as cascade:
        result = await cascade.run(TASK, tools=World().tools, response_format=Verdict)
    assert result.parsed == Verdict(word="yes", score=7)
    spent = {(a.role, a.cause): s.hops for a, s in result.state.ledger.accounts.items()}
    assert spent == {
        ("draft", "accepted"): 1,
        ("draft", "rejected"): 1,
        ("redraft", "accepted"): 1,
    }


async def test_an_answer_that_never_has_the_form_fails_and_is_not_parsed():
    async with runtime(in_order("no", "no again")) as cascade:
        result = await cascade.run(TASK, response_format=Verdict)
    assert (result.outcome, result.parsed) == ("failed", None)
    assert "form" in result.reason


async def test_a_resumed_run_is_held_to_the_same_form(tmp_path: Path):
    async with runtime(in_order(LOOK, GOOD), traces=tmp_path) as cascade:
        whole = await cascade.run(TASK, tools=World().tools, response_format=Verdict)
    assert whole.trace is not None
    lines = whole.trace.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:5]))
    async with runtime(in_order(GOOD)) as cascade:
        for wrong in (None, Other):
            with pytest.raises(ConfigError, match="the form Verdict"):
                await cascade.resume(cut, tools=World().tools, response_format=wrong)
        result = await cascade.resume(cut, tools=World().tools, response_format=Verdict)
        assert result.parsed == whole.parsed
        again = await cascade.resume(whole.trace, tools=World().tools, response_format=Verdict)
        assert again.parsed == whole.parsed


async def test_pictures_reach_the_backend_and_the_record(tmp_path: Path):
    seen: list[UserMessage] = []

    def script(view: View, _request: Request) -> str:
        assert isinstance(view.messages[0], UserMessage)
        seen.append(view.messages[0])
        return "a pixel"

    task = [Text(text="What is this?"), PIXEL]
    async with runtime(script, traces=tmp_path) as cascade:
        result = await cascade.run(task)
    assert seen[0].parts == tuple(task)
    assert seen[0].text == "What is this?"
    assert result.trace is not None
    assert read_trace(result.trace).started.task == seen[0]


async def test_pictures_are_no_part_of_a_record_without_content(tmp_path: Path):
    async with runtime(in_order("a pixel"), traces=tmp_path, record_content=False) as cascade:
        result = await cascade.run([Text(text="What is this?"), PIXEL])
    assert result.trace is not None
    assert PIXEL.data not in result.trace.read_text()
