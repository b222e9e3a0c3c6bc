"""What a wire format is: how a view becomes a request body, and an answer a draft.

`cascade.backends.remote` owns the connection, the keys, the failures and the cache of encoded
messages; a codec owns the bytes. Codecs do no I/O and keep nothing between calls.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cascade.exchange import Delta, Draft, Dropped, Request, Timing, Usage, View
from cascade.lanes import ApiMode, Lane
from cascade.messages import Message, Origin

__all__ = ["Codec", "Encoded", "Reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One message as JSON.

    Attributes:
        fragments: JSON objects that stand one after the other in the request's list; none where
            nothing of the message may be shown.
        dropped: What of the message is not in them, and why.
    """

    fragments: tuple[bytes, ...]
    dropped: tuple[Dropped, ...] = ()


class Reader(Protocol):
    """Reads one answer, event by event or whole, and makes a draft of it."""

    @property
    def usage(self) -> Usage:
        """What the call has used until now, reckoned from the text where no count came yet."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to the end that its wire format prescribes."""
        ...

    def event(self, name: str, data: bytes) -> Iterable[Delta]:
        """Takes one server-sent event in.

        Raises:
            BackendError: It reports a failure, or is not of the documented form.
        """
        ...

    def whole(self, body: bytes) -> None:
        """Takes the body of an answer that was not streamed in.

        Raises:
            BackendError: It is not of the documented form.
        """
        ...

    def draft(self, timing: Timing) -> Draft:
        """The message, once the answer is complete.

        Raises:
            BackendError: Of kind `protocol`: the answer broke off or contradicts itself.
        """
        ...


class Codec(Protocol):
    """One wire format, for one lane.

    Made as `Class(lane, origin)`: *origin* says where opaque blocks may come from to be sent back,
    and is put on those that arrive.
    """

    api: ApiMode
    path: str
    """Behind the lane's base address, such as `/chat/completions`."""

    def __init__(self, lane: Lane, origin: Origin) -> None: ...

    def message(self, message: Message, *, plain: bool) -> Encoded:
        """One message, the same bytes each time.

        Args:
            message: Of the view.
            plain: Leave every opaque block out, as the provider refused them.
        """
        ...

    def body(self, fragments: Sequence[bytes], view: View, request: Request) -> bytes:
        """The whole request body around the encoded messages of *view*."""
        ...

    def dropped(self, view: View, request: Request) -> tuple[Dropped, ...]:
        """What of the request itself (sampling, effort) is not in the body, and why."""
        ...

    def reader(self, view: View, request: Request) -> Reader:
        """A reader for the answer to that request."""
        ...
