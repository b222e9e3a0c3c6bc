"""What providers say when they refuse, and of what kind we take it to be."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic_core import to_json

from cascade.backends.remote.failures import (
    ProviderError,
    classify,
    error_of,
    reported,
    retry_after_s,
)
from cascade.errors import (
    BackendRefused,
    BackendTimeout,
    BackendUnavailable,
    ContextExceeded,
    FailureKind,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def openai(message: str = "no", **fields: Any) -> bytes:
    return to_json({"error": {"message": message, "type": None, "code": None, **fields}})


def anthropic(kind: str, message: str = "no", **details: Any) -> bytes:
    error = {"type": kind, "message": message, "details": details or None}
    return to_json({"type": "error", "error": error, "request_id": "req_1"})


CASES: list[tuple[str, int, bytes, FailureKind]] = [
    ("openai key", 401, openai(type="invalid_request_error", code="invalid_api_key"), "auth"),
    ("openai quota", 429, openai(type="insufficient_quota", code="insufficient_quota"), "quota"),
    ("openai rate", 429, openai(type="tokens", code="rate_limit_exceeded"), "rate_limit"),
    ("openai rate, nothing said", 429, b"", "rate_limit"),
    ("openai context", 400, openai(code="context_length_exceeded", param="messages"), "context"),
    ("openai model", 404, openai(code="model_not_found", param="model"), "not_found"),
    ("openai request", 400, openai("Missing parameter", param="messages[0].role"), "request"),
    ("openai server", 500, openai(type="server_error"), "server"),
    ("openai busy", 503, openai(type="server_error", code="slow_down"), "overloaded"),
    ("openai country", 403, openai(code="unsupported_country_region_territory"), "permission"),
    ("anthropic key", 401, anthropic("authentication_error"), "auth"),
    ("anthropic money", 402, anthropic("billing_error"), "quota"),
    (
        "anthropic spend limit",
        400,
        anthropic("invalid_request_error", error_code="enforced_spend_limit_reached"),
        "quota",
    ),
    ("anthropic permission", 403, anthropic("permission_error"), "permission"),
    ("anthropic model", 404, anthropic("not_found_error"), "not_found"),
    ("anthropic size", 413, anthropic("request_too_large"), "context"),
    ("anthropic rate", 429, anthropic("rate_limit_error"), "rate_limit"),
    ("anthropic server", 500, anthropic("api_error"), "server"),
    ("anthropic overload", 529, anthropic("overloaded_error"), "overloaded"),
    ("anthropic overload in mid-stream", 200, anthropic("overloaded_error"), "overloaded"),
    ("anthropic server in mid-stream", 200, anthropic("api_error"), "server"),
    ("anthropic request in mid-stream", 200, anthropic("invalid_request_error"), "request"),
    ("something in mid-stream", 200, to_json({"error": "out of memory"}), "server"),
    (
        "anthropic context",
        400,
        anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        "context",
    ),
    (
        "llama-server context",
        400,
        to_json({"error": {"code": 400, "message": "m", "type": "exceed_context_size_error"}}),
        "context",
    ),
    (
        "llama-server context while it writes",
        500,
        openai("Context size has been exceeded.", type="server_error"),
        "context",
    ),
    (
        "llama-server loading",
        503,
        to_json({"error": {"code": 503, "message": "Loading", "type": "unavailable_error"}}),
        "overloaded",
    ),
    (
        "vllm context",
        400,
        to_json(
            {
                "error": {
                    "message": "the model's context length is only 16 tokens",
                    "type": "BadRequestError",
                    "param": "input_tokens",
                    "code": 400,
                }
            }
        ),
        "context",
    ),
    ("vllm, older", 404, to_json({"object": "error", "message": "no", "code": 404}), "not_found"),
    ("deepseek model", 400, openai("Model Not Exist", code="invalid_request_error"), "not_found"),
    ("deepseek money", 402, openai("Insufficient Balance", type="unknown_error"), "quota"),
    ("ollama, its own form", 404, to_json({"error": "model 'x' not found"}), "not_found"),
    ("fastapi", 422, to_json({"detail": [{"msg": "field required"}]}), "request"),
    ("a gateway's signature", 403, openai("The request signature does not match"), "permission"),
    ("a page", 502, b"<html>Bad gateway</html>", "server"),
    ("cloudflare", 524, b"", "server"),
    ("timeout of theirs", 408, b"", "timeout"),
    ("gone elsewhere", 308, b"", "not_found"),
    ("not acceptable", 406, b"", "request"),
]


@pytest.mark.parametrize(
    ("status", "body", "kind"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_failures_are_known_by_status_type_and_code(status: int, body: bytes, kind: FailureKind):
    assert classify(ProviderError.of(status, body)) == kind


SIGNATURES = [
    (
        400,
        anthropic("invalid_request_error", "messages.1.content.0: Invalid `signature` in ..."),
        True,
    ),
    (400, anthropic("invalid_request_error", "Expected `thinking` or `redacted_thinking`"), True),
    (400, openai("could not be verified", code="invalid_encrypted_content"), True),
    (400, openai("Item 'rs_1' of type 'reasoning' was provided without", param="input"), True),
    (400, openai("Unsupported value", param="reasoning.effort"), False),
    (
        400,
        anthropic("invalid_request_error", "`thinking` blocks in the latest message were changed"),
        True,
    ),
    (400, anthropic("invalid_request_error", '"thinking.type.disabled" is not supported'), False),
    (
        400,
        anthropic("invalid_request_error", "thinking.enabled.block_binding: Extra inputs"),
        False,
    ),
    (400, anthropic("invalid_request_error", "max_tokens: too large"), False),
    (403, openai("The request signature we calculated does not match"), False),
]


@pytest.mark.parametrize(("status", "body", "is_one"), SIGNATURES)
def test_a_signature_is_at_fault_only_where_a_block_was_sent(
    *, status: int, body: bytes, is_one: bool
):
    error = ProviderError.of(status, body)
    assert (classify(error, opaque=True) == "signature") is is_one
    assert classify(error, opaque=False) != "signature"


@pytest.mark.parametrize(
    ("kind", "exception"),
    [
        ("timeout", BackendTimeout),
        ("context", ContextExceeded),
        ("request", BackendRefused),
        ("auth", BackendRefused),
        ("signature", BackendRefused),
        ("quota", BackendUnavailable),
        ("rate_limit", BackendUnavailable),
        ("connection", BackendUnavailable),
    ],
)
def test_each_kind_has_its_exception(kind: FailureKind, exception: type[Exception]):
    error = error_of(kind, "m", backend="b", retry_after=2.0, request_id="r")
    assert type(error) is exception
    assert (error.failure, error.retry_after_s, error.request_id) == (kind, 2.0, "r")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:05 -0000"}, 5.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_read(headers: dict[str, str], seconds: float | None):
    assert retry_after_s(headers, NOW) == seconds


def test_a_failure_tells_all_that_the_provider_said_in_one_line():
    body = openai("Too\n  long", type="t", code="c", param="messages")
    assert ProviderError.of(400, body).told() == "HTTP 400 t c (messages): Too long"
    error = reported(
        {"type": "error", "error": {"type": "api_error", "message": "oh"}}, backend="b"
    )
    assert str(error) == "in mid-answer api_error: oh"
    assert len(ProviderError.of(500, b"x" * 5000).told()) < 600


def test_bodies_of_no_known_form_are_shown_as_they_are():
    assert ProviderError.of(500, b"").message == ""
    assert ProviderError.of(500, b"[1]").message == "[1]"
    assert ProviderError.of(500, b"\xff<html>").message == "\ufffd<html>"
