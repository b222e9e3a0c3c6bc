"""Words for values: costs, probabilities and choices of lane; and texts that steer no terminal."""

from decimal import Decimal

from cascade.decision import Comparison, Decision, Purpose, ReasonCode
from cascade.lanes import Lane

__all__ = [
    "at_stake",
    "briefly_weighed",
    "declared",
    "dollars",
    "extra_cost",
    "in_short",
    "is_plain",
    "one_line",
    "printable",
    "probability",
    "roughly",
    "weighed",
    "whither",
]

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}") | {
    ord("\n"): "\n",
    ord("\t"): "    ",
    ord("\r"): None,
}

_PLAIN: frozenset[ReasonCode] = frozenset(
    {"home_lane", "policy_home", "only_candidate", "pinned", "span", "latched", "redraft", "retry"}
)
"""Reasons of choices that the events around them say all about."""

_IN_THE_SCOPE: frozenset[ReasonCode] = frozenset(
    {"nudge", "asked_for_advice", "directive_due", "restart", "no_eligible_lane"}
)
"""Reasons that `whither` has said already."""

_WEIGHED: frozenset[ReasonCode] = frozenset({"worth_it", "over_threshold"})


def printable(text: str) -> str:
    """The text without control characters: what a model or a tool wrote steers no terminal."""
    return text.translate(_CONTROLS)


def one_line(text: str, most: int) -> str:
    """The text on one line of at most *most* characters."""
    flat = " ".join(printable(text).split(" ")).replace("\n", " ⏎ ")
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def dollars(cost_usd: Decimal | None) -> str:
    """A cost in words; an unknown one says so."""
    if cost_usd is None:
        return "cost unknown"
    return f"${cost_usd.normalize():f}" if cost_usd < 1 else f"${cost_usd:.2f}"


def roughly(cost_usd: Decimal | None) -> str:
    """As `dollars`, of an estimate: to three digits, and in cents where that is exact."""
    if cost_usd is None or not cost_usd:
        return dollars(cost_usd)
    rounded = Decimal(f"{cost_usd:.3g}")
    return f"${rounded:.2f}" if rounded == round(rounded, 2) else dollars(rounded)


def extra_cost(cost_usd: Decimal | None) -> str:
    """What one lane costs over another, in words."""
    if cost_usd is None:
        return "prices not known"
    if cost_usd == 0:
        return "at no extra cost"
    return f"about {roughly(abs(cost_usd))} {'more' if cost_usd > 0 else 'less'}"


def briefly_weighed(comparison: Comparison) -> str:
    """Risk against cost, on half a line."""
    threshold = comparison.threshold
    against = "nothing, as it never is worth it" if threshold is None else probability(threshold)
    extra = extra_cost(comparison.extra_cost_usd)
    return f"p_fail {probability(comparison.p_fail)} against {against}; {extra}"


def probability(value: float) -> str:
    """A probability to two places; one that is hardly anything says so."""
    return "under 0.01" if 0 < value < 0.005 else f"{value:.2f}"


def at_stake(comparison: Comparison) -> Decimal:
    """The expected damage in US dollars if the lane in charge goes on."""
    return comparison.damage_usd * Decimal(repr(comparison.p_fail))


def weighed(comparison: Comparison, higher: str, *, is_step: bool = True) -> str:
    """Risk against cost in one sentence.

    Args:
        comparison: What was weighed.
        higher: The higher lane, in words.
        is_step: Whether one step is at stake; otherwise the task is.
    """
    how = "uncalibrated"
    if comparison.calibration is not None:
        how = f"calibrated by {comparison.calibration}"
    damage, p_fail = roughly(comparison.damage_usd), probability(comparison.p_fail)
    stake = f"probability {p_fail} ({how}), so {roughly(at_stake(comparison))} is at stake"
    risk = f"a wrong step here costs {damage}; it is wrong with {stake}"
    if not is_step:
        risk = f"a task that fails costs {damage}; as it goes it fails with {stake}"
    outcome = "worth it" if comparison.worth_it else "not worth it"
    return f"{risk}; {_odds(comparison, higher)}{_price(comparison, higher)}: {outcome}"


