"""What both OpenAI wire formats of a simulated server share: keys, failures, models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cascade.simulated.faults import Failing
from cascade.simulated.openai_errors import (
    OpenAIRefusal,
    broken_server,
    key_missing,
    key_wrong,
    model_missing,
    overloaded,
    permission_denied,
    quota_exhausted,
    rate_limited,
    timed_out,
)
from cascade.simulated.openai_models import OPENAI_MODELS, OpenAIModel, openai_model
from cascade.simulated.received import Received
from cascade.simulated.wire import Page, Refusal

__all__ = ["CREATED", "AtHand", "ModelPage", "ModelsPage", "OpenAIWire", "bearer", "model_entry"]

CREATED = 1_788_000_000
"""When every simulated model was made, in Unix time."""


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key in the `Authorization` header, if there is one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def model_entry(model: OpenAIModel) -> dict[str, Any]:
    """A model as OpenAI lists it: without its context window."""
    return {"id": model.id, "object": "model", "created": CREATED, "owned_by": "simulated"}


@dataclass(slots=True)
class ModelsPage:
    """`GET /v1/models`."""

    entries: Callable[[], list[dict[str, Any]]]
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    path: str = "/v1/models"

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:  # noqa: ARG002 - as `Page` has it
        """All models."""
        return {"object": "list", "data": self.entries(), **self.extra}


@dataclass(slots=True)
class ModelPage:
    """`GET /v1/models/{model}`."""

    entries: Callable[[], list[dict[str, Any]]]
    path: str = "/v1/models/{model}"

    def get(self, received: Received) -> Mapping[str, Any] | Refusal:
        """One model."""
        asked = received.values.get("model", "")
        found = next((entry for entry in self.entries() if entry["id"] == asked), None)
        return model_missing(asked).refusal if found is None else found


@dataclass(slots=True)
class AtHand:
    """The request that is being served, as far as a failure's text speaks of it.

    A wire serves one request at a time, so there is only ever one.

    Attributes:
        key: That came with it.
        model: That it asks for.
        organization: Whose key it is.
        tokens: Of its prompt.
        window: Of its model, in tokens.
    """

    key: str | None = None
    model: str = "the model"
    organization: str = "org-simulated"
    tokens: int = 0
    window: int = 0


class OpenAIWire:
    """The part of `cascade.simulated.wire.Wire` that does not depend on the format.

    Args:
        models: That the server has.
    """

    request_id_header = "x-request-id"

    def __init__(self, models: tuple[OpenAIModel, ...] = OPENAI_MODELS) -> None:
        self.models = models
        self._at_hand = AtHand()

    @property
    def pages(self) -> tuple[Page, ...]:
        """The lists of models."""
        return (ModelsPage(self._entries), ModelPage(self._entries))

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key that came with a request."""
        self._at_hand = AtHand(key=bearer(headers))
        return self._at_hand.key

    def failing(self, failure: Failing) -> Refusal:
        """How OpenAI words a failure of its own."""
        return self._failure(failure).refusal

    def error_body(self, refusal: Refusal, request_id: str) -> Mapping[str, Any]:  # noqa: ARG002 - as `Wire` has it
        """The body of an error answer, which does not name its request."""
        return {
            "error": {
                "message": refusal.message,
                "type": refusal.type,
                "param": refusal.param,
                "code": refusal.code,
            }
        }

    def known_model(self, model: str) -> OpenAIModel:
        """The model of that name.

        Raises:
            OpenAIRefusal: There is none.
        """
        found = openai_model(model, self.models)
        if found is None:
            raise model_missing(model)
        return found

    def note(self, received: Received) -> str:
        """Remembers whom and what failures would speak of; gives the account's name."""
        organization = received.account.name if received.account else "none"
        self._at_hand.organization = f"org-{organization}"
        model = received.asked.get("model")
        if isinstance(model, str):
            self._at_hand.model = model
        return organization

    def _entries(self) -> list[dict[str, Any]]:
        return [model_entry(model) for model in self.models]

    def _failure(self, failure: Failing) -> OpenAIRefusal:
        hand = self._at_hand
        match failure:
            case "authentication":
                return key_wrong(hand.key) if hand.key else key_missing()
            case "permission":
                return permission_denied(hand.model, "proj_simulated")
            case "not_found":
                return model_missing(hand.model)
            case "rate_limit":
                return rate_limited(model=hand.model, organization=hand.organization)
            case "quota":
                return quota_exhausted()
            case "server":
                return broken_server()
            case "unavailable" | "overloaded":
                return overloaded()
            case "timeout":
                return timed_out()
