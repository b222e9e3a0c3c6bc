"""What OpenAI's models can do, by a dated table: its models endpoint tells nothing of it.

Read on 2026-11-20: windows (prompt and output together; a model's longest *output* is a different
and much smaller figure) from genai-prices 0.2.3; names and effort levels from the SDK openai 3.51;
images from https://developers.openai.com/api/docs/models.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from cascade.backends.remote.provider import completed
from cascade.lanes import Capabilities, Lane

__all__ = ["CAPABILITIES", "WINDOWS", "described", "known_window"]

CAPABILITIES = Capabilities(
    parallel_tools=True,
    structured_output="native",
    # Every level there is; which of them a model takes differs and is its server's to say.
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    system_anywhere=True,
    # Reasoning models have no log-probabilities, and some of them refuse sampling parameters;
    # requests without any are taken by all.
    sampling=False,
    images=True,
)
"""Of all models in the table."""

WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        "gpt-6.1-sol": 1_050_000,
        "gpt-6.1-terra": 1_050_000,
        "gpt-6-astra": 1_050_000,
        "gpt-6-sol": 1_050_000,
        "gpt-6-luna": 1_050_000,
        "gpt-5.6-sol": 1_050_000,
        "gpt-5.6-terra": 1_050_000,
        "gpt-5.6-luna": 1_050_000,
        "gpt-5.5": 1_000_000,
        "gpt-5.4": 1_050_000,
        "gpt-5.4-mini": 400_000,
    }
)
"""Tokens of the context window, by model."""

_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


def known_window(model: str) -> int | None:
    """The window of a model, or `None` where it is not known; a date at the end is ignored."""
    return WINDOWS.get(_DATE.sub("", model))


def described(lane: Lane) -> Lane:
    """The lane with what is known of its model, as far as it says nothing itself."""
    window = known_window(lane.model)
    if window is None:
        return lane
    return lane.model_copy(
        update={
            "capabilities": completed(lane.capabilities, CAPABILITIES),
            "context_tokens": lane.context_tokens or window,
        }
    )
