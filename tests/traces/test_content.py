"""Recording without what was said: not a word of it may reach the file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from event_strategies import events
from hypothesis import given
from worlds import in_order, runtime

from cascade import BackendUnavailable, TraceError, tool
from cascade.events import Drafted, Event, decode, encode
from cascade.exchange import Draft, Timing, Usage
from cascade.fold import fold_all
from cascade.messages import (
    Artefact,
    AssistantMessage,
    Origin,
    Reasoning,
    Text,
    ToolCall,
)
from cascade.traces.content import argument_names, without_content
from cascade.traces.record import read_trace

CANARY = "kanarienvogel"
AT = datetime(2026, 1, 1, tzinfo=UTC)
ORIGIN = Origin(provider="scripted", model="script")


@tool(side_effect="read")
async def look(where: object) -> object:
    """Looks."""
    if where == "fail":
        raise LookupError(CANARY)
    return {"found": [CANARY]}


def secret_draft(problem: str | None = None) -> Draft:
    artefact = Artefact(origin=ORIGIN, raw={"text": CANARY})
    message = AssistantMessage(
        parts=(
            Text(text=CANARY),
            Reasoning(text=CANARY, artefact=artefact),
            ToolCall(id="call_1", name="look", arguments={"where": {"deep": [CANARY]}}),
        ),
        artefact=artefact,
    )
    return Draft(
        message=message,
        finish_reason="tool_calls",
        usage=Usage(input_tokens=5, output_tokens=4),
        timing=Timing(),
        served_model="script",
        problem=problem,
    )


def failing() -> Draft:
    call = ToolCall(id="call_2", name="look", arguments={"where": "fail", CANARY: CANARY})
    invented = ToolCall(id="call_3", name=CANARY, arguments={CANARY: 1, f"{CANARY}2": 2})
    return secret_draft().model_copy(update={"message": AssistantMessage(parts=(call, invented))})


@pytest.mark.anyio
async def test_no_word_of_what_was_said_reaches_the_file(tmp_path: Path):
    script = in_order(
        BackendUnavailable(CANARY, backend="scripted"),
        secret_draft(problem=CANARY),
        secret_draft(),
        failing(),
        AssistantMessage(parts=(Text(text=f"The answer is {CANARY}."),)),
    )
    async with runtime(script, traces=tmp_path, record_content=False) as cascade:
        result = await cascade.run(CANARY, tools=[look], system=CANARY, trajectory_id="t")
        assert result.answer == f"The answer is {CANARY}."
        path = tmp_path / "t.jsonl"
        trace = read_trace(path)
        assert CANARY not in "".join(encode(event).decode() for event in trace.events)
        # Structure, counts and money are all there.
        state = trace.state()
        assert state.ledger == result.state.ledger
        assert [m.role for m in state.transcript] == [m.role for m in result.state.transcript]
        assert (state.steps_done, state.tool_calls) == (result.steps, result.tool_calls)
        assert state.outcome == "completed"


@pytest.mark.anyio
async def test_a_trace_without_content_cannot_be_resumed(tmp_path: Path):
    script = in_order(secret_draft(), KeyError("stop"))
    async with runtime(script, traces=tmp_path, record_content=False) as cascade:
        with pytest.raises(KeyError, match="stop"):
            await cascade.run(CANARY, tools=[look], trajectory_id="t")
        with pytest.raises(TraceError, match="without message content"):
            await cascade.resume(tmp_path / "t.jsonl", tools=[look])


@given(events)
def test_any_event_can_be_written_without_its_content(event: Event):
    blanked = without_content(event, {})
    assert (blanked.kind, blanked.seq, blanked.at) == (event.kind, event.seq, event.at)
    assert decode(encode(blanked)) == blanked
    assert without_content(blanked, {}) == blanked


def test_names_that_the_tools_have_stay_and_invented_ones_are_blanked_one_by_one():
    calls = (
        ToolCall(id="1", name="look", arguments={"where": 1, CANARY: 2, "more": 3}),
        ToolCall(id="2", name=CANARY, arguments={"where": 1}),
    )
    draft = secret_draft().model_copy(update={"message": AssistantMessage(parts=calls)})
    event = Drafted(
        seq=2,
        at=AT,
        step=1,
        hop=1,
        lane="l",
        role="draft",
        draft=draft,
        accepted=True,
        cost_usd=None,
    )
    blanked = without_content(event, argument_names([look.spec]))
    assert isinstance(blanked, Drafted)
    told = [(call.name, list(call.arguments)) for call in blanked.draft.message.calls]
    assert told == [("look", ["where", "?2", "?3"]), ("?", ["?1"])]


@pytest.mark.anyio
async def test_a_blanked_log_folds_like_the_whole_one():
    seen: list[Event] = []
    script = in_order(secret_draft(), AssistantMessage(parts=(Text(text="end"),)))
    async with runtime(script) as cascade:
        whole = await cascade.run("x", tools=[look], on_event=seen.append)
    blanked = fold_all(without_content(event, {}) for event in seen)
    assert blanked.ledger == whole.state.ledger
    assert blanked.seq == whole.state.seq
