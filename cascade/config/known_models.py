"""What is known about the providers' models without asking them.

A backend that can ask its server (the window of a llama-server, the models endpoint of Anthropic)
knows better and does; what the configuration says counts more than either. The tables are the
backends' own, which complete lanes by them that were made without a configuration.
"""

from dataclasses import dataclass

from cascade.lanes import Capabilities

__all__ = ["KnownModel", "default_capabilities", "known_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """What is known of one model.

    Attributes:
        context_tokens: Its window, prompt and output together.
        capabilities: Over its provider's own wire format.
    """

    context_tokens: int
    capabilities: Capabilities


def known_model(backend: str, model: str) -> KnownModel | None:
    """What is known of *model*, or `None`. The date at the end of a pinned version is ignored."""
    match backend:
        case "openai":
            return _known_gpt(model)
        case "anthropic":
            return _known_claude(model)
        case _:
            return None


def _known_gpt(model: str) -> KnownModel | None:
    # Only lanes that have it need a backend, which is a good deal to import.
    from cascade.backends.openai.models import CAPABILITIES, known_window  # noqa: PLC0415 - idem

    window = known_window(model)
    if window is None:
        return None
    return KnownModel(context_tokens=window, capabilities=CAPABILITIES)


def _known_claude(model: str) -> KnownModel | None:
    from cascade.backends.anthropic.models import known_model as facts_of  # noqa: PLC0415 - idem

    facts = facts_of(model)
    if facts is None or facts.context_tokens is None:
        return None
    # Whether an older version of the API is spoken, which takes sampling, the backend knows.
    capabilities = facts.capabilities.model_copy(update={"sampling": False})
    return KnownModel(context_tokens=facts.context_tokens, capabilities=capabilities)


def default_capabilities(backend: str) -> Capabilities:
    """What models of a backend can do as a rule, where the model itself is not known."""
    match backend:
        case "llama_cpp":
            return Capabilities(log_probabilities=True, grammar=True)
        case "scripted":
            return Capabilities(parallel_tools=True)
        case "anthropic":
            return Capabilities(parallel_tools=True, sampling=False)
        case _:
            return Capabilities(parallel_tools=True, structured_output="native")
