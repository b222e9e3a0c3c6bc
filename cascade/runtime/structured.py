"""Final answers of a form: from a pydantic model to a schema, and from a text back to the model."""

import re
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, PydanticUserError, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, core_schema

from cascade.errors import ConfigError
from cascade.exchange import Draft, OutputSchema

__all__ = ["output_schema", "parsed", "problem_with"]

Model = TypeVar("Model", bound=BaseModel)

_FENCED = re.compile(r"```(?:json|JSON)?\s*(.*?)\s*```", re.DOTALL)
_NAME_CHARACTERS = 64
_MOST_PROBLEMS = 6
_PROBLEM_CHARACTERS = 160


def output_schema(model: type[BaseModel]) -> OutputSchema:
    """The form that an answer must have to be read as *model*; made once for a class.

    Raises:
        ConfigError: It is no pydantic model, or none whose JSON is an object of a known schema.
    """
    # Asked again although typed: what callers pass comes from users.
    if not (isinstance(model, type) and issubclass(model, BaseModel)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigError(
            f"{model!r:.200} is no form for an answer: give a class derived from "
            "pydantic.BaseModel, not an instance of one, a dataclass or a schema"
        )
    return _schema_of(model)


def problem_with(model: type[BaseModel], draft: Draft) -> str | None:
    """What keeps *draft* from being read as *model*, in words for the one who wrote it.

    A draft that calls tools is no final answer, so nothing is wrong with it.
    """
    if draft.message.calls:
        return None
    try:
        model.model_validate_json(_unfenced(draft.message.text))
    except ValidationError as error:
        return f"It is not a final answer of the form that was asked for: {_in_words(error)}."
    return None


def parsed(model: type[Model], answer: str) -> Model:
    """The *answer* read as *model*.

    Raises:
        ConfigError: It does not fit; an answer that was accepted for this model always does.
    """
    try:
        return model.model_validate_json(_unfenced(answer))
    except ValidationError as error:
        raise ConfigError(
            f"the answer does not fit {model.__name__}: {_in_words(error)}; give the model that "
            "the trajectory was started with"
        ) from error


class _Plain(GenerateJsonSchema):
    """Schemas as a model is best shown them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own name
        """Never: such a title only repeats the field's name."""
        return False

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A number; pydantic would also take it as text, of which a grammar knows no form."""
        made = super().decimal_schema(schema)
        options: list[JsonSchemaValue] = made.get("anyOf", [])
        return next((each for each in options if each.get("type") == "number"), made)


@lru_cache(maxsize=128)
def _schema_of(model: type[BaseModel]) -> OutputSchema:
    try:
        definition = model.model_json_schema(schema_generator=_Plain)
    except (NameError, TypeError, ValueError, PydanticUserError) as error:
        raise ConfigError(
            f"{model.__name__} cannot be described to a model: {error}; every field needs a type "
            "that JSON can hold"
        ) from error
    definition = _inlined(definition)
    if definition.get("type") != "object":
        raise ConfigError(
            f"the JSON of {model.__name__} is no object, and only objects can be demanded of "
            "every lane: give a model with fields, one of them holding the list or the union"
        )
    definition.pop("title", None)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", model.__name__)[:_NAME_CHARACTERS]
    return OutputSchema(name=name, definition=definition)


def _inlined(definition: dict[str, Any]) -> dict[str, Any]:
    """The schema itself in place of a reference to it, which is what recursive models have."""
    if "$ref" not in definition:
        return definition
    own = definition["$defs"][definition["$ref"].removeprefix("#/$defs/")]
    return {**own, "$defs": definition["$defs"]}


def _unfenced(text: str) -> str:
    """The text, or what a Markdown fence round all of it holds; always valid Unicode."""
    text = text.strip().encode("utf-8", "replace").decode("utf-8")
    fenced = _FENCED.fullmatch(text)
    return fenced[1] if fenced else text


def _in_words(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [_problem(detail) for detail in details[:_MOST_PROBLEMS]]
    if len(details) > _MOST_PROBLEMS:
        problems.append(f"and {len(details) - _MOST_PROBLEMS} more")
    return "; ".join(problems)


def _problem(detail: ErrorDetails) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    text = f"{path}: {detail['msg']}" if path else detail["msg"]
    return text if len(text) <= _PROBLEM_CHARACTERS else text[:_PROBLEM_CHARACTERS] + "..."
