"""Monitors made of monitors."""

from collections.abc import Callable, Collection, Iterable, Mapping

from cascade.errors import ConfigError
from cascade.monitors.base import Monitor
from cascade.signals import Signal
from cascade.steps import Prefix

__all__ = ["AnyOf", "Calibrated", "Confirmed", "Only"]


class AnyOf:
    """Several monitors as one: whatever any of them notices, in their order."""

    def __init__(self, *monitors: Monitor, name: str = "any_of") -> None:
        self.name = name
        self._monitors = monitors

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """The signals of all."""
        return tuple([signal for each in self._monitors for signal in each.watch(prefix)])


class Only:
    """A monitor of which only some codes are heard."""

    def __init__(self, monitor: Monitor, codes: Collection[str]) -> None:
        if not codes or isinstance(codes, str):
            raise ConfigError(
                f"Only({monitor.name!r}) was given {codes!r}: name the codes to be heard, "
                'such as {"repeated_call"}'
            )
        self._monitor = monitor
        self._codes = frozenset(codes)

    @property
    def name(self) -> str:
        """That of the monitor."""
        return self._monitor.name

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Those of its signals that have one of the codes."""
        return tuple([each for each in self._monitor.watch(prefix) if each.code in self._codes])


class Confirmed:
    """A monitor of which a signal is heard only when *other* notices something as well."""

    def __init__(self, monitor: Monitor, *, by: Monitor) -> None:
        self._monitor = monitor
        self._by = by

    @property
    def name(self) -> str:
        """That of the monitor that is confirmed."""
        return self._monitor.name

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Its signals, if the other one has any."""
        found = tuple(self._monitor.watch(prefix))
        return found if found and any(True for _ in self._by.watch(prefix)) else ()


class Calibrated:
    """A monitor whose signals carry probabilities that were measured.

    Args:
        monitor: Whose signals.
        curve: Probability that a trajectory with such a signal fails if the lane in charge goes on:
            by code, or by a function of the signal. A code that is not in it keeps what it has.
        name: Of the calibration: on what and when it was measured. Decisions show it.
    """

    def __init__(
        self,
        monitor: Monitor,
        curve: Mapping[str, float] | Callable[[Signal], float | None],
        *,
        name: str,
    ) -> None:
        self._monitor = monitor
        self._curve = curve if callable(curve) else _by_code(curve, name)
        self._calibration = name

    @property
    def name(self) -> str:
        """That of the monitor."""
        return self._monitor.name

    def watch(self, prefix: Prefix) -> Iterable[Signal]:
        """Its signals, with what was measured for them."""
        return tuple([self._calibrated(signal) for signal in self._monitor.watch(prefix)])

    def _calibrated(self, signal: Signal) -> Signal:
        p_fail = self._curve(signal)
        if p_fail is None:
            return signal
        fields = signal.model_dump() | {"p_fail": p_fail, "calibration": self._calibration}
        return Signal.model_validate(fields)


def _by_code(curve: Mapping[str, float], name: str) -> Callable[[Signal], float | None]:
    wrong = {code: p for code, p in curve.items() if not 0 <= p <= 1}
    if wrong:
        raise ConfigError(f"calibration {name!r}: {wrong} are not probabilities in [0, 1]")
    held = dict(curve)
    return lambda signal: held.get(signal.code)
