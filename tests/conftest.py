"""Fixtures that all tests share."""

import pytest
from event_loops import LOOPS, loop_options
from hypothesis import HealthCheck, settings

# Two cores that others use too: what an example takes says nothing about the code.
settings.register_profile(
    "cascade", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cascade")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Async tests marked `anyio` run on both loops; on trio, waiting takes no time."""
    return request.param, loop_options(request.param)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """The name of an event loop, for tests that run it more than once (`event_loops.run_on`)."""
    return request.param
