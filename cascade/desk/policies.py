"""The policy for the bundled model on desk tasks."""

from cascade.desk.calibrated import calibration
from cascade.policy import (
    ConfidenceSettings,
    Damage,
    Escalating,
    Gating,
    Policy,
    SelfEscalation,
)

__all__ = ["policy"]


def policy() -> Policy:
    """Hands up what the bundled model is likely to get wrong, by its own calibration.

    The model was never trained to ask for help, so it is not offered to.
    """
    return Policy(
        version="desk-1",
        gates=Gating(confidence=ConfidenceSettings(calibration=calibration())),
        escalation=Escalating(
            damage=Damage(),
            self_escalation=SelfEscalation(enabled=False),
        ),
    )
