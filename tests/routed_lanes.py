"""Lanes, and ladders of them, for the tests of routing."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from cascade.lanes import Capabilities, Lane, Locality, Prices, Profile

__all__ = ["OPUS", "frontier", "home", "ladders", "lanes", "prices"]

OPUS = Prices(
    input_usd=Decimal(5),
    output_usd=Decimal(25),
    cache_read_usd=Decimal("0.5"),
    cache_write_usd=Decimal("6.25"),
)
"""Opus 4.6 as TwinRouterBench has it, https://arxiv.org/abs/2605.18859."""


def home(name: str = "home", **fields: Any) -> Lane:
    """A local lane at the foot of the ladder that costs nothing."""
    given: dict[str, Any] = {
        "name": name,
        "backend": "llama",
        "model": "bundled:desk",
        "locality": "local",
        "prices": Prices.free(),
        "cache_ttl_s": None,
    }
    return Lane.model_validate(given | fields)


def frontier(name: str = "frontier", **fields: Any) -> Lane:
    """A remote lane above it, at Opus' prices."""
    given: dict[str, Any] = {
        "name": name,
        "backend": "anthropic",
        "model": "claude-opus-4-6",
        "locality": "remote",
        "tier": 1,
        "prices": OPUS,
        "capabilities": Capabilities(efforts=("low", "high")),
    }
    return Lane.model_validate(given | fields)


classes = st.sampled_from(["personal", "restricted", "secret"])
regions = st.sampled_from(["eu", "us"])
usd = st.decimals(0, 100, places=4)
prices = st.builds(Prices, input_usd=usd, output_usd=usd, cache_read_usd=usd, cache_write_usd=usd)
profiles = st.builds(
    Profile,
    quality=st.sampled_from([None, 0.0, 0.5, 0.7, 1.0]),
    latency_s=st.sampled_from([None, 0.1, 1.0, 30.0]),
    ceiling=st.sampled_from([None, 0.0, 0.3, 0.6]),
    calls=st.sampled_from([0, 20]),
)
localities: st.SearchStrategy[Locality] = st.sampled_from(["local", "private", "remote"])


def lanes(name: str) -> st.SearchStrategy[Lane]:
    """Any lane of that name."""
    return st.builds(
        Lane,
        name=st.just(name),
        backend=st.just("scripted"),
        model=st.just("any"),
        tier=st.integers(0, 3),
        locality=localities,
        region=st.sampled_from([None, "eu", "us"]),
        data_classes=st.sampled_from([None, (), ("personal",), ("personal", "restricted")]),
        capabilities=st.builds(Capabilities, tools=st.booleans(), images=st.booleans()),
        context_tokens=st.sampled_from([None, 100, 1000, 10_000]),
        prices=st.sampled_from([None, Prices.free(), OPUS]),
        profile=profiles,
    )


ladders = st.lists(st.sampled_from("abcd"), unique=True, min_size=1).flatmap(
    lambda names: st.tuples(*(lanes(name) for name in names))
)
"""One to four lanes of different names."""
