"""Tools: plain typed functions that a model may call.

`@tool` reads a function's signature and docstring and makes the JSON schema from them; running
one checks the arguments against the annotations. Whatever goes wrong inside becomes a result that
the model can read.
"""

import copy
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Self, get_type_hints, overload

import docstring_parser
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PydanticUserError,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from cascade.errors import ConfigError
from cascade.exchange import SideEffect, ToolSpec

__all__ = ["Tool", "argument_problem", "as_tools", "result_text", "shorten", "tool"]

TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
DEFAULT_MAX_CHARACTERS = 16_000

# `json.dumps` makes an encoder for each call that asks for anything but its defaults.
_AS_JSON = json.JSONEncoder(ensure_ascii=False)


class _Arguments(BaseModel):
    """The base of the models that check arguments."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function with everything that a model, the policy and the runtime need to know of it.

    Make one with `@tool`; calling it calls the function.
    """

    spec: ToolSpec
    function: Callable[..., Any]
    arguments_model: type[BaseModel]
    timeout_s: float | None = 60.0
    """Seconds after which a call is given up; `None` waits for ever."""
    max_characters: int = DEFAULT_MAX_CHARACTERS
    """Longest result that a model is shown; what is cut away is marked."""
    is_async: bool = field(init=False)
    """Whether the function is awaited; others run in a thread."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(_written(self.function)))

    @property
    def name(self) -> str:
        """The name by which a model calls it."""
        return self.spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function as if it were not decorated."""
        return self.function(*args, **kwargs)

    def bind(self, arguments: Mapping[str, JsonValue]) -> Callable[[], Any | Awaitable[Any]]:
        """The call with checked arguments, ready to be made.

        Raises:
            pydantic.ValidationError: The arguments do not fit the signature.
        """
        checked = self.arguments_model.model_validate(_own(arguments))
        fields = type(checked).__pydantic_fields__
        values = {
            fields[name].alias or name: getattr(checked, name) for name in checked.model_fields_set
        }
        return lambda: self.function(**values)

    def replace_function(self, function: Callable[..., Any]) -> Self:
        """The same tool over another function of the same signature."""
        return type(self)(
            spec=self.spec,
            function=function,
            arguments_model=self.arguments_model,
            timeout_s=self.timeout_s,
            max_characters=self.max_characters,
        )


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    side_effect: SideEffect = "write",
    parallel: bool = False,
    waits: bool = False,
    goal: str | None = None,
    data_classes: Iterable[str] = (),
    timeout_s: float | None = 60.0,
    max_characters: int = DEFAULT_MAX_CHARACTERS,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    side_effect: SideEffect = "write",
    parallel: bool = False,
    waits: bool = False,
    goal: str | None = None,
    data_classes: Iterable[str] = (),
    timeout_s: float | None = 60.0,
    max_characters: int = DEFAULT_MAX_CHARACTERS,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Makes a tool of a typed function, sync or async.

    The description and those of the parameters come from the docstring (Google, NumPy, reST or
    Epydoc style). A sync function runs in a thread and never blocks the event loop; such a thread
    cannot be stopped, only abandoned, when its time is up; the process does not end before the
    thread does.

    Args:
        function: A function, bound method, callable object or `functools.partial`; left out where
            the decorator is given options.
        name: What a model calls it by; the function's own name by default.
        side_effect: `read`, `write` or `irreversible`. Only a `read` is run again when a crash
            left its result unknown. The default assumes the worse.
        parallel: Whether it may run at the same time as other parallel calls of the same step.
        waits: Whether calling it again with the same arguments is how one waits for something; no
            monitor takes that for being stuck.
        goal: Name of the part of a task that a call which succeeds has reached.
        data_classes: Classes of data that its results hold; lanes that may not see them are left
            out from then on.
        timeout_s: Seconds after which a call is given up; `None` waits for ever.
        max_characters: Longest result that a model is shown.

    Raises:
        ConfigError: A parameter has no annotation, the signature cannot be described, or the name
            is none that models can call.
    """

    def make(target: Callable[..., Any]) -> Tool:
        return _make(
            target,
            name=name,
            side_effect=side_effect,
            hints=_Hints(
                parallel=parallel, waits=waits, goal=goal, data_classes=tuple(data_classes)
            ),
            timeout_s=timeout_s,
            max_characters=max_characters,
        )

    return make if function is None else make(function)


def _own(arguments: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The arguments for a function that may change what it is given; the log must not change."""
    # Most calls have nothing that could be changed, and looking is cheaper than copying.
    if any(isinstance(value, list | dict) for value in arguments.values()):
        return copy.deepcopy(arguments)
    return arguments


def as_tools(tools: Iterable[Tool | Callable[..., Any]]) -> tuple[Tool, ...]:
    """The tools, with plain functions wrapped under the cautious defaults of `@tool`.

    Raises:
        ConfigError: Two tools have the same name.
    """
    made = tuple(one if isinstance(one, Tool) else tool(one) for one in tools)
    names = [one.name for one in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"each tool needs a name of its own; given twice: {', '.join(twice)}")
    return made


