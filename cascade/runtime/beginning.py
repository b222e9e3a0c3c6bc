"""How a trajectory begins: its first event, made from what the caller gave."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError

from cascade.errors import ConfigError
from cascade.events import Started, encode
from cascade.lanes import Lane, home_lane
from cascade.messages import Content, Text, UserMessage
from cascade.policy import Policy
from cascade.runtime.clock import Clock
from cascade.runtime.structured import output_schema
from cascade.tools import Tool

__all__ = ["Commission", "started"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What a caller wants done, as the arguments of `Cascade.run` say."""

    task: str | Sequence[Content]
    tools: Sequence[Tool]
    system: str | None
    response_format: type[BaseModel] | None
    policy: Policy | None
    data_classes: tuple[str, ...] = ()
    reset: Callable[[], Awaitable[None]] | None = None
    seed: int | None
    trajectory_id: str | None
    metadata: Mapping[str, JsonValue] | None


def started(
    commission: Commission,
    *,
    policy: Policy,
    lanes: tuple[Lane, ...],
    clock: Clock,
    rng: random.Random,
    content: bool,
) -> Started:
    """The first event of a trajectory.

    Args:
        commission: What is to be done.
        policy: Of the runtime, where the commission brings none.
        lanes: The ladder as it was opened.
        clock: Where the time comes from.
        rng: Where identity and seed come from that the caller did not give.
        content: Whether the record holds what was said.

    Raises:
        ConfigError: No lane can be the home lane, the policy names a lane that there is not, or
            something cannot be recorded or sent.
    """
    policy = commission.policy or policy
    home_lane(lanes, policy.home_lane)
    _check_named(lanes, policy)
    at = clock.utc()
    made_id = f"{at:%Y%m%dT%H%M%S}-{rng.getrandbits(32):08x}"
    wanted = commission.response_format
    try:
        event = Started(
            seq=1,
            at=at,
            trajectory_id=commission.trajectory_id or made_id,
            task=_message(commission.task),
            system=commission.system,
            tools=tuple(tool.spec for tool in commission.tools),
            output=None if wanted is None else output_schema(wanted),
            policy=policy,
            policy_digest=policy.digest,
            lanes=lanes,
            seed=rng.getrandbits(31) if commission.seed is None else commission.seed,
            data_classes=commission.data_classes,
            resettable=commission.reset is not None,
            content="full" if content else "omitted",
            metadata=dict(commission.metadata or {}),
        )
        encode(event)
    except (ValidationError, PydanticSerializationError) as error:
        # A lone surrogate, for one: it cannot be written as UTF-8, and so neither sent.
        raise ConfigError(f"the trajectory cannot be recorded or sent: {error}") from error
    return event


def _check_named(lanes: Sequence[Lane], policy: Policy) -> None:
    """A name that leads nowhere would quietly switch off what it stands for."""
    named = {
        "routing.pin": policy.routing.pin,
        "routing.controller": policy.routing.controller,
        "escalation.review.lane": policy.escalation.review.lane,
        "gates.judge.lane": policy.gates.judge.lane,
    }
    known = {lane.name for lane in lanes}
    for setting, name in named.items():
        if name is not None and name not in known:
            there_is = ", ".join(repr(lane.name) for lane in lanes)
            raise ConfigError(
                f"the policy's {setting} is {name!r}, and the ladder has no such lane, or it has "
                f"no key here; it has {there_is}"
            )


def _message(task: str | Sequence[Content]) -> UserMessage:
    # Whatever else it is, a text is what most callers meant, and its error says so best.
    return UserMessage(parts=tuple(task)) if isinstance(task, list | tuple) else _text(task)


def _text(task: object) -> UserMessage:
    return UserMessage(parts=(Text.model_validate({"text": task}),))
