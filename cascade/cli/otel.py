"""OpenTelemetry for one call of the command."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from threading import Thread
from typing import Any, Literal

import click
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

from cascade.cli.mending import OTLP_PACKAGE, install_command
from cascade.errors import ConfigError

__all__ = ["Destination", "providers"]

Destination = Literal["console", "otlp"]

_EXPORT_S = 2.0
"""How long one batch may take to be sent; the exporter's own 10 s would hold up the command."""
_CLOSING_S = 5.0
"""How long the command waits in all for what is still to be sent when it ends."""


@contextmanager
def providers(
    destination: Destination,
    *,
    load: Callable[[str], Any] = import_module,
    closing_s: float = _CLOSING_S,
) -> Generator[tuple[TracerProvider, MeterProvider]]:
    """Providers that write to standard error, or send to a collector; flushed on leaving.

    `otlp` follows the standard environment variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, but
    for the timeout: a collector that cannot be reached holds the command up for seconds only.

    Args:
        destination: Where spans and metrics go.
        load: Imports the exporter's modules.
        closing_s: How long to wait, on leaving, for what `otlp` still has to send.

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
        _close(tracers, meters, limit_s=None if destination == "console" else closing_s)


def _close(tracers: TracerProvider, meters: MeterProvider, *, limit_s: float | None) -> None:
    problems: list[Exception] = []

    def close() -> None:
        for shutdown in (tracers.shutdown, meters.shutdown):
            try:
                shutdown()
            except Exception as error:  # noqa: BLE001 - telemetry must not spoil the command's end
                problems.append(error)

    # The SDK's own limit is 30 s for each of the two; a daemon thread can be left behind.
    closing = Thread(target=close, name="otel-closing", daemon=True)
    closing.start()
    closing.join(limit_s)
    if closing.is_alive():
        click.echo(f"telemetry could not all be sent within {limit_s:g} s", err=True)
    for problem in problems:
        click.echo(f"telemetry could not all be sent: {problem}", err=True)


def _otlp_exporters(load: Callable[[str], Any]) -> tuple[SpanExporter, MetricExporter]:
    package = "opentelemetry.exporter.otlp.proto.http"
    try:
        traces = load(f"{package}.trace_exporter")
        metrics = load(f"{package}.metric_exporter")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--otel otlp needs a package that is not installed ({error.name}): "
            f"{install_command(OTLP_PACKAGE)}"
        ) from error
    return (
        traces.OTLPSpanExporter(timeout=_EXPORT_S),
        metrics.OTLPMetricExporter(timeout=_EXPORT_S),
    )


def _version() -> str:
    return version("cascade-runtime")
