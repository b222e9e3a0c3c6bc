"""The JSON schema of `cascade.toml`, for editors and for telling people what is accepted."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from itertools import pairwise
from textwrap import dedent
from typing import Any, cast

from pydantic import BaseModel

from cascade.config.positions import Path
from cascade.config.settings import BUNDLED_CALIBRATION, ConfigFile
from cascade.policy.presets import PRESETS, describe

__all__ = ["Shape", "config_schema", "nearest"]

Node = Mapping[str, Any]

_WORDS: tuple[tuple[str, str], ...] = (
    ("boolean", "true or false"),
    ("integer", "a whole number"),
    ("number", "a number"),
    ("object", "a table"),
)

_BOUNDS = (
    ("minimum", "at least {:g}"),
    ("exclusiveMinimum", "above {:g}"),
    ("maximum", "at most {:g}"),
    ("exclusiveMaximum", "below {:g}"),
)


def config_schema() -> dict[str, Any]:
    """The schema that ships as `cascade.schema.json`, with each field's docstring in it."""
    schema = _file_schema()
    models = {model.__name__: model for model in _models(ConfigFile, set())}
    for name, definition in (("ConfigFile", schema), *schema["$defs"].items()):
        if name in models:
            # What stands under a class is for its readers; the heads of these tables need none.
            for field, text in _docstrings(models[name]).items():
                definition["properties"][field]["description"] = text
    calibration = schema["$defs"]["ConfidenceSettings"]["properties"]["calibration"]
    calibration["description"] += (
        f' In short: "{BUNDLED_CALIBRATION}" for the bundled model, or the path of a JSON file, '
        "from this file's folder."
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "cascade.toml",
    }


def _file_schema() -> dict[str, Any]:
    """The schema of the file's models, with the short ways that `shorthands` spells out."""
    schema = ConfigFile.model_json_schema()
    definitions = schema["$defs"]
    described = "\n".join(f"{name}: {describe(name)}" for name in PRESETS)
    definitions["Policy"]["properties"]["preset"] = {
        "type": "string",
        "enum": list(PRESETS),
        "description": f"Begins with a policy for a common wish; what else stands here goes on top "
        f"of it.\n{described}",
    }
    confidence = definitions["ConfidenceSettings"]["properties"]
    confidence["calibration"]["anyOf"].append({"type": "string"})
    return schema


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *name* was probably meant to be."""
    meant = name.lower()
    choices = list(known)
    begun = [each for each in choices if len(meant) > 2 and each.startswith(meant)]
    found = begun or get_close_matches(meant, choices, n=1)
    return found[0] if found else None


class Shape:
    """Tells what may stand at a place of the file."""

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return _file_schema()

    def keys(self, path: Path) -> tuple[str, ...]:
        """The keys that a table may have; none where any are allowed."""
        nodes = self._at(path)
        return tuple(dict.fromkeys(key for node in nodes for key in node.get("properties", ())))

    def kinds(self, path: Path) -> tuple[str, ...]:
        """What a table that comes in kinds may say that it is."""
        told = (node.get("properties", {}).get("kind", {}) for node in self._at(path))
        return tuple(kind["const"] for kind in told if "const" in kind)

    def accepted(self, path: Path) -> str:
        """What may be the value there, in words."""
        nodes = list(self._at(path))
        if any(node.get("type") == "number" for node in nodes):
            nodes = [node for node in nodes if node.get("type") != "string"]
        return " or ".join(dict.fromkeys(self._words(node) for node in nodes)) or "any value"

    def takes_text(self, path: Path) -> bool:
        """Whether text is accepted there."""
        return any(node.get("type") == "string" for node in self._at(path))

    def _at(self, path: Path) -> Iterator[Node]:
        nodes = list(self._alternatives(self._schema))
        for part in path:
            nodes = [
                alternative
                for node in nodes
                for inner in _below(node, part)
                for alternative in self._alternatives(inner)
            ]
        return iter(nodes)

    def _alternatives(self, node: Node) -> Iterator[Node]:
        if "$ref" in node:
            yield from self._alternatives(self._schema["$defs"][node["$ref"].rpartition("/")[2]])
        elif "anyOf" in node or "oneOf" in node:
            for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
                yield from self._alternatives(each)
        elif node.get("type") != "null":
            yield node

    def _words(self, node: Node) -> str:
        if "enum" in node:
            return "one of " + ", ".join(f'"{each}"' for each in node["enum"])
        kind = node.get("type")
        if "prefixItems" in node:
            each = ", ".join(
                self._words(alternative)
                for item in node["prefixItems"]
                for alternative in self._alternatives(item)
            )
            return f"a list of {len(node['prefixItems'])}: {each}"
        if kind == "array":
            inner = " or ".join(self._words(each) for each in self._alternatives(node["items"]))
            return f"a list of {inner}"
        if kind == "string":
            is_variable = "A-Z" in node.get("pattern", "")
            return "the name of a variable in capitals" if is_variable else "text"
        bounds = [words.format(node[bound]) for bound, words in _BOUNDS if bound in node]
        return ", ".join((dict(_WORDS).get(str(kind), "any value"), *bounds))


def _below(node: Node, part: str | int) -> tuple[Node, ...]:
    if isinstance(part, int):
        places = node.get("prefixItems", ())
        if part < len(places):
            return (places[part],)
        return (node["items"],) if "items" in node else ()
    if part in node.get("properties", {}):
        return (node["properties"][part],)
    inner = node.get("additionalProperties")
    return (cast("Node", inner),) if isinstance(inner, dict) else ()


def _models(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """A model and all that stand in the annotations of its fields."""
    seen.add(model)
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            if annotation not in seen:
                _models(annotation, seen)
        else:
            waiting += getattr(annotation, "__args__", ())
    return seen


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text under each field of a class and of those it extends, in one line."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, BaseModel) and owner.__module__.startswith("cascade."):
            found |= _own_docstrings(owner)
    return found


def _own_docstrings(model: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(dedent(inspect.getsource(model))).body
    body = cast("ast.ClassDef", definition).body
    return {
        before.target.id: " ".join(node.value.value.split())
        for before, node in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
