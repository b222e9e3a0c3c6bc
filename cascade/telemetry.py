"""Spans and metrics of a trajectory, by the OpenTelemetry conventions for generative AI.

The names follow the conventions' development state of November 2026 (repository
`open-telemetry/semantic-conventions-genai`), which has no package of constants. Facts of our own
stand under `cascade.*`. The application owns the providers: without one, a span costs a call that
does nothing. Message content is put on spans only when that is asked for.
"""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, assert_never
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from cascade import facts
from cascade.controller import CallLane
from cascade.decision import Comparison, Decision
from cascade.events import Consulted, Drafted, Event, Failed, Interrupted, Started, ToolFinished
from cascade.exchange import Draft, SideEffect, Usage
from cascade.lanes import Lane
from cascade.messages import AssistantMessage, Reasoning, Text, ToolCall
from cascade.state import State
from cascade.telemetry_of_evidence import EvidenceTelemetry

__all__ = ["Telemetry"]

SCOPE = "cascade"
AGENT_NAME = "cascade"
UNKNOWN_TOOL = "unknown_tool"

_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)


@dataclass(frozen=True, slots=True)
class _Instruments:
    trajectory_duration: metrics.Histogram
    call_duration: metrics.Histogram
    tool_duration: metrics.Histogram
    input_tokens: metrics.Counter
    output_tokens: metrics.Counter
    cache_read_tokens: metrics.Counter


