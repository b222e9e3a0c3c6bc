"""Estimates of what a call, and a hand-over of several steps, would cost.

The reckoning of prompt caches follows the four-bucket model of TwinRouterBench
(https://arxiv.org/abs/2605.18859): a lane that takes over writes its whole prompt once, at its own
price, and reads it at a discount as long as it is called within its time to live.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from cascade.exchange import Usage
from cascade.frozen import made
from cascade.lanes import Lane
from cascade.routing.caches import CacheState, warm_tokens

__all__ = ["CHARACTERS_PER_TOKEN", "ExtraCost", "Side", "call_cost", "extra_cost", "tokens_of"]

CHARACTERS_PER_TOKEN = 4
"""English prose under the tokenizers of today's models; code, JSON and other languages take more
tokens for the same length, so that an estimate errs on the low side there."""


def tokens_of(text_or_characters: str | int) -> int:
    """About how many tokens a text has, given itself or its number of characters; rounded up."""
    characters = text_or_characters
    if isinstance(characters, str):
        characters = len(characters)
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def call_cost(
    lane: Lane, *, prompt_tokens: int, output_tokens: int, warm_tokens: int = 0
) -> Decimal | None:
    """What one call costs on *lane* in US dollars, or `None` where no prices are known.

    Args:
        lane: Where the call is made.
        prompt_tokens: Length of the whole prompt.
        output_tokens: Length of the answer, reasoning included.
        warm_tokens: How much of the prompt its server still holds. It is read at the cache's price;
            the rest is written to the cache where the lane charges for that, and else is read as
            fresh input.
    """
    if lane.prices is None:
        return None
    warm = min(warm_tokens, prompt_tokens)
    cold = prompt_tokens - warm
    # A write that costs nothing means that writes are not billed apart, not that the prompt is
    # read for nothing: on lanes where all is free, so is input.
    is_written = lane.prices.cache_write_usd > 0
    return lane.prices.cost_usd(
        made(
            Usage,
            input_tokens=0 if is_written else cold,
            cache_write_tokens=cold if is_written else 0,
            cache_read_tokens=warm,
            output_tokens=output_tokens,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two lanes between which a hand-over is weighed."""

    lane: Lane
    prompt_tokens: int
    """Length of the prompt of its next call."""
    output_tokens: int
    """Length of one answer of it."""
    cache: CacheState | None = None
    """What its server holds; `None` where it was never called."""

    def reads(self, at: datetime, *, grown_by: int = 0) -> Decimal | None:
        """What its next call costs in US dollars if it is made at *at* (UTC).

        Args:
            at: Decides what is still warm.
            grown_by: Tokens that the prompt has gained until then, not in the cache.
        """
        return call_cost(
            self.lane,
            prompt_tokens=self.prompt_tokens + grown_by,
            warm_tokens=warm_tokens(self.cache, self.lane, at),
            output_tokens=self.output_tokens,
        )

    def steps(
        self, count: int, at: datetime, *, growth_tokens: int, step_s: float
    ) -> Decimal | None:
        """What so many steps in a row cost in US dollars, the first of them at *at* (UTC)."""
        side, total = self, Decimal(0)
        for _ in range(count):
            cost = side.reads(at)
            if cost is None:
                return None
            total += cost
            side = Side(
                lane=side.lane,
                prompt_tokens=side.prompt_tokens + growth_tokens,
                output_tokens=side.output_tokens,
                cache=CacheState(prompt_tokens=side.prompt_tokens, at=at),
            )
            at += timedelta(seconds=step_s)
        return total


class ExtraCost(NamedTuple):
    """What a hand-over costs over staying, and what is read afresh for it."""

    usd: Decimal | None
    """US dollars, negative where the other lane is the cheaper one; `None` where prices are not
    known."""
    cold_tokens: int
    """Prompt tokens of its first call that the lane does not hold."""


def extra_cost(
    higher: Side,
    home: Side,
    *,
    steps: int,
    at: datetime,
    growth_tokens: int = 0,
    step_s: float = 10.0,
    is_drafted: bool = False,
    returns: bool = True,
) -> ExtraCost:
    """What it costs over staying on *home* to hand the next steps to *higher*.

    The sum of four terms: the steps on the higher lane, its cold prompt included; less what they
    would have cost at home; what the home lane pays to read everything once it is back, which is
    the whole prompt where its cache has gone cold meanwhile; less what it would have paid for that
    step had it stayed.

    Args:
        higher: The lane that would take over.
        home: The lane in charge.
        steps: How many steps are handed over, at least 1.
        at: When the first of them is made, UTC.
        growth_tokens: By how much a prompt grows from one step to the next: answer and results.
        step_s: Seconds that a step takes, tools included.
        is_drafted: Whether the home lane has drafted the first of the steps already. That draft
            is paid for whatever is done, so nothing is saved by not making it.
        returns: Whether the home lane goes on afterwards.
    """
    cold = max(higher.prompt_tokens - warm_tokens(higher.cache, higher.lane, at), 0)
    duration = timedelta(seconds=step_s)
    above = higher.steps(steps, at, growth_tokens=growth_tokens, step_s=step_s)
    stays = home.steps(steps + returns, at, growth_tokens=growth_tokens, step_s=step_s)
    back = (
        home.reads(at + steps * duration, grown_by=steps * growth_tokens) if returns else Decimal(0)
    )
    spent = home.reads(at) if is_drafted else Decimal(0)
    if above is None or stays is None or back is None or spent is None:
        return ExtraCost(None, cold)
    return ExtraCost(above + back + spent - stays, cold)