def result_text(value: Any) -> str:
    """A tool's return value as a model reads it: text as it is, all else as JSON."""
    if isinstance(value, str):
        # A lone surrogate cannot be written as UTF-8, and so neither recorded nor sent.
        return value.encode("utf-8", "replace").decode("utf-8")
    return _AS_JSON.encode(to_jsonable_python(value, fallback=str))


def argument_problem(error: ValidationError) -> str:
    """What is wrong with a call's arguments, in a line that a model can act on."""
    problems = (
        f"{'.'.join(str(part) for part in detail['loc']) or 'arguments'}: {detail['msg']}"
        for detail in error.errors(include_url=False, include_input=False)
    )
    return "invalid arguments: " + "; ".join(problems)


def shorten(text: str, most: int) -> tuple[str, int]:
    """The text within *most* characters and how many were cut from its middle."""
    if len(text) <= most:
        return text, 0
    head = most * 2 // 3
    tail = most - head
    omitted = len(text) - head - tail
    mark = f"\n[... {omitted} of {len(text)} characters left out ...]\n"
    return text[:head] + mark + text[len(text) - tail :], omitted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hints:
    """What the runtime is told of a tool besides what it does to the world."""

    parallel: bool
    waits: bool
    goal: str | None
    data_classes: tuple[str, ...]


def _make(
    function: Callable[..., Any],
    *,
    name: str | None,
    side_effect: SideEffect,
    hints: _Hints,
    timeout_s: float | None,
    max_characters: int,
) -> Tool:
    name = name or _own_name(function)
    if not TOOL_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a tool: give it one of at most 64 letters, digits, "
            "'_', '.' and '-' with @tool(name=...)"
        )
    try:
        arguments_model = _arguments_model(function, name)
        schema = arguments_model.model_json_schema()
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise ConfigError(f"tool {name!r} cannot be described to a model: {error}") from error
    docstring = docstring_parser.parse(_doc(function))
    description = "\n".join(
        part for part in (docstring.short_description, docstring.long_description) if part
    )
    schema.pop("title", None)
    for one in schema.get("properties", {}).values():
        one.pop("title", None)
    return Tool(
        spec=ToolSpec(
            name=name,
            description=description,
            parameters=schema,
            side_effect=side_effect,
            parallel=hints.parallel,
            waits=hints.waits,
            goal=hints.goal,
            data_classes=hints.data_classes,
        ),
        function=function,
        arguments_model=arguments_model,
        timeout_s=timeout_s,
        max_characters=max_characters,
    )


def _is_partial(function: object) -> bool:
    # A plain `bool`: narrowing would make the function's type a partly unknown one.
    return isinstance(function, partial)


def _written(function: Callable[..., Any]) -> Any:
    """The function that somebody wrote, under a `partial` or in a callable object."""
    while isinstance(function, partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004 - it is wanted, not tested for


def _own_name(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _doc(function: Callable[..., Any]) -> str:
    written = _written(function)
    if isinstance(function, partial):
        return inspect.getdoc(written) or ""
    return inspect.getdoc(written) or inspect.getdoc(function) or ""


def _arguments_model(function: Callable[..., Any], name: str) -> type[BaseModel]:
    descriptions = {
        parameter.arg_name: parameter.description
        for parameter in docstring_parser.parse(_doc(function)).params
    }
    hints = get_type_hints(_written(function), include_extras=True)
    bound: Mapping[str, object] = getattr(function, "keywords", {}) if _is_partial(function) else {}
    fields: dict[str, Any] = {}
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise ConfigError(
                f"tool {name!r} takes *{parameter.name}: a model calls by name, "
                "so every argument needs one"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ConfigError(
                f"tool {name!r}: {parameter.name!r} is positional-only: a model calls by name"
            )
        if parameter.name in bound:
            # Decided by who made the tool, and none of the model's business.
            continue
        if parameter.name not in hints:
            raise ConfigError(
                f"tool {name!r}: annotate {parameter.name!r}, so that its schema is known"
            )
        if isinstance(parameter.default, FieldInfo):
            raise ConfigError(
                f"tool {name!r}: the default of {parameter.name!r} is a Field(...), which the "
                f"function itself would be given: write `{parameter.name}: Annotated[..., "
                "Field(...)] = value`"
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        annotation: Any = hints[parameter.name]
        description = descriptions.get(parameter.name)
        if description is not None:
            annotation = Annotated[annotation, Field(description=description)]
        # Fields are numbered and go by alias: a parameter may be called `copy` or `schema`, which
        # are names of the model class's own.
        fields[f"argument_{index}"] = (annotation, Field(default, alias=parameter.name))
    return create_model(name, __base__=_Arguments, **fields)
