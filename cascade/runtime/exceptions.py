"""One exception at a border, not a group of one."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

__all__ = ["one_exception"]


@contextmanager
def one_exception() -> Generator[None]:
    """Raises what a task group wrapped, where it wrapped a single exception."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = _innermost(group)
        raise error from error.__cause__


def _innermost(error: BaseException) -> BaseException:
    # `isinstance` forgets what the group holds; every member is an exception.
    members: Sequence[BaseException] = getattr(error, "exceptions", ())
    return _innermost(members[0]) if len(members) == 1 else error