def _odds(comparison: Comparison, higher: str) -> str:
    if comparison.p_rescue == 1 and comparison.p_harm == 0:
        return ""
    share = comparison.p_fail * comparison.p_rescue - (1 - comparison.p_fail) * comparison.p_harm
    averted = comparison.damage_usd * Decimal(repr(share))
    rescue, harm = probability(comparison.p_rescue), probability(comparison.p_harm)
    does = "averts" if averted >= 0 else "adds"
    return (
        f"{higher} puts it right with probability {rescue} and spoils what was right with "
        f"probability {harm}, which {does} {roughly(abs(averted))}; "
    )


def _price(comparison: Comparison, higher: str) -> str:
    cost_usd = comparison.extra_cost_usd
    if cost_usd is None:
        limit = comparison.threshold
        bound = "no probability is enough" if limit is None else f"{probability(limit)} is enough"
        return f"what {higher} costs besides is not known, and {bound}"
    cold = f", {comparison.cold_tokens:,} tokens of it cold" if comparison.cold_tokens else ""
    if cost_usd == 0:
        return f"{higher} costs no more{cold}"
    return f"{higher} costs {roughly(abs(cost_usd))} {'more' if cost_usd > 0 else 'less'}{cold}"


def declared(lane: Lane) -> str:
    """How good and quick a lane is said to be, and what it may see; empty where nothing is."""
    profile = lane.profile
    told: list[str] = []
    if profile.quality is not None:
        told.append(f"right in {profile.quality:.0%} of its steps")
    if profile.latency_s is not None:
        told.append(f"{profile.latency_s:.1f} s a call")
    if profile.ceiling is not None:
        told.append(f"tasks up to difficulty {profile.ceiling:g}")
    if told:
        told.append(f"measured over {profile.calls} calls" if profile.calls else "as declared")
    if lane.data_classes is not None:
        told.append(f"may see: {', '.join(lane.data_classes) or 'no classified data'}")
    return "; ".join(told)


def is_plain(decision: Decision) -> bool:
    """Whether the lane in charge just goes on, so that the step itself says it all."""
    return (
        decision.purpose == "draft"
        and decision.scope in {"step", "span"}
        and _PLAIN.issuperset(decision.reasons)
    )


def in_short(decision: Decision, step: int | None) -> str:
    """Where a choice of lane takes the trajectory, and why, in half a sentence each.

    Args:
        decision: The choice.
        step: The step that it is for; `None` calls it "the step".
    """
    told = whither(decision, step)
    codes = [code for code in decision.reasons if code not in _PLAIN | _WEIGHED | _IN_THE_SCOPE]
    why = ", ".join(code.replace("_", " ") for code in codes)
    because = decision.because
    if why and because:
        because = f"({because})"
    return f"{told}: {f'{why} {because}'.strip()}" if why or because else told


_ASKED: dict[Purpose, str] = {
    "advice": "lane {lane} is asked for advice",
    "review": "lane {lane} reviews",
    "judge": "lane {lane} judges the draft of {step}",
    "sample": "lane {lane} drafts {step} once more, to compare",
    "directive": "lane {lane} is asked how to go on",
}


def whither(decision: Decision, step: int | None) -> str:
    """Where a choice of lane takes the trajectory, in words; arguments as for `in_short`."""
    lane = decision.lane
    what = "the step" if step is None else f"step {step}"
    if decision.purpose != "draft":
        return _ASKED[decision.purpose].format(lane=lane, step=what)
    if decision.scope == "halt":
        return "a person has to look"
    if decision.scope == "restart":
        return f"the task begins anew on lane {lane}"
    if "nudge" in decision.reasons:
        return f"lane {lane} is told that it is stuck, and makes {what}"
    if decision.scope != "span":
        return f"{what} goes to lane {lane}"
    if not decision.reasons or decision.reasons[0] in {"span", "latched"}:
        return f"{what} stays with lane {lane}"
    if decision.span_steps is None:
        return f"{what} and all that follow go to lane {lane}"
    return f"{what} goes to lane {lane}, for {decision.span_steps} steps"
