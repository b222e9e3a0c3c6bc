"""`--otel`."""

import json
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cascade.cli.otel import providers
from cascade.errors import ConfigError

Command = Callable[..., Any]
REPLIES = ("--model", "scripted:tools.py:replies", "--tools", "tools.py")


def test_console_writes_spans_and_metrics_to_standard_error_only(command: Command):
    ended = command("run", "What is it?", *REPLIES, "--otel", "console", "--json", "--no-record")
    assert json.loads(ended.out)["answer"] == "It is 42."
    for name in ("invoke_agent cascade", "chat tools.py:replies", "execute_tool look"):
        assert f'"name": "{name}"' in ended.err
    assert "gen_ai.invoke_agent.duration" in ended.err


def test_a_missing_exporter_is_told_with_what_to_install():
    def load(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    with (
        pytest.raises(
            ConfigError, match=r"uv pip install --python .* opentelemetry-exporter-otlp-proto-http"
        ),
        providers("otlp", load=load),
    ):
        raise AssertionError("there are no providers")


class KeptMetrics(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[MetricsData] = []

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        del timeout_millis, kwargs
        self.kept.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing to give back."""


def test_otlp_sends_what_was_recorded_when_the_command_ends():
    spans, metrics = InMemorySpanExporter(), KeptMetrics()
    package = exporters(spans, metrics)
    with providers("otlp", load=lambda _: package) as (tracers, meters):
        tracers.get_tracer("t").start_span("one").end()
        meters.get_meter("m").create_counter("c").add(1)
    assert [span.name for span in spans.get_finished_spans()] == ["one"]
    assert '"name": "c"' in metrics.kept[0].to_json()


def exporters(spans: SpanExporter, metrics: MetricExporter) -> SimpleNamespace:
    """What stands in for the exporter's package; keeps the settings in `given`."""
    given: list[dict[str, Any]] = []

    def span_exporter(**settings: Any) -> SpanExporter:
        given.append(settings)
        return spans

    def metric_exporter(**settings: Any) -> MetricExporter:
        given.append(settings)
        return metrics

    return SimpleNamespace(
        OTLPSpanExporter=span_exporter, OTLPMetricExporter=metric_exporter, given=given
    )


class StuckSpans(InMemorySpanExporter):
    """Does not come back from closing while the gate is shut."""

    def __init__(self, gate: Event) -> None:
        super().__init__()
        self.gate = gate
        self.waited_for = Event()

    def shutdown(self) -> None:
        """Waits, but not until the end of the test run."""
        self.gate.wait(20)
        self.waited_for.set()


def test_a_collector_that_does_not_answer_holds_nothing_up(capsys: pytest.CaptureFixture[str]):
    gate = Event()
    spans = StuckSpans(gate)
    package = exporters(spans, KeptMetrics())
    with providers("otlp", load=lambda _: package, closing_s=0.01):
        pass
    left_early = not spans.waited_for.is_set()
    gate.set()
    assert left_early
    assert package.given == [{"timeout": 2.0}] * 2
    assert "could not all be sent within 0.01 s" in capsys.readouterr().err


class FailingSpans(InMemorySpanExporter):
    """Fails when it is closed."""

    def shutdown(self) -> None:
        """Fails."""
        raise OSError("the collector is gone")


def test_telemetry_that_fails_at_the_end_is_said_and_raises_nothing(
    capsys: pytest.CaptureFixture[str],
):
    package = exporters(FailingSpans(), KeptMetrics())
    with providers("otlp", load=lambda _: package):
        pass
    assert "could not all be sent: the collector is gone" in capsys.readouterr().err
