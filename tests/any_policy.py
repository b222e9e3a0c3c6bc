"""Any ladder and any policy, drawn from one number."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from cascade.exchange import ToolSpec
from cascade.lanes import Lane, Prices, Profile
from cascade.policy import (
    AgreementSettings,
    AtRandom,
    Budget,
    ConfidenceSettings,
    Damage,
    Escalating,
    Every,
    First,
    Gating,
    HandingOver,
    JudgeSettings,
    Policy,
    Redacting,
    Retries,
    Reviewing,
    Routing,
    SelfEscalation,
)

__all__ = [
    "NAMES",
    "OURS",
    "PRICED",
    "SECRET",
    "TOOLS",
    "Chance",
    "ladder",
    "policy_of",
    "tool",
]

T = TypeVar("T")

NAMES = ("low", "mid", "top")
OURS = ("ask_expert", "escalate")
SECRET = "jane.roe@example.com"
PRICED = Prices(
    input_usd=Decimal(2),
    output_usd=Decimal(10),
    cache_read_usd=Decimal("0.2"),
    cache_write_usd=Decimal(3),
)
OBJECT: dict[str, Any] = {"type": "object", "properties": {"at": {"type": "string"}}}


def tool(name: str, effect: Any, classes: tuple[str, ...] = ()) -> ToolSpec:
    """A tool of that effect."""
    return ToolSpec(
        name=name, description="", parameters=OBJECT, side_effect=effect, data_classes=classes
    )


TOOLS = (
    tool("look", "read"),
    tool("write", "write"),
    tool("send", "irreversible"),
    tool("open_record", "read", ("personal",)),
)


@dataclass(frozen=True)
class Chance:
    """Draws of one example, all from its number: a failure is told by that number alone."""

    rng: random.Random

    def __call__(self, share: float) -> bool:
        """Whether something happens that does in this share of cases."""
        return self.rng.random() < share

    def one(self, *choices: T) -> T:
        """One of these."""
        return self.rng.choice(choices)

    def rarely(self, usual: T, *choices: T) -> T:
        """One of *choices* now and then: what leaves few lanes must not be in every example."""
        return self.rng.choice(choices) if self(0.12) else usual

    def some(self, most: int, count: int) -> frozenset[int]:
        """Up to *count* numbers from 1 to *most*."""
        return frozenset(self.rng.randint(1, most) for _ in range(self.rng.randint(0, count)))


def ladder(chance: Chance) -> tuple[Lane, ...]:
    """One to three lanes, the lowest first."""
    names = NAMES[: chance.one(1, 2, 2, 3, 3, 3)]
    return tuple(
        Lane(
            name=name,
            backend="scripted",
            model=f"model-{name}",
            tier=chance.rarely(tier, max(tier - 1, 0)),
            locality=chance.rarely("remote" if tier else "local", "local", "remote", "private"),
            region=chance.one(None, "eu", "us"),
            data_classes=chance.rarely(None, (), ("personal",)),
            prices=chance.one(None, Prices.free(), PRICED, PRICED) if tier else Prices.free(),
            context_tokens=chance.rarely(None, 50, 100_000),
            profile=Profile(quality=chance.one(None, 0.9)),
            fallbacks=tuple(chance.rng.sample(names, chance.rng.randint(0, len(names)))),
        )
        for tier, name in enumerate(names)
    )


def routing(chance: Chance) -> Routing:
    """Any constraints and preferences."""
    return Routing(
        execution=chance.rarely("hybrid", "local_only", "remote_only", "decision_only"),
        mode=chance.one("baseline", "baseline", "difficulty", "controller", "hybrid"),
        strategy=chance.one("balanced", "quality", "cost", "latency"),
        pin=chance.rarely(None, "low", "top"),
        regions=chance.rarely(None, ("eu",)),
        data_classes=chance.rarely((), ("personal",)),
        unlisted=chance.one("open", "closed"),
        controller=chance.one(*NAMES),
        controller_every=chance.one(1, 2, 3),
    )


def escalating(chance: Chance) -> Escalating:
    """Any scopes and limits."""
    return Escalating(
        enabled=not chance(0.05),
        damage=Damage(read_usd=chance.one(Decimal(0), Decimal(1), Decimal(1))),
        span_steps=chance.one(1, 2, 3),
        spans=chance.one(0, 1, 2),
        cool_down_steps=chance.one(0, 1, 2),
        nudge=chance(0.5),
        soft_confirmations=chance.one(1, 2),
        p_harm=chance.one(0.0, 0.2),
        restart=chance(0.2),
        dead_end=chance.one("go_on", "halt"),
        calls_on_a_step=chance.rarely(24, 1, 2, 3, 5),
        self_escalation=SelfEscalation(enabled=not chance(0.2), questions=chance.one(0, 2, 3)),
        review=Reviewing(
            lane=chance.rarely(None, *NAMES),
            reviews_of_a_claim=chance.one(1, 2, 3),
            on_failure=chance.one("escalate", "correct"),
            unknown=chance.one("open", "closed"),
            unknown_irreversible=chance.one("open", "closed"),
        ),
    )


def policy_of(chance: Chance) -> Policy:
    """Any policy."""
    return Policy(
        budget=Budget(
            steps=chance.one(2, 5, 8),
            tool_calls=chance.rarely(200, 0, 3),
            tokens=chance.rarely(None, 150, 600),
            usd=chance.rarely(None, Decimal(0), Decimal("0.001")),
            wall_s=chance.rarely(None, 40.0),
        ),
        max_redrafts=chance.one(0, 1, 2),
        retries=Retries(on_a_lane=chance.one(1, 2), on_a_step=chance.one(1, 3, 6)),
        commit_deltas=chance(0.2),
        routing=routing(chance),
        gates=Gating(
            confidence=ConfidenceSettings(while_generating=chance(0.5)),
            agreement=AgreementSettings(enabled=chance(0.3), samples=chance.one(1, 3)),
            judge=JudgeSettings(enabled=chance(0.3), lane=chance.rarely(None, *NAMES)),
            on_no_evidence=chance.one("pass", "escalate"),
        ),
        escalation=escalating(chance),
        schedule=chance.one(
            None, None, None, AtRandom(rate=chance.one(0.0, 0.3, 1.0)),
            Every(steps=chance.one(1, 2, 3)), First(steps=chance.one(0, 2)),
        ),
        handoff=HandingOver(
            up=chance.one("packet", "packet", "transcript"),
            down=chance.one("transcript", "digest"),
            packet_tokens=chance.one(50, 6000),
        ),
        redaction=Redacting(enabled=chance(0.4), recognisers=("contacts",)),
    )  # fmt: skip
