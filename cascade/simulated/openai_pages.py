"""What compatible servers say of their models, each in its way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.simulated.openai_flavours import Flavour
from cascade.simulated.openai_models import OpenAIModel
from cascade.simulated.openai_wire import CREATED, model_entry
from cascade.simulated.received import Received
from cascade.simulated.wire import Refusal

__all__ = ["PropsPage", "listed_model"]

_TRAINED_WINDOWS = 4
"""How many times the served window the model was trained for, at llama-server."""


def listed_model(flavour: Flavour, model: OpenAIModel) -> dict[str, Any]:
    """A model's entry in `/v1/models`."""
    entry = model_entry(model)
    match flavour.name:
        case "llama_server":
            return {
                **entry,
                "owned_by": "llamacpp",
                "meta": {
                    "vocab_type": 2,
                    "n_vocab": 32_000,
                    "n_ctx_train": _TRAINED_WINDOWS * model.context_tokens,
                    "n_embd": 64,
                    "n_params": 1_000_000,
                    "size": 2_000_000,
                },
            }
        case "vllm":
            return {
                **entry,
                "owned_by": "vllm",
                "root": model.id,
                "parent": None,
                "max_model_len": model.context_tokens,
            }
        case "ollama":
            return {**entry, "owned_by": "library"}
        case "deepseek":
            return {"id": model.id, "object": "model", "owned_by": "deepseek"}
        case "openai":
            return entry


@dataclass(slots=True)
class PropsPage:
    """`GET /props` of llama-server: the window that it really serves."""

    model: OpenAIModel
    path: str = "/props"

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:  # noqa: ARG002 - as `Page` has it
        """The properties."""
        return {
            "default_generation_settings": {
                "id": 0,
                "n_ctx": self.model.context_tokens,
                "is_processing": False,
            },
            "total_slots": 1,
            "model_alias": self.model.id,
            "model_path": f"{self.model.id}.gguf",
            "modalities": {"vision": False, "audio": False},
            "chat_template": "{% for message in messages %}{{ message.content }}{% endfor %}",
            "build_info": f"b0-simulated-{CREATED}",
        }
