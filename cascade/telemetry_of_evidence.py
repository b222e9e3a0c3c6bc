"""What telemetry says of evidence: signals, verdicts, and steps that went up because of them."""

from typing import Any

from opentelemetry.metrics import Meter
from opentelemetry.trace import Span

from cascade.decision import ReasonCode
from cascade.events import Decided, Drafted, Event, Judged, Reviewed, Signalled
from cascade.verdicts import Verdict

__all__ = ["EvidenceTelemetry"]

_GOES_ON: frozenset[ReasonCode] = frozenset(
    {
        "home_lane",
        "only_candidate",
        "policy_home",
        "pinned",
        "span",
        "latched",
        "restart",
        "decision_only",
        "redraft",
        "retry",
        "without_signatures",
        "failover",
    }
)
"""Reasons that begin no escalation: the lane has the step already, or stands in for another."""

_TOLD = frozenset({"decided", "drafted", "judged", "signalled", "reviewed"})


class EvidenceTelemetry:
    """Counts signals, verdicts and escalations, and puts them on a trajectory's span as events.

    Args:
        meter: Makes the counters.
        content: Whether the evidence is told in words, which may quote what was said.
    """

    def __init__(self, meter: Meter, *, content: bool) -> None:
        self._content = content
        self._escalations = meter.create_counter("cascade.escalations", unit="{escalation}")
        self._verdicts = meter.create_counter("cascade.verdicts", unit="{verdict}")
        self._signals = meter.create_counter("cascade.signals", unit="{signal}")

    def tell(self, span: Span, event: Event, *, home: str) -> None:
        """Tells of one event of the log.

        Args:
            span: Of the trajectory.
            event: That was recorded.
            home: Name of the home lane.
        """
        if event.kind not in _TOLD:
            return
        match event:
            case Decided():
                self._decided(event, home)
            case Drafted():
                self._count(event.verdicts)
            case Judged():
                self._count(event.verdicts)
                span.add_event("cascade.judged", self._judged(event))
            case Signalled():
                self._signalled(span, event)
            case Reviewed():
                span.add_event("cascade.reviewed", self._reviewed(event))
            case _:
                return

    def _decided(self, event: Decided, home: str) -> None:
        decision = event.decision
        reason = next((each for each in decision.reasons if each not in _GOES_ON), None)
        if reason is None or (decision.lane == home and decision.scope != "halt"):
            return
        labels = {
            "cascade.reason": reason,
            "cascade.scope": decision.scope,
            "cascade.lane": decision.lane,
        }
        self._escalations.add(1, labels)

    def _count(self, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            labels = {"cascade.gate": verdict.gate, "cascade.verdict": _outcome(verdict)}
            self._verdicts.add(1, labels)

    def _signalled(self, span: Span, event: Signalled) -> None:
        signal = event.signal
        labels = {
            "cascade.monitor": signal.monitor,
            "cascade.signal": signal.code,
            "cascade.signal.kind": signal.kind,
        }
        self._signals.add(1, labels)
        told: dict[str, Any] = {
            **labels,
            "cascade.step": event.step,
            "cascade.signal.hard": signal.hard,
        }
        if signal.p_fail is not None:
            told["cascade.p_fail"] = signal.p_fail
        if self._content:
            told["cascade.evidence"] = signal.evidence
        span.add_event("cascade.signalled", told)

    def _judged(self, event: Judged) -> dict[str, Any]:
        told: dict[str, Any] = {
            "cascade.step": event.step,
            "cascade.verdicts": tuple(f"{one.gate}: {_outcome(one)}" for one in event.verdicts),
        }
        if event.accepted is not None:
            told["cascade.accepted"] = event.accepted
        if self._content:
            told["cascade.evidence"] = event.reason or "; ".join(
                one.reason for one in event.verdicts
            )
        return told

    def _reviewed(self, event: Reviewed) -> dict[str, Any]:
        review = event.review
        told: dict[str, Any] = {"cascade.step": event.step, "cascade.review.of": event.codes}
        if event.lane is not None:
            told["cascade.lane"] = event.lane
        if review is not None:
            told["cascade.review.on_track"] = review.on_track
        if self._content and review is not None:
            told["cascade.evidence"] = review.reason
        return told


def _outcome(verdict: Verdict) -> str:
    return {True: "passed", False: "refused", None: "unknown"}[verdict.passed]
