"""Token pieces to text, as they come: whole characters only, stop strings found and cut."""

import codecs
from collections.abc import Sequence

__all__ = ["TextAssembler"]


class TextAssembler:
    """Joins pieces to text, holding back what may turn out differently.

    Held back are the bytes of an unfinished UTF-8 character, and any ending that may be the
    beginning of a stop string.

    Args:
        stop: Texts that end the generation.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self._parts: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """All text given out so far."""
        return "".join(self._parts)

    def feed(self, piece: bytes) -> str:
        """Take a piece and return the text that became certain; after a stop string nothing."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(piece)
        found = [at for at in (self._held.find(text) for text in self._stop) if at >= 0]
        if found:
            self.stopped = True
            return self._give(min(found))
        return self._give(len(self._held) - self._possible_stop())

    def finish(self) -> str:
        """Return what was still held back."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(b"", final=True)
        return self._give(len(self._held))

    def _give(self, count: int) -> str:
        given, self._held = self._held[:count], self._held[count:]
        if given:
            self._parts.append(given)
        return given

    def _possible_stop(self) -> int:
        """The length of the longest ending of the held text that begins a stop string."""
        longest = max(map(len, self._stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(text.startswith(self._held[-size:]) for text in self._stop):
                return size
        return 0
