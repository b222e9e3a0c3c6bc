"""An evaluation's folder: what was asked for, the trajectories, and the summary.

    plan.json            what is being evaluated; going on with anything else is refused
    00001-<task>.jsonl   one trajectory each; judged ones are not run again
    unfinished/          trajectories that a stop cut short, kept and run anew
    summary.json         the report, once all tasks are judged

A task that was cut short starts again from its beginning, in a fresh world and with its own seed:
so an evaluation that was stopped finds exactly what an undisturbed one does.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from pydantic import JsonValue, ValidationError

from cascade.errors import ConfigError, TraceError
from cascade.evaluation.attempt import Attempt
from cascade.frozen import Frozen
from cascade.lanes import Lane
from cascade.policy import Policy
from cascade.traces.record import read_trace

__all__ = ["Plan", "file_name", "new_folder", "open_folder", "write_summary"]


class Plan(Frozen):
    """What an evaluation runs."""

    suite: str
    """How the suite is found, or its name."""
    tasks: int
    seed: int
    lane: Lane
    """The model with everything that it is run with."""
    above: tuple[Lane, ...] = ()
    """The other lanes of its ladder."""
    policy: Policy
    content: bool = True
    """Whether the trajectories hold what was said."""


def new_folder(parent: Path, suite: str, at: datetime) -> Path:
    """A path for a new evaluation that no other one has, even if begun in the same second.

    Args:
        parent: Where it is to be; nothing is made there yet.
        suite: The suite's name; what a file name should not have is replaced in it.
        at: UTC.
    """
    return parent / f"{file_name(suite)}-{at:%Y%m%dT%H%M%S}-{token_hex(4)}"


def file_name(text: str) -> str:
    """The text with only such characters as a file name can have anywhere."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:100]


def open_folder(folder: Path, plan: Plan) -> tuple[Attempt, ...]:
    """Makes the folder of a new evaluation, or takes up that of a stopped one.

    Returns:
        The attempts that are there and judged, in the order of the tasks.

    Raises:
        ConfigError: The folder belongs to something else, or cannot be made.
        TraceError: A trajectory in it cannot be read.
    """
    path = folder / "plan.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _refuse_strangers(folder)
            path.write_text(plan.model_dump_json(indent=2) + "\n", encoding="utf-8")
            return ()
        before = Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used as a folder: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is not the plan of an evaluation of this version") from error
    _refuse_changes(folder, before, plan)
    return tuple(
        attempt
        for trace in sorted(folder.glob("*.jsonl"))
        if (attempt := _take_up(trace)) is not None
    )


def write_summary(folder: Path, report: Frozen) -> Path:
    """Writes the report of a whole evaluation into its folder."""
    path = folder / "summary.json"
    path.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return path


def _refuse_strangers(folder: Path) -> None:
    if any(folder.glob("*.jsonl")):
        raise ConfigError(
            f"{folder} holds trajectories and no plan.json, so it is not an evaluation's folder; "
            "give another one"
        )


def _refuse_changes(folder: Path, before: Plan, plan: Plan) -> None:
    changed = list(_differences(before.model_dump(mode="json"), plan.model_dump(mode="json")))
    if changed:
        raise ConfigError(
            f"{folder} holds another evaluation ({'; '.join(changed)}); "
            "give the same settings to go on with it, or another folder"
        )


def _differences(before: JsonValue, now: JsonValue, name: str = "") -> Iterator[str]:
    """One clause for each leaf that differs, named by its path."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before | now:
            path = f"{name}.{key}" if name else key
            yield from _differences(before.get(key), now.get(key), path)
    elif before != now:
        yield f"{name} was {before} and is {now}"


def _take_up(path: Path) -> Attempt | None:
    """A judged attempt; anything less is set aside, so that its task can be run anew."""
    try:
        state = read_trace(path).state()
    except TraceError:
        # A crash in the middle of the very first line leaves a file without an event.
        if b"\n" in path.read_bytes():
            raise
    else:
        if state.finished is not None and state.scores:
            return Attempt.of(state, path)
    aside = path.parent / "unfinished"
    aside.mkdir(exist_ok=True)
    number = 1 + sum(1 for _ in aside.glob(f"{path.stem}.*.jsonl"))
    path.rename(aside / f"{path.stem}.{number}.jsonl")
    return None
