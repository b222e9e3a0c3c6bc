"""The gatekeeper: keeps calls from lanes that rest after failures or have no room in their quota.

It sends nothing and decides nothing: a call that may not be made now fails with the time at which
it may, and the controller goes on from there.

What is known of a lane holds for all trajectories of a process, as a server counts the requests of
an account and not those of a runtime. So runtimes share one gatekeeper: the event loop's, unless
they are given another. It belongs to the loop and not to the module: its waiting calls cannot be
woken from another loop, and what one loop learnt ends with it. As one event loop owns it, and what
it knows changes between two awaits only, it needs no locks.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar

from anyio.lowlevel import RunVar

from cascade.errors import BackendError, BackendUnavailable, FailureKind
from cascade.exchange import Request, Usage, View
from cascade.failover import SHARED
from cascade.lanes import Lane, RateLimits
from cascade.runtime.breakers import (
    AGAINST_THE_LANE,
    ASKED_TO_WAIT,
    NEEDS_A_PERSON,
    Breaker,
    BreakerSettings,
)
from cascade.runtime.clock import Clock, SystemClock
from cascade.runtime.quotas import Estimates, Quota, QuotaSettings

__all__ = ["Admitted", "Gatekeeper", "gatekeeper_for"]

_log = logging.getLogger("cascade")

K = TypeVar("K")
V = TypeVar("V")

_MOST_KNOWN = 4_096
"""Lanes and places that are kept in mind; a process that has more forgets the oldest."""

_ADVICE: Mapping[FailureKind, str] = MappingProxyType(
    {
        "auth": "check the key that its api_key_env or api_key_cmd gives",
        "quota": "top up the account or raise its limit; waiting does not mend it",
        "permission": "allow its account to use this model, or choose another one",
        "not_found": "check its model and endpoint",
    }
)


@dataclass(slots=True)
class _Scope:
    """What fails together: one lane, or all lanes with the same server and account."""

    breaker: Breaker
    quotas: list[Quota] = field(default_factory=list[Quota])
    """Those of its lanes."""
    last: FailureKind | None = None
    """The latest failure that counted."""
    announced: set[FailureKind] = field(default_factory=set[FailureKind])
    """What a person was told about since a call was last served."""


@dataclass(slots=True)
class _Meter:
    """The rate limit of a lane, and what its calls come to."""

    quota: Quota | None
    estimates: Estimates = field(default_factory=Estimates)


class _Gate:
    """The gate of one lane, for one runtime."""

    __slots__ = ("clock", "estimates", "lane", "own", "place", "quota")

    def __init__(
        self, lane: Lane, *, place: _Scope, own: _Scope, meter: _Meter, clock: Clock
    ) -> None:
        self.lane = lane
        self.place = place
        self.own = own
        self.clock = clock
        self.quota = meter.quota
        self.estimates = meter.estimates

    def check(self, now: float) -> None:
        # The longer rest is the one that counts, as both have to be over.
        scope = max(self.own, self.place, key=lambda scope: scope.breaker.rest_s(now))
        rest_s = scope.breaker.rest_s(now)
        if rest_s <= 0:
            return
        what = "rests" if now < scope.breaker.rests_until else "is being tried by another call"
        raise BackendUnavailable(
            f"lane {self.lane.name!r} {what} after failures, the last of kind {scope.last}; "
            f"nothing was sent, come back in {rest_s:.1f} s",
            backend=self.lane.backend,
            failure="cooling",
            # What only a person can mend is not worth waiting for.
            retry_after_s=None if scope.last in NEEDS_A_PERSON else rest_s,
        )

    def busy(self, wait_s: float) -> BackendUnavailable:
        limits = self.lane.limits
        return BackendUnavailable(
            f"lane {self.lane.name!r} has no room for this call in its rate limit (requests a "
            f"minute: {limits.requests_per_minute}, tokens: {limits.tokens_per_minute}) for "
            f"{wait_s:.1f} s; nothing was sent",
            backend=self.lane.backend,
            failure="busy",
            retry_after_s=wait_s,
        )

    def served(self) -> None:
        now = self.clock.monotonic()
        for scope in (self.own, self.place):
            scope.breaker.served(now)
            if scope.breaker.is_clear:
                scope.announced.clear()

    def failed(self, error: BackendError, *, own_probe: int, place_probe: int) -> None:
        kind = error.failure
        now = self.clock.monotonic()
        if kind in ASKED_TO_WAIT and error.retry_after_s is not None:
            self.own.last = kind
            self.own.breaker.asked_to_wait(now, error.retry_after_s)
        if kind in SHARED:
            self._count(self.place, kind, now, place_probe)
        elif kind in AGAINST_THE_LANE:
            self._count(self.own, kind, now, own_probe)
        for scope in (self.own, self.place):
            if scope.breaker.rest_s(now) > 0:
                for quota in scope.quotas:
                    quota.tell()

    def _count(self, scope: _Scope, kind: FailureKind, now: float, probe: int) -> None:
        needs_a_person = kind in NEEDS_A_PERSON
        scope.last = kind
        scope.breaker.failed(now, at_once=needs_a_person, probe=probe)
        if needs_a_person and kind not in scope.announced:
            scope.announced.add(kind)
            # The provider's own words stay out: some repeat a part of the key.
            _log.warning("lane %s cannot serve (%s): %s", self.lane.name, kind, _ADVICE[kind])


class Admitted:
    """One call: entering it may wait or fail, and inside it the call may be made.

    Attributes:
        waited_s: How long it stood in line for the lane's rate limit, in seconds.
    """

    __slots__ = (
        "_gate",
        "_own_probe",
        "_place_probe",
        "_request",
        "_reserved_tokens",
        "_settings",
        "_view",
        "waited_s",
    )

    def __init__(self, gate: _Gate, view: View, request: Request, settings: QuotaSettings) -> None:
        self._gate = gate
        self._view = view
        self._request = request
        self._settings = settings
        self._own_probe = 0
        self._place_probe = 0
        self._reserved_tokens = 0
        self.waited_s = 0.0

    async def __aenter__(self) -> Self:
        gate = self._gate
        if gate.quota is not None:
            await self._stand_in_line(gate.quota)
        elif gate.own.breaker.is_clear and gate.place.breaker.is_clear:
            return self
        else:
            gate.check(gate.clock.monotonic())
        self._own_probe = gate.own.breaker.admit()
        self._place_probe = gate.place.breaker.admit()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gate = self._gate
        if isinstance(error, BackendError):
            gate.failed(error, own_probe=self._own_probe, place_probe=self._place_probe)
        if self._own_probe:
            gate.own.breaker.ended(self._own_probe)
        if self._place_probe:
            gate.place.breaker.ended(self._place_probe)

    def served(self, usage: Usage) -> None:
        """It ended with a draft, and this is what it used."""
        gate = self._gate
        if not (gate.own.breaker.is_clear and gate.place.breaker.is_clear):
            gate.served()
        if gate.quota is not None and gate.quota.counts_tokens:
            gate.quota.correct(self._reserved_tokens - usage.total_tokens)
            gate.estimates.served(self._view, usage)

    async def _stand_in_line(self, quota: Quota) -> None:
        gate, request, settings = self._gate, self._request, self._settings
        longest_s = settings.longest_wait_s
        if request.timeout_s is not None:
            longest_s = min(longest_s, request.timeout_s)
        if quota.counts_tokens:
            output = int(settings.output_share * request.max_output_tokens)
            self._reserved_tokens = gate.estimates.prompt_tokens(self._view) + output
        began = gate.clock.monotonic()
        wait_s = await quota.take(self._reserved_tokens, longest_s=longest_s, check=gate.check)
        if wait_s is not None:
            raise gate.busy(wait_s)
        self.waited_s = gate.clock.monotonic() - began


@dataclass(frozen=True, slots=True)
class _Known:
    """What was learnt of lanes with an endpoint."""

    places: dict[tuple[str, ...], _Scope] = field(default_factory=dict[tuple[str, ...], _Scope])
    """By backend, endpoint and account."""
    lanes: dict[tuple[str, ...], _Scope] = field(default_factory=dict[tuple[str, ...], _Scope])
    """By name, model and place."""
    meters: dict[tuple[object, ...], _Meter] = field(
        default_factory=dict[tuple[object, ...], _Meter]
    )
    """By lane and limits."""


class Gatekeeper:
    """Admits calls.

    Give one to several runtimes, `Cascade(gatekeeper=...)`, to choose its settings or what they
    share; all of them have to run on the same event loop.

    Args:
        clock: Where the time comes from, and what waiting calls wait by; the machine's by default.
        breakers: When lanes rest after failures, and for how long.
        quotas: How calls share the rate limits of a lane.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        breakers: BreakerSettings | None = None,
        quotas: QuotaSettings | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._breakers = breakers or BreakerSettings()
        self._quotas = quotas or QuotaSettings()
        self._known = _Known()
        self._gates: dict[str, _Gate] = {}
        """By lane name."""

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self._clock

    def for_runtime(self, lanes: Iterable[Lane]) -> "Gatekeeper":
        """A gatekeeper for one runtime, which knows what this one knows, then and later.

        Lanes are the same if their names, models and places are; lanes without an endpoint run in
        process, or it is not known where, and each runtime has its own.

        Args:
            lanes: As they were opened. A call of a recorded lane goes through the gate of the one
                that has its name.
        """
        beside = Gatekeeper(self._clock, breakers=self._breakers, quotas=self._quotas)
        beside._known = self._known
        beside._gates = {lane.name: beside._gate(lane) for lane in lanes}
        return beside

    def call(self, lane: Lane, view: View, request: Request) -> Admitted:
        """One call; its failures are noted as they pass through.

        A call that fails keeps what it reserved of the quota, as what the server counted for it is
        not known.

        Returns:
            A context manager. Entering it waits for the lane's rate limit, at most as long as the
            call may take, and raises `BackendUnavailable` of kind `cooling` or `busy`, with the
            seconds until it may be made, where it may not be made now.
        """
        gate = self._gates.get(lane.name)
        if gate is None:
            gate = self._gates[lane.name] = self._gate(lane)
        return Admitted(gate, view, request, self._quotas)

    def _gate(self, lane: Lane) -> _Gate:
        known = self._known if lane.endpoint else _Known()
        where = (lane.backend, lane.endpoint, lane.account)
        which = (lane.name, lane.model, *where)
        place = _found(known.places, where, self._scope)
        own = _found(known.lanes, which, self._scope)

        def meter() -> _Meter:
            if lane.limits == RateLimits():
                return _Meter(None)
            quota = Quota(lane.limits, self._quotas, clock=self._clock)
            own.quotas.append(quota)
            place.quotas.append(quota)
            return _Meter(quota)

        metered = _found(known.meters, (*which, lane.limits), meter)
        return _Gate(lane, place=place, own=own, meter=metered, clock=self._clock)

    def _scope(self) -> _Scope:
        return _Scope(Breaker(self._breakers))


_OF_LOOP: RunVar[Gatekeeper] = RunVar("cascade.runtime.gatekeeper")


def gatekeeper_for(clock: Clock) -> Gatekeeper:
    """The gatekeeper of a runtime that was given none.

    By the machine's clock it is that of the running event loop. Rests and quotas are moments of a
    clock, so who has another one cannot share them.
    """
    if not isinstance(clock, SystemClock):
        return Gatekeeper(clock)
    found = _OF_LOOP.get(None)
    if found is None:
        found = Gatekeeper()
        _OF_LOOP.set(found)
    return found


def _found(table: dict[K, V], key: K, make: Callable[[], V]) -> V:
    found = table.get(key)
    if found is None:
        if len(table) >= _MOST_KNOWN:
            del table[next(iter(table))]
        found = table[key] = make()
    return found
