"""When two calls, results or errors are the same, and what a shell command does."""

import json
from typing import Any

import pytest
from event_strategies import json_values
from hypothesis import given
from hypothesis import strategies as st
from watched_steps import did, tool_of

from cascade.exchange import ToolSpec
from cascade.messages import Image, Text, ToolCall, ToolResult
from cascade.monitors.failures import Failure, blanked, failure_of
from cascade.monitors.sameness import (
    canonical_arguments,
    canonical_text,
    result_digest,
    tool_key,
)
from cascade.monitors.shell import command_in, read_command

BOOK = tool_of(
    "book",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "nights": {"type": "integer", "default": 1},
            "price": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
            "quiet": {"type": "boolean"},
            "floor": {"type": ["integer", "null"]},
            "extras": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
            "stops": {"type": "array", "items": {"type": "string"}},
            "guest": {"$ref": "#/$defs/Guest"},
        },
        "required": ["city"],
        "$defs": {
            "Guest": {
                "type": "object",
                "properties": {"age": {"type": "integer"}, "vip": {"default": False}},
            }
        },
    },
)


def canonical(arguments: dict[str, Any], spec: ToolSpec | None = BOOK) -> str:
    return canonical_arguments(ToolCall(id="c", name="book", arguments=arguments), spec)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"city": "Rom"}, {"city": "Rom", "nights": 1}),
        ({"city": "Rom"}, {"city": "Rom", "price": None}),
        ({"city": "Rom", "nights": "2"}, {"city": "Rom", "nights": 2}),
        ({"city": "Rom", "nights": 2.0}, {"nights": 2, "city": "Rom"}),
        ({"city": "Rom", "price": "2.50"}, {"city": "Rom", "price": 2.5}),
        ({"city": "Rom", "quiet": "True"}, {"city": "Rom", "quiet": True}),
        ({"city": " Rom \n"}, {"city": "Rom"}),
        ({"city": "Rom", "floor": "3"}, {"city": "Rom", "floor": 3.0}),
        ({"city": "Rom", "extras": ["tea", "bed"]}, {"city": "Rom", "extras": ["bed", "tea"]}),
        (
            {"city": "Rom", "guest": {"age": "7"}},
            {"city": "Rom", "guest": {"age": 7, "vip": False}},
        ),
    ],
)
def test_ways_to_say_the_same_by_the_schema(one: dict[str, Any], other: dict[str, Any]):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"city": "Rom"}, {"city": "rom"}),
        ({"city": "Rom"}, {"city": "Rom", "nights": 2}),
        ({"city": "1"}, {"city": 1}),
        ({"city": "Rom", "stops": ["A", "B"]}, {"city": "Rom", "stops": ["B", "A"]}),
        ({"city": "Rom", "quiet": True}, {"city": "Rom", "quiet": 1}),
        ({"city": "Rom", "nights": "two"}, {"city": "Rom", "nights": 2}),
        ({"city": "Rom"}, {"city": "Rom", "unknown": None}),
    ],
)
def test_what_is_not_the_same(one: dict[str, Any], other: dict[str, Any]):
    assert canonical(one) != canonical(other)


def test_without_a_schema_only_form_is_made_alike():
    assert canonical({"b": 1.0, "a": [1]}, None) == canonical({"a": [1], "b": 1}, None)
    assert canonical({"a": None}, None) != canonical({}, None)


def test_a_reference_that_leads_nowhere_declares_nothing():
    spec = tool_of("x", parameters={"properties": {"a": {"$ref": "#/$defs/Missing"}}})
    assert canonical({"a": {"b": 1}}, spec) == '{"a":{"b":1}}'


def test_names_differ_by_more_than_case_and_dashes():
    assert tool_key(" Get-Status") == tool_key("get_status")
    assert tool_key("get_status") != tool_key("getstatus")


