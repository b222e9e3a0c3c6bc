"""The base of everything that goes to disk or over a wire."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen", "Kept", "made"]

P = ParamSpec("P")
M = TypeVar("M")


class Frozen(BaseModel):
    """A value that is checked when it is made and never changes afterwards.

    Field order is part of the recorded format: the JSON of a value lists its fields as they are
    declared, so that encoding what was decoded gives the same bytes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


# One set for each combination of fields that was ever given; the classes are few and so are these.
_FIELDS_SET: dict[frozenset[str], set[str]] = {}


class Kept(Frozen):
    """A frozen value of which a trajectory keeps many as long as it runs.

    pydantic notes in a set of its own which fields each instance was given, and that set is half
    of what a small message weighs. What is frozen never changes it, so equal ones are shared.
    """

    def model_post_init(self, _context: Any, /) -> None:
        """Swaps the instance's own set of given fields for the shared one."""
        given = self.__pydantic_fields_set__
        shared = _FIELDS_SET.setdefault(frozenset(given), given)
        object.__setattr__(self, "__pydantic_fields_set__", shared)


_SET = object.__setattr__


@cache
def _shape(cls: type[Frozen]) -> tuple[Mapping[str, Any], set[str]]:
    """All fields in the order of the record with their constant defaults, and the fields' names."""
    fields = cls.__pydantic_fields__
    return {name: field.default for name, field in fields.items()}, set(fields)


def made(cls: Callable[P, M], /, *_: P.args, **fields: P.kwargs) -> M:
    """A frozen value of parts that are known to be good, without checking them again.

    Checking is half of what a small value costs, and a step makes a dozen. Only for values that
    this package makes from checked ones, never for what comes from outside: names and types of
    the fields are what the type checker saw. A field whose default is made anew for each value has
    to be given. The outcome is what decoding its JSON would give: all fields count as given.
    """
    shape: Any = cls
    blank, names = _shape(shape)
    value = object.__new__(shape)
    # Past `frozen`, as pydantic's own constructor goes past it.
    _SET(value, "__dict__", {**blank, **fields})
    _SET(value, "__pydantic_fields_set__", names)
    _SET(value, "__pydantic_extra__", None)
    _SET(value, "__pydantic_private__", None)
    return value
