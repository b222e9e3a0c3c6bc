"""What servers that speak Chat Completions do differently, by server and by family of models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from cascade.endpoints import provider_of
from cascade.lanes import Lane

__all__ = [
    "DIALECTS",
    "Dialect",
    "ReasoningReplay",
    "Server",
    "dialect_of",
    "replay_of",
    "server_of",
    "takes_tools_only_without_effort",
]

Server = Literal["openai", "vllm", "llama_server", "ollama", "other"]
"""Who answers; `other` is held to what all have in common."""

ReasoningReplay = Literal["never", "own", "demanded"]
"""What becomes of earlier reasoning: it stays out; the model's own goes back; each turn of the
assistant has to have some, and a space stands in for what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one server wants its requests."""

    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: Mapping[str, str] = field(default_factory=dict[str, str])
    """Its names for kinds of sampling that Chat Completions does not have."""
    log_probabilities: Literal["always", "n_probs_beside_tools", "not_beside_tools"] = "always"
    """llama-server refuses `logprobs` for streams with tools and does the same thing under another
    name (https://github.com/ggml-org/llama.cpp/issues/28478). Ollama leaves the tokens of tool
    calls out (https://github.com/ollama/ollama/issues/13092), so what is left says little."""
    one_call_switch: bool = True
    """Whether `parallel_tool_calls` is known."""
    tool_choice: bool = True
    """Whether `tool_choice` is heeded; Ollama passes it over."""
    schema_beside_tools: bool = False
    """Whether a schema for the answer may stand beside tools. Where a grammar does it, the grammar
    would forbid the calls; llama-server says so, vLLM does so."""
    own_fields: bool = False
    """Whether `store` and `prompt_cache_key` are known."""


DIALECTS: Mapping[Server, Dialect] = MappingProxyType(
    {
        "openai": Dialect(
            limit_field="max_completion_tokens", schema_beside_tools=True, own_fields=True
        ),
        "vllm": Dialect(
            sampling={"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"}
        ),
        "llama_server": Dialect(
            sampling={"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repeat_penalty"},
            log_probabilities="n_probs_beside_tools",
        ),
        "ollama": Dialect(
            log_probabilities="not_beside_tools", one_call_switch=False, tool_choice=False
        ),
        "other": Dialect(),
    }
)

_OWNERS: Mapping[str, Server] = MappingProxyType(
    {"llamacpp": "llama_server", "vllm": "vllm", "library": "ollama"}
)
"""What servers put as `owned_by` into their lists of models."""

_REPLAYS: tuple[tuple[re.Pattern[str], ReasoningReplay], ...] = (
    # DeepSeek: every assistant turn of a conversation with tools has to carry it
    # (https://api-docs.deepseek.com/guides/thinking_mode). Kimi: the same, and an empty string is
    # refused (https://github.com/charmbracelet/crush/issues/2696). MiMo: as DeepSeek.
    (re.compile(r"deepseek|kimi|moonshot|mimo"), "demanded"),
    # Interleaved thinkers that do better with their thoughts of the task under way.
    (re.compile(r"minimax-m|glm-(4\.[5-9]|[5-9])|gpt-oss"), "own"),
)

_NUMBERED = re.compile(r"^gpt-(\d+)(?:\.(\d+))?(?!\d|o)")


def server_of(lane: Lane, owner: str | None) -> Server:
    """Who serves a lane.

    Args:
        lane: Its setting `server` wins, then its host.
        owner: `owned_by` in the server's list of models, where it has one.
    """
    named = lane.settings.get("server")
    for server in DIALECTS:
        if named == server:
            return server
    if provider_of(lane.endpoint) == "openai":
        return "openai"
    return _OWNERS.get(owner or "", "other")


def dialect_of(lane: Lane) -> Dialect:
    """How the lane's server wants its requests."""
    return DIALECTS[server_of(lane, None)]


def replay_of(model: str) -> ReasoningReplay:
    """What becomes of earlier reasoning on a model of that name."""
    for pattern, replay in _REPLAYS:
        if pattern.search(model.lower()):
            return replay
    return "never"


def takes_tools_only_without_effort(model: str) -> Literal["never", "when_set", "always"]:
    """Whether OpenAI's own Chat Completions refuses tools beside reasoning effort.

    From gpt-5.6 on it does even where no effort is asked for, unless it is `none`; gpt-5.4 and 5.5
    only where one is asked for. The Responses API has no such rule.
    """
    found = _NUMBERED.match(model)
    if found is None:
        return "never"
    version = (int(found[1]), int(found[2] or 0))
    if version >= (5, 6):
        return "always"
    return "when_set" if version >= (5, 4) else "never"
