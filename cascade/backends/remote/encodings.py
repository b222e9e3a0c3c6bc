"""The encoded messages of trajectories: each message is turned into JSON once."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import is_

from cascade.backends.remote.codec import Codec
from cascade.exchange import Dropped, View
from cascade.messages import Message

__all__ = ["Encodings", "merged"]

_LARGEST_BYTES = 64 * 2**20


@dataclass(slots=True)
class _Transcript:
    """What one trajectory's messages look like on the wire."""

    plain_until: int = 0
    messages: list[Message] = field(default_factory=list[Message])
    ends: list[int] = field(default_factory=list[int])
    """By message: how many fragments there are up to its end."""
    fragments: list[bytes] = field(default_factory=list[bytes])
    dropped: list[tuple[int, Dropped]] = field(default_factory=list[tuple[int, Dropped]])
    """With the index of the message."""
    size_bytes: int = 0

    def shared_with(self, view: View) -> int:
        """How many messages at the start are encoded as the view wants them."""
        known = self.messages
        if len(view.messages) >= len(known) and all(map(is_, known, view.messages)):
            shared = len(known)
        else:
            pairs = zip(known, view.messages, strict=False)
            differing = (index for index, (old, new) in enumerate(pairs) if old is not new)
            shared = next(differing, min(len(known), len(view.messages)))
        if self.plain_until != view.plain_until:
            shared = min(shared, self.plain_until, view.plain_until)
        return shared

    def cut(self, messages: int) -> None:
        """Forgets all but so many messages."""
        kept = self.ends[messages - 1] if messages else 0
        self.size_bytes -= sum(map(len, self.fragments[kept:]))
        del self.messages[messages:]
        del self.ends[messages:]
        del self.fragments[kept:]
        self.dropped = [entry for entry in self.dropped if entry[0] < messages]

    def extend(self, view: View, codec: Codec) -> None:
        """Encodes what the view holds beyond what is known."""
        for index in range(len(self.messages), len(view.messages)):
            message = view.messages[index]
            encoded = codec.message(message, plain=index < view.plain_until)
            self.messages.append(message)
            self.fragments.extend(encoded.fragments)
            self.ends.append(len(self.fragments))
            self.dropped.extend((index, each) for each in encoded.dropped)
            self.size_bytes += sum(map(len, encoded.fragments))
        self.plain_until = view.plain_until


class Encodings:
    """Encoded messages by trajectory, up to a number of bytes; the longest unused go first.

    Messages are told apart by identity: a view that holds the same objects as the one before it
    costs nothing but the comparison, and one that differs is encoded anew from there on.
    """

    def __init__(self, codec: Codec, *, largest_bytes: int = _LARGEST_BYTES) -> None:
        self._codec = codec
        self._largest_bytes = largest_bytes
        self._transcripts: OrderedDict[str, _Transcript] = OrderedDict()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How much is kept."""
        return self._size_bytes

    def of(self, view: View) -> tuple[Sequence[bytes], tuple[Dropped, ...]]:
        """The fragments of the view's messages, good until the next call, and what is not shown."""
        transcript = self._transcripts.get(view.trajectory_id)
        if transcript is None:
            transcript = self._transcripts[view.trajectory_id] = _Transcript()
        else:
            self._transcripts.move_to_end(view.trajectory_id)
        before = transcript.size_bytes
        shared = transcript.shared_with(view)
        if shared < len(transcript.messages):
            transcript.cut(shared)
        transcript.extend(view, self._codec)
        self._size_bytes += transcript.size_bytes - before
        self._make_room()
        return transcript.fragments, tuple(each for _, each in transcript.dropped)

    def release(self, trajectory_id: str) -> None:
        """Forgets a trajectory."""
        transcript = self._transcripts.pop(trajectory_id, None)
        if transcript is not None:
            self._size_bytes -= transcript.size_bytes

    def _make_room(self) -> None:
        while self._size_bytes > self._largest_bytes and len(self._transcripts) > 1:
            _, oldest = self._transcripts.popitem(last=False)
            self._size_bytes -= oldest.size_bytes


def merged(dropped: Sequence[Dropped]) -> tuple[Dropped, ...]:
    """The same with one entry for each thing and reason, in the order in which they first came."""
    if len(dropped) < 2:
        return tuple(dropped)
    counts: dict[tuple[str, str], Dropped] = {}
    for each in dropped:
        key = (each.what, each.why)
        known = counts.get(key)
        counts[key] = (
            each
            if known is None
            else Dropped(what=each.what, why=each.why, count=known.count + each.count)
        )
    return tuple(counts.values())
