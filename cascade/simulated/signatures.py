"""Opaque blocks that cannot be forged, and that know what they were written behind.

A block's seal is an HMAC over the model and account that it belongs to, a digest of all that stood
before it, and its own content. The prefix's digest is a chain: each element is hashed onto the
digest before it, so that all prefixes of a conversation take one pass.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

__all__ = ["Seal", "Sealed", "canonical", "chained", "content_digest"]

_MAC_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a seal says.

    Attributes:
        model: That wrote the block.
        account: That it was written for.
        prefix: Digest of all that stood before the block.
        content: What the block is bound to of its own content, or what is hidden in it.
    """

    model: str
    account: str
    prefix: str
    content: str


class Seal:
    """Makes and reads seals.

    Args:
        secret: Of the provider. Seals of another secret are forgeries.
    """

    def __init__(self, secret: bytes = b"a simulated provider's secret") -> None:
        self._secret = secret

    def make(self, sealed: Sealed) -> str:
        """The seal as text, in Base64."""
        said = to_json([sealed.model, sealed.account, sealed.prefix, sealed.content])
        return b64encode(self._mac(said) + said).decode()

    def read(self, text: Any) -> Sealed | None:
        """What a seal says; `None` if it is none of ours, or not byte for byte."""
        if not isinstance(text, str) or not text.isascii():
            return None
        try:
            whole = b64decode(text, validate=True)
        except NotBase64:
            return None
        mac, said = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
        is_ours = hmac.compare_digest(mac, self._mac(said)) and b64encode(whole).decode() == text
        if not is_ours:
            return None
        model, account, prefix, content = from_json(said)
        return Sealed(model=model, account=account, prefix=prefix, content=content)

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")


def canonical(value: Any) -> bytes:
    """JSON that is the same for equal values: keys sorted, no spaces, lists in their order."""
    # Unlike pydantic's, this encoder can sort keys.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def chained(digest: str, element: Any) -> str:
    """The digest of a prefix that has one more element."""
    return hashlib.sha256(digest.encode() + canonical(element)).hexdigest()


def content_digest(content: str) -> str:
    """A digest of a block's own content, to be sealed where the content stands beside the seal."""
    return hashlib.sha256(content.encode()).hexdigest()
