"""What the gates ask of a draft before it is accepted."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from cascade.decision import Probability
from cascade.frozen import Frozen

__all__ = [
    "AgreementSettings",
    "Calibration",
    "ConfidenceSettings",
    "Gating",
    "JudgeSettings",
]


class Calibration(Frozen):
    """A map from features of a draft to the probability that the step is wrong.

    The logistic function of the weighted features, then a rising step function through the knots.
    It holds for one model file under one grammar setting, and says so.
    """

    name: str
    """Stands in each decision that used it."""
    model: str
    """The model that it was fitted on: its reference, or the digest of its file as in
    `Lane.model_digest`."""
    grammar: bool | None = None
    """Whether the drafts were held to a grammar; `None` where both were."""
    intercept: float
    """Log-odds of a step all of whose features are 0."""
    weights: dict[str, float]
    """By name of feature, as `cascade.gates.features` and `cascade.gates.surroundings` list them; a
    feature that a draft lacks counts as 0."""
    knots: tuple[tuple[float, float], ...] = ()
    """Pairs of logistic output and probability, rising in both; between them lines. None leaves the
    logistic output as it is."""
    fitted_on: str = ""
    """The data, in words."""
    drafts: NonNegativeInt = 0
    """How many drafts it was fitted on."""


class ConfidenceSettings(Frozen):
    """What the token probabilities of a draft say."""

    enabled: bool = True
    """Whether drafts are judged by them."""
    calibration: Calibration | None = None
    """`None`, or one of another model, uses `cascade.gates.confidence.default_p_fail`, and says
    "uncalibrated". The bundled model's is `cascade.desk.calibration()`."""
    max_p_fail: Probability = 0.5
    """Escalates at or above this where costs are not known."""
    while_generating: bool = False
    """Whether a local draft is stopped as soon as a token of a name or an argument shows that it
    would not pass."""
    stop_below: Probability = 0.2
    """The probability of such a token below which the draft is stopped. It is the model's own, not
    a calibrated one: of a draft in the middle no more is known."""


class AgreementSettings(Frozen):
    """Samples that are compared with a draft whose score is borderline."""

    enabled: bool = False
    """Whether samples are drawn."""
    samples: PositiveInt = 3
    """How many, beside the draft."""
    temperature: float = 0.8
    """At which they are drawn; at 0 all would be the draft again."""
    borderline: tuple[Probability, Probability] = (0.2, 0.6)
    """Between these probabilities that the step is wrong, samples are drawn."""
    min_share: Probability = 0.6
    """A draft stands if at least this share of all drafts makes the same calls."""


class JudgeSettings(Frozen):
    """A yes or no from a higher lane on a draft, last and only when borderline."""

    enabled: bool = False
    """Whether one is asked."""
    lane: str | None = None
    """`None` takes the next higher one."""
    borderline: tuple[Probability, Probability] = (0.2, 0.6)
    """Between these probabilities that the step is wrong, it is asked."""
    min_p_right: Probability = 0.5
    """The least probability of yes with which a draft stands; without log-probabilities the word
    counts."""


class Gating(Frozen):
    """The gates that a draft of a lane below the top has to pass, in this order."""

    confidence: ConfidenceSettings = ConfidenceSettings()
    """How sure the model was."""
    agreement: AgreementSettings = AgreementSettings()
    """Whether it would do the same again."""
    judge: JudgeSettings = JudgeSettings()
    """What a higher lane thinks of it."""
    extra: tuple[str, ...] = ()
    """Gates of the user's own, asked after confidence: each as `module:attribute`, or by the name
    of an entry point in the group `cascade.gates`."""
    on_no_evidence: Literal["pass", "escalate"] = "pass"
    """What follows where a lane gives no log-probabilities."""
