"""The base of everything that goes to disk or over a wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen", "Kept"]


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
