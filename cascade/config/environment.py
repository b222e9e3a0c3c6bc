"""`CASCADE_*` environment variables that override the file.

`CASCADE_POLICY__BUDGET__USD=2` stands for `policy.budget.usd = 2`; two underscores go one table
inwards. A lane is found by its name in capitals, with `_` for what variables cannot have:
`CASCADE_LANES__GPT_6__MODEL` is the model of a lane `gpt-6`. Lists and tables are written as in
TOML. An empty variable counts as none.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cascade.config.faults import Fault
from cascade.config.positions import Path
from cascade.config.schema import Shape, nearest

__all__ = ["CONFIG_VARIABLE", "Overrides", "overrides"]

CONFIG_VARIABLE = "CASCADE_CONFIG"
"""Names the file to be used."""

_PREFIX = "CASCADE_"
_ROOTS = ("lanes", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the environment says.

    Attributes:
        values: By the key that is set.
        variables: The variable that sets it.
        faults: Variables that can only be meant for this, and are misspelt.
    """

    values: Mapping[Path, Any]
    variables: Mapping[Path, str]
    faults: tuple[Fault, ...]

    def onto(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """*data* with the overrides in it; *data* itself stays as it is."""
        merged = dict(data)
        for path, value in self.values.items():
            _put(merged, path, value)
        return merged


def overrides(environment: Mapping[str, str], lanes: Iterable[str]) -> Overrides:
    """Reads the overrides.

    Args:
        environment: All environment variables.
        lanes: The names of the lanes that the file has.
    """
    shape = Shape()
    names = {_folded(name): name for name in lanes}
    values: dict[Path, Any] = {}
    variables: dict[Path, str] = {}
    faults: list[Fault] = []
    for variable, text in sorted(environment.items()):
        root, *rest = variable.removeprefix(_PREFIX).lower().split("__")
        if not (variable.startswith(_PREFIX) and rest and text):
            continue
        if root not in _ROOTS:
            meant = nearest(root, _ROOTS)
            if meant is not None:
                faults.append(Fault(path=(), message=f"{variable}: did you mean {meant.upper()}?"))
            continue
        if root == "lanes":
            rest[0] = names.get(rest[0], rest[0])
        path = (root, *rest)
        values[path] = _value(text, takes_text=shape.takes_text(path))
        variables[path] = variable
    return Overrides(values=values, variables=variables, faults=tuple(faults))


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def _value(text: str, *, takes_text: bool) -> Any:
    if takes_text and not text.lstrip().startswith("["):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(table: dict[str, Any], path: Path, value: Any) -> None:
    key = str(path[0])
    if len(path) == 1:
        table[key] = value
        return
    inner = table.get(key, {})
    if isinstance(inner, dict):
        # What is in the way and no table is reported by itself.
        table[key] = dict(cast("dict[str, Any]", inner))
        _put(table[key], path[1:], value)
