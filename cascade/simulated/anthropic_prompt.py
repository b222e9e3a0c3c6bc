"""A request to the Messages API as one long prompt: tools, then system, then the conversation.

Thinking is bound to, and the prompt cache goes by, the digest of everything before a place. What
a request may write in two ways (a text for one text block, consecutive turns of one role for one)
has one digest; where the cache's breakpoints stand does not count.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cascade.simulated.anthropic_request import as_blocks
from cascade.simulated.signatures import canonical, chained
from cascade.simulated.usage import CountTokens, PromptCache

__all__ = ["IMAGE_TOKENS", "Element", "InputUsage", "elements", "input_usage", "weight"]

IMAGE_TOKENS = 1500
"""What every picture counts as."""

_LOOK_BACK = 20
"""How many elements before a breakpoint the cache looks for an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A tool, a system text or a block of the conversation.

    Attributes:
        path: Number of the message and of the block in it, from 0; `None` outside the conversation.
        block: As the request has it.
        prefix: Digest of all that stands before it.
        digest: The same, with it.
        tokens: What it counts as.
        ttl: How long the cache keeps what ends here; `None` where no breakpoint is.
    """

    path: tuple[int, int] | None
    block: Mapping[str, Any]
    prefix: str
    digest: str
    tokens: int
    ttl: str | None


def elements(asked: Mapping[str, Any], weigh: Callable[[Mapping[str, Any]], int]) -> list[Element]:
    """The elements of a well-formed request, in order."""
    found: list[Element] = []
    digest = ""
    for path, role, block in _blocks(asked):
        following = chained(digest, [role, _unmarked(block)])
        mark = block.get("cache_control")
        ttl = None if mark is None else mark.get("ttl", "5m")
        found.append(
            Element(
                path=path,
                block=block,
                prefix=digest,
                digest=following,
                tokens=weigh(block),
                ttl=ttl,
            )
        )
        digest = following
    return found


def weight(block: Mapping[str, Any], count: CountTokens) -> int:
    """What a tool or a block that is no thinking counts as, in tokens."""
    match block.get("type"):
        case "text":
            return count(block["text"])
        case "image":
            return IMAGE_TOKENS
        case "tool_use":
            return count(block["name"]) + count(canonical(block["input"]).decode())
        case "tool_result":
            return sum(weight(each, count) for each in as_blocks(block.get("content", [])))
        case _:
            return count(canonical(_unmarked(block)).decode())


def _blocks(
    asked: Mapping[str, Any],
) -> Iterator[tuple[tuple[int, int] | None, str, Mapping[str, Any]]]:
    for tool in asked.get("tools", ()):
        yield None, "tool", tool
    for text in as_blocks(asked.get("system", ())):
        yield None, "instructions", text
    for number, turn in enumerate(asked["messages"]):
        for position, block in enumerate(as_blocks(turn["content"])):
            yield (number, position), turn["role"], block


def _unmarked(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block without breakpoints, those in a tool result included."""
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    if isinstance(bare.get("content"), list):
        bare["content"] = [_unmarked(each) for each in bare["content"]]
    return bare


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUsage:
    """The tokens of a prompt: those read from the cache, those written to it, the others.

    Attributes:
        plain: Neither read nor written.
        read: From the cache.
        written_5m: To the cache, for five minutes.
        written_1h: To the cache, for an hour.
    """

    plain: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


def input_usage(
    prompt: Sequence[Element],
    cache: PromptCache,
    *,
    scope: str,
    settings: str,
    least_tokens: int,
) -> InputUsage:
    """Counts a prompt, and takes what ends at its breakpoints into the cache.

    A prefix is read if an earlier prompt had a breakpoint where it ends, and this one has a
    breakpoint there or up to 20 elements behind.

    Args:
        prompt: Its elements; those that the model is not shown count 0 tokens.
        cache: Of the provider.
        scope: What prefixes have to share to be the same: account and model.
        settings: What those have to share besides that reach into the conversation.
        least_tokens: Shorter prefixes are not cached.
    """
    ends: list[int] = []
    for element in prompt:
        ends.append((ends[-1] if ends else 0) + element.tokens)
    marks = [
        index
        for index, element in enumerate(prompt)
        if element.ttl is not None and ends[index] >= least_tokens
    ]
    keys = [
        f"{scope}/{'' if element.path is None else settings}/{element.digest}" for element in prompt
    ]
    read = max((_cached(keys, index, cache) for index in marks), default=0)
    written = {"5m": 0, "1h": 0}
    done = read
    for index in marks:
        cache.put(keys[index], ends[index])
        written[prompt[index].ttl or "5m"] += max(0, ends[index] - done)
        done = max(done, ends[index])
    total = ends[-1] if ends else 0
    return InputUsage(
        plain=total - done, read=read, written_5m=written["5m"], written_1h=written["1h"]
    )


def _cached(keys: Sequence[str], index: int, cache: PromptCache) -> int:
    """The length of the longest prefix in the cache that a breakpoint finds, in tokens."""
    for before in range(index, max(-1, index - _LOOK_BACK - 1), -1):
        length = cache.length(keys[before])
        if length is not None:
            return length
    return 0