@dataclass(slots=True)
class Telemetry:
    """Makes the spans of trajectories, model calls and tool calls, and counts them.

    Args:
        tracer_provider: Where spans go; the application's global provider by default.
        meter_provider: Where metrics go; the application's global provider by default.
        content: Whether messages, arguments and results are put on spans.
    """

    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None
    content: bool = False
    _tracer: trace.Tracer = field(init=False)
    _instruments: _Instruments = field(init=False)
    _evidence: EvidenceTelemetry = field(init=False)

    def __post_init__(self) -> None:
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=self.tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=self.meter_provider)
        self._evidence = EvidenceTelemetry(meter, content=self.content)

        def seconds(name: str) -> metrics.Histogram:
            return meter.create_histogram(
                name, unit="s", explicit_bucket_boundaries_advisory=_BUCKETS_S
            )

        def tokens(name: str) -> metrics.Counter:
            return meter.create_counter(f"gen_ai.client.inference.usage.{name}", unit="{token}")

        self._instruments = _Instruments(
            trajectory_duration=seconds("gen_ai.invoke_agent.duration"),
            call_duration=seconds("gen_ai.client.inference.duration"),
            tool_duration=seconds("gen_ai.execute_tool.duration"),
            input_tokens=tokens("input_tokens"),
            output_tokens=tokens("output_tokens"),
            cache_read_tokens=tokens("cache_read.input_tokens"),
        )

    def trajectory(self, started: Started) -> Span:
        """The span of a whole trajectory, a child of the caller's current span."""
        span = self._tracer.start_span(f"invoke_agent {AGENT_NAME}", kind=SpanKind.INTERNAL)
        if span.is_recording():
            span.set_attributes(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.agent.name": AGENT_NAME,
                    "gen_ai.conversation.id": started.trajectory_id,
                    "cascade.policy.version": started.policy.version,
                    "cascade.policy.digest": started.policy_digest,
                }
            )
            if self.content:
                span.set_attribute("gen_ai.input.messages", _messages("user", started.task.text))
        return span

    def recorded(self, span: Span, event: Event, state: State) -> None:
        """Tells of the evidence in one event of a trajectory that *span* stands for."""
        self._evidence.tell(span, event, home=state.home)

    def end_trajectory(self, span: Span, state: State) -> None:
        """Ends a trajectory's span with its outcome and totals."""
        self._instruments.trajectory_duration.record(
            state.elapsed_s, {"gen_ai.agent.name": AGENT_NAME}
        )
        if span.is_recording():
            total = state.ledger.total
            finished = state.finished
            span.set_attributes(
                {
                    **_usage(total.usage),
                    **_cost(total.cost_usd),
                    "cascade.steps": state.steps_done,
                    "cascade.hops": total.hops,
                    "cascade.tool_calls": state.tool_calls,
                    "cascade.outcome": "interrupted" if finished is None else finished.outcome,
                }
            )
            if finished is not None and finished.outcome == "failed":
                span.set_status(self._error(finished.reason))
            if self.content and finished is not None and finished.answer is not None:
                span.set_attribute(
                    "gen_ai.output.messages", _messages("assistant", finished.answer)
                )
        span.end()

    def call(self, parent: Span, action: CallLane, state: State) -> Span:
        """The span of one model call."""
        decision, lane = facts.outstanding(state)
        kind = SpanKind.INTERNAL if lane.locality == "local" else SpanKind.CLIENT
        return self._begun(
            f"chat {lane.model}", kind, parent, lambda: _asked(action, decision, lane, state.step)
        )

    def _begun(
        self, name: str, kind: SpanKind, parent: Span, attributes: Callable[[], dict[str, Any]]
    ) -> Span:
        """A span beneath *parent*, its attributes made only where somebody records them."""
        # Those that a span begins with cost less than those it is given, and samplers see them.
        # Beneath a span that is not recorded hardly any is; the sampler has the last word.
        first = attributes() if parent.is_recording() else None
        context = trace.set_span_in_context(parent)
        span = self._tracer.start_span(name, context=context, kind=kind, attributes=first)
        if first is None and span.is_recording():
            span.set_attributes(attributes())
        return span

    def end_call(
        self,
        span: Span,
        lane: Lane,
        event: Drafted | Consulted | Failed | Interrupted | None,
        duration_s: float,
    ) -> None:
        """Ends a model call's span with what came of it; `None` if nothing could be recorded."""
        if event is None:
            span.end()
            return
        is_draft = isinstance(event, Drafted | Consulted)
        usage = event.draft.usage if is_draft else event.usage
        labels = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": lane.backend,
            "gen_ai.request.model": lane.model,
        }
        instruments = self._instruments
        instruments.call_duration.record(duration_s, labels)
        instruments.input_tokens.add(usage.prompt_tokens, labels)
        instruments.output_tokens.add(usage.output_tokens, labels)
        instruments.cache_read_tokens.add(usage.cache_read_tokens, labels)
        if span.is_recording():
            attributes: dict[str, Any] = {**_usage(usage), **_cost(event.cost_usd)}
            match event:
                case Drafted():
                    attributes |= self._draft(event.draft)
                    attributes |= _judged(event)
                case Consulted():
                    attributes |= self._draft(event.draft)
                case Failed():
                    attributes["error.type"] = event.error
                    attributes["cascade.failure"] = event.failure
                    if event.retry_after_s is not None:
                        attributes["cascade.retry_after_s"] = event.retry_after_s
                    span.set_status(self._error(event.message))
                case Interrupted():
                    attributes["error.type"] = "cancelled"
                case _:
                    assert_never(event)
            # All in one go: each call takes the span's lock.
            span.set_attributes(attributes)
        span.end()

    def _error(self, message: str) -> Status:
        # A message may quote what a model wrote.
        return Status(StatusCode.ERROR, message if self.content else None)

    def _draft(self, draft: Draft) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "gen_ai.response.model": draft.served_model,
            "gen_ai.response.finish_reasons": (draft.finish_reason,),
        }
        if draft.response_id is not None:
            attributes["gen_ai.response.id"] = draft.response_id
        if draft.dropped:
            told = (f"{each.what}: {each.why} ({each.count})" for each in draft.dropped)
            attributes["cascade.dropped"] = tuple(told)
        if draft.timing.first_token_s is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = draft.timing.first_token_s
        if self.content:
            said = [{"role": "assistant", "parts": _parts(draft.message)}]
            attributes["gen_ai.output.messages"] = json.dumps(said, ensure_ascii=False)
        return attributes

    @contextmanager
    def tool(
        self, parent: Span, call: ToolCall, side_effect: SideEffect, *, known: bool
    ) -> Generator[Span]:
        """The span of one tool call, current while the tool runs so that its own spans nest.

        The name of a tool that is not *known* is a model's invention, and so content.
        """
        name = call.name if known or self.content else UNKNOWN_TOOL

        def attributes() -> dict[str, Any]:
            asked = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": call.id,
                "cascade.tool.side_effect": side_effect,
            }
            if self.content:
                asked["gen_ai.tool.call.arguments"] = json.dumps(call.arguments)
            return asked

        span = self._begun(f"execute_tool {name}", SpanKind.INTERNAL, parent, attributes)
        token: Any = None
        if span.is_recording():
            current: Context = trace.set_span_in_context(span)
            token = otel_context.attach(current)
        try:
            yield span
        except BaseException as error:
            kind = type(error).__name__ if isinstance(error, Exception) else "cancelled"
            span.set_attribute("error.type", kind)
            raise
        finally:
            if token is not None:
                otel_context.detach(token)
            span.end()

    def end_tool(self, span: Span, event: ToolFinished) -> None:
        """Puts a tool call's result on its span, which its context then ends."""
        # Invented names would also make a time series each.
        name = UNKNOWN_TOOL if event.outcome == "unknown_tool" else event.result.name
        self._instruments.tool_duration.record(event.duration_s, {"gen_ai.tool.name": name})
        if span.is_recording():
            span.set_attribute("cascade.tool.outcome", event.outcome)
            if event.outcome != "ok":
                span.set_attribute("error.type", event.outcome)
                span.set_status(Status(StatusCode.ERROR))
            if self.content:
                span.set_attribute("gen_ai.tool.call.result", event.result.text)


