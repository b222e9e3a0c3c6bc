"""Any trajectory over all lanes and strict providers: nothing refused, lost or doubled."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from crossings import Crossing, Providers, crossing, providers
from hypothesis import given
from hypothesis import strategies as st
from journeys import FAULTS, LANES, SPOILINGS, TOOLS, Attempt, Done, Journey, Leg, random_journey

SEEDS = range(40)


class Site:
    """Providers that serve any number of trajectories, and the loop that these run on."""

    def __init__(self, portal: BlockingPortal, there: Providers) -> None:
        self._portal = portal
        self.there = there
        self._number = 0

    def travel(self, journey: Journey) -> Crossing:
        """Runs one trajectory; each has a name of its own."""
        self._number += 1
        return self._portal.call(partial(crossing, self.there, journey, self._number))


@contextmanager
def opened(loop: str) -> Generator[Site]:
    with (
        start_blocking_portal(loop) as portal,
        portal.wrap_async_context_manager(providers()) as there,
    ):
        yield Site(portal, there)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with opened(request.param) as site:
        yield site


def attempts(*, spoiled: bool) -> st.SearchStrategy[Attempt]:
    return st.builds(
        Attempt,
        lane=st.sampled_from(LANES),
        thinks=st.booleans(),
        redacted=st.booleans(),
        spoiled=st.sampled_from(SPOILINGS) if spoiled else st.none(),
        faults=st.lists(st.sampled_from(FAULTS), max_size=2).map(tuple),
    )


def legs(pieces: st.SearchStrategy[int]) -> st.SearchStrategy[Leg]:
    unusable = st.lists(attempts(spoiled=True), max_size=2)
    return st.builds(
        Leg,
        attempts=st.tuples(unusable, attempts(spoiled=False)).map(lambda two: (*two[0], two[1])),
        pieces=pieces,
        text=st.sampled_from(("", "On it.")),
        tool=st.sampled_from(tuple(TOOLS)),
    )


journeys = st.builds(
    Journey,
    legs=st.tuples(st.lists(legs(st.integers(1, 3)), max_size=5), legs(st.just(0))).map(
        lambda two: (*two[0], two[1])
    ),
    structured=st.booleans(),
    system=st.booleans(),
    streamed=st.booleans(),
)


def check(made: Crossing) -> None:
    """Whether the journey came to the end that was planned."""
    finished = made.state.finished
    assert finished is not None
    assert finished.outcome == "completed", finished.reason
    assert made.worked == made.wanted
    spoiled = [each for leg in made.journey.legs for each in leg.attempts if each.spoiled]
    assert made.rejected == len(spoiled)
    assert made.state.steps_done == len(made.journey.legs)
    answer = finished.answer or ""
    if made.journey.structured:
        said = Done.model_validate_json(answer)
        assert said == Done(task=made.task, pieces=made.worked.total())
    else:
        assert answer == made.journey.answer(made.task)


@given(journey=journeys)
def test_any_draft_of_any_step_may_be_made_on_any_lane(site: Site, journey: Journey):
    refused = len(site.there.refusals)
    made = site.travel(journey)
    assert site.there.refusals[refused:] == []
    check(made)


@pytest.mark.parametrize("faults", [0.0, 0.2])
def test_journeys_by_the_dice_hold_everything_that_a_journey_can(site: Site, faults: float):
    refused = len(site.there.refusals)
    ended = [site.travel(random_journey(seed, faults=faults)) for seed in SEEDS]
    assert site.there.refusals[refused:] == []
    for made in ended:
        check(made)
    assert {lane for made in ended for lane in made.lanes} == set(LANES)
    assert {made.journey.structured for made in ended} == {True, False}
    assert {leg.tool for made in ended for leg in made.journey.legs} == set(TOOLS)
    assert sum(made.rejected for made in ended) > 5
    failed = sum(event.kind == "failed" for made in ended for event in made.events)
    assert (failed > 0) == (faults > 0)
