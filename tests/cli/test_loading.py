"""Tools, suites and scripts from the user's own files and modules."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from cascade.cli.loading import load_object, load_suite, load_tools
from cascade.errors import ConfigError


def names(*references: str) -> list[str]:
    return [tool.name for tool in load_tools(references)]


def test_a_file_gives_every_decorated_function_and_no_other():
    assert names("tools.py") == ["look", "noisy"]


def test_a_name_gives_that_function_even_if_it_is_plain():
    assert names("tools.py:unlisted") == ["unlisted"]


def test_a_named_list_gives_its_members():
    assert names("tools.py:both") == ["look", "unlisted"]


def test_a_tool_that_is_named_twice_is_given_once():
    assert names("tools.py:look", "tools.py") == ["look", "noisy"]


def test_a_module_in_the_current_folder_is_found(folder: Path):
    name = f"module_{folder.name}".replace("-", "_")
    Path(f"{name}.py").write_text("def double(x: int) -> int:\n    return 2 * x", encoding="utf-8")
    assert names(f"{name}:double") == ["double"]


def test_what_a_file_lists_in_all_is_taken_and_nothing_else():
    Path("listed.py").write_text(
        "from tools import look, noisy, unlisted\n"
        "LIMIT = 3\n"
        "__all__ = ['LIMIT', 'noisy', 'unlisted']\n",
        encoding="utf-8",
    )
    assert names("listed.py") == ["noisy", "unlisted"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "decorate functions with @cascade.tool"),
        ("__all__ = ['x']\nx = 1", "its __all__ names neither a tool nor a function"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def f(:", "SyntaxError"),
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("from cascade import ConfigError\nraise ConfigError('mine')", "mine"),
    ],
)
def test_a_file_that_gives_no_tools_says_why(text: str, message: str):
    Path("faulty.py").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_tools(["faulty.py"])


def test_a_file_that_failed_is_read_anew_when_it_was_mended():
    Path("mended.py").write_text("raise ValueError", encoding="utf-8")
    with pytest.raises(ConfigError):
        load_object("mended.py:value")
    Path("mended.py").write_text("value = 'it works now'", encoding="utf-8")
    assert load_object("mended.py:value") == "it works now"


@pytest.mark.parametrize("reference", ["nothing.py", "nothing.py:tools", "no_such_module_here"])
def test_a_missing_file_or_module_is_a_configuration_error(reference: str):
    with pytest.raises(ConfigError, match=r"there is no file nothing\.py|cannot be imported"):
        load_tools([reference])


def test_two_tools_of_one_name_are_refused():
    Path("again.py").write_text("def look() -> int:\n    return 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="given twice: look"):
        load_tools(["tools.py", "again.py:look"])


def test_the_bundled_suite_goes_by_its_name():
    assert load_suite("desk").name == "desk"


def test_a_suite_of_ones_own_is_found_by_file(examples: Path):
    assert load_suite(f"{examples / 'own_suite.py'}:suite").name == "shelf"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("desks", "there is no suite 'desks'; the bundled ones are: desk"),
        ("tools.py:look", "tools.py:look is without families, tasks"),
        (":suite", "names no object"),
    ],
)
def test_what_is_no_suite_is_refused(reference: str, message: str):
    with pytest.raises(ConfigError, match=message):
        load_suite(reference)


def test_a_class_in_place_of_a_suite_is_refused(examples: Path):
    with pytest.raises(ConfigError, match="is a class"):
        load_suite(f"{examples / 'own_suite.py'}:ShelfSuite")


def test_anything_with_the_attributes_of_a_suite_is_one():
    Path("plain_suite.py").write_text(
        "from types import SimpleNamespace\n"
        "suite = SimpleNamespace(name='mine', families=(), tasks=lambda count, seed: [])",
        encoding="utf-8",
    )
    suite = load_suite("plain_suite.py:suite")
    assert isinstance(suite, SimpleNamespace)
    assert suite.name == "mine"
