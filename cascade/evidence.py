"""Evidence: the rules that a policy asks for, made into monitors and gates."""

from cascade.gates.loading import gates_of
from cascade.monitors.loading import load_monitors
from cascade.policy import Policy
from cascade.redaction.loading import redactor_of
from cascade.rules import Rules

__all__ = ["rules_of"]


def rules_of(policy: Policy) -> Rules:
    """The monitors and gates of *policy*, the user's own included, which are imported here.

    Raises:
        ConfigError: One of them cannot be had.
    """
    if policy.redaction.enabled:
        # Made now: what is wrong with its settings is not to be found out in mid-run.
        redactor_of(policy.redaction)
    return Rules(
        monitors=load_monitors(policy.monitors),
        gates=gates_of(policy.gates),
        goes_on=policy.monitors.on_error == "go_on",
    )
