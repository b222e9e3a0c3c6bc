"""Failures that the Responses API reports inside an answer, whose HTTP status was 200.

What is left to say here is which codes decline and which blame the request; there is no status to
tell by. Codes: those of `ResponseError` in the openai package (read 2026-11-20).
"""

from cascade.backends.openai.responses_json import Item, text_in
from cascade.backends.remote.failures import ProviderError, error_of
from cascade.backends.remote.failures import reported as reported_anywhere
from cascade.errors import BackendError, FailureKind

__all__ = ["is_refusal", "reported"]

_POLICIES = frozenset(
    {
        "bio_policy",
        "content_filter",
        "content_policy_violation",
        "cyber_policy",
        "image_content_policy_violation",
        "misalignment_policy_violation",
    }
)
"""The provider declines to answer, which is an answer and not a fault of the call."""

_REQUESTS = (
    "data_residency_",
    "empty_image_",
    "failed_to_download_",
    "image_",
    "invalid_",
    "unsupported_",
)
"""How the codes begin that blame the request."""


def is_refusal(error: Item) -> bool:
    """Whether the provider declined to answer, by its policies."""
    return text_in(error, "code") in _POLICIES


def reported(error: Item, *, backend: str) -> BackendError:
    """The exception for an error object that came inside an answer.

    Args:
        error: With `code`, `type` and `message`, as far as they are there.
        backend: Name of the backend that failed.
    """
    code = text_in(error, "code")
    failure: FailureKind | None = None
    if code == "invalid_encrypted_content":
        # Nobody complains of a block that was not sent.
        failure = "signature"
    elif code.startswith(_REQUESTS):
        failure = "request"
    if failure is None:
        return reported_anywhere(error, backend=backend)
    return error_of(failure, ProviderError.of(200, error).told(), backend=backend)