def test_results_are_compared_by_what_they_say():
    assert canonical_text('{"b": 1, "a": 2}') == canonical_text('{"a": 2,\n "b": 1.0}')
    assert canonical_text("one  \ntwo\n") == canonical_text("one\ntwo")
    assert canonical_text("<Job at 0x7f3a2b1c>") == canonical_text("<Job at 0x7f0000ff>")
    assert canonical_text("took 3 s") != canonical_text("took 4 s")
    assert canonical_text("{not json") == "{not json"


def test_a_picture_and_an_error_mark_are_part_of_a_result():
    def made(*parts: Text | Image, error: bool = False) -> str:
        return result_digest(ToolResult(call_id="c", name="t", parts=parts, is_error=error))

    one, other = (Image(media_type="image/png", data=data) for data in ("AAAA", "BBBB"))
    assert made(one) != made(other)
    assert made(one) == made(one)
    assert made(Text(text="x")) != made(Text(text="x"), error=True)
    assert made(Text(text="half \ud83d")) != made(Text(text="half"))


def failure(text: str, *, error: bool = True) -> Failure | None:
    return failure_of(did("t", {}, text, error=error).result)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("KeyError: 'a'", "KeyError"),
        ("requests.exceptions.ReadTimeout: after 3 s", "ReadTimeout"),
        ("exit code: 2\nls: cannot access", "exit 2"),
        ("<returncode>127</returncode>\n<output>\nno\n</output>", "exit 127"),
        ("HTTP/1.1 404 Not Found", "HTTP 404"),
        ("503 Service Unavailable", "HTTP 503"),
        ("ENOENT: no such file or directory, open 'a'", "errno ENOENT"),
        ("cannot open a: [Errno 2] No such file", "errno 2"),
        ("Traceback (most recent call last):\n  File 'a'\nValueError: bad\n", "ValueError"),
        ('{"error": {"type": "not_found", "message": "no job 7"}}', "not_found"),
        ('{"status": 429, "message": "slow down"}', "HTTP 429"),
        ('{"exit_code": 1, "stderr": "boom"}', "exit 1"),
        ('{"success": false}', "error"),
        ("it did not work", "error"),
        ('{"half": ', "error"),
    ],
)
def test_the_class_of_an_error_is_told_by_its_structure(text: str, name: str):
    found = failure(text)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "text",
    [
        "12:00 error: disk was full yesterday\n12:01 all is well",
        "The log has 3 errors and an Exception.",
        "KeyError: 'a' was found in the manual\nand more of the manual",
        "exit code: 0\nerror: none",
        "404 guests came",
        '{"error": null, "items": []}',
        '{"status": 200}',
        '{"status": "failed attempts are logged"}',
        '{"count": 404}',
        "errors: 0",
        "",
    ],
)
def test_a_healthy_result_that_speaks_of_errors_is_none(text: str):
    assert failure(text, error=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):\n  File\nValueError: bad",
        "exit code: 1\n",
        '{"error": "no such table"}',
        '{"isError": true, "content": []}',
        "ValueError: bad date",
    ],
)
def test_an_error_that_nobody_marked_is_seen_where_its_form_leaves_no_doubt(text: str):
    assert failure(text, error=False) is not None


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("TimeoutError: 3 s", True),
        ("ConnectionResetError", True),
        ("RateLimitError: wait", True),
        ("HTTP 429", True),
        ("ETIMEDOUT: read", True),
        ('{"error": "x", "retryable": true}', True),
        ('{"status": 502}', True),
        ("exit code: 124\n", True),
        ("KeyError: 'timeout'", False),
        ("HTTP 404", False),
        ("exit code: 1\n", False),
    ],
)
def test_failures_that_ask_to_be_tried_again(text: str, *, passing: bool):
    found = failure(text)
    assert found is not None
    assert found.passing is passing


def test_what_varies_is_blanked_and_the_rest_is_kept():
    assert blanked("no file '/a/b' for job_17 at line 3") == "no file '…' for # at line 0"
    assert blanked("can't read /var/log/x.txt, don't") == "can't read /…, don't"
    assert blanked("id 3f2a9c1e7b64 of 2026-01-02") == "id # of 0-0-0"


