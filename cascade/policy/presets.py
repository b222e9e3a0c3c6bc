"""Presets: policies for common wishes, each in plain words first.

A preset is a policy like any other: take one and replace what does not fit, as in
`preset("private").model_copy(update={"budget": Budget(steps=20)})`. The figures are starting
points, not calibrated ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from cascade.errors import ConfigError
from cascade.policy.escalating import Damage, Escalating, Reviewing
from cascade.policy.gating import ConfidenceSettings, Gating, JudgeSettings
from cascade.policy.handing_over import HandingOver, Redacting
from cascade.policy.monitoring import MilestoneSettings, Monitoring
from cascade.policy.policy import Policy
from cascade.policy.routing import Routing

__all__ = ["PRESETS", "Preset", "PresetName", "describe", "preset"]

PresetName = Literal["local_first", "frontier_guarded", "private", "cheap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A policy and what it is for."""

    description: str
    """In plain words."""
    policy: Policy


_LOCAL_FIRST = Preset(
    description="""\
The local lane does the work. A step goes up when the local lane is likely to be wrong and a \
mistake would cost more than the higher lane does, when it is stuck, or when it asks for help; \
then the local lane goes on. Calls that nobody can take back are reviewed before they are made. \
Take this one first.""",
    policy=Policy(version="local_first-1", routing=Routing(locality="local")),
)

_FRONTIER_GUARDED = Preset(
    description="""\
The local lane drafts, and a higher lane keeps an eye on all of it: on drafts that are less than \
sure, on goals that are reached, on calls that nobody can take back, on the first change after a \
time of reading, and on every claim to be finished. Steps go up sooner, and where nothing is \
known about a draft. For work in which a mistake is dear; it costs more.""",
    policy=Policy(
        version="frontier_guarded-1",
        monitors=Monitoring(
            milestones=MilestoneSettings(
                claims=True, goals_reviewed=True, first_write_after_reads=3
            )
        ),
        gates=Gating(
            confidence=ConfidenceSettings(max_p_fail=0.3),
            judge=JudgeSettings(enabled=True, borderline=(0.1, 0.5), min_p_right=0.7),
            on_no_evidence="escalate",
        ),
        escalation=Escalating(
            damage=Damage(
                read_usd=Decimal("0.05"),
                write_usd=Decimal("0.20"),
                irreversible_usd=Decimal("5.00"),
                answer_usd=Decimal("0.25"),
                task_usd=Decimal("0.50"),
            ),
            soft_confirmations=1,
            review=Reviewing(unknown="closed"),
        ),
    ),
)

_PRIVATE = Preset(
    description="""\
What is private stays on this machine. Data of any class goes only to lanes elsewhere that are \
listed for that class. What leaves is a short packet of facts instead of the conversation, with \
names of people's contacts, numbers and secrets replaced by placeholders. Where a step ought to go \
up and no lane may take it, or a review gives no verdict, the task stops for a person.""",
    policy=Policy(
        version="private-1",
        routing=Routing(locality="local", unlisted="closed"),
        escalation=Escalating(
            dead_end="halt",
            review=Reviewing(unknown="closed", unknown_irreversible="closed"),
        ),
        handoff=HandingOver(up="packet", packet_tokens=3000),
        redaction=Redacting(enabled=True, localities=("private", "remote")),
    ),
)

_CHEAP = Preset(
    description="""\
The local lane does almost everything. It can ask a higher lane for advice, gives a step away only \
when a mistake would be dear, and takes over again after two steps at most. Claims to be finished \
are not reviewed; calls that nobody can take back still are. For work that can be done again.""",
    policy=Policy(
        version="cheap-1",
        routing=Routing(strategy="cost", locality="local"),
        monitors=Monitoring(milestones=MilestoneSettings(claims=False, irreversible=True)),
        gates=Gating(confidence=ConfidenceSettings(max_p_fail=0.7)),
        escalation=Escalating(
            damage=Damage(
                read_usd=Decimal("0.005"),
                write_usd=Decimal("0.02"),
                irreversible_usd=Decimal("0.50"),
                answer_usd=Decimal("0.02"),
                task_usd=Decimal("0.04"),
            ),
            span_steps=2,
            spans=2,
        ),
        handoff=HandingOver(packet_tokens=3000),
    ),
)

PRESETS: Mapping[PresetName, Preset] = MappingProxyType(
    {
        "local_first": _LOCAL_FIRST,
        "frontier_guarded": _FRONTIER_GUARDED,
        "private": _PRIVATE,
        "cheap": _CHEAP,
    }
)


def preset(name: str) -> Policy:
    """The policy of that name.

    Raises:
        ConfigError: There is no such preset.
    """
    return _found(name).policy


def describe(name: str) -> str:
    """What the preset of that name does, in plain words.

    Raises:
        ConfigError: There is no such preset.
    """
    return _found(name).description


def _found(name: str) -> Preset:
    by_name: Mapping[str, Preset] = {**PRESETS}
    if name not in by_name:
        known = ", ".join(by_name)
        raise ConfigError(f"There is no preset {name!r}. There are: {known}.")
    return by_name[name]
