"""`--otel`."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
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
        pytest.raises(ConfigError, match=r"pip install 'cascade-runtime\[otlp\]'"),
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
    package = SimpleNamespace(OTLPSpanExporter=lambda: spans, OTLPMetricExporter=lambda: metrics)
    with providers("otlp", load=lambda _: package) as (tracers, meters):
        tracers.get_tracer("t").start_span("one").end()
        meters.get_meter("m").create_counter("c").add(1)
    assert [span.name for span in spans.get_finished_spans()] == ["one"]
    assert '"name": "c"' in metrics.kept[0].to_json()
