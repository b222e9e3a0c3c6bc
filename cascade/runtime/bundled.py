"""The lane that is there without any configuration."""

from cascade.lanes import Capabilities, Lane, Prices

__all__ = ["BUNDLED_LANE"]

BUNDLED_LANE = Lane(
    name="local",
    backend="llama_cpp",
    model="bundled:desk",
    locality="local",
    capabilities=Capabilities(log_probabilities=True, grammar=True),
    max_output_tokens=256,
    prices=Prices.free(),
)
"""The small model that ships with the package, in this process."""
