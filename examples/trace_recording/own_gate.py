"""A gate of one's own, for the scene that shows one."""

from cascade.exchange import Draft
from cascade.lanes import Lane
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["ShortNotes"]

_LONGEST = 20


class ShortNotes:
    """Refuses notes that do not fit the label."""

    name = "short_notes"

    def judge(self, prefix: Prefix, draft: Draft, lane: Lane) -> Verdict:  # noqa: ARG002 - the protocol's
        """Measures the texts of notes."""
        texts = [str(call.arguments.get("text", "")) for call in draft.message.calls]
        longest = max(map(len, texts), default=0)
        return Verdict(
            gate=self.name,
            passed=longest <= _LONGEST,
            reason=f"the longest note has {longest} characters, the label takes {_LONGEST}",
        )
