"""Recorded trajectories: one JSON Lines file each, written event by event."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from cascade.errors import TraceError
from cascade.events import Event, Started, decode, encode
from cascade.fold import fold_all
from cascade.state import State
from cascade.traces.content import ArgumentNames, argument_names, without_content

if sys.platform != "win32":
    import fcntl

__all__ = ["Recorder", "Trace", "read_trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A recorded trajectory."""

    path: Path | None
    events: tuple[Event, ...]
    whole_bytes: int
    """Length of the whole lines; what follows is a line that a crash cut short."""
    torn_bytes: int = 0

    @property
    def started(self) -> Started:
        """The first event.

        Raises:
            TraceError: There is none.
        """
        return self.state().head()

    def state(self) -> State:
        """What the events amount to.

        Raises:
            TraceError: They do not follow from each other.
        """
        try:
            return fold_all(self.events)
        except TraceError as error:
            raise TraceError(str(error), path=self.path) from error


def read_trace(path: Path) -> Trace:
    """Reads a recorded trajectory; a last line that a crash cut short is left out.

    Raises:
        TraceError: There is no such file, or a line in it is not an event.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from error
    lines = data.split(b"\n")
    torn = lines.pop()
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(decode(line))
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in detail["loc"])
            message = f"not an event of this version: {where} {detail['msg']}".replace("  ", " ")
            raise TraceError(message, path=path, line=number) from error
    if not events:
        raise TraceError("holds no event, so there is nothing to show or resume", path=path)
    return Trace(
        path=path, events=tuple(events), whole_bytes=len(data) - len(torn), torn_bytes=len(torn)
    )


class Recorder:
    """Appends the events of one trajectory to its file.

    Each event is one write of one line, so that a crash can only cut the last line short. While it
    is open no other recorder, of this process or another, can write the file. Windows has no such
    locks, nor have some network file systems: there it is up to the caller that a trajectory is
    not run twice at once.
    """

    def __init__(self, path: Path, descriptor: int, *, content: bool, fsync: bool) -> None:
        self.path = path
        self._descriptor = descriptor
        self._content = content
        self._fsync = fsync
        self._known: ArgumentNames = {}
        """What may be told of tool calls where their content may not."""

    @classmethod
    def create(cls, path: Path, *, content: bool = True, fsync: bool = False) -> Self:
        """Starts a new file.

        Args:
            path: Must not exist; missing folders are made.
            content: Whether what was said is kept; without it only structure and counts are.
            fsync: Whether each event is on the disk before the run goes on.

        Raises:
            TraceError: The file exists, cannot be made, or is being written by another run.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise TraceError(f"cannot be made: {error.strerror}", path=path) from error
        recorder = cls(path, descriptor, content=content, fsync=fsync)
        recorder._lock()
        return recorder

    @classmethod
    def reopen(cls, trace: Trace, *, fsync: bool = False) -> Self:
        """Goes on with a file, after cutting away a last line that is not whole.

        Raises:
            TraceError: The trace has no file, the file is not as it was when the trace was read, or
                it cannot be opened, or another run is writing it.
        """
        if trace.path is None:
            raise TraceError("this trace did not come from a file")
        try:
            descriptor = os.open(trace.path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise TraceError(f"cannot be opened: {error.strerror}", path=trace.path) from error
        recorder = cls(trace.path, descriptor, content=True, fsync=fsync)
        recorder._lock()
        try:
            recorder._cut(trace)
        except TraceError:
            recorder.close()
            raise
        return recorder

    def _lock(self) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise TraceError("is being written by another run", path=self.path) from error
        except OSError:
            # The file system has no locks, which is no reason not to record there.
            return

    def _cut(self, trace: Trace) -> None:
        # What somebody else appended since is not ours to cut away.
        found, expected = os.fstat(self._descriptor).st_size, trace.whole_bytes + trace.torn_bytes
        if found != expected:
            message = f"was read at {expected} bytes and has {found}: read it again"
            raise TraceError(message, path=self.path)
        try:
            os.ftruncate(self._descriptor, trace.whole_bytes)
        except OSError as error:
            raise TraceError(f"cannot be cut: {error.strerror}", path=self.path) from error

    def append(self, event: Event) -> None:
        """Writes one event.

        Raises:
            TraceError: The disk is full or the file cannot be written.
        """
        if not self._content:
            if isinstance(event, Started):
                self._known = argument_names(event.tools)
            event = without_content(event, self._known)
        line = encode(event) + b"\n"
        try:
            # A short write happens when the disk fills up; the next one then says why.
            while line:
                line = line[os.write(self._descriptor, line) :]
            if self._fsync:
                os.fsync(self._descriptor)
        except OSError as error:
            raise TraceError(f"cannot be written: {error.strerror}", path=self.path) from error

    def close(self) -> None:
        """Closes the file; calling it twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
