"""Finding, reading and resolving a configuration."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import to_json

from cascade.config.environment import CONFIG_VARIABLE, Overrides, overrides
from cascade.config.faults import Fault, Sources, shape_faults
from cascade.config.ladder import ladder_faults, name_faults, ordered, reference_faults
from cascade.config.positions import positions
from cascade.config.resolution import Resolved, resolve
from cascade.config.schema import nearest
from cascade.config.secrets import secret_faults
from cascade.config.settings import ConfigFile
from cascade.config.shorthands import spelt_out
from cascade.credentials import Credential
from cascade.errors import ConfigError
from cascade.lanes import Lane
from cascade.policy import Policy
from cascade.policy.presets import PRESETS

__all__ = [
    "DEFAULT_FILE",
    "Configuration",
    "check_lane_names",
    "find",
    "load",
    "named_policy",
    "parse",
]

DEFAULT_FILE = Path("cascade.toml")
"""What is read if nothing else is named and it is there."""

_NOT_OF_POLICY = ("CASCADE_LANES__", "CASCADE_POLICY__PRESET")

_DEFAULT_LANES: Mapping[str, Any] = MappingProxyType({"local": {"provider": "bundled"}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A ladder and how it is used.

    Attributes:
        path: The file; `None` where only environment variables said something.
        lanes: By tier, the lowest first.
        policy: What trajectories may spend and how failures are met.
        credentials: Where keys come from, by lane name; lanes that need none have no entry.
    """

    path: Path | None
    lanes: tuple[Lane, ...]
    policy: Policy
    credentials: Mapping[str, Credential]

    def runtime_arguments(self) -> dict[str, Any]:
        """The arguments that make a `cascade.Cascade` of it."""
        return {"lanes": self.lanes, "policy": self.policy, "credentials": self.credentials}


def find(
    path: Path | str | None = None, environment: Mapping[str, str] | None = None
) -> Path | None:
    """The file to read: *path*, else what `CASCADE_CONFIG` names, else `cascade.toml` here.

    Raises:
        ConfigError: A file that was named is not there.
    """
    if path is not None:
        return _there(Path(path), "")
    named = (os.environ if environment is None else environment).get(CONFIG_VARIABLE)
    if named:
        return _there(Path(named), f", which {CONFIG_VARIABLE} names")
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def load(
    path: Path | str | None = None, *, environment: Mapping[str, str] | None = None
) -> Configuration | None:
    """The configuration in a file, with what the environment overrides.

    What counts more comes first: variables such as `CASCADE_POLICY__BUDGET__USD`, then the file,
    then what is known of a provider and its models, then the defaults.

    Args:
        path: The file; where it is left out, as `find` says.
        environment: Environment variables; the process's own by default.

    Returns:
        `None` where there is neither a file nor a variable.

    Raises:
        ConfigError: It cannot be read or must be changed; all faults are listed, with line and key
            and what is accepted.
    """
    variables = os.environ if environment is None else environment
    file = find(path, variables)
    if file is not None:
        return parse(_read(file), path=file, environment=variables)
    configuration = parse("", path=None, environment=variables)
    return configuration if _says_something(variables) else None


def parse(text: str, *, path: Path | None, environment: Mapping[str, str]) -> Configuration:
    """As `load`, of a text that was read already.

    Args:
        text: TOML.
        path: The file that it comes from, for messages.
        environment: Environment variables.
    """
    written = _toml(text, path)
    lanes = written.get("lanes") or dict(_DEFAULT_LANES)
    # What is no table is reported as such when the shape is checked.
    given = overrides(environment, cast("dict[str, Any]", lanes) if isinstance(lanes, dict) else ())
    sources = Sources(file=path, lines=positions(text), variables=given.variables)
    file = _shaped({**written, "lanes": lanes}, given, sources)
    resolved = _resolved(file, sources)
    return Configuration(
        path=path,
        lanes=ordered([each.lane for each in resolved]),
        policy=file.policy,
        credentials={
            each.lane.name: each.credential for each in resolved if each.credential is not None
        },
    )


