"""One exception at a border, not a group of one."""

from collections.abc import Generator
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


def _innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    if len(group.exceptions) > 1:
        return group
    only = group.exceptions[0]
    return _innermost(only) if isinstance(only, BaseExceptionGroup) else only
