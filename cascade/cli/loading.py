"""The user's own Python: tools, suites and scripts, from files or modules."""

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from cascade.errors import ConfigError
from cascade.suites import Suite
from cascade.tools import Tool, as_tools

__all__ = ["load_object", "load_suite", "load_tools"]

BUNDLED_SUITES = {"desk": "cascade.desk.suite:suite"}


def load_tools(references: Sequence[str]) -> tuple[Tool, ...]:
    """The tools that *references* name.

    A file or module alone gives what it lists in `__all__`, tools and plain functions; without an
    `__all__` it gives every tool in it that was made with `@tool`. `FILE_OR_MODULE:name` gives
    that tool, function, or list of them.

    Raises:
        ConfigError: Something cannot be imported, there are no tools in it, or two of one name.
    """
    found: list[Any] = []
    for reference in references:
        found += [one for one in _tools(reference) if all(one is not other for other in found)]
    return as_tools(found)


def load_suite(reference: str) -> Suite:
    """The suite that *reference* names: `desk`, `module:attribute` or `file.py:attribute`.

    Raises:
        ConfigError: There is none.
    """
    if reference not in BUNDLED_SUITES and ":" not in reference:
        known = ", ".join(BUNDLED_SUITES)
        raise ConfigError(
            f"there is no suite {reference!r}; the bundled ones are: {known}; "
            "for one of your own write module:attribute or file.py:attribute"
        )
    suite: Any = load_object(BUNDLED_SUITES.get(reference, reference))
    missing = [name for name in ("name", "families", "tasks") if not hasattr(suite, name)]
    if isinstance(suite, type) or missing:
        what = "a class" if isinstance(suite, type) else f"without {', '.join(missing)}"
        raise ConfigError(
            f"{reference} is {what}; a suite is an object with name, families and "
            "tasks(count, seed)"
        )
    return cast("Suite", suite)


def load_object(reference: str) -> Any:
    """What `module:attribute` or `file.py:attribute` names.

    Raises:
        ConfigError: It cannot be imported, or has no such attribute.
    """
    place, colon, name = reference.rpartition(":")
    if not colon or not place or not name:
        raise ConfigError(
            f"{reference!r} names no object: write module:attribute or file.py:attribute"
        )
    module = _module(place)
    try:
        return getattr(module, name)
    except AttributeError:
        public = ", ".join(sorted(one for one in vars(module) if not one.startswith("_")))
        raise ConfigError(f"{place} has no {name!r}; it has: {public or 'nothing'}") from None


def _tools(reference: str) -> list[Any]:
    if not reference.endswith(".py") and ":" in reference:
        named = load_object(reference)
        several = isinstance(named, (list, tuple))
        return list(cast("Sequence[Any]", named)) if several else [named]
    module = _module(reference)
    listed = getattr(module, "__all__", None)
    if listed is None:
        found = [one for one in vars(module).values() if isinstance(one, Tool)]
        wanted = "decorate functions with @cascade.tool, or name them in __all__"
    else:
        members = [getattr(module, name, None) for name in listed]
        found = [one for one in members if isinstance(one, Tool) or isfunction(one)]
        wanted = "its __all__ names neither a tool nor a function"
    if not found:
        raise ConfigError(f"{reference} has no tools: {wanted}")
    return found


def _module(place: str) -> ModuleType:
    try:
        return _file_module(Path(place)) if place.endswith(".py") else _named_module(place)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error


def _named_module(name: str) -> ModuleType:
    # An installed command does not look in the current folder by itself, as `python -m` does.
    _look_in(Path.cwd())
    return import_module(name)


def _file_module(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    path = path.resolve()
    # A name of its own keeps `tools.py` apart from an installed module called `tools`.
    name = f"{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    _look_in(path.parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
