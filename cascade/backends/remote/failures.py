"""Why a provider refused or broke off: one classification for all wire formats.

It goes by code, then type, then HTTP status. Words count only where a provider gives nothing else;
each such case stands in one of the `_ABOUT_` patterns with whose it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json

from cascade.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    FailureKind,
)

__all__ = ["ProviderError", "classify", "error_of", "reported", "retry_after_s"]

_LONGEST_SENSIBLE_S = 1e9
_LONGEST_MESSAGE = 500
_OK = 200

_BY_CODE: Mapping[str, FailureKind] = MappingProxyType(
    {
        # OpenAI and those who speak its format
        "insufficient_quota": "quota",
        "billing_hard_limit_reached": "quota",
        "billing_not_active": "quota",
        "rate_limit_exceeded": "rate_limit",
        "context_length_exceeded": "context",
        "invalid_encrypted_content": "signature",
        "invalid_api_key": "auth",
        "model_not_found": "not_found",
        "unsupported_country_region_territory": "permission",
        "engine_overloaded": "overloaded",
        "server_is_overloaded": "overloaded",
        "slow_down": "overloaded",
        "server_error": "server",
        "vector_store_timeout": "server",
        # Anthropic, `error.details.error_code`
        "contract_spend_limit_reached": "quota",
        "enforced_spend_limit_reached": "quota",
        "linked_organization_spend_limit_reached": "quota",
        "linked_organization_billing_unavailable": "quota",
        "user_profile_billing_not_authorized": "quota",
        "ramp_limit_exceeded": "rate_limit",
        "request_body_too_large_after_decoding": "context",
    }
)

_BY_TYPE: Mapping[str, FailureKind] = MappingProxyType(
    {
        "insufficient_quota": "quota",
        "billing_error": "quota",
        "rate_limit_error": "rate_limit",
        "overloaded_error": "overloaded",
        "authentication_error": "auth",
        "permission_error": "permission",
        "not_found_error": "not_found",
        "request_too_large": "context",
        "timeout_error": "timeout",
        # llama-server
        "exceed_context_size_error": "context",
        "unavailable_error": "overloaded",
    }
)

_BY_TYPE_IN_A_STREAM: Mapping[str, FailureKind] = MappingProxyType(
    {"invalid_request_error": "request", "api_error": "server", "server_error": "server"}
)
"""Types that only say which half of the statuses it would have been; they decide nothing else."""

_BY_STATUS: Mapping[int, FailureKind] = MappingProxyType(
    {
        401: "auth",
        402: "quota",
        403: "permission",
        404: "not_found",
        405: "not_found",
        407: "auth",
        408: "timeout",
        409: "server",
        410: "not_found",
        413: "context",
        425: "server",
        429: "rate_limit",
        499: "connection",
        501: "not_found",
        503: "overloaded",
        504: "server",
        529: "overloaded",
    }
)

_ABOUT_LENGTH = re.compile(
    # vLLM says that the context length is only so much, DeepSeek names the maximum of it, Anthropic
    # calls a prompt too long or beyond the context limit, and llama-server, once it has begun to
    # write, tells at status 500 that the context size was exceeded.
    r"context (length|limit|size|window)|prompt is too long",
    re.IGNORECASE,
)

_ABOUT_MODEL = re.compile(
    # DeepSeek, at status 400.
    r"model not exist",
    re.IGNORECASE,
)

_ABOUT_BLOCKS = re.compile(
    # Anthropic: "Invalid `signature` in `thinking` block", "Expected `thinking` or ...", both with
    # no code; thinking by itself is also the name of an option, which may be refused as well.
    # OpenAI: "Item 'rs_...' of type 'reasoning' was provided without its required following item".
    # Gemini: "thought_signature". DeepSeek and Kimi: `reasoning_content`.
    r"signature|reasoning|encrypted"
    r"|(expected|\bblocks?\b).*thinking|thinking.*(expected|\bblocks?\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """What a provider said about its failure."""

    status: int
    """Of HTTP; 200 where it came in the middle of an answer."""
    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, status: int, body: bytes | JsonValue) -> "ProviderError":
        """Reads the body of an answer, or an event, in any of the forms that are in use."""
        payload: Any = _parsed(body) if isinstance(body, bytes) else body
        if not isinstance(payload, dict):
            return cls(status=status, message=_shortened(str(payload or "")))
        whole: dict[str, Any] = payload  # pyright: ignore[reportUnknownVariableType] - JSON
        error: Any = whole.get("error") or whole.get("detail") or whole
        if not isinstance(error, dict):
            return cls(status=status, message=_shortened(str(error)))
        named: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON
        details: Any = named.get("details")
        code: Any = named.get("code")
        if isinstance(details, dict):
            code = details.get("error_code") or code  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
        return cls(
            status=status,
            message=_shortened(_text(named.get("message")) or ""),
            type=_text(named.get("type")),
            code=_text(code),  # pyright: ignore[reportUnknownArgumentType] - JSON
            param=_text(named.get("param")),
            request_id=_text(whole.get("request_id")),
        )

    def told(self) -> str:
        """All of it in one line."""
        names = " ".join(name for name in (self.type, self.code) if name)
        where = f" ({self.param})" if self.param else ""
        what = f"{names}{where}".strip()
        head = f"HTTP {self.status}" if self.status != _OK else "in mid-answer"
        said = f": {self.message}" if self.message else ""
        number = f" [request {self.request_id}]" if self.request_id else ""
        return f"{head}{' ' if what else ''}{what}{said}{number}"


def classify(error: ProviderError, *, opaque: bool = False) -> FailureKind:
    """Of what kind the failure is.

    Args:
        error: What the provider said.
        opaque: Whether the request carried blocks that only the provider can read. What looks like
            a complaint about a signature is one only then: cloud gateways sign requests too.
    """
    named = _BY_CODE.get(error.code or "") or _BY_TYPE.get(error.type or "")
    if named is not None:
        return _in_context(named, error, opaque=opaque)
    if error.status == _OK:
        return _BY_TYPE_IN_A_STREAM.get(error.type or "", "server")
    if error.status in {400, 422, 500} and _ABOUT_LENGTH.search(error.message):
        return "context"
    if error.status == 400 and _ABOUT_MODEL.search(error.message):
        return "not_found"
    if error.status in {400, 422}:
        return "signature" if opaque and _is_about_blocks(error) else "request"
    if error.status in _BY_STATUS:
        return _BY_STATUS[error.status]
    if 300 <= error.status < 400:
        return "not_found"
    return "request" if error.status < 500 else "server"


def _in_context(kind: FailureKind, error: ProviderError, *, opaque: bool) -> FailureKind:
    if kind == "signature" and not opaque:
        return "request"
    if kind == "not_found" and error.status == 403:
        # OpenAI calls a model that the account may not use one that is not there.
        return "permission"
    return kind


def _is_about_blocks(error: ProviderError) -> bool:
    if error.param is not None and not error.param.startswith(("input", "messages")):
        return False
    return _ABOUT_BLOCKS.search(error.message) is not None


def error_of(
    kind: FailureKind,
    message: str,
    *,
    backend: str,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> BackendError:
    """The exception for a failure of *kind*.

    Args:
        kind: Of the failure.
        message: What happened, without keys.
        backend: Name of the backend.
        retry_after: Seconds until a retry is welcome.
        request_id: The provider's name for the call.
    """
    make: type[BackendError] = BackendUnavailable
    if kind == "timeout":
        make = BackendTimeout
    elif kind == "context":
        make = ContextExceeded
    elif kind in {"request", "signature", "auth", "permission", "not_found"}:
        make = BackendRefused
    return make(
        message, backend=backend, failure=kind, retry_after_s=retry_after, request_id=request_id
    )


def reported(payload: JsonValue, *, backend: str) -> BackendError:
    """The exception for a failure that came inside an answer whose status was 200.

    Args:
        payload: The event, or the error object in it.
        backend: Name of the backend.
    """
    error = ProviderError.of(_OK, payload)
    return error_of(classify(error), error.told(), backend=backend, request_id=error.request_id)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until a retry is welcome, by `retry-after-ms` or `Retry-After`; at least 0.

    Args:
        headers: Of the answer; lower-case names, or a mapping that does not mind.
        now: UTC; for a date.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        seconds = _seconds(value, now) if unit_s == 1.0 else _number(value)
        if seconds is not None:
            return max(seconds * unit_s, 0.0)
    return None


def _seconds(value: str, now: datetime) -> float | None:
    number = _number(value)
    if number is not None:
        return number
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    seconds = (at - now).total_seconds()
    return seconds if abs(seconds) < _LONGEST_SENSIBLE_S else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    # `nan` and `inf` are floats to Python; nobody means them.
    return number if abs(number) < _LONGEST_SENSIBLE_S else None


def _parsed(body: bytes) -> JsonValue:
    try:
        return from_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE] + " ..."