@pytest.mark.parametrize(
    ("command", "kind", "reads", "waits"),
    [
        ("ls -la /src", "navigate", True, False),
        ("cd /src && grep -rn foo . | head -5", "navigate", True, False),
        ("A=1 B=2 python main.py", "python", False, False),
        ("python -m pytest -q tests | tail -3", "pytest", False, False),
        ("cd /x; git commit -m 'a && b'", "git commit", False, False),
        ("git -C /x log --oneline", "navigate", True, False),
        ("(cd /src && ls) | wc -l", "navigate", True, False),
        ("(ls); rm a.txt", "rm", False, False),
        ("git diff HEAD~1", "navigate", True, False),
        ("sed -n 1,20p a.py", "navigate", True, False),
        ("sed -i s/a/b/ a.py", "sed", False, False),
        ("find . -name '*.pyc' -delete", "find", False, False),
        ("echo hi > a.txt", "echo", False, False),
        ("cat a 2>/dev/null", "navigate", True, False),
        ("cat a 2>&1 | sort", "navigate", True, False),
        ("cat <<'EOF' > a.py\nx = 1; y = 2\nEOF", "cat", False, False),
        ("sleep 30 && curl -s localhost", "curl", False, True),
        ("timeout 60 make all", "make all", False, False),
        ("sudo apt-get -y install x", "apt-get install", False, False),
        ("echo 'open quote", "navigate", True, False),
        ("", "", True, False),
    ],
)
def test_what_a_shell_command_does(command: str, kind: str, *, reads: bool, waits: bool):
    found = read_command(command)
    assert (found.kind or "", found.reads, found.waits) == (kind or "navigate", reads, waits)


def test_a_shell_command_is_found_where_a_tool_or_the_settings_declare_it():
    def declared(**more: str) -> ToolSpec:
        return tool_of("run", parameters={"properties": {"cmd": {"type": "string", **more}}})

    call = ToolCall(id="c", name="run", arguments={"n": 1, "cmd": "ls"})
    assert command_in(call, declared(format="shell"), ()) == "ls"
    assert command_in(call, declared(contentMediaType="text/x-shellscript"), ()) == "ls"
    assert command_in(call, declared(), ()) is None
    assert command_in(call, declared(), ("run",)) == "ls"
    assert command_in(call, None, ()) is None
    assert command_in(ToolCall(id="c", name="run", arguments={"n": 1}), None, ("run",)) is None
    assert json.loads(canonical_arguments(call, None)) == {"cmd": "ls", "n": 1}


KEYWORDS = (
    "type",
    "properties",
    "items",
    "required",
    "anyOf",
    "$ref",
    "default",
    "uniqueItems",
    "a",
)
schemas = st.recursive(
    st.sampled_from(("object", "array", "integer", "boolean", "#/a", "#/properties/a", True, 1)),
    lambda held: st.lists(held, max_size=2) | st.dictionaries(st.sampled_from(KEYWORDS), held),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(KEYWORDS), json_values, max_size=3),
    st.dictionaries(st.sampled_from(KEYWORDS), schemas),
)
def test_no_schema_is_too_odd_to_compare_by(arguments: dict[str, Any], schema: dict[str, Any]):
    spec = tool_of("book", parameters=schema)
    assert canonical(arguments, spec) == canonical(dict(reversed(arguments.items())), spec)


@given(json_values)
def test_json_results_are_the_same_in_any_layout(value: Any):
    held = {"value": value}
    one, other = json.dumps(held), json.dumps(held, indent=3, sort_keys=True)
    assert canonical_text(one) == canonical_text(other)


@given(st.text(max_size=80) | json_values.map(json.dumps), st.booleans())
def test_a_marked_result_always_has_a_class_of_error(text: str, marked: bool):  # noqa: FBT001 - drawn
    found = failure(text, error=marked)
    assert found is not None or not marked


@given(st.text("abc|&;()<> '\"\\\n$=-", max_size=40))
def test_no_command_is_too_odd_to_read(command: str):
    assert isinstance(read_command(command).kind, str)
