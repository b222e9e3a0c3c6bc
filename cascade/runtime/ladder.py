"""What a ladder of lanes must be before any of them is opened."""

from collections.abc import Collection, Sequence

from cascade.errors import ConfigError
from cascade.lanes import Lane, home_lane

__all__ = ["check_ladder"]


def check_ladder(lanes: Sequence[Lane], *, home: str | None, backends: Collection[str]) -> None:
    """Checks names: of the lanes, of the home lane, of their fallbacks, of backends given for them.

    Raises:
        ConfigError: A name is taken twice or stands for nothing; the message says what there is.
    """
    names = [lane.name for lane in lanes]
    if len(set(names)) < len(names):
        raise ConfigError(f"each lane needs a name of its own; given: {', '.join(names)}")
    home_lane(tuple(lanes), home)
    unknown = sorted(set(backends) - set(names))
    if unknown:
        raise ConfigError(
            f"backends are given for {', '.join(unknown)}; the lanes are: {', '.join(names)}"
        )
    for lane in lanes:
        others = [name for name in names if name != lane.name]
        wrong = [name for name in lane.fallbacks if name not in others]
        if wrong:
            known = ", ".join(others) or "there is no other lane"
            raise ConfigError(
                f"lane {lane.name!r} falls back on {', '.join(wrong)}; possible are: {known}"
            )