def _asked(action: CallLane, decision: Decision, lane: Lane, step: int) -> dict[str, Any]:
    request = action.request
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": lane.backend,
        "gen_ai.request.model": lane.model,
        "gen_ai.conversation.id": action.view.trajectory_id,
        "gen_ai.request.max_tokens": request.max_output_tokens,
        "gen_ai.request.temperature": request.sampling.temperature,
        "cascade.step": step,
        "cascade.hop": request.hop,
        "cascade.hop.role": action.role,
        "cascade.lane": lane.name,
        "cascade.scope": decision.scope,
        "cascade.reasons": decision.reasons,
        "cascade.propensity": decision.propensity,
    }
    if decision.estimated_cost_usd is not None:
        attributes["cascade.cost.estimated_usd"] = float(decision.estimated_cost_usd)
    if decision.purpose != "draft":
        attributes["cascade.purpose"] = decision.purpose
    if decision.comparison is not None:
        attributes |= _compared(decision.comparison)
    if decision.waited_s:
        attributes["cascade.waited_s"] = decision.waited_s
    if lane.endpoint:
        attributes |= _server(lane.endpoint)
    return attributes


def _judged(event: Drafted) -> dict[str, Any]:
    """What was thought of a draft at first sight."""
    attributes: dict[str, Any] = {}
    if event.accepted is not None:
        attributes["cascade.accepted"] = event.accepted
    comparison = event.comparison
    if comparison is not None:
        attributes |= _compared(comparison)
    return attributes


def _compared(comparison: Comparison) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "cascade.p_fail": comparison.p_fail,
        "cascade.calibration": comparison.calibration or "uncalibrated",
        "cascade.damage_usd": float(comparison.damage_usd),
        "cascade.p_rescue": comparison.p_rescue,
        "cascade.p_harm": comparison.p_harm,
        "cascade.cold_tokens": comparison.cold_tokens,
        "cascade.worth_it": comparison.worth_it,
    }
    if comparison.threshold is not None:
        attributes["cascade.threshold"] = comparison.threshold
    if comparison.extra_cost_usd is not None:
        attributes["cascade.cost.extra_usd"] = float(comparison.extra_cost_usd)
    return attributes


def _server(endpoint: str) -> dict[str, str | int]:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
    }


def _cost(cost_usd: Decimal | None) -> dict[str, float | str]:
    if cost_usd is None:
        return {}
    return {"gen_ai.usage.cost.amount": float(cost_usd), "gen_ai.usage.cost.currency": "USD"}


def _parts(message: AssistantMessage) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = []
    for part in message.parts:
        match part:
            case Text():
                parts.append({"type": "text", "content": part.text})
            case Reasoning():
                parts.append({"type": "reasoning", "content": part.text})
            case ToolCall():
                call = {"id": part.id, "name": part.name, "arguments": part.arguments}
                parts.append({"type": "tool_call", **call})
            case _:
                assert_never(part)
    return parts


def _messages(role: str, text: str) -> str:
    parts = [{"type": "text", "content": text}]
    return json.dumps([{"role": role, "parts": parts}], ensure_ascii=False)
