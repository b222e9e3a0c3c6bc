"""One simulated provider: what it speaks, says and refuses, and what came to it."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.simulated.faults import Fault, Faults, no_faults
from cascade.simulated.received import Account, Received
from cascade.simulated.script import Script
from cascade.simulated.wire import Refusal, Wire

__all__ = ["Exchange", "Simulation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and what became of it.

    Attributes:
        received: The request.
        refusal: The rule of the provider that it broke, a wrong key included; `None` for none.
        fault: What went wrong on the way; a refused request meets no fault.
        answer: What the model said, in the wire format's form; `None` if it was not asked.
    """

    received: Received
    refusal: Refusal | None = None
    fault: Fault | None = None
    answer: Mapping[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class Simulation:
    """A simulated provider. Belongs to the thread of its server while it is served.

    Attributes:
        wires: The formats that it speaks.
        script: What its model says.
        faults: What goes wrong.
        accounts: Who may come in; with none, every key is an account of its own.
        piece_bytes: Streams are sent in pieces of that many bytes, wherever that cuts them; `None`
            sends event by event.
        keep: How many exchanges are remembered; `None` for all of them.
        exchanges: What came in and what became of it, in order of arrival.
        refused: How many requests broke a rule.
        requests: How many came in.
        connections_opened: How many connections clients opened.
        errors: What went wrong in the simulation itself, its script included; raised when the
            server is left.
    """

    wires: Sequence[Wire]
    script: Script
    faults: Faults = no_faults
    accounts: Sequence[Account] = ()
    piece_bytes: int | None = None
    keep: int | None = None
    exchanges: deque[Exchange] = field(init=False)
    refused: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)
    connections_opened: int = field(default=0, init=False)
    errors: list[Exception] = field(default_factory=list[Exception], init=False)
    _revoked: set[str] = field(default_factory=set[str], init=False)

    def __post_init__(self) -> None:
        self.exchanges = deque(maxlen=self.keep)

    @property
    def received(self) -> list[Received]:
        """The requests that are remembered, in order of arrival."""
        return [exchange.received for exchange in self.exchanges]

    @property
    def refusals(self) -> list[Exchange]:
        """The remembered requests that broke a rule."""
        return [exchange for exchange in self.exchanges if exchange.refusal is not None]

    def revoke(self, key: str) -> None:
        """Refuses that key from now on."""
        self._revoked.add(key)

    def account(self, key: str | None) -> Account | None:
        """Whose key that is; `None` if it may not come in."""
        if not key or key in self._revoked:
            return None
        if not self.accounts:
            return Account(name=hashlib.sha256(key.encode()).hexdigest()[:12], keys=(key,))
        return next((account for account in self.accounts if key in account.keys), None)

    def count_connection(self) -> None:
        """A client opened a connection."""
        self.connections_opened += 1

    def record(self, exchange: Exchange) -> None:
        """Remembers what became of a request."""
        self.refused += exchange.refusal is not None
        self.exchanges.append(exchange)

    def number(self, received: Received) -> Received:
        """The request with its number, the next one."""
        self.requests += 1
        return replace(received, number=self.requests - 1)
