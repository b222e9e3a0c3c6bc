"""A tap on a connection: everything that a client sends to a server, byte for byte."""

import base64
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit

__all__ = ["forms_of", "tapped"]


class _Tap:
    """Passes connections on to a server and keeps what clients sent."""

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._listener = listener
        self._target = target
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.sent = bytearray()

    def serve(self) -> None:
        """Until the listener is shut; each connection has two threads of its own."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += (client, server)
            for source, sink, kept in ((client, server, self.sent), (server, client, None)):
                thread = threading.Thread(target=_pump, args=(source, sink, kept))
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Ends all connections."""
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
    try:
        while piece := source.recv(65536):
            if kept is not None:
                # Before it is passed on: whoever got an answer finds its request here.
                kept += piece
            sink.sendall(piece)
    except OSError:
        pass
    _shut(sink)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def tapped(address: str) -> Generator[tuple[str, bytearray]]:
    """Another address for the server at *address*, and all that is sent to it."""
    parts = urlsplit(address)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        tap = _Tap(listener, (parts.hostname or "", parts.port or 0))
        thread = threading.Thread(target=tap.serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{parts.path}", tap.sent
        finally:
            _shut(listener)
            thread.join()
            tap.close()


def forms_of(value: str) -> list[bytes]:
    """The value and its encoded forms, in small letters where case says nothing."""
    octets = value.encode()
    forms = [octets, octets.hex().encode(), quote(value, safe="").lower().encode()]
    forms.append("".join(f"\\u{ord(letter):04x}" for letter in value).encode())
    for before in range(3):
        # What does not depend on the characters around it, for each place in a group of three.
        encoded = base64.b64encode(b"x" * before + octets)
        forms.append(encoded[4 if before else 0 : len(encoded) // 4 * 4 - 4])
    return forms
