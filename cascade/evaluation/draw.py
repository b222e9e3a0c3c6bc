"""What a suite's own code hands over, checked before anything is made of it."""

from collections.abc import Iterable, Sequence
from inspect import iscoroutine
from itertools import islice
from typing import Any, cast

from cascade.errors import ConfigError
from cascade.suites import Episode, Score, Suite, Task
from cascade.tools import Tool, as_tools

__all__ = ["checked_score", "draw", "open_task"]


def draw(suite: Suite, count: int, seed: int) -> tuple[Task, ...]:
    """Draws at most *count* tasks; a suite that has fewer gives those that it has.

    Args:
        suite: Where from. An iterator of tasks is read once, and no further than it is needed.
        count: How many.
        seed: What to draw them with.

    Raises:
        ConfigError: The suite's own code failed, there is no task, two have one id, or an
            attribute is missing or of another type than it has to be.
    """
    name = _attribute("the suite", suite, "name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"the suite's `name` is {name!r} and must be text")
    where = f"suite {name!r}"
    families = _attribute(where, suite, "families")
    if isinstance(families, str) or not isinstance(families, Iterable):
        raise ConfigError(f"{where}: its `families` is {families!r} and must be a list")
    try:
        drawn = _first(suite.tasks(count, seed), count)
    except Exception as error:
        message = f"{where}: its `tasks` raised {type(error).__name__}: {error}"
        raise ConfigError(message) from error
    if not isinstance(drawn, tuple):
        raise ConfigError(f"{where}: its `tasks` returned {drawn} and no tasks")
    if not drawn:
        raise ConfigError(f"{where} gave none of the {count} tasks that were asked for")
    _check_tasks(where, drawn)
    return drawn


def open_task(task: Task) -> tuple[Episode, tuple[Tool, ...]]:
    """A fresh world and its tools.

    Raises:
        ConfigError: The suite's own code failed.
    """
    try:
        episode = task.open()
    except Exception as error:
        message = f"task {task.id!r}: its `open` raised {type(error).__name__}: {error}"
        raise ConfigError(message) from error
    if iscoroutine(episode) or not callable(getattr(episode, "check", None)):
        raise ConfigError(
            f"task {task.id!r}: its `open` returned {_named(episode)} and no world with "
            "`tools` and `check`"
        )
    try:
        return episode, as_tools(episode.tools)
    except Exception as error:
        message = f"task {task.id!r}: its `tools` cannot be used: {type(error).__name__}: {error}"
        raise ConfigError(message) from error


def checked_score(score: object, task: str) -> Score:
    """The score that a `check` returned.

    Args:
        score: What it returned.
        task: The task's id, for messages.

    Raises:
        ConfigError: It is no score, or one of its parts is not what it has to be.
    """
    if not isinstance(score, Score):
        raise ConfigError(f"task {task!r}: its `check` returned {_named(score)} and no Score")
    success, reward, reason = _parts(score)
    problems = {
        f"success {success!r} is neither True nor False": not isinstance(success, bool),
        f"reward {reward!r} is not in [0, 1]": not isinstance(reward, (int, float))
        or not 0 <= reward <= 1,
        f"reason {reason!r} is not text": not isinstance(reason, str),
    }
    wrong = [problem for problem, there in problems.items() if there]
    if wrong:
        raise ConfigError(f"task {task!r}: its `check` returned a Score whose {'; '.join(wrong)}")
    return score


def _parts(score: Score) -> tuple[object, object, object]:
    # A dataclass checks nothing, whatever its annotations say.
    return score.success, score.reward, score.reason


def _first(given: object, count: int) -> tuple[Task, ...] | str:
    """The first *count* of what was given, or what that is where it holds nothing."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return _named(given)
    return tuple(islice(cast("Iterable[Task]", given), count))  # each is checked afterwards


def _check_tasks(where: str, drawn: Sequence[Task]) -> None:
    for place, task in enumerate(drawn, start=1):
        _check_task(f"{where}, task {place}", task)
    ids = [task.id for task in drawn]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ConfigError(f"{where} has several tasks of one id: {', '.join(twice)}")


def _check_task(where: str, task: Task) -> None:
    for name, wanted in (("id", str), ("family", str), ("seed", int), ("prompt", str)):
        value = _attribute(where, task, name)
        if not isinstance(value, wanted) or isinstance(value, bool):
            kind = "text" if wanted is str else "a whole number"
            raise ConfigError(f"{where}: its `{name}` is {value!r} and must be {kind}")
    system = _attribute(where, task, "system")
    if system is not None and not isinstance(system, str):
        raise ConfigError(f"{where}: its `system` is {system!r} and must be text")
    if not callable(_attribute(where, task, "open")):
        raise ConfigError(f"{where}: its `open` cannot be called")


def _attribute(where: str, one: object, name: str) -> object:
    try:
        return getattr(one, name)
    except Exception as error:
        raise ConfigError(f"{where}: no `{name}`: {type(error).__name__}: {error}") from error


def _named(value: Any) -> str:
    """What a value is, in a message; a coroutine is closed, as nobody will await it."""
    if iscoroutine(value):
        value.close()
        return "a coroutine (it must be a plain function, not an async one)"
    return f"{type(value).__name__} {str(value)[:80]!r}"
