"""The calibration of the bundled model, which ships with it."""

from functools import cache
from importlib import resources

from cascade.policy.gating import Calibration

__all__ = ["FILE", "calibration"]

FILE = "calibration.json"
"""Name of the file in this package; `python -m cascade.evaluation.desk_calibration` writes it."""


@cache
def calibration() -> Calibration:
    """The calibration of the bundled model on tasks like those it was trained on.

    It says of itself by which digest it knows the model and what it was fitted on.
    """
    text = resources.files("cascade.desk").joinpath(FILE).read_text(encoding="utf-8")
    return Calibration.model_validate_json(text)
