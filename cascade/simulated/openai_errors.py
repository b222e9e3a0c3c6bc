"""What OpenAI's API answers when it refuses: the texts, word for word, and the shape of the body.

Sources: error bodies quoted in public issue trackers (read 2026-11-20) and the provider's page
https://developers.openai.com/api/docs/guides/error-codes.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cascade.simulated.wire import Refusal

__all__ = [
    "OpenAIRefusal",
    "broken_server",
    "context_exceeded",
    "empty_array",
    "empty_string",
    "invalid_type",
    "key_missing",
    "key_wrong",
    "listed",
    "malformed_json",
    "masked",
    "missing",
    "model_missing",
    "overloaded",
    "permission_denied",
    "quota_exhausted",
    "rate_limited",
    "timed_out",
    "too_long",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
    "wrong_value",
]

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class OpenAIRefusal(Exception):  # noqa: N818 - it is the server's answer, not a fault of this code
    """A request that the API answers with an error body.

    Attributes:
        refusal: The answer.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.refusal = Refusal(
            status=status,
            type=kind,
            message=message,
            code=code,
            param=param,
            headers=dict(headers),
        )


def listed(values: Sequence[str]) -> str:
    """Quoted values as the API enumerates them: `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def masked(key: str) -> str:
    """A key as the API shows it: the first eight and the last four characters, stars between."""
    if len(key) <= 12:
        return f"{key[:2]}{'*' * max(len(key) - 2, 0)}"
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def key_missing() -> OpenAIRefusal:
    """No key came with the request."""
    return OpenAIRefusal(
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password "
        "field (with blank username) if you're accessing the API from your browser and are "
        "prompted for a username and password. You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
        status=401,
    )


def key_wrong(key: str) -> OpenAIRefusal:
    """A key that no account has."""
    return OpenAIRefusal(
        f"Incorrect API key provided: {masked(key)}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        status=401,
        code="invalid_api_key",
    )


def permission_denied(model: str, project: str) -> OpenAIRefusal:
    """The account may not use that model."""
    return OpenAIRefusal(
        f"Project `{project}` does not have access to model `{model}`",
        status=403,
        code="model_not_found",
    )


def model_missing(model: str) -> OpenAIRefusal:
    """There is no such model."""
    return OpenAIRefusal(
        f"The model `{model}` does not exist or you do not have access to it.",
        status=404,
        code="model_not_found",
    )


def rate_limited(
    *, model: str, organization: str, kind: str = "requests", limit: int = 500, requested: int = 1
) -> OpenAIRefusal:
    """Too many requests, or tokens, for now; the quota is used up.

    Args:
        model: That was asked for.
        organization: Whose quota it is.
        kind: `requests` or `tokens`.
        limit: Of the quota, a minute.
        requested: By this request.
    """
    unit = "TPM" if kind == "tokens" else "RPM"
    return OpenAIRefusal(
        f"Rate limit reached for {model} in organization {organization} on {kind} per min "
        f"({unit}): Limit {limit}, Used {limit}, Requested {requested}. Please try again in 1s. "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        status=429,
        kind=kind,
        code="rate_limit_exceeded",
        headers={
            f"x-ratelimit-limit-{kind}": str(limit),
            f"x-ratelimit-remaining-{kind}": "0",
            f"x-ratelimit-reset-{kind}": "1s",
        },
    )


def quota_exhausted() -> OpenAIRefusal:
    """The account's money has run out; it is a 429 that no waiting mends."""
    return OpenAIRefusal(
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
        status=429,
        kind="insufficient_quota",
        code="insufficient_quota",
    )


def broken_server() -> OpenAIRefusal:
    """The server failed by itself."""
    return OpenAIRefusal(
        "The server had an error while processing your request. Sorry about that!",
        status=500,
        kind="server_error",
    )


def overloaded() -> OpenAIRefusal:
    """The model has too much to do."""
    return OpenAIRefusal(
        "That model is currently overloaded with other requests. You can retry your request, or "
        "contact us through our help center at help.openai.com if the error persists.",
        status=503,
        kind="server_error",
        code="server_is_overloaded",
    )


def timed_out() -> OpenAIRefusal:
    """A gateway before the API gave up waiting for it."""
    return OpenAIRefusal(
        "The server took too long to process your request. Please try again later.",
        status=504,
        kind="server_error",
    )


def context_exceeded() -> OpenAIRefusal:
    """The prompt does not fit, in the words of Responses; Chat Completions has others."""
    return OpenAIRefusal(
        "Your input exceeds the context window of this model. Please adjust your input and try "
        "again.",
        param="input",
        code="context_length_exceeded",
    )


def malformed_json() -> OpenAIRefusal:
    """The request's body is no JSON object."""
    return OpenAIRefusal(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON. If you have trouble figuring out how to fix this, please contact "
        "us through our help center at help.openai.com.)"
    )


def missing(param: str) -> OpenAIRefusal:
    """A field that has to be there is not."""
    return OpenAIRefusal(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def unknown_parameter(param: str) -> OpenAIRefusal:
    """A field that the API does not have."""
    return OpenAIRefusal(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def unsupported_parameter(param: str, *, hint: str = "") -> OpenAIRefusal:
    """A field that this model does not take."""
    return OpenAIRefusal(
        f"Unsupported parameter: '{param}' is not supported with this model.{hint}",
        param=param,
        code="unsupported_parameter",
    )


def unsupported_value(message: str, *, param: str) -> OpenAIRefusal:
    """A value that the API knows and this model does not take."""
    return OpenAIRefusal(f"Unsupported value: {message}", param=param, code="unsupported_value")


def wrong_value(value: str, allowed: Sequence[str], *, param: str) -> OpenAIRefusal:
    """A value outside an enumeration."""
    return OpenAIRefusal(
        f"Invalid value: '{value}'. Supported values are: {listed(allowed)}.",
        param=param,
        code="invalid_value",
    )


def invalid_type(param: str, *, expected: str, got: str) -> OpenAIRefusal:
    """A value of the wrong JSON type; *expected* and *got* carry their articles."""
    return OpenAIRefusal(
        f"Invalid type for '{param}': expected {expected}, but got {got} instead.",
        param=param,
        code="invalid_type",
    )


def too_long(param: str, *, maximum: int, length: int) -> OpenAIRefusal:
    """A string above its limit."""
    return OpenAIRefusal(
        f"Invalid '{param}': string too long. Expected a string with maximum length {maximum}, but "
        f"got a string with length {length} instead.",
        param=param,
        code="string_above_max_length",
    )


def empty_string(param: str) -> OpenAIRefusal:
    """A string that may not be empty."""
    return OpenAIRefusal(
        f"Invalid '{param}': empty string. Expected a string with minimum length 1, but got an "
        "empty string instead.",
        param=param,
        code="empty_string",
    )


def empty_array(param: str) -> OpenAIRefusal:
    """A list that may not be empty."""
    return OpenAIRefusal(
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        param=param,
        code="empty_array",
    )
