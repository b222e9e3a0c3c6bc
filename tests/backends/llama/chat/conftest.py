"""Templates, tools and a tokenizer that the chat tests share."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf

from cascade.backends.llama.chat import ChatFormat
from cascade.backends.llama.engine import Model
from cascade.backends.llama.engine.grammar import Matcher

_TEMPLATES = Path(__file__).parent / "templates"
_REPOSITORY = Path(__file__).parents[4]

Verdict = Callable[[str, str], str]


def _tool(name: str, properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


@pytest.fixture(scope="session")
def tools() -> list[dict[str, Any]]:
    """Tools with text, typed, nested, optional and no arguments; one name begins like another."""
    text = {"type": "string"}
    filters = {"lang": text, "min_score": {"type": "number"}}
    return [
        _tool(
            "get_weather",
            {"city": text, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
            "city",
        ),
        _tool(
            "search",
            {
                "query": text,
                "limit": {"type": "integer"},
                "tags": {"type": "array", "items": text},
                "filter": {"type": "object", "properties": filters},
                "exact": {"type": "boolean"},
            },
            "query",
        ),
        _tool("get_time", {}),
        _tool("get_weather_later", {"city": text}, "city"),
    ]


@pytest.fixture(scope="session")
def chat_format() -> Callable[[str], ChatFormat]:
    """The format of one of the small templates next to the tests, by its name."""
    made: dict[str, ChatFormat] = {}

    def find(name: str) -> ChatFormat:
        if name not in made:
            text = (_TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
            made[name] = ChatFormat.from_template(text, bos_token="<s>", eos_token="</s>")
        return made[name]

    return find


@pytest.fixture(scope="session")
def case_files() -> Path:
    """The folder of recorded cases, which is not part of the repository."""
    root = Path(os.environ.get("CASCADE_DATA", _REPOSITORY.parent / "shared" / "data"))
    folder = root / "chatformats"
    if not (folder / "check.py").exists():
        pytest.skip(f"no recorded cases in {folder}; CASCADE_DATA can name the folder above")
    return folder


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A byte-level tokenizer inside of llama.cpp."""
    model = Model(tiny_gguf.write_llama(tmp_path_factory.mktemp("chat") / "tiny.gguf"))
    yield model
    model.close()


@pytest.fixture(scope="session")
def verdict(tokenizer: Model) -> Iterator[Verdict]:
    """What llama.cpp's own matcher says of a text: accepted, incomplete, or dead."""
    parsed: dict[str, Matcher] = {}

    def decide(gbnf: str, text: str) -> str:
        if gbnf not in parsed:
            parsed[gbnf] = Matcher.parse(tokenizer, gbnf)
        matcher = parsed[gbnf].clone()
        try:
            tokens = tokenizer.tokenize(text, special=False)
            if not all(matcher.accept(token) for token in tokens):
                return "dead"
            return "accept" if matcher.allows(tokenizer.eos) else "incomplete"
        finally:
            matcher.close()

    yield decide
    for matcher in parsed.values():
        matcher.close()
