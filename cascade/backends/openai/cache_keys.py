"""Cache keys: by which a provider tells which requests are likely to begin alike.

Requests are routed by how they begin, and the key counts as part of that
(https://developers.openai.com/docs/guides/prompt-caching, read 2026-11-20): those with one key find
what an earlier one with the same beginning has left.
"""

from hashlib import sha256
from typing import Literal

from cascade.exchange import View

__all__ = ["CacheKey", "cache_key"]

CacheKey = Literal["trajectory", "agent"]
"""What shares a key: the calls of one trajectory; or those of all trajectories with the same system
text and tools, which pays where they are short and many, and their beginnings long."""

_CHARACTERS = 32


def cache_key(view: View, shared_by: CacheKey) -> str:
    """The key of a call. It says nothing of what it is made from."""
    text = view.trajectory_id
    if shared_by == "agent":
        tools = [f"{tool.name}\x1e{tool.description}" for tool in view.tools]
        text = "\x1f".join((view.system or "", *tools))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_CHARACTERS]
