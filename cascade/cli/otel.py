"""OpenTelemetry for one call of the command."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any, Literal

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
)

from cascade.errors import ConfigError

__all__ = ["Destination", "providers"]

Destination = Literal["console", "otlp"]


@contextmanager
def providers(
    destination: Destination, *, load: Callable[[str], Any] = import_module
) -> Generator[tuple[TracerProvider, MeterProvider]]:
    """Providers that write to standard error, or send to a collector; flushed on leaving.

    `otlp` follows the standard environment variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.

    Args:
        destination: Where spans and metrics go.
        load: Imports the exporter's modules.

    Raises:
        ConfigError: The exporter for `otlp` is not installed.
    """
    resource = Resource.create({"service.name": "cascade", "service.version": _version()})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    if destination == "console":
        tracers.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
        metric_exporter: MetricExporter = ConsoleMetricExporter(out=sys.stderr)
    else:
        span_exporter, metric_exporter = _otlp_exporters(load)
        tracers.add_span_processor(BatchSpanProcessor(span_exporter))
    reader = PeriodicExportingMetricReader(metric_exporter)
    meters = MeterProvider(metric_readers=[reader], resource=resource, shutdown_on_exit=False)
    try:
        yield tracers, meters
    finally:
        tracers.shutdown()
        meters.shutdown()


def _otlp_exporters(load: Callable[[str], Any]) -> tuple[SpanExporter, MetricExporter]:
    package = "opentelemetry.exporter.otlp.proto.http"
    try:
        traces = load(f"{package}.trace_exporter")
        metrics = load(f"{package}.metric_exporter")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--otel otlp needs a package that is not installed ({error.name}): "
            "pip install 'cascade-runtime[otlp]'"
        ) from error
    return traces.OTLPSpanExporter(), metrics.OTLPMetricExporter()


def _version() -> str:
    return version("cascade-runtime")
