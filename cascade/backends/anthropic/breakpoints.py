"""Cache breakpoints in the conversation, without touching the encoded messages."""

from collections.abc import Sequence

__all__ = ["with_breakpoints"]

_USER = b'{"role":"user"'
_END = b"}]}"


def with_breakpoints(fragments: Sequence[bytes], mark: bytes) -> list[bytes]:
    """The encoded messages with a mark at the newest user turn and at the one of the call before.

    The provider looks for what it cached only some blocks back from a mark, so a step with many
    calls would not be found from its end alone. Together with those on the system text and on the
    tools that is four marks, the most that a request may have. Marks are no part of what signatures
    are bound to. The work does not grow with the conversation but for copying the list.

    Args:
        fragments: Encoded messages, as the codec made them.
        mark: JSON of the `cache_control` member's value.
    """
    marked = list(fragments)
    newest = _last(fragments, len(fragments), is_user=True)
    if newest is None:
        return marked
    marked[newest] = _marked(marked[newest], mark)
    answer = _last(fragments, newest, is_user=False)
    before = None if answer is None else _last(fragments, answer, is_user=True)
    if before is not None:
        marked[before] = _marked(marked[before], mark)
    return marked


def _last(fragments: Sequence[bytes], end: int, *, is_user: bool) -> int | None:
    for index in range(end - 1, -1, -1):
        if fragments[index].startswith(_USER) == is_user:
            return index
    return None


def _marked(fragment: bytes, mark: bytes) -> bytes:
    """The mark goes into the last block, behind its other members."""
    return fragment.removesuffix(_END) + b',"cache_control":' + mark + _END
