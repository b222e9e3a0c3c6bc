"""Where keys stand in a TOML text."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.config.positions import Path, line_of, positions

TEXT = """\
# [lanes.not] a comment
title = "a # no comment"  # a comment
[lanes.sol]   # the first
model = "x"
"quoted.key" = 'its'
limits.requests_per_minute = 5
settings = { a = 1, "b c" = [1, 2], d.e = "}" }

[lanes."gpt-6.1"]
stop = [
  "]",  # not the end
  '''
[lanes.ghost]
model = "ghost"
''',
  { deep = true },
]
[[rules]]
name = 1
[rules.inner]
x = 1
[[rules]]
name = 2
[rules.inner]
x = 2
"""


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of everything inside a parsed document."""
    items = (
        cast("Mapping[str, Any]", value).items()
        if isinstance(value, dict)
        else enumerate(cast("list[Any]", value))
        if isinstance(value, list)
        else ()
    )
    for part, inner in items:
        yield (*path, part)
        yield from paths(inner, (*path, part))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("lanes",), 3),
        (("lanes", "sol"), 3),
        (("lanes", "sol", "model"), 4),
        (("lanes", "sol", "quoted.key"), 5),
        (("lanes", "sol", "limits"), 6),
        (("lanes", "sol", "limits", "requests_per_minute"), 6),
        (("lanes", "sol", "settings", "d", "e"), 7),
        (("lanes", "sol", "settings", "b c", 1), 7),
        (("lanes", "gpt-6.1"), 9),
        (("lanes", "gpt-6.1", "stop", 0), 11),
        (("lanes", "gpt-6.1", "stop", 1), 12),
        (("lanes", "gpt-6.1", "stop", 2, "deep"), 16),
        (("rules", 0, "name"), 19),
        (("rules", 0, "inner", "x"), 21),
        (("rules", 1), 22),
        (("rules", 1, "inner", "x"), 25),
    ],
)
def test_each_key_is_found_on_its_line(path: Path, line: int):
    assert positions(TEXT)[path] == line


def test_what_stands_in_strings_and_comments_is_no_key():
    found = positions(TEXT)
    assert set(found) == set(paths(tomllib.loads(TEXT)))


def test_a_key_that_is_missing_is_told_by_the_table_around_it():
    found = positions("[lanes.sol]\n\nmodel = 'x'\n")
    assert line_of(("lanes", "sol", "tier"), found) == 1
    assert line_of(("policy", "budget"), found) is None


@pytest.mark.parametrize(
    "text",
    [
        'a = """"two quotes at the ends""""\nb = 1\n',
        "a = '''it's'''''\nb = 1\n",
        'a = "\\"]"\nb = 1\n',
        "a = [[1, 2], [3]]\nb = 1",
        "a = 1\r\nb = 1\r\n",
        "a.b.c = 1979-05-27T07:32:00Z # x\n",
        "",
        "# only a comment",
    ],
)
def test_awkward_texts_are_read_to_their_end(text: str):
    assert set(positions(text)) == set(paths(tomllib.loads(text)))


KEYS = st.text("ab-_1", min_size=1, max_size=3) | st.text(' ."#=[]é', min_size=1, max_size=3)
STRINGS = st.text("ab \"'#[]{}=,\n\\é", max_size=8)
SCALARS = STRINGS | st.integers(-9, 9) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    """A value in TOML; strings over several lines where they have several."""
    if isinstance(value, dict):
        pairs = cast("Mapping[str, Any]", value).items()
        return "{ " + ", ".join(f"{written(key)} = {written(inner)}" for key, inner in pairs) + " }"
    if isinstance(value, list):
        return (
            "[\n" + "".join(f"  {written(each)}, # ]\n" for each in cast("list[Any]", value)) + "]"
        )
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"""\n{escaped}"""' if "\n" in value else f'"{escaped}"'
    return str(value).lower()


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=4))
def test_every_key_that_the_parser_finds_is_found_on_a_line_that_holds_it(
    document: dict[str, dict[str, Any]],
):
    text = "".join(
        f"\n[{written(table)}]\n"
        + "".join(f"{written(key)} = {written(value)}\n" for key, value in values.items())
        for table, values in document.items()
    )
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # Line breaks inside inline tables are not in every version of TOML.
        return
    found = positions(text)
    assert set(found) == set(paths(parsed))
    lines = text.split("\n")
    for path, line in found.items():
        if isinstance(path[-1], str):
            assert written(path[-1]) in lines[line - 1]
