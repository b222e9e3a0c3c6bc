"""The exceptions of this package: one root, so that one `except` is enough.

    CascadeError
      ConfigError            the caller must change something
      ModelError             a model file or its context cannot be used as asked
      BackendError           a model call failed
        BackendTimeout       it took longer than its deadline
        BackendRefused       the request is wrong; repeating it cannot help
          ContextExceeded    the prompt does not fit the model's context window
        BackendUnavailable   it may work later
      TraceError             a recorded trajectory cannot be read

Running out of budget, steps or time is an outcome of a trajectory, never an exception.
"""

from pathlib import Path

__all__ = [
    "BackendError",
    "BackendRefused",
    "BackendTimeout",
    "BackendUnavailable",
    "CascadeError",
    "ConfigError",
    "ContextExceeded",
    "ModelError",
    "TraceError",
]


class CascadeError(Exception):
    """The root of every exception that this package raises on purpose."""


class ConfigError(CascadeError):
    """The caller must change something; the message says what, and what is accepted."""


class ModelError(CascadeError):
    """A model file cannot be found, fetched, read or fitted into memory."""


class BackendError(CascadeError):
    """A model call failed.

    Attributes:
        backend: Name of the backend that failed.
        request_id: The provider's identifier of the call, where there is one.
    """

    def __init__(self, message: str, *, backend: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.backend = backend
        self.request_id = request_id


class BackendTimeout(BackendError):  # noqa: N818 - names the fact, as TimeoutError's siblings do
    """The call took longer than its deadline."""


class BackendRefused(BackendError):  # noqa: N818 - names the fact
    """The request itself is at fault; repeating it unchanged cannot help."""


class ContextExceeded(BackendRefused):
    """The prompt does not fit the model's context window."""


class BackendUnavailable(BackendError):  # noqa: N818 - names the fact
    """The backend cannot serve now.

    Attributes:
        retry_after: Seconds until a retry is welcome, where the backend said so.
    """

    def __init__(
        self,
        message: str,
        *,
        backend: str,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, backend=backend, request_id=request_id)
        self.retry_after = retry_after


class TraceError(CascadeError):
    """A recorded trajectory cannot be read or continued.

    Attributes:
        path: The file, where the trace came from one.
        line: Its line, counted from 1, where one line is at fault.
    """

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        where = (
            "" if path is None else f"{path}" + ("" if line is None else f", line {line}") + ": "
        )
        super().__init__(where + message)
        self.path = path
        self.line = line
