"""The models of the simulated Messages API have the rules of their generation."""

from typing import Any

import pytest
from simulated_world import NO_PREFILL, USER, asked, call, refused, said, tool_result

THINKING_FIRST = (
    "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. "
    "When `thinking` is enabled, a final `assistant` message must start with a thinking block "
    "(preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
    "include thinking blocks from previous turns. To avoid this requirement, disable `thinking`. "
    "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/"
    "extended-thinking"
)

OLD = {"anthropic-version": "2023-06-01"}
BUDGET = {"type": "enabled", "budget_tokens": 1024}

BY_MODEL: list[tuple[str, dict[str, Any], dict[str, str], str | None]] = [
    ("claude-sonnet-4-5", {"temperature": 0.5}, OLD, None),
    ("claude-sonnet-4-5", {"temperature": 0.5}, {}, "temperature: Extra inputs are not permitted"),
    ("claude-opus-4-8", {"top_k": 5}, OLD, "`top_k` is deprecated for this model."),
    (
        "claude-sonnet-4-5",
        {"temperature": 0.5, "thinking": BUDGET},
        OLD,
        (
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
            "Please consult our documentation at "
            "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
        ),
    ),
    ("claude-sonnet-4-5", {"temperature": 1, "thinking": BUDGET}, OLD, None),
    (
        "claude-sonnet-4-5",
        {"top_p": 0.5, "thinking": BUDGET},
        OLD,
        "`top_p` must be unset when thinking is enabled or in adaptive mode.",
    ),
    (
        "claude-sonnet-4-5",
        {"thinking": {"type": "adaptive"}},
        {},
        '"thinking.type.adaptive" is not supported for this model.',
    ),
    (
        "claude-sonnet-4-5",
        {"thinking": BUDGET, "max_tokens": 1024},
        {},
        (
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
            "#max-tokens-and-context-window-size"
        ),
    ),
    (
        "claude-sonnet-4-5",
        {"thinking": BUDGET | {"budget_tokens": 1023}},
        {},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        "claude-sonnet-4-5",
        {"output_config": {"effort": "low"}},
        {},
        "This model does not support the effort parameter.",
    ),
    (
        "claude-opus-4-6",
        {"output_config": {"effort": "xhigh"}},
        {},
        (
            "This model does not support effort level 'xhigh'. Supported levels: low, medium, "
            "high, max."
        ),
    ),
    (
        "claude-opus-5",
        {"output_config": {"effort": "max"}, "thinking": {"type": "disabled"}},
        {},
        "effort 'max' is not supported while thinking is off",
    ),
    ("claude-opus-5-5", {"output_config": {"effort": "max"}}, {}, None),
    ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, {}, None),
    ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}, {}, None),
    (
        "claude-sonnet-5-5",
        {"thinking": {"type": "disabled"}},
        {},
        (
            '"thinking.type.disabled" is not supported for this model. Use '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        ),
    ),
    ("claude-opus-4-5", {"output_config": {"effort": "high"}}, {}, None),
    (
        "claude-haiku-5-5",
        {"tool_choice": {"type": "any"}},
        {},
        '"tool_choice.type.any" is not supported for this model.',
    ),
    (
        "claude-opus-4-6",
        {"tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
        {},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    ("claude-opus-4-6", {"tool_choice": {"type": "tool", "name": "look"}}, {}, None),
    (
        "claude-opus-4-6",
        {"messages": [USER, said("system", "be brief")]},
        {},
        (
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        ),
    ),
    ("claude-sonnet-4-5", {"messages": [USER, said("assistant", "It is")]}, {}, None),
    (
        "claude-sonnet-4-5",
        {"messages": [USER, said("assistant", "It is ")]},
        {},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    (
        "claude-sonnet-4-5",
        {"messages": [USER, said("assistant", "It is")], "thinking": BUDGET},
        {},
        NO_PREFILL,
    ),
    (
        "claude-sonnet-4-5",
        {
            "messages": [USER, said("assistant", call()), said("user", tool_result("call_1"))],
            "thinking": BUDGET,
        },
        {},
        THINKING_FIRST,
    ),
    (
        "claude-sonnet-4-5",
        {
            "messages": [
                USER,
                said("assistant", call()),
                said("user", tool_result("call_1")),
                said("assistant", "rain"),
                said("user", "and now?"),
            ],
            "thinking": BUDGET,
        },
        {},
        None,
    ),
]


@pytest.mark.parametrize(("model", "fields", "headers", "message"), BY_MODEL)
def test_models_of_each_generation_have_their_own_rules(
    model: str, fields: dict[str, Any], headers: dict[str, str], message: str | None
):
    found = refused(asked(model=model, **fields), **headers)
    assert (None if found is None else found[2]) == message
