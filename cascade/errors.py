"""The exceptions of this package: one root, so that one `except` is enough.

    CascadeError
      ConfigError            the caller must change something
        MissingKey           a lane's key is not there
      ModelError             a model file or its context cannot be used as asked
      BackendError           a model call failed; its `failure` says of what kind
        BackendTimeout       it took longer than its deadline
        BackendRefused       the request is wrong; repeating it cannot help
          ContextExceeded    the prompt does not fit the model's context window
        BackendUnavailable   it may work later
      MonitorError           a monitor broke; the run stops and can be resumed
      GateError              the same of a gate
      TraceError             a recorded trajectory cannot be read

Running out of budget, steps or time is an outcome of a trajectory, never an exception.
"""

from pathlib import Path
from typing import Literal

__all__ = [
    "BackendError",
    "BackendRefused",
    "BackendTimeout",
    "BackendUnavailable",
    "CascadeError",
    "ConfigError",
    "ContextExceeded",
    "FailureKind",
    "GateError",
    "MissingKey",
    "ModelError",
    "MonitorError",
    "TraceError",
]


FailureKind = Literal[
    "connection",
    "timeout",
    "server",
    "overloaded",
    "rate_limit",
    "quota",
    "auth",
    "permission",
    "not_found",
    "context",
    "signature",
    "protocol",
    "request",
    "cooling",
    "busy",
]
"""Why a model call failed, the same for all providers.

`connection`: no answer, or one that broke off. `timeout`: a deadline passed. `server`: the server
broke. `overloaded`: it has too much to do. `rate_limit`: too many requests or tokens for now.
`quota`: the account has run out, which waiting does not mend. `auth`, `permission`, `not_found`:
the key is wrong, or may not do this, or there is no such model. `context`: the prompt is too long.
`signature`: an opaque block of an earlier turn was not accepted. `protocol`: the answer is not of
the form that the provider documents. `request`: the request itself is wrong. `cooling` and `busy`:
nothing was sent, as the lane rests after failures or its rate limit leaves no room in time.
"""


class CascadeError(Exception):
    """The root of every exception that this package raises on purpose."""


class ConfigError(CascadeError):
    """The caller must change something; the message says what, and what is accepted."""


class MissingKey(ConfigError):  # noqa: N818 - names the fact
    """A lane's key is not there; the message says where it was looked for."""


class ModelError(CascadeError):
    """A model file cannot be found, fetched, read or fitted into memory."""


class BackendError(CascadeError):
    """A model call failed.

    Attributes:
        backend: Name of the backend that failed.
        failure: Of what kind the failure is; decides what is done about it.
        retry_after_s: Seconds until a retry is welcome, where the provider said so.
        request_id: The provider's identifier of the call, where there is one.
    """

    default_failure: FailureKind = "server"

    def __init__(
        self,
        message: str,
        *,
        backend: str,
        failure: FailureKind | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.backend = backend
        self.failure: FailureKind = failure or self.default_failure
        self.retry_after_s = retry_after_s
        self.request_id = request_id


class BackendTimeout(BackendError):  # noqa: N818 - names the fact, as TimeoutError's siblings do
    """The call took longer than its deadline."""

    default_failure = "timeout"


class BackendRefused(BackendError):  # noqa: N818 - names the fact
    """The request itself is at fault; repeating it unchanged cannot help."""

    default_failure = "request"


class ContextExceeded(BackendRefused):
    """The prompt does not fit the model's context window."""

    default_failure = "context"


class BackendUnavailable(BackendError):  # noqa: N818 - names the fact
    """The backend cannot serve now."""


class MonitorError(CascadeError):
    """A monitor raised, or gave something else than signals.

    Attributes:
        monitor: Its name.
    """

    def __init__(self, message: str, *, monitor: str) -> None:
        super().__init__(f"monitor {monitor!r} {message}")
        self.monitor = monitor


class GateError(CascadeError):
    """A gate raised, or gave something else than a verdict.

    Attributes:
        gate: Its name.
    """

    def __init__(self, message: str, *, gate: str) -> None:
        super().__init__(f"gate {gate!r} {message}")
        self.gate = gate


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
