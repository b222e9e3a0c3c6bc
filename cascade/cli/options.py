"""Options that several commands share, and the runtime they describe."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import wraps
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from cascade.cli.models import lane_of, scripted_backends
from cascade.lanes import Lane
from cascade.policy import Budget, Policy
from cascade.runtime import BUNDLED_LANE, Cascade

__all__ = [
    "FiniteRange",
    "RuntimeOptions",
    "json_option",
    "model_options",
    "otel_options",
    "runtime_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A number in a range that is neither `nan`, which no bound keeps out, nor infinite."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number that the user wrote."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object only.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOptions:
    """How trajectories are to be run."""

    model: str = BUNDLED_LANE.model
    max_output_tokens: int | None = None
    context_tokens: int | None = None
    temperature: float | None = None
    settings: tuple[str, ...] = ()
    max_steps: int | None = None
    max_tool_calls: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None
    max_seconds: float | None = None
    content: bool = True
    otel: str | None = None

    def lane(self) -> Lane:
        """The lane for the model."""
        return lane_of(
            self.model,
            max_output_tokens=self.max_output_tokens,
            context_tokens=self.context_tokens,
            temperature=self.temperature,
            settings=self.settings,
        )

    def policy(self) -> Policy:
        """The default policy with the budgets that were given."""
        given = {
            "steps": self.max_steps,
            "tool_calls": self.max_tool_calls,
            "tokens": self.max_tokens,
            "usd": None if self.max_usd is None else Decimal(str(self.max_usd)),
            "wall_s": self.max_seconds,
        }
        known = {name: value for name, value in given.items() if value is not None}
        return Policy(budget=Budget.model_validate(known))

    @contextmanager
    def runtime(
        self,
        *,
        lanes: tuple[Lane, ...] | None = None,
        traces: Path | None = None,
        max_trajectories: int = 1,
    ) -> Generator[Cascade]:
        """A runtime that is still to be entered, with its telemetry around it.

        Args:
            lanes: The ladder of a recorded trajectory; the lane for the model by default.
            traces: Folder in which trajectories are recorded; `None` records nothing.
            max_trajectories: How many run at once.
        """
        ladder = lanes or (self.lane(),)
        with _telemetry(self.otel) as (tracers, meters):
            yield Cascade(
                lanes=ladder,
                backends=scripted_backends(ladder),
                policy=self.policy(),
                traces=traces,
                record_content=self.content,
                max_trajectories=max_trajectories,
                tracer_provider=tracers,
                meter_provider=meters,
            )


OTEL = click.option(
    "--otel",
    type=click.Choice(["console", "otlp"]),
    help="Send spans and metrics to standard error, or to an OpenTelemetry collector.",
)

MODEL = (
    click.option(
        "--model",
        metavar="REF",
        default=BUNDLED_LANE.model,
        show_default=True,
        help="Which model; `cascade --help` lists the kinds of references.",
    ),
    click.option(
        "--max-output-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most that one call may write.",
    ),
    click.option(
        "--context-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Size of the context window.",
    ),
    click.option(
        "--temperature",
        type=FiniteRange(min=0),
        metavar="X",
        help="0, the default, always takes the most probable token.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="A setting of llama.cpp: threads, threads_batch, sequences, batch_tokens, gpu_layers, "
        "kv_type, kv_unified, kv_tokens, flash_attention, cache_bytes, draft_tokens, thinking, "
        "chat_template, and as JSON template_variables, kv_overrides.",
    ),
)

BUDGET = (
    click.option(
        "--max-steps",
        type=click.IntRange(min=1),
        metavar="N",
        help="Budget: model messages.  [default: 50]",
    ),
    click.option(
        "--max-tool-calls",
        type=click.IntRange(min=0),
        metavar="N",
        help="Budget: tool calls.  [default: 200]",
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Budget: prompt and output tokens together.",
    ),
    click.option(
        "--max-usd",
        type=FiniteRange(min=0),
        metavar="X",
        help="Budget: known cost of model calls.",
    ),
    click.option(
        "--max-seconds",
        type=FiniteRange(min=0, min_open=True),
        metavar="S",
        help="Budget: wall time.",
    ),
    click.option(
        "--content/--no-content",
        default=True,
        help="Without it a record holds structure and counts only, and cannot be resumed.",
    ),
)


def model_options(command: Command) -> Command:
    """Adds the options that choose a model; the command gets them as `options`."""
    return _collected(command, MODEL)


def runtime_options(command: Command) -> Command:
    """Adds model, budget, record and telemetry; the command gets them as `options`."""
    return _collected(command, (*MODEL, *BUDGET, OTEL))


def otel_options(command: Command) -> Command:
    """Adds telemetry alone; the command gets it as `options`."""
    return _collected(command, (OTEL,))


def _collected(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    names = [field.name for field in fields(RuntimeOptions)]

    @wraps(command)
    def collect(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in names if name in given}
        return command(options=RuntimeOptions(**chosen), **given)

    wrapped: Any = collect
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


@contextmanager
def _telemetry(destination: str | None) -> Generator[tuple[Any, Any]]:
    if destination is None:
        yield None, None
        return
    # The SDK is a slow import that only this option needs.
    otel = import_module("cascade.cli.otel")
    with otel.providers(destination) as pair:
        yield pair
