"""The base of everything that goes to disk or over a wire."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen"]


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
