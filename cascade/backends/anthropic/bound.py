"""Which signed turns stand behind the conversation that they were signed over.

The provider binds a signed block to all that stood before it: tools, system text, messages. Two
lanes of one model and account may differ in each of these: one holds the answer to its form by
strict tools and the other by a tool of its own, one was shown rejected drafts, or had its blocks
refused. So a turn keeps, beside its signed blocks, a mark of what it was signed over, and where
that is not what stands before it now, the lane shows it like a turn from elsewhere. As each lane
judges every turn by the same rule each time, what it signs later stays good for itself.

The mark goes by the bytes of the frame and by the length of each message. Lengths are at hand at
every call, and a message that is left out, added or shown in another form changes them.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cascade.backends.anthropic.frame import Frame
from cascade.exchange import View
from cascade.messages import Message, Origin

__all__ = ["AFTER", "UNSENT", "Sent", "sent"]

AFTER = "after"
"""Under this key a message's artefact holds the mark of what its blocks were signed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a lane makes of the conversation in one request.

    Attributes:
        after: The mark for what is signed in answer to it; `None` where it is not known.
        strangers: By index of the message, how turns are shown that the lane's own model signed
            over something else.
    """

    after: str | None
    strangers: dict[int, bytes]

    def shown(self, fragments: Sequence[bytes]) -> Sequence[bytes]:
        """The encoded messages with the strangers in their plain form."""
        if not self.strangers:
            return fragments
        return [self.strangers.get(index, each) for index, each in enumerate(fragments)]


UNSENT = Sent(after=None, strangers={})
"""For a request that was not written, or long ago."""


def sent(
    view: View,
    fragments: Sequence[bytes],
    frame: Frame,
    origin: Origin,
    *,
    plain: Callable[[Message], bytes],
) -> Sent:
    """Looks at each signed turn of a view.

    Args:
        view: What is shown.
        fragments: Its messages, encoded.
        frame: What stands before them.
        origin: Of the lane.
        plain: Encodes a message without its signed blocks.
    """
    messages = view.messages
    sizes = array("Q", map(len, fragments))
    strangers: dict[int, bytes] = {}
    last = len(sizes) - 1
    while last >= view.plain_until and _mark(messages[last], origin) is None:
        last -= 1
    # Where the last one fits, all before it were shown to it as they are now, and so they fit too.
    if last >= view.plain_until and _mark(messages[last], origin) != _after(frame, sizes[:last]):
        for index in range(view.plain_until, last + 1):
            mark = _mark(messages[index], origin)
            if mark is not None and mark != _after(frame, sizes[:index]):
                strangers[index] = plain(messages[index])
                sizes[index] = len(strangers[index])
    return Sent(after=_after(frame, sizes), strangers=strangers)


def _after(frame: Frame, sizes: "array[int]") -> str:
    return sha256(frame.digest + sizes.tobytes()).hexdigest()[:24]


def _mark(message: Message, origin: Origin) -> str | None:
    """What a turn of that origin was signed over; `None` where nothing is known to be signed."""
    if message.role != "assistant" or message.artefact is None:
        return None
    raw = message.artefact.raw
    mark = raw.get(AFTER) if isinstance(raw, dict) else None
    return mark if isinstance(mark, str) and message.artefact.origin == origin else None
