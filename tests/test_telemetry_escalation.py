"""Spans and metrics of evidence: counters by cause, and events on the trajectory's span."""

from typing import Any

import pytest
from live_ladder import CALLS, SPANNED, TASK, Office, live
from telemetry_watch import Watch, attributes

from cascade import Policy
from cascade.backends.scripted import calling
from cascade.policy import Escalating, Gating, JudgeSettings, Routing

pytestmark = pytest.mark.anyio


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def ran(watch: Watch, **options: Any) -> None:
    """One task, watched."""
    given: dict[str, Any] = {
        "tracer_provider": watch.spans_to,
        "meter_provider": watch.metrics_to,
        **options,
    }
    async with live(**given) as cascade:
        await cascade.run(TASK, tools=Office().tools)


def counted(watch: Watch, name: str) -> dict[tuple[str, ...], int]:
    """A counter's points, by the values of their labels."""
    return {
        tuple(str(value) for _, value in sorted(point.attributes.items())): point.value
        for point in watch.points()[name]
    }


def told(watch: Watch, name: str) -> list[dict[str, Any]]:
    """The events of that name on the trajectory's span."""
    (agent,) = watch.named("invoke_agent")
    return [dict(event.attributes or {}) for event in agent.events if event.name == name]


async def test_escalations_are_counted_by_lane_reason_and_scope(watch: Watch):
    await ran(watch)
    assert counted(watch, "cascade.escalations") == {
        ("top", "gate", "step"): 1,
        ("top", "asked_for_advice", "advise"): 1,
        ("top", "irreversible_call", "review"): 1,
    }
    assert len(watch.named("chat")) == len(CALLS)


async def test_a_span_is_one_escalation_however_long_it_lasts(watch: Watch):
    await ran(watch, policy=SPANNED)
    assert counted(watch, "cascade.escalations")[("top", "stuck", "span")] == 1


async def test_a_stop_for_a_person_is_counted(watch: Watch):
    nowhere = Policy(routing=Routing(execution="local_only", pin="top"))
    await ran(watch, policy=nowhere)
    assert counted(watch, "cascade.escalations") == {("home", "no_eligible_lane", "halt"): 1}


async def test_verdicts_are_counted_by_gate_and_outcome(watch: Watch):
    await ran(watch)
    found = counted(watch, "cascade.verdicts")
    assert found["doubtful", "refused"] == 1
    assert found["schema", "passed"] >= 4
    assert found["confidence", "unknown"] >= 4


async def test_signals_are_counted_by_monitor_and_code_and_stand_on_the_span(watch: Watch):
    await ran(watch, policy=SPANNED)
    assert counted(watch, "cascade.signals")["at_two", "two", "stuck"] == 1
    first = told(watch, "cascade.signalled")[0]
    assert (first["cascade.monitor"], first["cascade.step"]) == ("at_two", 2)
    assert first["cascade.signal.hard"] is True
    assert "cascade.evidence" not in first


async def test_evidence_is_told_in_words_only_when_that_is_asked_for(watch: Watch):
    await ran(watch, policy=SPANNED, trace_content=True)
    assert told(watch, "cascade.signalled")[0]["cascade.evidence"] == "it is step 2"


async def test_a_review_stands_on_the_span_with_what_it_was_of(watch: Watch):
    await ran(watch)
    (review,) = told(watch, "cascade.reviewed")
    assert review == {
        "cascade.step": 4,
        "cascade.lane": "top",
        "cascade.review.of": ("irreversible_call",),
        "cascade.review.on_track": True,
    }


async def test_what_was_weighed_stands_on_the_call_that_it_led_to(watch: Watch):
    policy = Policy(
        gates=Gating(extra=("live_ladder:Maybe",), judge=JudgeSettings(enabled=False)),
        escalation=Escalating(p_harm=0.1),
    )

    def home(view: Any, _request: Any) -> Any:

        return "Done." if len(view.messages) > 1 else calling(("look", {"key": "maybe"}))

    await ran(watch, policy=policy, home=home)
    weighed = [attributes(span) for span in watch.named("chat large")]
    assert weighed[0]["cascade.worth_it"] is True
    assert weighed[0]["cascade.p_harm"] == 0.1
    assert weighed[0]["cascade.p_fail"] == 0.4
    judged = told(watch, "cascade.judged")
    assert judged == []
