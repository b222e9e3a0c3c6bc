"""What class of error a result is, told by its structure.

An exception's class name, an exit code, an HTTP status, an errno name, an `error` field: these are
looked for where such things stand, never as words somewhere in a text, as a healthy log speaks of
errors too. For comparison, what varies from one occurrence to the next is blanked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from cascade.messages import ToolResult
from cascade.monitors.sameness import as_object

__all__ = ["Failure", "blanked", "failure_of"]

_VARYING = re.compile(
    r"""(?P<quoted>(?<!\w)'[^'\n]*'(?!\w) | "[^"\n]*" | `[^`\n]*`)
    | (?P<path>\b[a-z][a-z0-9+.-]*://\S+ | (?<![\w<])(?:[\w.~-]*/)+[\w.~-]+)
    | (?P<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{9,}\b | \b(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}\b
        | \b\w+_\d+\b)
    | (?P<digits>\d+)""",
    re.VERBOSE,
)
_BLANKS = {"quoted": "'…'", "path": "/…", "id": "#", "digits": "0"}
_LOOKED_AT = 4000
_COMPARED = 160

_EXIT = re.compile(r"\A\W*(?:return|exit)[ _]?(?:code|status)\W{1,3}(-?\d+)\b", re.IGNORECASE)
_HTTP = re.compile(
    r"\A\W*(?:HTTP(?:/[\d.]+)?\W{0,2}(?:status\W{0,2}(?:code\W{0,2})?)?)?([45]\d\d)\b"
)
_ERRNO = re.compile(r"\[(?:Errno|WinError) (\d+)\]|\A\W*(E[A-Z][A-Z0-9]{2,})\b")
_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Warning|Timeout|Exit|Interrupt))\b(?=:|$)",
    re.MULTILINE,
)
_TRACEBACK = re.compile(r"^(?:\w+ +)?Traceback \(most recent call last\)", re.MULTILINE)

_PASSING_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
_PASSING_ERRNOS = frozenset(
    {
        "EAGAIN",
        "EBUSY",
        "ECONNRESET",
        "ECONNREFUSED",
        "EINTR",
        "ETIMEDOUT",
        "11",
        "16",
        "104",
        "110",
        "111",
    }
)
_PASSING_CLASS = re.compile(
    r"Timeout|RateLimit|TooManyRequests|Unavailable|Temporary|Transient|Busy|Throttl|Retry"
    r"|Connection(?:Reset|Refused|Aborted)?(?:Error)?\Z"
)
_EXIT_FIELDS = ("exit_code", "exitcode", "returncode", "return_code")
_STATUS_FIELDS = ("status_code", "statusCode", "http_status", "status", "code")
_FLAG_FIELDS = (("success", False), ("ok", False), ("isError", True), ("is_error", True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a call went wrong."""

    name: str
    """The class by structure: `KeyError`, `exit 1`, `HTTP 404`, `errno ENOENT`, or `error`."""
    text: str
    """What was said with it, with everything blanked that varies; for comparison and reading."""
    passing: bool = False
    """Whether it is of the kind that asks to be tried again: timeouts, rate limits, lost
    connections."""

    def same_class(self, other: "Failure | None") -> bool:
        """Whether *other* went wrong in the same way."""
        return other is not None and (self.name, self.text) == (other.name, other.text)


def blanked(text: str) -> str:
    """The text with digits, ids, paths and quoted values replaced, and its white space joined."""
    return " ".join(_VARYING.sub(lambda found: _BLANKS[found.lastgroup or "digits"], text).split())


def failure_of(result: ToolResult) -> Failure | None:
    """The class of error that a result is; `None` where nothing says that it is one.

    A result that is marked as an error always is one. One that is not is one only if its form says
    so without doubt: a JSON object with an error field, a failed exit code or status at its very
    front, or a traceback there.
    """
    text = result.text.strip()
    if text[:1] == "{":
        try:
            held = as_object(from_json(text))
        except ValueError:
            held = None
        found = None if held is None else _of_fields(held)
        if found is not None or (held is not None and not result.is_error):
            return found
    return _of_text(text[:_LOOKED_AT], marked=result.is_error)


def _of_fields(held: Mapping[str, Any]) -> Failure | None:
    """From a JSON object that reports on a call."""
    for name in _EXIT_FIELDS:
        if type(held.get(name)) is int and held[name] != 0:
            said = str(held.get("stderr") or held.get("output") or held.get("stdout") or "")
            return _exit(held[name], said)
    error = held.get("error")
    said = blanked(_words(error or held.get("message", "")))[:_COMPARED]
    asked_again = bool(
        held.get("retryable") or held.get("retry_after") or held.get("retry_after_s")
    )
    for name in _STATUS_FIELDS:
        status = held.get(name)
        if type(status) is int and 400 <= status < 600:
            passing = asked_again or status in _PASSING_STATUSES
            return Failure(name=f"HTTP {status}", text=said, passing=passing)
    if error or any(held.get(name) is value for name, value in _FLAG_FIELDS):
        kind = as_object(error).get("type") or as_object(error).get("code") or error
        name = kind if isinstance(kind, str) and kind.isidentifier() else "error"
        return Failure(name=name, text=said, passing=asked_again or _passes(name))
    return None


def _words(error: Any) -> str:
    return str(as_object(error).get("message") or error)


def _of_text(text: str, *, marked: bool) -> Failure | None:
    """From plain text: first what stands at its front, then, if it is marked, whatever there is."""
    code = _EXIT.match(text)
    if code is not None:
        rest = text[code.end() :].lstrip(">)]:. \n")
        return _exit(int(code[1]), rest) if int(code[1]) else None
    traced = _TRACEBACK.search(text[:200])
    raised = None
    if traced is not None:
        raised = [*_EXCEPTION.finditer(text)][-1:]
    elif marked or "\n" not in text:
        raised = [*_EXCEPTION.finditer(text[:200])][:1]
    if raised:
        line = text[raised[0].start() :].partition("\n")[0]
        said = blanked(line.partition(":")[2])[:_COMPARED]
        return Failure(name=raised[0][1], text=said, passing=_passes(raised[0][1]))
    if not marked:
        return None
    status, errno = _HTTP.match(text), _ERRNO.search(text[:200])
    said = blanked(text[: 2 * _COMPARED])[:_COMPARED]
    if status is not None:
        return Failure(
            name=f"HTTP {status[1]}", text=said, passing=int(status[1]) in _PASSING_STATUSES
        )
    if errno is not None:
        number = errno[1] or errno[2]
        return Failure(name=f"errno {number}", text=said, passing=number in _PASSING_ERRNOS)
    return Failure(name="error", text=said)


def _exit(code: int, said: str) -> Failure:
    inner = _of_text(said.removeprefix("<output>").strip()[:_LOOKED_AT], marked=True)
    words = "" if inner is None else f"{inner.name}: {inner.text}"
    # 124 is what `timeout` ends with, 75 `EX_TEMPFAIL` of sysexits.h.
    return Failure(name=f"exit {code}", text=words, passing=code in {75, 124})


def _passes(name: str) -> bool:
    return _PASSING_CLASS.search(name) is not None
