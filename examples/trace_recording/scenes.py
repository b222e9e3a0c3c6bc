"""Scenes: what is played by scripted models and recorded, the same byte for byte each time."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from cascade import Cascade, Lane, Policy, Prices
from cascade.credentials import Credential
from cascade.lanes import Capabilities
from cascade.runtime.clock import TickingClock

from .lines import Said, Speaker
from .shop import Shop

__all__ = ["LARGE", "SEED", "SMALL", "SYSTEM", "NotShownError", "Recording", "Scene", "key_of"]

SEED = 7
SYSTEM = "You work in a shop. Use the tools; when all is done, answer."

SMALL = Lane(
    name="small",
    backend="scripted",
    model="scripted-small",
    locality="local",
    capabilities=Capabilities(log_probabilities=True),
    prices=Prices.free(),
)
LARGE = Lane(
    name="large",
    backend="scripted",
    model="scripted-large",
    locality="remote",
    tier=1,
    capabilities=Capabilities(log_probabilities=True),
    prices=Prices(
        input_usd=Decimal("2.5"),
        output_usd=Decimal(15),
        cache_read_usd=Decimal("0.25"),
        cache_write_usd=Decimal(0),
        source="made up for these scenes",
    ),
)


_PLAIN = Policy()


class NotShownError(RuntimeError):
    """A trajectory went another way than the one that it was to show."""


class Recording(Protocol):
    """A trajectory that can be recorded."""

    @property
    def name(self) -> str:
        """Of its file, without the ending."""
        ...

    async def record(self, folder: Path) -> None:
        """Runs it, into the folder.

        Raises:
            NotShownError: It does not show what it is recorded for.
        """
        ...


def key_of(lane: str, key: str = "simulated") -> Credential:
    """A key for a lane; simulated providers take any text for one."""
    return Credential(lane=lane, command=(sys.executable, "-c", f"print({key!r})"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One trajectory of scripted models.

    Attributes:
        name: Of its file, without the ending.
        shows: What it shows, in a sentence.
        task: What the user asks.
        small: What the home lane says, in order.
        large: What the higher lane says, in order.
        policy: That it is run under.
        lanes: The home lane and the higher one.
        data_classes: Of the task.
        resettable: Whether the shop can be brought back to how it was.
    """

    name: str
    shows: str
    task: str
    small: Sequence[Said]
    large: Sequence[Said] = ()
    policy: Policy = _PLAIN
    lanes: tuple[Lane, Lane] = (SMALL, LARGE)
    data_classes: tuple[str, ...] = ()
    resettable: bool = False

    async def record(self, folder: Path) -> None:
        """Plays the scene.

        Raises:
            NotShownError: Something of the scripts was not said.
        """
        shop = Shop()
        speakers = [
            Speaker(lane, lines)
            for lane, lines in zip(self.lanes, (self.small, self.large), strict=True)
        ]
        async with Cascade(
            lanes=self.lanes,
            backends={speaker.lane.name: speaker for speaker in speakers},
            policy=self.policy,
            traces=folder,
            clock=TickingClock(),
        ) as cascade:
            await cascade.run(
                self.task,
                tools=shop.tools(),
                system=SYSTEM,
                data_classes=self.data_classes,
                reset=shop.reset if self.resettable else None,
                seed=SEED,
                trajectory_id=self.name,
                metadata={"shows": self.shows, "simulated": "both models are scripted"},
            )
        for speaker in speakers:
            if speaker.left:
                raise NotShownError(f"{speaker.lane.name} was not asked for {speaker.left}")
