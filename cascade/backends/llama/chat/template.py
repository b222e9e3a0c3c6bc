"""A chat template: Jinja source from a GGUF, compiled once and rendered at each step."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, cast

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from cascade.errors import ConfigError

__all__ = ["ChatTemplate", "TemplateRefusal"]

_FUNCTIONS = re.compile(r"\+\s*functions\b")


class TemplateRefusal(ConfigError):  # noqa: N818 - names the fact
    """A template cannot be compiled, or it rejects the messages that it was given."""


class _GenerationBlock(Extension):
    """Reads `{% generation %}`, which marks assistant text for training and changes no output."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares a plain set

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _plain(value: object) -> object:
    if isinstance(value, jinja2.Undefined):
        return None
    if isinstance(value, Iterable):
        return list(cast("Iterable[object]", value))  # what a template iterates over
    return str(value)


def _to_json(
    value: object,
    *,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Writes JSON as templates expect it: no HTML escapes, generators as arrays."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
        default=_plain,
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _environment() -> SandboxedEnvironment:
    # Not the immutable sandbox: some published templates append to lists that they made themselves.
    environment = SandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationBlock, LoopControlExtension],
        autoescape=False,
    )
    filters: dict[str, Callable[..., Any]] = environment.filters
    filters["tojson"] = _to_json
    helpers: dict[str, Any] = environment.globals  # declared by the names that Jinja ships
    helpers["raise_exception"] = _raise_exception
    return environment


class ChatTemplate:
    """A compiled chat template.

    Attributes:
        source: The Jinja text.
        wants_functions: The tools are wanted as text in the variable `functions`.
    """

    def __init__(self, source: str, *, bos_token: str = "", eos_token: str = "") -> None:
        """Compiles a template.

        Args:
            source: The Jinja text, as in the GGUF key `tokenizer.chat_template`.
            bos_token: Text of the token that begins a sequence.
            eos_token: Text of the token that ends one.

        Raises:
            TemplateRefusal: The text is no valid Jinja.
        """
        self.source = source
        self.wants_functions = _FUNCTIONS.search(source) is not None
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        try:
            self._compiled = _environment().from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateRefusal(
                f"The model's chat template cannot be compiled: line {error.lineno}: "
                f"{error.message}. Give another template in the lane's settings."
            ) from error

    @staticmethod
    def as_json(value: object) -> str:
        """JSON as the template's own filter writes it."""
        return _to_json(value)

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        now: dt.datetime | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Renders messages that already have the shape this template wants.

        Args:
            messages: OpenAI-style messages. The template may append to this list, not to its items.
            tools: OpenAI-style tools; the variable `tools` stays undefined when there are none.
            add_generation_prompt: End with the opening of an assistant turn.
            now: The time that dated templates show; the present by default.
            variables: Further template variables.

        Raises:
            TemplateRefusal: The template rejects the messages or fails on them.
        """
        time = now or dt.datetime.now().astimezone()
        context: dict[str, Any] = {
            **self._tokens,
            "strftime_now": time.strftime,
            "date_string": time.strftime("%d %b %Y"),
            "datetime": time.strftime("%b %d %Y"),
            "messages": list(messages),
            "add_generation_prompt": add_generation_prompt,
        }
        if tools:
            context["tools"] = list(tools)
        if self.wants_functions:
            context["functions"] = ""
        try:
            return self._compiled.render({**context, **(variables or {})})
        except jinja2.TemplateError as error:
            raise TemplateRefusal(f"The chat template refused the messages: {error}") from error
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            # Templates add None to text or index what is absent when a message lacks a part.
            raise TemplateRefusal(
                f"The chat template failed on the messages: {type(error).__name__}: {error}"
            ) from error
