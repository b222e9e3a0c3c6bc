"""What is wrong with a configuration: all of it, each with its place and what is accepted.

A value is never repeated in a message, as it may be a key that was put in the wrong place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from cascade.config.positions import Path, line_of
from cascade.config.schema import Shape, nearest
from cascade.errors import ConfigError

__all__ = ["Fault", "Sources", "dotted", "shape_faults"]

_BOUNDED = frozenset(
    {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that must be changed.

    Attributes:
        path: The key that it is about, or the nearest table.
        message: What is wrong and what is accepted.
    """

    path: Path
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the keys of a configuration come from.

    Attributes:
        file: The file, if there is one.
        lines: The line of each key in it.
        variables: The environment variable of each key that one overrides.
    """

    file: FilePath | None
    lines: Mapping[Path, int]
    variables: Mapping[Path, str]

    def error(self, faults: Iterable[Fault]) -> ConfigError:
        """One error that tells all of *faults*, in the order of the file."""
        told = sorted({(self._line(fault), self._told(fault)) for fault in faults})
        if len(told) == 1:
            return ConfigError(self._alone(*told[0]))
        name = "the configuration" if self.file is None else str(self.file)
        listed = "".join(f"\n  {f'line {line}: ' if line else ''}{text}" for line, text in told)
        return ConfigError(f"{name} has {len(told)} faults:{listed}")

    def _alone(self, line: int, text: str) -> str:
        if not line:
            return text if self.file is None else f"{self.file}: {text}"
        return f"{self.file}, line {line}: {text}"

    def _told(self, fault: Fault) -> str:
        variable = self._variable(fault.path)
        place = dotted(fault.path) if variable is None else f"{variable} ({dotted(fault.path)})"
        return f"{place}: {fault.message}" if place else fault.message

    def _line(self, fault: Fault) -> int:
        """0 where it stands in no line."""
        if self._variable(fault.path) is not None:
            return 0
        return line_of(fault.path, self.lines) or 0

    def _variable(self, path: Path) -> str | None:
        """The variable that set *path* or something around it, or alone made it."""
        for known, name in self.variables.items():
            is_made_by_it = path and path not in self.lines and known[: len(path)] == path
            if path[: len(known)] == known or is_made_by_it:
                return name
        return None


def dotted(path: Path) -> str:
    """A path as TOML writes it, indexes in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if bare else f'"{part}"')
    return text


def shape_faults(error: ValidationError, data: Mapping[str, Any]) -> tuple[Fault, ...]:
    """What pydantic found in *data*, in the words of the file."""
    shape = Shape()
    return tuple(
        dict.fromkeys(
            _fault(found["type"], found["loc"], found["msg"], data, shape)
            for found in error.errors(include_url=False, include_input=False)
        )
    )


def _fault(kind: str, place: Path, message: str, data: Mapping[str, Any], shape: Shape) -> Fault:
    path, value = _reached(place, data)
    if kind == "extra_forbidden":
        return Fault(path=path, message=_unknown(path, shape))
    if kind == "missing" and isinstance(place[-1], str):
        return Fault(path=path, message=f"{place[-1]} is missing")
    if kind == "value_error":
        return Fault(path=path, message=message.removeprefix("Value error, "))
    if kind.startswith("union_tag"):
        kinds = ", ".join(f'"{each}"' for each in shape.kinds(path))
        return Fault(path=path, message=f"wants a kind, one of {kinds}")
    got = f"{value!r}" if kind in _BOUNDED else _kind_of(value)
    return Fault(path=path, message=f"wants {shape.accepted(path)}; this is {got}")


def _unknown(place: Path, shape: Shape) -> str:
    known = shape.keys(place[:-1])
    meant = nearest(str(place[-1]), known)
    said = "there is no such key" + ("." if meant is None else f"; did you mean {meant}?")
    return f"{said} Accepted: {', '.join(sorted(known))}"


def _reached(place: Path, data: Any) -> tuple[Path, Any]:
    """The keys of *place* that are there, and what stands at their end.

    Between the keys a place may name branches of unions, which are no keys.
    """
    path: Path = ()
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        path = (*path, part)
    return path, data


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return f"the number {value!r}"
        case str():
            return "other text" if value else "empty"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "something else"