def named_policy(name: str, *, environment: Mapping[str, str] | None = None) -> Policy:
    """The policy of a preset, or that of a TOML file's `[policy]` table, whatever else it holds.

    Variables such as `CASCADE_POLICY__BUDGET__USD` count more, as they do for `load`.

    Args:
        name: Of a preset, or of a file.
        environment: Environment variables; the process's own by default.

    Raises:
        ConfigError: There is neither, or the file must be changed.
    """
    variables = os.environ if environment is None else environment
    if name in PRESETS:
        path, text, written = None, "", {"policy": {"preset": name}}
    else:
        path = Path(name)
        if not path.is_file():
            known = ", ".join(PRESETS)
            meant = nearest(name, PRESETS)
            hint = "" if meant is None else f"; did you mean {meant}?"
            raise ConfigError(f"there is no file {name}, nor a preset of that name ({known}){hint}")
        text = _read(path)
        written = _toml(text, path)
        if "policy" not in written:
            raise ConfigError(f"{path} has no [policy] table")
    # A preset that was named here counts more than one that a variable names.
    others = {key: value for key, value in variables.items() if not key.startswith(_NOT_OF_POLICY)}
    given = overrides(others, ())
    sources = Sources(file=path, lines=positions(text), variables=given.variables)
    return _shaped({"policy": written["policy"]}, given, sources).policy


def check_lane_names(policy: Policy, names: Sequence[str], *, source: str) -> None:
    """Checks a policy that came by itself against a ladder.

    Args:
        policy: As `named_policy` gives it.
        names: Of the ladder's lanes.
        source: What it was called by, for the message.

    Raises:
        ConfigError: It names a lane that is not there.
    """
    faults = tuple(reference_faults(policy, names))
    if faults:
        raise Sources(file=Path(source), lines={}, variables={}).error(faults)


def _resolved(file: ConfigFile, sources: Sources) -> list[Resolved]:
    faults: list[Fault] = []
    resolved: list[Resolved] = []
    unpriced: set[str] = set()
    for name, settings in file.lanes.items():
        found = resolve(name, settings, unpriced=unpriced)
        if isinstance(found, Resolved):
            resolved.append(found)
        else:
            faults += found
    names = tuple(file.lanes)
    faults += name_faults(names, {name: each.fallbacks for name, each in file.lanes.items()})
    faults += ladder_faults([each.lane for each in resolved], file.policy.home_lane)
    faults += reference_faults(file.policy, names)
    if faults:
        raise sources.error(faults)
    return resolved


def _shaped(written: Mapping[str, Any], given: Overrides, sources: Sources) -> ConfigFile:
    said = given.onto(written)
    secrets = tuple(secret_faults(said))
    folder = Path() if sources.file is None else sources.file.parent
    data, short = spelt_out(said, folder)
    faults = [*given.faults, *secrets, *short]
    hidden = {fault.path for fault in secrets}
    try:
        # Through JSON, because there strictness means what it means to the writer of the file:
        # a list will do where a tuple is kept, but text in place of a number will not.
        file = ConfigFile.model_validate_json(to_json(data), strict=True)
    except ValidationError as error:
        # Without its cause, which would show the values.
        faults += [fault for fault in shape_faults(error, data) if fault.path not in hidden]
        raise sources.error(faults) from None
    if faults:
        raise sources.error(faults)
    return file


def _toml(text: str, path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text, which TOML has to be") from error


def _there(path: Path, named_by: str) -> Path:
    if not path.is_file():
        hint = "`cascade init` writes one to begin with"
        raise ConfigError(f"there is no file {path}{named_by}; {hint}")
    return path


def _says_something(environment: Mapping[str, str]) -> bool:
    return bool(overrides(environment, cast("dict[str, Any]", _DEFAULT_LANES)).values)
