"""Server-sent events, taken apart as they come in.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation,
read 2026-11-20. Reconnection (`id`, `retry`) means nothing for an answer that comes once.
"""

from typing import NamedTuple

__all__ = ["EventStream", "ServerSentEvent"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE = 0x0A


class ServerSentEvent(NamedTuple):
    """One event of a stream."""

    name: str
    """Empty where the stream gives none."""
    data: bytes
    """Its `data` lines, joined by line breaks."""


class EventStream:
    """Turns pieces of a stream, cut anywhere, into events.

    It works on bytes throughout, so a character that is cut in two comes together again. What the
    stream ends with before an empty line is no event, as the format prescribes.
    """

    __slots__ = ("_after_return", "_data", "_is_first", "_name", "_partial")

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        """Pieces of a line whose end has not come yet."""
        self._after_return = False
        """Whether the last piece ended in a carriage return, which a line feed may complete."""
        self._is_first = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events that *piece* completes, in order."""
        if self._after_return and piece:
            self._after_return = False
            if piece[0] == _NEWLINE:
                piece = piece[1:]
        if not piece:
            return []
        if piece.startswith(b"data: ") and self._is_one_event(piece):
            return [ServerSentEvent("", piece[6:-2])]
        lines = piece.splitlines(keepends=True)
        if self._partial:
            # Only after it is known that a line ends here: long lines come in many pieces.
            self._partial.append(lines[0])
            if len(lines) == 1 and not piece.endswith((b"\n", b"\r")):
                return []
            lines[0] = b"".join(self._partial)
            self._partial = []
        if not piece.endswith((b"\n", b"\r")):
            self._partial = [lines.pop()]
        self._after_return = piece.endswith(b"\r")
        events: list[ServerSentEvent] = []
        for line in lines:
            event = self._line(line.rstrip(b"\r\n"))
            if event is not None:
                events.append(event)
        return events

    def _is_one_event(self, piece: bytes) -> bool:
        """Whether *piece* is one `data` line and what ends it: most events come as such."""
        return (
            not (self._is_first or self._partial or self._data or self._name)
            and piece.find(b"\n") == len(piece) - 2
            and piece.endswith(b"\n")
            and b"\r" not in piece
        )

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatched()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        return None

    def _dispatched(self) -> ServerSentEvent | None:
        name, data = self._name, self._data
        self._name = ""
        if not data:
            return None
        self._data = []
        return ServerSentEvent(name, data[0] if len(data) == 1 else b"\n".join(data))
