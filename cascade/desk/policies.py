"""The policy for the bundled model on desk tasks."""

from decimal import Decimal

from cascade.desk.calibrated import calibration
from cascade.policy import (
    ConfidenceSettings,
    Damage,
    Escalating,
    Gating,
    Policy,
    SelfEscalation,
)

__all__ = ["STAKE_USD", "policy"]

STAKE_USD = Decimal("0.01")
"""What a wrong write or answer counts as, in US dollars; chosen by `benchmarks/desk_policies.py
choose` on tasks of the split `familiar`, which has neither the names nor the wordings of the
evaluation."""


def policy(stake_usd: Decimal = STAKE_USD) -> Policy:
    """Hands up what the bundled model is likely to get wrong, where a mistake counts.

    How likely that is says the model's own calibration. What it counts follows from one figure: a
    read that was not needed a tenth of a wrong write or answer, as it can be made good; what cannot
    be taken back, ten times of it, and so does a task that is stuck. So next to all irreversible
    calls are made by the frontier, and the reviews of them are few.

    The model was not trained to ask for help, and so it is not offered to.

    Args:
        stake_usd: What a wrong write or answer counts as, in US dollars. A scale of what quality is
            worth: twice of it hands up more, half of it less.
    """
    return Policy(
        version=f"desk-1/{stake_usd.normalize():f}",
        gates=Gating(confidence=ConfidenceSettings(calibration=calibration())),
        escalation=Escalating(
            damage=Damage(
                read_usd=stake_usd / 10,
                write_usd=stake_usd,
                irreversible_usd=stake_usd * 10,
                answer_usd=stake_usd,
                task_usd=stake_usd * 10,
            ),
            self_escalation=SelfEscalation(enabled=False),
        ),
    )
