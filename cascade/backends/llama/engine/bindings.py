"""The way into llama.cpp: its C functions through ctypes, silent, with its last complaints kept.

Everything untyped is in this folder's files that import `llama_library`; nothing else sees ctypes.
"""

import ctypes
import functools
import importlib
import sys
from collections import deque
from typing import Any

__all__ = ["AbortFlag", "NativeLog", "llama_library", "native_log"]

_WARNING_LEVEL = 3  # as in ggml.h; the comments in llama-cpp-python number them otherwise
_ERROR_LEVEL = 4


class NativeLog:
    """Keeps llama.cpp's latest warnings and errors instead of letting them reach stderr."""

    def __init__(self) -> None:
        self._warnings: deque[str] = deque(maxlen=20)
        self._errors: deque[str] = deque(maxlen=20)

    def append(self, level: int, text: str) -> None:
        """Take one piece of log output; pieces below a warning are dropped."""
        if level == _WARNING_LEVEL:
            self._warnings.append(text.strip())
        elif level == _ERROR_LEVEL:
            self._errors.append(text.strip())

    def clear(self) -> None:
        """Forget what was logged, before an action whose own complaints are wanted."""
        self._warnings.clear()
        self._errors.clear()

    def tail(self, lines: int = 3) -> str:
        """Return the latest errors, joined, or else the latest warnings."""
        kept = self._errors or self._warnings
        return "; ".join(list(kept)[-lines:]) or "llama.cpp gave no reason"


@functools.cache
def native_log() -> NativeLog:
    """Return the process's log: llama.cpp has one log callback for the whole process."""
    return NativeLog()


@functools.cache
def llama_library() -> Any:
    """Import llama-cpp-python's low-level module, with its output on stderr turned off.

    The import takes a tenth of a second and loads native code, hence not at module level. Cached
    for the life of the process because the C side keeps the pointer to the callback.
    """
    library: Any = importlib.import_module("llama_cpp.llama_cpp")
    log = native_log()

    def take(level: int, text: bytes, _data: object) -> None:
        log.append(level, text.decode("utf-8", errors="replace"))

    library.cascade_log_callback = library.llama_log_callback(take)  # the reference C relies on
    library.llama_log_set(library.cascade_log_callback, None)
    library.llama_backend_init()
    return library


class AbortFlag:
    """A byte in memory that stops a running `llama_decode` between two graph nodes when set.

    The callback handed to llama.cpp is libc's `strlen` over this flag: empty text is 0 and means go
    on, one character is 1 and means stop. It is native, so that polling it needs no interpreter
    lock: a Python callback would make each decode wait for whatever the event loop is doing.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(b"\0\0", 2)
        runtime = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self.callback: Any = ctypes.cast(runtime.strlen, llama_library().ggml_abort_callback)
        self.data = ctypes.cast(self._text, ctypes.c_void_p)

    def set(self) -> None:
        """Stop the running decode, and any later one until `clear`."""
        self._text[0] = b"\1"

    def clear(self) -> None:
        """Let decodes run."""
        self._text[0] = b"\0"
