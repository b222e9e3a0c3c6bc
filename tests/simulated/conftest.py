"""Tests of the simulated providers run on both event loops, with real time."""

import pytest
from event_loops import LOOPS


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Without trio's jumping clock: it takes a test that waits for a server's thread for idle."""
    return request.param
