"""A gate of the desk's own: calls that cannot be taken back are made by whoever is sure of them.

Also an example of a gate of one's own: an object with a name and one pure method, which a policy
names as `cascade.desk.caution:gate`.
"""

from cascade.desk.calibrated import calibration
from cascade.exchange import Draft
from cascade.gates.confidence import ConfidenceGate
from cascade.lanes import Lane
from cascade.policy import ConfidenceSettings
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["MAX_P_FAIL", "CautionGate", "gate"]

MAX_P_FAIL = 0.01
"""From this probability of being wrong on, an irreversible call is not for the bundled model."""


class CautionGate:
    """Refuses irreversible calls that the bundled model is less than sure of.

    Further samples do not help there: a model that is sure of its error repeats it. And a review
    would cost no less than having the call made by the lane that reviews.
    """

    name = "caution"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """Whether a draft may pass."""
        effects = {tool.name: tool.side_effect for tool in prefix.tools}
        if all(effects.get(call.name) != "irreversible" for call in draft.message.calls):
            return Verdict(gate=self.name, passed=True, reason="it can be taken back")
        settings = ConfidenceSettings(calibration=calibration(), max_p_fail=MAX_P_FAIL)
        verdict = ConfidenceGate(settings).judge(prefix, draft, lane)
        reason = f"it cannot be taken back, and is {verdict.reason}"
        return Verdict(gate=self.name, passed=verdict.passed, reason=reason)


def gate() -> CautionGate:
    """The gate, as a policy loads it."""
    return CautionGate()
