"""What a simulated provider's wire format has to say for itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cascade.simulated.faults import Failing
from cascade.simulated.received import Conversation, Received
from cascade.simulated.script import Turn

__all__ = ["Event", "Page", "Refusal", "Wire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer, before it takes its wire format's form.

    Attributes:
        status: Of HTTP.
        type: The provider's name for the kind of error.
        message: The provider's words.
        code: The provider's code, where the format has one.
        param: What of the request is at fault, where the format says so.
        headers: Beyond the usual ones.
    """

    status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event.

    Attributes:
        name: Empty where the format does not name its events.
        data: A JSON object, or a text that is sent as it is (`[DONE]`).
    """

    name: str = ""
    data: Mapping[str, Any] | str


class Page(Protocol):
    """Something else that the provider serves by `GET`, such as what its models can do."""

    @property
    def path(self) -> str:
        """May hold placeholders, as `/v1/models/{model}`; `Received.values` has their values."""
        ...

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:
        """What stands there."""
        ...


class Wire(Protocol):
    """A wire format with its rules.

    For each request the server calls `key`; then, for an account that may come in, `refuse`; then
    `conversation`, whose turn the script says; then `answer`, and `events` if a stream was asked
    for. All in one thread, one request at a time.
    """

    @property
    def path(self) -> str:
        """Where requests are posted, such as `/v1/messages`."""
        ...

    @property
    def request_id_header(self) -> str:
        """The header of an answer that names its request."""
        ...

    @property
    def pages(self) -> tuple[Page, ...]:
        """What else there is to see; of several with one path the first is taken."""
        ...

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key that came with a request, headers by lower-case name."""
        ...

    def refuse(self, received: Received) -> Refusal | None:
        """What of the provider's rules the request breaks, if it breaks one."""
        ...

    def conversation(self, received: Received) -> Conversation:
        """The request as the model sees it; only of one that is not refused."""
        ...

    def answer(self, received: Received, turn: Turn) -> Mapping[str, Any]:
        """The whole answer, as it is sent where no stream was asked for."""
        ...

    def events(self, received: Received, answer: Mapping[str, Any]) -> Iterable[Event]:
        """That answer as a stream, the marks of its end included."""
        ...

    def failing(self, failure: Failing) -> Refusal:
        """How this provider words a failure of its own."""
        ...

    def error_body(self, refusal: Refusal, request_id: str) -> Mapping[str, Any]:
        """The body of an error answer."""
        ...

    def error_event(self, refusal: Refusal, request_id: str) -> Event:
        """An error in mid-stream."""
        ...
