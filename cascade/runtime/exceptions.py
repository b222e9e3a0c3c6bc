"""One exception at a border, never a group."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

__all__ = ["described", "leaves", "one_exception"]


@contextmanager
def one_exception() -> Generator[None]:
    """Raises what a task group wrapped.

    Of several the first is raised, before it one that ends the program; it has the others as notes
    and the whole group as its context.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error, *others = sorted(leaves(group), key=_rank)
        for other in others:
            error.add_note(f"At the same time: {described(other)}")
        raise error from error.__cause__


def leaves(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions that a group holds at any depth; any other exception is its only leaf."""
    # `isinstance` forgets what the group holds; every member is an exception.
    members: Sequence[BaseException] = getattr(error, "exceptions", ())
    if not isinstance(error, BaseExceptionGroup):
        return (error,)
    return tuple(leaf for member in members for leaf in leaves(member))


def described(error: BaseException) -> str:
    """Type and message, even of an exception that cannot be put into words."""
    try:
        message = str(error)
    except Exception as second:  # noqa: BLE001 - its `__str__` is not ours and may raise anything
        message = f"(no message: its text raised {type(second).__name__})"
    return f"{type(error).__name__}: {message}"


def _rank(error: BaseException) -> int:
    # A cancellation comes last: what is raised in its place ends the task just as well.
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return 0
    return 1 if isinstance(error, Exception) else 2
