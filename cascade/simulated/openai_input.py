"""The rules of the Responses API for the input as a whole: pairs, order, links and encryption."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cascade.simulated.openai_checks import is_array, kind_of
from cascade.simulated.openai_errors import OpenAIRefusal, invalid_type
from cascade.simulated.openai_items import check_item, item_kind, not_persisted
from cascade.simulated.openai_seals import Envelope, Seals, essence, item_digest
from cascade.simulated.signatures import chained

__all__ = ["Input", "Reader", "checked_input"]

RemovedFor = Literal[
    "organization_mismatch",
    "end_user_mismatch",
    "model_mismatch",
    "prefix_mismatch",
    "turn_boundary",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is to read the encrypted reasoning of an input.

    Attributes:
        organization: The account that sent it.
        family: Of the model that was asked for.
        end_user: The request's safety identifier.
        reads_all_turns: Whether reasoning before the newest user message is shown to the model.
        enforces_prefix: Whether a block is bound to what it was written behind.
    """

    organization: str
    family: str
    end_user: str
    reads_all_turns: bool
    enforces_prefix: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input that breaks no rule.

    Attributes:
        items: In order; a text alone is one user message.
        digests: Of everything before the first item, and after each.
        removed: Reasoning that the model is not shown, as `input_transformations` lists it.
    """

    items: tuple[dict[str, Any], ...]
    digests: tuple[str, ...]
    removed: tuple[Mapping[str, Any], ...]


def checked_input(value: object, *, head: str, reader: Reader, seals: Seals) -> Input:
    """The input, if it breaks no rule.

    Args:
        value: The request's `input`.
        head: Digest of what stands before it.
        reader: Who is to read it.
        seals: Of the server.

    Raises:
        OpenAIRefusal: It breaks one.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not is_array(value):
        expected = "one of an array of input items or string"
        raise invalid_type("input", expected=expected, got=kind_of(value))
    if not value:
        raise OpenAIRefusal(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be "
            "provided.",
            param="input",
            code="missing_required_parameter",
        )
    items = tuple(check_item(item, f"input[{index}]") for index, item in enumerate(value))
    _unique(items)
    _paired(items)
    digests = [head]
    for item in items:
        digests.append(chained(digests[-1], essence(item)))
    removed = _removed(items, digests, reader, seals)
    _issued_here(items, seals, reader.organization)
    return Input(items=items, digests=tuple(digests), removed=removed)


def _wrong(message: str, *, code: str | None = None) -> OpenAIRefusal:
    return OpenAIRefusal(message, param="input", code=code)


def _unique(items: tuple[dict[str, Any], ...]) -> None:
    seen: set[tuple[str, str]] = set()
    for item in items:
        kind = item_kind(item)
        names = [("id", item["id"])] if item.get("id") else []
        if "call_id" in item:
            names.append((kind, item["call_id"]))
        for name in names:
            if name in seen:
                raise _wrong(
                    f"Duplicate item found with id {name[1]}. Remove duplicate items from your "
                    "input and try again."
                )
            seen.add(name)


def _paired(items: tuple[dict[str, Any], ...]) -> None:
    open_calls: dict[str, None] = {}
    for item in items:
        match item_kind(item):
            case "function_call":
                open_calls[item["call_id"]] = None
            case "function_call_output":
                if item["call_id"] not in open_calls:
                    raise _wrong(
                        "No tool call found for function call output with call_id "
                        f"{item['call_id']}."
                    )
                del open_calls[item["call_id"]]
            case _:
                pass
    for call_id in open_calls:
        raise _wrong(f"No tool output found for function call {call_id}.")


def _issued_here(items: tuple[dict[str, Any], ...], seals: Seals, organization: str) -> None:
    """Refuses identifiers that the account was never given, and items without their reasoning."""
    thought: set[str] = set()
    for item in items:
        identifier = item.get("id")
        if not identifier:
            continue
        if item_kind(item) == "reasoning":
            thought.add(identifier)
            continue
        issued = seals.issued(identifier, organization)
        if issued is None:
            raise not_persisted(identifier)
        if issued.reasoning_id and issued.reasoning_id not in thought:
            raise _wrong(
                f"Item '{identifier}' of type '{item_kind(item)}' was provided without its "
                f"required 'reasoning' item: '{issued.reasoning_id}'."
            )


def _removed(
    items: tuple[dict[str, Any], ...], digests: list[str], reader: Reader, seals: Seals
) -> tuple[Mapping[str, Any], ...]:
    newest = max((at for at, item in enumerate(items) if item.get("role") == "user"), default=-1)
    removed: list[Mapping[str, Any]] = []
    for index, item in enumerate(items):
        if item_kind(item) != "reasoning":
            continue
        following = items[index + 1] if index + 1 < len(items) else None
        envelope = _opened(item, following, reader, seals)
        is_past = index < newest and not reader.reads_all_turns
        reason = _reason(envelope, digests[index], reader, is_past=is_past)
        if reason is not None:
            removed.append(
                {"id": item["id"], "action": "removed", "reason": reason, "type": "reasoning"}
            )
    return tuple(removed)


def _opened(
    item: dict[str, Any], following: dict[str, Any] | None, reader: Reader, seals: Seals
) -> Envelope:
    """What is in a reasoning item's block, if it may be opened here and leads where it led."""
    alone = _wrong(
        f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
    )
    if following is None or not _is_output(following):
        raise alone
    block = item["encrypted_content"]
    envelope = seals.decrypt(block)
    if envelope is None:
        raise _unverified(block, "Encrypted content could not be decrypted or parsed.")
    if envelope.organization != reader.organization:
        raise _unverified(
            block, "Encrypted content organization_id did not match the target organization."
        )
    if envelope.id != item["id"]:
        raise _unverified(block, "Encrypted content item_id did not match the target item id.")
    if envelope.following != item_digest(following):
        raise alone
    return envelope


def _is_output(item: dict[str, Any]) -> bool:
    return item_kind(item) == "function_call" or item.get("role") == "assistant"


def _unverified(block: str, reason: str) -> OpenAIRefusal:
    shown = block if len(block) < 12 else f"{block[:4]}...{block[-4:]}"
    return OpenAIRefusal(
        f"The encrypted content {shown} could not be verified. Reason: {reason}",
        code="invalid_encrypted_content",
    )


def _reason(envelope: Envelope, digest: str, reader: Reader, *, is_past: bool) -> RemovedFor | None:
    if envelope.end_user != reader.end_user:
        return "end_user_mismatch"
    if envelope.family != reader.family:
        return "model_mismatch"
    if is_past:
        return "turn_boundary"
    if reader.enforces_prefix and envelope.prefix != digest:
        return "prefix_mismatch"
    return None
