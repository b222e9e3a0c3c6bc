"""Random trajectories over all lanes and strict providers: nothing refused, lost or doubled."""

import pytest
from crossings import crossing, providers

SEEDS = range(40)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("faults", [0.0, 0.2])
async def test_steps_may_cross_lanes_at_will(faults: float):
    async with providers(faults=faults, seed=1) as there:
        ended = [await crossing(there, seed) for seed in SEEDS]
        assert there.refusals == []
    for made in ended:
        assert made.state.finished is not None
        assert made.state.outcome == "completed", made.state.finished.reason
        assert made.worked == made.wanted
    assert len({lane for made in ended for lane in made.lanes}) == 4
    failed = sum(event.kind == "failed" for made in ended for event in made.events)
    assert (failed > 0) == (faults > 0)
