"""The simulated Messages API refuses conversations that the real one refuses, in its words."""

from typing import Any

import pytest
from simulated_world import (
    MARK,
    NO_PREFILL,
    USER,
    asked,
    call,
    image,
    refused,
    said,
    text,
    tool_result,
)

ALWAYS_NON_EMPTY = (
    "all messages must have non-empty content except for the optional final assistant message"
)
UNANSWERED = (
    "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` "
    "block must have a corresponding `tool_result` block in the next message."
)
UNASKED = (
    "unexpected `tool_use_id` found in `tool_result` blocks: {}. Each `tool_result` block must "
    "have a corresponding `tool_use` block in the previous message."
)


TURNS: list[tuple[str, list[Any], str]] = [
    ("none", [], "messages: at least one message is required"),
    (
        "the assistant's first",
        [said("assistant", "hi"), USER],
        'messages: first message must use the "user" role',
    ),
    (
        "another role",
        [said("tool", "hi")],
        (
            "messages.0: Input tag 'tool' found using 'role' does not match any of the expected "
            "tags: 'user', 'assistant', 'system'"
        ),
    ),
    ("an empty text", [said("user", "")], "messages: text content blocks must be non-empty"),
    ("no block", [{"role": "user", "content": []}], f"messages.0: {ALWAYS_NON_EMPTY}"),
    (
        "white space",
        [said("user", text(" \n"))],
        "messages: text content blocks must contain non-whitespace text",
    ),
    (
        "an empty text of the assistant",
        [USER, said("assistant", text("")), USER],
        "messages: text content blocks must be non-empty",
    ),
    (
        "a marked empty text",
        [said("user", text("", cache_control=MARK))],
        "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
    ),
    ("the beginning of the answer", [USER, said("assistant", "It is")], NO_PREFILL),
    (
        "thinking last",
        [USER, said("assistant", text(), {"type": "redacted_thinking", "data": "x"}), USER],
        "messages.1: The final block in an assistant message cannot be `redacted_thinking`.",
    ),
    ("no results", [USER, said("assistant", call())], f"messages.1: {UNANSWERED.format('call_1')}"),
    (
        "text for results",
        [USER, said("assistant", call()), USER],
        f"messages.1: {UNANSWERED.format('call_1')}",
    ),
    (
        "one result of two",
        [USER, said("assistant", call("a"), call("b")), said("user", tool_result("a"))],
        f"messages.1: {UNANSWERED.format('b')}",
    ),
    (
        "results in two messages",
        [
            USER,
            said("assistant", call("a"), call("b")),
            said("user", tool_result("a")),
            said("user", tool_result("b")),
        ],
        f"messages.1: {UNANSWERED.format('b')}",
    ),
    (
        "text before results",
        [USER, said("assistant", call()), said("user", text(), tool_result("call_1"))],
        f"messages.1: {UNANSWERED.format('call_1')}",
    ),
    (
        "text between results",
        [
            USER,
            said("assistant", call("a"), call("b")),
            said("user", tool_result("a"), text(), tool_result("b")),
        ],
        f"messages.1: {UNANSWERED.format('b')}",
    ),
    (
        "the assistant goes on",
        [USER, said("assistant", call()), said("assistant", "well"), said("user", "so?")],
        f"messages.1: {UNANSWERED.format('call_1')}",
    ),
    (
        "results of nothing",
        [said("user", tool_result("call_9"))],
        f"messages.0.content.0: {UNASKED.format('call_9')}",
    ),
    (
        "results too late",
        [
            USER,
            said("assistant", call()),
            said("user", tool_result("call_1")),
            said("assistant", "fine"),
            said("user", tool_result("call_1")),
        ],
        f"messages.4.content.0: {UNASKED.format('call_1')}",
    ),
    (
        "two results of one call",
        [
            USER,
            said("assistant", call()),
            said("user", tool_result("call_1"), tool_result("call_1")),
        ],
        (
            "messages.2.content.1: each tool_use must have a single result. Found multiple "
            "`tool_result` blocks with id: call_1"
        ),
    ),
    (
        "one identity twice in a turn",
        [USER, said("assistant", call(), call()), said("user", tool_result("call_1"))],
        "messages.1.content.1: `tool_use` ids must be unique",
    ),
    (
        "one identity in two turns",
        [
            USER,
            said("assistant", call()),
            said("user", tool_result("call_1")),
            said("assistant", call()),
            said("user", tool_result("call_1")),
        ],
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    (
        "an odd identity",
        [USER, said("assistant", call("call:1")), said("user", tool_result("call:1"))],
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        "arguments as text",
        [USER, said("assistant", call(input="{}")), said("user", tool_result("call_1"))],
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        "an unknown field",
        [said("user", text(id="msg_1"))],
        "messages.0.content.0.text.id: Extra inputs are not permitted",
    ),
    (
        "an unknown field of a turn",
        [{**USER, "name": "me"}],
        "messages.0.name: Extra inputs are not permitted",
    ),
    (
        "a document of the assistant",
        [USER, said("assistant", {"type": "document", "source": {}}), USER],
        (
            "messages.1.content.0: Input tag 'document' found using 'type' does not match any of "
            "the expected tags: 'text', 'thinking', 'redacted_thinking', 'tool_use'"
        ),
    ),
    (
        "thinking of the user",
        [said("user", {"type": "thinking", "thinking": "", "signature": ""})],
        (
            "messages.0.content.0: Input tag 'thinking' found using 'type' does not match any of "
            "the expected tags: 'text', 'image', 'tool_result'"
        ),
    ),
    (
        "marked thinking",
        [
            USER,
            said(
                "assistant",
                {"type": "thinking", "thinking": "", "signature": "", "cache_control": MARK},
                text(),
            ),
            USER,
        ],
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    (
        "an empty error",
        [USER, said("assistant", call()), said("user", tool_result("call_1", "", is_error=True))],
        "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
    ),
    (
        "an empty text in a result",
        [USER, said("assistant", call()), said("user", tool_result("call_1", [text("")]))],
        "messages: text content blocks must be non-empty",
    ),
    (
        "a picture of another kind",
        [said("user", image(media_type="image/tiff"))],
        (
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', "
            "'image/png', 'image/gif' or 'image/webp'"
        ),
    ),
    (
        "a data address for Base64",
        [said("user", image(data="data:image/png;base64,iVBO"))],
        (
            "messages.0.content.0.image.source.base64.data: String should match pattern "
            "'^[A-Za-z0-9+/]+={0,2}$'"
        ),
    ),
    (
        "system after the assistant",
        [USER, said("assistant", "hi"), said("system", "be brief"), USER],
        "messages.2: role 'system' must follow a 'user' message",
    ),
    (
        "system before the user",
        [USER, said("system", "be brief"), USER],
        "messages.1: role 'system' must precede an 'assistant' message or end the array",
    ),
]


@pytest.mark.parametrize(
    ("turns", "message"), [row[1:] for row in TURNS], ids=[row[0] for row in TURNS]
)
def test_turns_that_break_a_rule_are_refused(turns: list[Any], message: str):
    found = refused(asked() | {"messages": turns})
    assert found == (400, "invalid_request_error", message)


@pytest.mark.parametrize(
    "turns",
    [
        [USER],
        [said("user", "one"), said("user", text("two"), image())],
        [USER, said("assistant", "fine"), said("assistant", "indeed"), USER],
        [USER, said("assistant", call()), said("user", tool_result("call_1"), text("and?"))],
        [USER, said("assistant", call()), said("user", tool_result("call_1", ""))],
        [USER, said("assistant", call()), said("user", tool_result("call_1", [text(), image()]))],
        [USER, said("system", "be brief")],
        [USER, said("system", "be brief"), said("assistant", "yes"), USER],
        [
            USER,
            said("assistant", text(), call("toolu_a"), call("call-b", caller={"type": "direct"})),
            said("user", tool_result("call-b"), tool_result("toolu_a", "no", is_error=True)),
        ],
    ],
)
def test_sound_turns_are_taken(turns: list[Any]):
    assert refused(asked(*turns)) is None
