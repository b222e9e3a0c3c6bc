"""`cascade lanes`: what the ladder is made of, and whether it answers."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import anyio
import click
from rich import box
from rich.table import Table
from rich.text import Text

from cascade.backends import backend_for
from cascade.backends.base import Backend
from cascade.cli.app import DONE, UNSUCCESSFUL
from cascade.cli.consoles import output_console
from cascade.cli.keys import KeyState, KeyStatus, key_state
from cascade.cli.models import scripted_backends
from cascade.cli.options import RuntimeOptions, config_options, json_option
from cascade.cli.trials import Trial, try_lane
from cascade.cli.wording import declared, dollars
from cascade.credentials import Credential
from cascade.frozen import Frozen
from cascade.lanes import ApiMode, Lane, Locality, Prices, Profile

__all__ = ["LaneReport", "LanesReport", "command"]

EPILOG = """\b
Examples:
  cascade lanes
  cascade lanes --check
  cascade lanes --config other.toml --json

\b
--check calls each lane once with a few words, which costs next to nothing and tells
whether key, address and model are right. Exits with 1 when a lane does not answer.
Prices are US dollars for a million tokens: input / output. A window with `?` is known
once the lane was opened.

\b
--json prints {"config", "lanes": [...]}; a lane has name, tier, backend, model, api,
  endpoint, locality, region, data_classes, profile, context_tokens,
  max_output_tokens, prices, fallbacks, key (set, missing, command, none needed),
  status (home, ready, left out) and check (null without --check): ok, latency_s,
  served_model, context_tokens, usage, cost_usd, failure, detail, advice
"""

Status = Literal["home", "ready", "left out"]


class LaneReport(Frozen):
    """One lane as it is listed."""

    name: str
    tier: int
    backend: str
    model: str
    api: ApiMode | None
    endpoint: str
    locality: Locality
    region: str | None
    data_classes: tuple[str, ...] | None
    """Classes of data it may see; `None` where it says nothing of that."""
    profile: Profile
    context_tokens: int | None
    """Context window; `None` where only the opened model knows."""
    max_output_tokens: int
    prices: Prices | None
    fallbacks: tuple[str, ...]
    key: KeyStatus
    status: Status
    check: Trial | None = None


class LanesReport(Frozen):
    """The whole ladder."""

    config: str | None
    lanes: tuple[LaneReport, ...]


@click.command(name="lanes", epilog=EPILOG)
@click.option("--check", is_flag=True, help="Let each lane answer once.")
@config_options
@json_option
def command(*, check: bool, options: RuntimeOptions, as_json: bool) -> int:
    """List the lanes, the lowest tier first."""
    lanes = options.lanes()
    keys = options.credentials(lanes)
    states = {lane.name: key_state(keys.get(lane.name), os.environ, shutil.which) for lane in lanes}
    home = _home(lanes, states, options.policy().home_lane)
    trials = anyio.run(_try_all, lanes, keys) if check else {}
    reports = tuple(
        _report(lane, states[lane.name], home=home, trial=trials.get(lane.name)) for lane in lanes
    )
    configured = options.configuration
    path = None if configured is None or configured.path is None else str(configured.path)
    if as_json:
        click.echo(LanesReport(config=path, lanes=reports).model_dump_json())
    else:
        _print(reports, states, {lane.name: declared(lane) for lane in lanes}, path)
    return DONE if all(trial.ok for trial in trials.values()) else UNSUCCESSFUL


def _home(lanes: Sequence[Lane], states: Mapping[str, KeyState], named: str | None) -> str | None:
    """The lane that a run would begin on; lanes without a key are passed over."""
    usable = [lane.name for lane in lanes if not states[lane.name].is_missing]
    return named or (usable[0] if usable else None)


async def _try_all(lanes: Sequence[Lane], keys: Mapping[str, Credential]) -> dict[str, Trial]:
    trials: dict[str, Trial] = {}

    def made(lane: Lane) -> Backend:
        return scripted_backends((lane,)).get(lane.name) or backend_for(lane, keys.get(lane.name))

    async def call(lane: Lane) -> None:
        trials[lane.name] = await try_lane(partial(made, lane))

    async with anyio.create_task_group() as tasks:
        for lane in lanes:
            tasks.start_soon(call, lane)
    return trials


def _report(lane: Lane, state: KeyState, *, home: str | None, trial: Trial | None) -> LaneReport:
    status: Status = "left out" if state.is_missing else "ready"
    return LaneReport(
        name=lane.name,
        tier=lane.tier,
        backend=lane.backend,
        model=lane.model,
        api=lane.api,
        endpoint=lane.endpoint,
        locality=lane.locality,
        region=lane.region,
        data_classes=lane.data_classes,
        profile=lane.profile,
        context_tokens=lane.context_tokens,
        max_output_tokens=lane.max_output_tokens,
        prices=lane.prices,
        fallbacks=lane.fallbacks,
        key=state.status,
        status="home" if lane.name == home and not state.is_missing else status,
        check=trial,
    )


def _print(
    reports: Sequence[LaneReport],
    states: Mapping[str, KeyState],
    said: Mapping[str, str],
    path: str | None,
) -> None:
    console = output_console()
    console.print(_table(reports))
    for report in reports:
        if said[report.name]:
            console.print(Text(f"{report.name}: {said[report.name]}"), soft_wrap=True)
        for line in _lines(report, states[report.name]):
            console.print(line, soft_wrap=True)
    source = "nothing is configured; begin with: cascade init" if path is None else f"from {path}"
    console.print(Text(source, "dim"), soft_wrap=True)


def _table(reports: Sequence[LaneReport]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("lane", overflow="fold")
    table.add_column("tier", justify="right")
    table.add_column("model", overflow="fold")
    table.add_column("where")
    for heading in ("window", "prices"):
        table.add_column(heading, justify="right")
    for heading in ("key", "status"):
        table.add_column(heading)
    for report in reports:
        cells = [
            report.name,
            str(report.tier),
            f"{report.backend}/{report.model}",
            report.locality,
            _window(report),
            _prices(report.prices),
            "-" if report.key == "none needed" else report.key,
            report.status,
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _window(report: LaneReport) -> str:
    heard = None if report.check is None else report.check.context_tokens
    tokens = heard or report.context_tokens
    return "?" if tokens is None else f"{tokens / 1000:g}k"


def _prices(prices: Prices | None) -> str:
    if prices is None:
        return "unknown"
    if prices == Prices.free():
        return "free"
    return f"{prices.input_usd.normalize():f} / {prices.output_usd.normalize():f}"


def _lines(report: LaneReport, state: KeyState) -> Iterator[Text]:
    """What there is to say about a lane below the table."""
    trial = report.check
    if trial is not None and trial.ok:
        told = f"{trial.served_model} answered in {trial.latency_s:.2f} s"
        yield Text(f"{report.name}: {told}, {dollars(trial.cost_usd)}", "green")
    elif trial is not None:
        yield Text(f"{report.name}: {trial.failure}: {trial.detail}", "red")
        yield Text(f"  → {state.mend or trial.advice}", "bold")
    elif state.is_missing:
        yield Text(f"{report.name}: {state.told}", "yellow")
        yield Text(f"  → {state.mend}", "bold")
