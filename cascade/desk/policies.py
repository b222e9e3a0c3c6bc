"""The policy for the bundled model on desk tasks."""

from decimal import Decimal

from cascade.desk.calibrated import calibration
from cascade.policy import (
    AgreementSettings,
    ConfidenceSettings,
    Damage,
    Escalating,
    Gating,
    HandingOver,
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

    How likely that is says the model's own calibration; where that is neither here nor there, three
    more samples, which cost nothing here, have to make the same step. What a mistake counts follows
    from one figure: a read that was not needed a fifth of a wrong write or answer, as it can be
    made good; what cannot be taken back, ten times of it, and so does a task that is stuck. Samples
    excuse little but reads (`cascade.desk.caution`), and next to all irreversible calls are made by
    the frontier, so that reviews of them are few.

    The frontier sees the whole conversation: those of this suite are shorter than a packet of facts
    with its headings. The model is not offered to ask for help, as it has learnt to: advice costs
    more here than having the step made, whose prompt is half in the cache.

    Args:
        stake_usd: What a wrong write or answer counts as, in US dollars. A scale of what quality is
            worth: twice of it hands up more, half of it less.
    """
    return Policy(
        version=f"desk-1/{stake_usd.normalize():f}",
        gates=Gating(
            confidence=ConfidenceSettings(calibration=calibration()),
            agreement=AgreementSettings(enabled=True, borderline=(0.05, 0.3)),
            extra=("cascade.desk.caution:gate",),
        ),
        escalation=Escalating(
            damage=Damage(
                read_usd=stake_usd * Decimal("0.2"),
                write_usd=stake_usd,
                irreversible_usd=stake_usd * 10,
                answer_usd=stake_usd,
                task_usd=stake_usd * 10,
            ),
            self_escalation=SelfEscalation(enabled=False),
        ),
        handoff=HandingOver(up="transcript"),
    )
