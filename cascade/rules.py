"""Rules: the monitors and gates that a policy asks for, ready to be used."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cascade.errors import GateError, MonitorError
from cascade.exchange import Draft
from cascade.gates.base import Gate
from cascade.lanes import Lane
from cascade.monitors.base import Monitor
from cascade.signals import Signal
from cascade.steps import Prefix
from cascade.verdicts import Verdict

__all__ = ["NO_RULES", "WEIGHED", "Rules", "not_yet"]

WEIGHED = frozenset({"confidence", "agreement", "judge"})
"""The gates that say how likely a draft is wrong; what that is worth is for the policy."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a trajectory is watched by and what its drafts have to pass.

    They follow from the policy at the head of the log. Whoever drives the controller makes them
    once and hands them in, as some are the user's own code and have to be imported.
    """

    monitors: tuple[Monitor, ...] = ()
    gates: tuple[Gate, ...] = ()
    goes_on: bool = False
    """Whether the run goes on without a monitor that raises."""

    def signals(self, prefix: Prefix) -> Iterator[Signal]:
        """What the monitors notice, in their order.

        Raises:
            MonitorError: One of them raised, or gave something else than signals, and the policy
                does not go on without it.
        """
        for monitor in self.monitors:
            try:
                yield from _noticed(monitor, prefix)
            except MonitorError as error:
                if not self.goes_on:
                    raise
                yield Signal(
                    monitor=monitor.name, kind="blind", code="monitor_failed", evidence=str(error)
                )

    def verdicts(self, prefix: Prefix, draft: Draft, lane: Lane) -> Iterable[Verdict]:
        """What the gates say, up to the first that refuses the draft.

        One whose verdict is weighed against costs does not: the draft may be worth it after all,
        and then it is for the gates behind it to refuse.

        Raises:
            GateError: One of them raised, or gave something else than a verdict.
        """
        for gate in self.gates:
            try:
                verdict = gate.judge(prefix, draft, lane)
            except Exception as error:
                raise GateError(_raised(error, prefix), gate=gate.name) from error
            if not isinstance(verdict, Verdict):  # pyright: ignore[reportUnnecessaryIsInstance] - it may be a user's own
                said = f"gave a {type(verdict).__name__}, not a verdict, in step {prefix.step}"
                raise GateError(said, gate=gate.name)
            yield verdict
            if verdict.passed is False and verdict.gate not in WEIGHED:
                return


def _noticed(monitor: Monitor, prefix: Prefix) -> tuple[Signal, ...]:
    try:
        noticed = tuple(monitor.watch(prefix))
    except Exception as error:
        raise MonitorError(_raised(error, prefix), monitor=monitor.name) from error
    for signal in noticed:
        if not isinstance(signal, Signal):  # pyright: ignore[reportUnnecessaryIsInstance] - it may be a user's own
            said = f"gave a {type(signal).__name__}, not signals, in step {prefix.step}"
            raise MonitorError(said, monitor=monitor.name)
    return noticed


def not_yet(signals: Iterable[Signal], recorded: Iterable[Signal]) -> Signal | None:
    """The first of *signals* that is not among the *recorded* ones of its step.

    They are told apart by monitor and code, and counted: the words may change with what was spent
    meanwhile, and a signal that is recorded is not to bring forth another one.
    """
    known = Counter((each.monitor, each.code) for each in recorded)
    for signal in signals:
        key = (signal.monitor, signal.code)
        if not known[key]:
            return signal
        known[key] -= 1
    return None


def _raised(error: Exception, prefix: Prefix) -> str:
    return f"raised {type(error).__name__} in step {prefix.step}: {error}"


NO_RULES = Rules()
"""No evidence is gathered: a plain loop on the home lane."""
