"""Item identifiers and encrypted reasoning that only the server which made them accepts.

An identifier says, under a keyed hash, whose response it belongs to and which reasoning item it
needs; an encrypted block says for whom, behind what and before what it was written. So the server
remembers nothing and yet knows what it issued, as with `store=false`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from pydantic_core import from_json, to_json

from cascade.simulated.received import Received
from cascade.simulated.signatures import Seal, Sealed, chained

__all__ = ["Envelope", "Issued", "ItemKind", "Seals", "essence", "head_digest", "item_digest"]

ItemKind = Literal["rs", "msg", "fc"]
"""Reasoning, message, function call."""

_BLOCK_HEAD = "gAAAAAsim"
_NO_REASONING = 0xFF
_TOKEN_HEX = 16
_MAC_HEX = 20
_ID_HEX = _TOKEN_HEX + 2 + 2 + _MAC_HEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What an identifier says of its item.

    Attributes:
        kind: Of item.
        reasoning_id: The reasoning item that it may not be sent without, if any.
    """

    kind: ItemKind
    reasoning_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What an encrypted block is bound to.

    Attributes:
        id: Of the reasoning item that it was issued in.
        organization: Whose account it was.
        family: Of the model that wrote it.
        prefix: Digest of what the model was shown.
        following: Digest of the item that the reasoning led to.
        end_user: The request's safety identifier.
    """

    id: str
    organization: str
    family: str
    prefix: str
    following: str
    end_user: str


class Seals:
    """Issues and verifies identifiers and encrypted blocks.

    Args:
        secret: Two servers with the same one accept each other's.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._seal = Seal(secret)

    def token(self, received: Received) -> str:
        """The token of the response to a request, in hexadecimal digits.

        Two servers that were asked for different things never give the same one.
        """
        return self._mac(f"response {received.number} {sha256(received.body).hexdigest()}")[
            :_TOKEN_HEX
        ]

    def call_id(self, token: str, index: int) -> str:
        """The identity of a response's call at that place of its output."""
        return f"call_sim{self._mac(f'call {token} {index}')[:21]}"

    def item_id(
        self,
        kind: ItemKind,
        token: str,
        index: int,
        organization: str,
        reasoning: int | None = None,
    ) -> str:
        """An item's identifier.

        Args:
            kind: Of item.
            token: Of its response.
            index: Its place in the response's output.
            organization: Whose account it is; no other may send it.
            reasoning: The place of the reasoning that it needs, if any.
        """
        needs = _NO_REASONING if reasoning is None else reasoning
        body = f"{token}{index:02x}{needs:02x}"
        return f"{kind}_sim{body}{self._mac(f'{kind} {body} {organization}')[:_MAC_HEX]}"

    def issued(self, identifier: str, organization: str) -> Issued | None:
        """What an identifier says, or `None` where that account was never given it."""
        kind, mark, digits = identifier.partition("_sim")
        if not mark or len(digits) != _ID_HEX or kind not in {"rs", "msg", "fc"}:
            return None
        body, mac = digits[:-_MAC_HEX], digits[-_MAC_HEX:]
        expected = self._mac(f"{kind} {body} {organization}")[:_MAC_HEX]
        if not hmac.compare_digest(mac.encode(), expected.encode()):
            return None
        token, needs = body[:_TOKEN_HEX], int(body[-2:], 16)
        found: ItemKind = "rs" if kind == "rs" else "msg" if kind == "msg" else "fc"
        reasoning = (
            None if needs == _NO_REASONING else self.item_id("rs", token, needs, organization)
        )
        return Issued(kind=found, reasoning_id=reasoning)

    def encrypt(self, envelope: Envelope) -> str:
        """An encrypted block; the same for the same envelope."""
        content = to_json([envelope.id, envelope.following, envelope.end_user]).decode()
        return _BLOCK_HEAD + self._seal.make(
            Sealed(
                model=envelope.family,
                account=envelope.organization,
                prefix=envelope.prefix,
                content=content,
            )
        )

    def decrypt(self, block: str) -> Envelope | None:
        """What a block is bound to; `None` where this server never made it or it was changed."""
        if not block.startswith(_BLOCK_HEAD):
            return None
        sealed = self._seal.read(block.removeprefix(_BLOCK_HEAD))
        if sealed is None:
            return None
        identifier, following, end_user = from_json(sealed.content)
        return Envelope(
            id=identifier,
            organization=sealed.account,
            family=sealed.model,
            prefix=sealed.prefix,
            following=following,
            end_user=end_user,
        )

    def _mac(self, what: str) -> str:
        return hmac.digest(self._secret, what.encode(), "sha256").hex()


def head_digest(body: Mapping[str, Any]) -> str:
    """The digest of what stands before the first item: instructions and tools."""
    return chained("", [body.get("instructions"), body.get("tools") or []])


def item_digest(item: Mapping[str, Any]) -> str:
    """The digest of one output item alone, without its phase."""
    return chained("", {name: value for name, value in essence(item).items() if name != "phase"})


def essence(item: Mapping[str, Any]) -> dict[str, Any]:
    """What of an item matters to the model.

    Identifiers of messages and calls, statuses and the two spellings of a message do not.
    """
    match item.get("type", "message"):
        case "reasoning":
            return {"reasoning": item.get("id")}
        case "function_call":
            return {name: item.get(name) for name in ("call_id", "name", "arguments")}
        case "function_call_output":
            return {name: item.get(name) for name in ("call_id", "output")}
        case _:
            return {
                "role": item.get("role"),
                "content": _content(item.get("content")),
                "phase": item.get("phase"),
            }


def _content(content: Any) -> list[Any]:
    """A message's content in one spelling: a text alone is a list of one text."""
    if isinstance(content, str):
        return [["text", content]]
    return [
        ["text", part.get("text")] if part.get("type") in {"input_text", "output_text"} else part
        for part in content or ()
    ]
