"""The checks of `cascade doctor`."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import anyio

from cascade.cli.keys import KeyState, key_state
from cascade.cli.mending import OTLP_PACKAGE, install_command
from cascade.cli.options import RuntimeOptions
from cascade.cli.wording import declared
from cascade.errors import CascadeError, ConfigError
from cascade.frozen import Frozen
from cascade.lanes import Lane
from cascade.policy import Budget, Policy
from cascade.runtime.result import Result

__all__ = ["Check", "Examination", "examine"]

Status = Literal["ok", "missing", "broken"]

LLAMA = "llama-cpp-python"
UNLOADABLE = (ImportError, OSError, RuntimeError, AttributeError)
"""What a package raises whose library is missing, does not fit this machine, or is half there."""


class Check(Frozen):
    """One thing that was looked at."""

    name: str
    status: Status
    """`missing` is something optional; `broken` keeps the package from working."""
    detail: str
    """What was found."""
    mend: str | None = None
    """The command or step that mends it; `None` where nothing needs mending."""


class Examination(Frozen):
    """Everything that was looked at."""

    ok: bool
    """Whether nothing needed is broken."""
    checks: tuple[Check, ...]


def examine(
    options: RuntimeOptions,
    *,
    find_program: Callable[[str], str | None] = shutil.which,
    find_module: Callable[[str], Any] = find_spec,
    environment: Mapping[str, str] | None = None,
) -> Examination:
    """Looks at the installation and the lanes, and lets a local home model answer once.

    No other machine is asked anything.

    Args:
        options: Name the model or the configuration.
        find_program: Finds a program by name.
        find_module: Finds a module by name, without importing it.
        environment: Environment variables; the process's own by default.
    """
    variables = os.environ if environment is None else environment
    checks = (
        Check(name="cascade", status="ok", detail=version("cascade-runtime")),
        _python(),
        _machine(),
        _llama_cpp(),
        _program("C++ compiler", ("c++", "g++", "clang++", "cl"), "build-essential", find_program),
        _program("CMake", ("cmake",), "cmake", find_program),
        _otlp(find_module),
        _hub(variables),
        *_lanes(options, variables, find_program),
    )
    return Examination(ok=all(check.status != "broken" for check in checks), checks=checks)


def _python() -> Check:
    detail = f"{platform.python_version()} ({sys.executable})"
    return Check(name="Python", status="ok", detail=detail)


def _machine() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = _memory_gib()
    size = "memory unknown" if memory is None else f"{memory:.1f} GiB of memory"
    detail = f"{platform.system()} {platform.machine()}, {usable} CPUs, {size}"
    return Check(name="machine", status="ok", detail=detail)


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, OSError, ValueError):
        return None


def _llama_cpp() -> Check:
    try:
        llama: Any = import_module("llama_cpp")
        information = llama.llama_print_system_info().decode()
        detail = f"{version('llama-cpp-python')}; {' '.join(information.split())}"
    except UNLOADABLE as error:
        detail = f"{type(error).__name__}: {error}"
        return Check(name="llama-cpp-python", status="broken", detail=detail, mend=_rebuild())
    return Check(name="llama-cpp-python", status="ok", detail=detail)


def _program(
    name: str, candidates: tuple[str, ...], package: str, find: Callable[[str], str | None]
) -> Check:
    found = next((path for one in candidates if (path := find(one)) is not None), None)
    if found is not None:
        return Check(name=name, status="ok", detail=found)
    detail = "not found; needed only to build llama-cpp-python"
    mend = f"apt-get install {package}   (or your system's equivalent)"
    return Check(name=name, status="missing", detail=detail, mend=mend)


def _otlp(find: Callable[[str], Any]) -> Check:
    try:
        installed = find("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        installed = False
    if installed:
        return Check(name="OTLP exporter", status="ok", detail="installed")
    return Check(
        name="OTLP exporter",
        status="missing",
        detail="not installed; needed only for --otel otlp",
        mend=install_command(OTLP_PACKAGE),
    )


def _hub(variables: Mapping[str, str]) -> Check:
    if variables.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return Check(
            name="Hugging Face hub",
            status="missing",
            detail="HF_HUB_OFFLINE is set: hf: models come from the local cache only",
            mend="unset HF_HUB_OFFLINE",
        )
    detail = f"huggingface-hub {version('huggingface-hub')}; not asked whether it can be reached"
    return Check(name="Hugging Face hub", status="ok", detail=detail)


def _lanes(
    options: RuntimeOptions,
    variables: Mapping[str, str],
    find_program: Callable[[str], str | None],
) -> Iterator[Check]:
    try:
        home = options.home()
    except ConfigError as error:
        mend = "change what it says, or begin anew with: cascade init"
        yield Check(name="configuration", status="broken", detail=str(error), mend=mend)
        return
    configured = options.configuration
    if configured is not None:
        detail = f"{configured.path or 'from the environment'}, home lane {home.name}"
        yield Check(name="configuration", status="ok", detail=detail)
    lanes = options.lanes()
    keys = options.credentials(lanes)
    states = {lane.name: key_state(keys.get(lane.name), variables, find_program) for lane in lanes}
    is_stuck = all(state.is_missing for state in states.values())
    for lane in lanes:
        if lane.locality != "local":
            is_needed = is_stuck or lane.name == options.policy().home_lane
            yield _lane(lane, states[lane.name], is_needed=is_needed)
    if home.locality == "local":
        yield _model(options, home)


def _lane(lane: Lane, key: KeyState, *, is_needed: bool) -> Check:
    name = f"lane {lane.name}"
    said = declared(lane)
    what = f"{lane.backend} {lane.model}, {f'{said}, ' if said else ''}{key.told}"
    if not key.is_missing:
        detail = f"{what}; not asked whether it answers: cascade lanes --check"
        return Check(name=name, status="ok", detail=detail)
    if is_needed:
        return Check(name=name, status="broken", detail=what, mend=key.mend)
    return Check(name=name, status="missing", detail=f"{what}: it is left out", mend=key.mend)


def _model(options: RuntimeOptions, home: Lane) -> Check:
    name = f"model {options.model or home.model}"
    began_s = time.monotonic()
    try:
        opened_s, result = anyio.run(_answer, options, home)
    except UNLOADABLE as error:
        detail = f"{type(error).__name__}: {error}"
        mend = _mend(home) if home.backend == "scripted" else _rebuild()
        return Check(name=name, status="broken", detail=detail, mend=mend)
    except CascadeError as error:
        return Check(name=name, status="broken", detail=str(error), mend=_mend(home))
    if result.outcome == "failed":
        return Check(name=name, status="broken", detail=result.reason, mend=_mend(home))
    tokens = result.usage.output_tokens
    took_s = result.elapsed_s
    speed = f"{tokens / took_s:.0f} tokens/s" if took_s else "no time at all"
    loaded = f"loaded in {opened_s - began_s:.2f} s"
    return Check(name=name, status="ok", detail=f"{loaded}; answered {tokens} tokens at {speed}")


def _mend(home: Lane) -> str:
    if home.model.startswith("bundled:"):
        options = ("--reinstall-package", "cascade-runtime")
        return install_command("cascade-runtime", options=options)
    return "give another --model; `cascade --help` lists the kinds of references"


def _rebuild() -> str:
    return install_command(LLAMA, options=("--reinstall-package", LLAMA, "--no-binary", LLAMA))


async def _answer(options: RuntimeOptions, home: Lane) -> tuple[float, Result]:
    policy = Policy(budget=Budget(steps=1, tokens=4096), max_redrafts=0)
    with options.runtime(lanes=(home,), policy=policy) as runtime:
        async with runtime:
            opened_s = time.monotonic()
            return opened_s, await runtime.run("Say hello.", seed=0)
