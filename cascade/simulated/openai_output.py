"""What a simulated model says, as output items of the Responses API."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import to_json

from cascade.simulated.openai_logprobs import token_logprobs
from cascade.simulated.openai_responses_rules import AcceptedResponse
from cascade.simulated.openai_seals import Envelope, Seals, item_digest
from cascade.simulated.script import Calls, Turn

__all__ = ["Written", "arguments_text", "response_output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A model's output.

    Attributes:
        items: In order: reasoning, message, calls.
        status: Of the response.
        incomplete: Why it is not complete, as the response says it.
        thought: What the reasoning is counted by.
        spoken: What the rest is counted by.
    """

    items: list[dict[str, Any]]
    status: Literal["completed", "incomplete"]
    incomplete: dict[str, str] | None
    thought: str
    spoken: str


def arguments_text(call: Calls) -> str:
    """A call's arguments as the text in which they are sent."""
    return call.arguments if isinstance(call.arguments, str) else to_json(call.arguments).decode()


def response_output(
    turn: Turn,
    accepted: AcceptedResponse,
    *,
    token: str,
    organization: str,
    end_user: str,
    summarised: bool,
    seals: Seals,
) -> Written:
    """The output items of a turn, sealed.

    Args:
        turn: What the model says.
        accepted: The request that it answers.
        token: Of the response.
        organization: The account that asked.
        end_user: The request's safety identifier.
        summarised: Whether reasoning comes with a readable summary.
        seals: Of the server.
    """
    thinks = turn.thinking is not None and accepted.effort != "none"
    first = 1 if thinks else 0
    needs = 0 if thinks else None
    items: list[dict[str, Any]] = []
    is_cut = turn.ends == "length"
    if turn.text or not turn.calls:
        identifier = seals.item_id("msg", token, first, organization, needs)
        items.append(_message(turn, identifier, accepted.logprobs, is_cut=is_cut))
    for call in turn.calls:
        index = first + len(items)
        items.append(
            {
                "type": "function_call",
                "id": seals.item_id("fc", token, index, organization, needs),
                "call_id": seals.call_id(token, index),
                "name": call.name,
                "arguments": arguments_text(call),
                "status": "completed",
            }
        )
    if is_cut:
        items[-1]["status"] = "incomplete"
    if thinks:
        identifier = seals.item_id("rs", token, 0, organization)
        envelope = Envelope(
            id=identifier,
            organization=organization,
            family=accepted.model.family,
            prefix=accepted.input.digests[-1],
            following=item_digest(items[0]),
            end_user=end_user,
        )
        summary = summarised and not turn.redacted and bool(turn.thinking)
        items.insert(
            0,
            {
                "type": "reasoning",
                "id": identifier,
                "summary": [{"type": "summary_text", "text": turn.thinking}] if summary else [],
                "encrypted_content": seals.encrypt(envelope),
            },
        )
    return Written(
        items=items,
        status="incomplete" if is_cut else "completed",
        incomplete={"reason": "max_output_tokens"} if is_cut else None,
        thought=(turn.thinking or "") if thinks else "",
        spoken=turn.text + "".join(call.name + arguments_text(call) for call in turn.calls),
    )


def _message(turn: Turn, identifier: str, logprobs: int | None, *, is_cut: bool) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "text": turn.text}
    if turn.ends == "refusal":
        part = {"type": "refusal", "refusal": turn.text}
    elif logprobs is not None:
        part["logprobs"] = token_logprobs(turn.text, logprobs)
    return {
        "type": "message",
        "id": identifier,
        "role": "assistant",
        "status": "incomplete" if is_cut else "completed",
        "phase": "commentary" if turn.calls else "final_answer",
        "content": [part],
    }
