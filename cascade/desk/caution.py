"""A gate of the desk's own: what further samples must not clear.

A model that is sure of its error repeats it, so samples that agree are weak evidence; they may
excuse a read, which can be made good, and little else. Also an example of a gate of one's own: an
object with a name and one pure method, which a policy names as `cascade.desk.caution:gate`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from cascade.desk.calibrated import calibration
from cascade.exchange import Draft, SideEffect
from cascade.gates.confidence import ConfidenceGate
from cascade.lanes import Lane
from cascade.policy import ConfidenceSettings
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["MAX_P_FAIL", "CautionGate", "gate"]

Kind = Literal["answer", "write", "irreversible"]

MAX_P_FAIL: Mapping[Kind, float] = MappingProxyType(
    {"answer": 0.12, "write": 0.07, "irreversible": 0.01}
)
"""From these probabilities of being wrong on, a step is not for the bundled model.

Those of answers and writes are the largest of some tried (0.07, 0.1, 0.12, 0.15) with which the
cascade recovered 97 % of the gap on the split `familiar`, seeds 301 and 9001, 112 tasks each.
Looser ones (0.5, 0.4, 0.1) do as well there and save some 5 % more, but let more confident errors
through under new wordings. A review of an irreversible call would cost no less than having the call
made by the reviewing lane.
"""


class CautionGate:
    """Refuses answers and changes that the bundled model is not sure enough of."""

    name = "caution"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:
        """Whether a draft may pass."""
        kind = _kind(prefix, draft)
        if kind is None:
            return Verdict(gate=self.name, passed=True, reason="it only reads")
        settings = ConfidenceSettings(calibration=calibration(), max_p_fail=MAX_P_FAIL[kind])
        verdict = ConfidenceGate(settings).judge(prefix, draft, lane)
        return Verdict(gate=self.name, passed=verdict.passed, reason=f"{kind}: {verdict.reason}")


def gate() -> CautionGate:
    """The gate, as a policy loads it."""
    return CautionGate()


def _kind(prefix: Prefix, draft: Draft) -> Kind | None:
    """The gravest thing that a draft does; `None` where it only reads."""
    if not draft.message.calls:
        return "answer"
    by_name: dict[str, SideEffect] = {tool.name: tool.side_effect for tool in prefix.tools}
    effects = {by_name.get(call.name) for call in draft.message.calls}
    if "irreversible" in effects:
        return "irreversible"
    return "write" if "write" in effects else None
