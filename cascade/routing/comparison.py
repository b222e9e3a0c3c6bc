"""The one comparison: what a wrong step may cost, against what handing it up costs.

Failure is not benefit. A higher lane that would fail as well averts nothing, and one that spoils
what was right does damage of its own. So what is weighed is the expected damage averted,

    (p_fail * p_rescue - (1 - p_fail) * p_harm) * damage,

which is `p_fail * damage` where the higher lane is taken to be always right.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cascade.decision import Comparison
from cascade.exchange import SideEffect
from cascade.lanes import Lane
from cascade.policy.escalating import Damage, Escalating

__all__ = ["compare", "damage_of", "rescue_of"]


def damage_of(
    damage: Damage,
    *,
    side_effects: Iterable[SideEffect] = (),
    is_answer: bool = False,
    is_stuck: bool = False,
) -> Decimal:
    """What is at stake in US dollars: the largest of the classes that apply.

    Args:
        damage: The policy's figures.
        side_effects: Of the calls of a step.
        is_answer: Whether it is a final answer.
        is_stuck: Whether the whole task is at stake.

    Returns:
        The figure of a reading step where nothing applies, as for a draft that cannot be read.
    """
    by_effect: dict[SideEffect, Decimal] = {
        "read": damage.read_usd,
        "write": damage.write_usd,
        "irreversible": damage.irreversible_usd,
    }
    stakes = [by_effect[effect] for effect in side_effects]
    if is_answer:
        stakes.append(damage.answer_usd)
    if is_stuck:
        stakes.append(damage.task_usd)
    return max(stakes, default=damage.read_usd)


def rescue_of(settings: Escalating, higher: Lane) -> float:
    """The probability that *higher* puts right what would fail: the policy's, or its quality.

    A lane's quality is its share of right steps over all steps, and those that a lower lane fails
    are harder than most, so it errs on the high side. Without any figure it is 1.
    """
    if settings.p_rescue is not None:
        return settings.p_rescue
    return 1.0 if higher.profile.quality is None else higher.profile.quality


def compare(
    *,
    p_fail: float,
    damage_usd: Decimal,
    extra_cost_usd: Decimal | None,
    settings: Escalating,
    max_p_fail: float,
    calibration: str | None = None,
    cold_tokens: int = 0,
    after_side_effect: bool = False,
    p_rescue: float | None = None,
    p_harm: float | None = None,
) -> Comparison:
    """Weighs handing a step up.

    Where prices are known it is worth it when the expected damage averted is more than the extra
    cost. Where they are not, when the share of the damage that is averted, which is `p_fail` for a
    higher lane that is always right, reaches *max_p_fail*.

    Args:
        p_fail: Probability that the step fails if the lane in charge goes on.
        damage_usd: What that costs; see `damage_of`.
        extra_cost_usd: What the higher lane costs over the lane in charge; see `extra_cost`.
            `None` where prices are not known.
        settings: What rescue, harm and a side effect count for.
        max_p_fail: Decides where prices are not known.
        calibration: Name of the calibration behind *p_fail*.
        cold_tokens: Prompt tokens that the higher lane has to read afresh.
        after_side_effect: Whether something was done that cannot be taken back; then fewer
            failures can be put right.
        p_rescue: An estimate for this very case, in place of the policy's; see `rescue_of`.
        p_harm: Likewise.

    Returns:
        A record whose figures give its outcome: its `p_rescue` has the side effect in it.
    """
    rescue = p_rescue if p_rescue is not None else settings.p_rescue
    rescue = 1.0 if rescue is None else rescue
    if after_side_effect:
        rescue *= settings.after_side_effect
    harm = settings.p_harm if p_harm is None else p_harm
    odds = _Odds(p_rescue=rescue, p_harm=harm)
    averted = odds.averted(p_fail)
    if extra_cost_usd is None:
        worth_it = averted >= max_p_fail
        threshold = odds.tips_at(max_p_fail)
    else:
        # As written in decimals: 0.4 is four tenths here, not the binary fraction next to it.
        worth_it = Decimal(repr(averted)) * damage_usd > extra_cost_usd
        threshold = _priced_threshold(odds, damage_usd, extra_cost_usd)
    return Comparison(
        p_fail=p_fail,
        p_rescue=rescue,
        p_harm=harm,
        calibration=calibration,
        damage_usd=damage_usd,
        extra_cost_usd=extra_cost_usd,
        cold_tokens=cold_tokens,
        threshold=threshold,
        worth_it=worth_it,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Odds:
    p_rescue: float
    p_harm: float

    def averted(self, p_fail: float) -> float:
        """The expected share of the damage that is averted; negative where harm prevails."""
        return p_fail * self.p_rescue - (1 - p_fail) * self.p_harm

    def tips_at(self, share: float) -> float | None:
        """The probability of failure at which so large a share is averted; `None` where none is."""
        slope = self.p_rescue + self.p_harm
        if slope == 0:
            return 0.0 if share <= 0 else None
        p_fail = (share + self.p_harm) / slope
        return max(p_fail, 0.0) if p_fail <= 1 else None


def _priced_threshold(odds: _Odds, damage_usd: Decimal, extra_cost_usd: Decimal) -> float | None:
    """Where the balance tips; on the very spot it is not worth it yet."""
    if damage_usd == 0:
        return 0.0 if extra_cost_usd < 0 else None
    share = float(extra_cost_usd / damage_usd)
    if odds.averted(1.0) <= share:
        return None
    return odds.tips_at(share)
