"""How servers that speak Chat Completions differ from OpenAI and from each other.

Sources: issue trackers of the servers, read 2026-11-20 (llama.cpp 15780 and 28478, ollama 7881,
7963, 9632 and 16117, vLLM 6862 and harbor 996, several clients' on DeepSeek's reasoning_content).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cascade.simulated.faults import Failing
from cascade.simulated.openai_errors import OpenAIRefusal, masked
from cascade.simulated.openai_models import OpenAIModel
from cascade.simulated.wire import Refusal

__all__ = [
    "DEEPSEEK",
    "LLAMA_SERVER",
    "OLLAMA",
    "OPENAI",
    "VLLM",
    "Flavour",
    "FlavourName",
    "compatible_failure",
    "compatible_model_missing",
    "error_object",
    "overflow",
]

FlavourName = Literal["openai", "llama_server", "vllm", "ollama", "deepseek"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One kind of server.

    Attributes:
        name: Of the kind.
        needs_key: Whether requests without a key are refused.
        serves_any_model: Whether the name of the model is not looked at.
        reasoning_field: Where reasoning stands in a message; empty where it is kept back.
        echoes_reasoning: Whether assistant turns with tool calls have to bring their reasoning
            back, unless thinking is off.
        log_probabilities: Whether there are any.
        refuses_logprobs_streamed: Whether `logprobs` is refused for streams with tools, though
            `n_probs` is not.
        names_finish: Whether a turn with tool calls ends in `tool_calls`, not in `stop`.
        indexes_calls: Whether streamed tool calls say their index.
        splits_calls: Whether a streamed tool call comes in several chunks.
        obeys_tool_choice: Whether `tool_choice` has any effect.
        objects: Whether the arguments of every second whole answer are an object, not a text.
        alternates: Whether users and assistants have to take turns, with the system text first.
        truncates: Whether a prompt that is too long loses its beginning in silence.
    """

    name: FlavourName
    needs_key: bool = False
    serves_any_model: bool = False
    reasoning_field: str = ""
    echoes_reasoning: bool = False
    log_probabilities: bool = True
    refuses_logprobs_streamed: bool = False
    names_finish: bool = True
    indexes_calls: bool = True
    splits_calls: bool = True
    obeys_tool_choice: bool = True
    objects: bool = False
    alternates: bool = False
    truncates: bool = False

    @property
    def is_openai(self) -> bool:
        """Whether it is the original."""
        return self.name == "openai"


OPENAI = Flavour(name="openai", needs_key=True)
"""As OpenAI serves it."""

LLAMA_SERVER = Flavour(
    name="llama_server",
    serves_any_model=True,
    reasoning_field="reasoning_content",
    refuses_logprobs_streamed=True,
    objects=True,
)
"""llama.cpp's server."""

VLLM = Flavour(name="vllm", reasoning_field="reasoning")
"""vLLM."""

OLLAMA = Flavour(
    name="ollama",
    reasoning_field="reasoning",
    log_probabilities=False,
    names_finish=False,
    indexes_calls=False,
    splits_calls=False,
    obeys_tool_choice=False,
    truncates=True,
)
"""Ollama."""

DEEPSEEK = Flavour(
    name="deepseek", needs_key=True, reasoning_field="reasoning_content", echoes_reasoning=True
)
"""A family that thinks between calls and wants its thoughts back."""

_VLLM_TYPES = {400: "BadRequestError", 401: "UnauthorizedError", 404: "NotFoundError"}
_OLLAMA_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


def error_object(flavour: Flavour, refusal: Refusal) -> Mapping[str, Any]:
    """The `error` of an error body in a flavour's form."""
    match flavour.name:
        case "llama_server":
            return {"code": refusal.status, "message": refusal.message, "type": refusal.type}
        case "vllm":
            return {
                "message": refusal.message,
                "type": _VLLM_TYPES.get(refusal.status, "InternalServerError"),
                "param": refusal.param,
                "code": refusal.status,
            }
        case "ollama":
            kind = _OLLAMA_TYPES.get(refusal.status, "api_error")
            return {"message": refusal.message, "type": kind, "param": None, "code": None}
        case "deepseek":
            code = refusal.code or "invalid_request_error"
            return {"message": refusal.message, "type": refusal.type, "param": None, "code": code}
        case "openai":
            return {
                "message": refusal.message,
                "type": refusal.type,
                "param": refusal.param,
                "code": refusal.code,
            }


def compatible_model_missing(flavour: Flavour, model: str) -> OpenAIRefusal:
    """There is no such model at a compatible server."""
    match flavour.name:
        case "ollama":
            return OpenAIRefusal(f"model '{model}' not found", status=404)
        case "deepseek":
            return OpenAIRefusal("Model Not Exist")
        case _:
            return OpenAIRefusal(f"The model `{model}` does not exist.", status=404, param="model")


def compatible_failure(flavour: Flavour, failure: Failing, key: str | None) -> OpenAIRefusal | None:
    """How a compatible server words a failure of its own, where that is not as OpenAI does."""
    match flavour.name, failure:
        case "llama_server", "authentication":
            return OpenAIRefusal("Invalid API Key", status=401, kind="authentication_error")
        case "llama_server", "unavailable" | "overloaded":
            return OpenAIRefusal("Loading model", status=503, kind="unavailable_error")
        case "vllm", "authentication":
            return OpenAIRefusal("Unauthorized", status=401)
        case "ollama", "unavailable" | "overloaded":
            return OpenAIRefusal(
                "server busy, please try again.  maximum pending requests exceeded", status=503
            )
        case "deepseek", "authentication":
            shown = f"****{masked(key or '')[-4:]}"
            return OpenAIRefusal(
                f"Authentication Fails, Your api key: {shown} is invalid",
                status=401,
                kind="authentication_error",
            )
        case "deepseek", "quota":
            return OpenAIRefusal("Insufficient Balance", status=402, kind="unknown_error")
        case _:
            return None


def overflow(
    flavour: Flavour, model: OpenAIModel, *, prompt: int, completion: int
) -> OpenAIRefusal | None:
    """The refusal of a prompt that is too long, if it is and the server minds.

    Args:
        flavour: Of the server.
        model: That was asked for.
        prompt: Its tokens.
        completion: The tokens that were asked for at most; 0 where that was left open.
    """
    window = model.context_tokens
    if flavour.truncates or (
        prompt <= window and (flavour.name != "vllm" or prompt + completion <= window)
    ):
        return None
    match flavour.name:
        case "llama_server":
            return OpenAIRefusal(
                f"request ({prompt} tokens) exceeds the available context size ({window} tokens), "
                "try increasing it",
                kind="exceed_context_size_error",
            )
        case "vllm":
            return OpenAIRefusal(
                f"You passed {prompt} input tokens and requested {completion} output tokens. "
                f"However, the model's context length is only {window} tokens, resulting in a "
                f"maximum input length of {max(window - completion, 0)} tokens. Please reduce the "
                f"length of the input prompt. (parameter=input_tokens, value={prompt})",
                param="input_tokens",
            )
        case "deepseek":
            return OpenAIRefusal(
                f"This model's maximum context length is {window} tokens. However, you requested "
                f"{prompt + completion} tokens ({prompt} in the messages, {completion} in the "
                "completion). Please reduce the length of the messages or completion."
            )
        case _:
            return OpenAIRefusal(
                f"This model's maximum context length is {window} tokens. However, your messages "
                f"resulted in {prompt} tokens. Please reduce the length of the messages.",
                param="messages",
                code="context_length_exceeded",
            )
