import pytest
from hypothesis import given
from hypothesis import strategies as st
from routed_lanes import home

from cascade.lanes import Profile
from cascade.routing.profiles import PRIOR_STEPS, Measured, Served

CALLS = st.lists(
    st.builds(
        Served,
        lane=st.sampled_from(["home", "other"]),
        latency_s=st.none() | st.floats(0.01, 60),
        is_right=st.none() | st.booleans(),
    ),
    max_size=30,
)


def test_a_lane_that_was_never_called_keeps_what_is_declared():
    lane = home(profile=Profile(quality=0.7, latency_s=2.0, ceiling=0.4))
    assert Measured().profile(lane) == lane.profile


def test_latency_is_the_average_of_the_timed_calls():
    measured = Measured().including(
        [
            Served(lane="home", latency_s=1.0),
            Served(lane="home", latency_s=3.0),
            Served(lane="home"),
        ]
    )
    profile = measured.profile(home())
    assert profile.latency_s == 2.0
    assert profile.calls == 3


def test_a_lane_whose_calls_were_not_timed_keeps_the_declared_latency():
    measured = Measured().including([Served(lane="home", is_right=True)])
    assert measured.profile(home(profile=Profile(latency_s=2.0))).latency_s == 2.0
    assert measured.profile(home()).latency_s is None


def test_quality_is_the_share_of_judged_steps_that_were_right():
    steps = [True, True, False, None, None]
    measured = Measured().including(Served(lane="home", is_right=each) for each in steps)
    assert measured.profile(home()).quality == pytest.approx(2 / 3)


def test_steps_that_nobody_judged_say_nothing_about_quality():
    measured = Measured().including([Served(lane="home")] * 5)
    assert measured.profile(home()).quality is None
    assert measured.profile(home(profile=Profile(quality=0.6))).quality == pytest.approx(0.6)


def test_a_declared_quality_gives_way_to_measurement_little_by_little():
    lane = home(profile=Profile(quality=1.0))
    wrong = [Served(lane="home", is_right=False)]
    one = Measured().including(wrong).profile(lane).quality
    many = Measured().including(wrong * PRIOR_STEPS).profile(lane).quality
    assert one == pytest.approx(PRIOR_STEPS / (PRIOR_STEPS + 1))
    assert many == pytest.approx(0.5)


def test_the_ceiling_is_declared_and_never_measured():
    measured = Measured().including([Served(lane="home", is_right=True)])
    assert measured.profile(home(profile=Profile(ceiling=0.3))).ceiling == 0.3


def test_lanes_are_stamped_in_their_order_and_else_unchanged():
    measured = Measured().including([Served(lane="b", latency_s=1.0)])
    stamped = measured.stamped((home("a"), home("b")))
    assert stamped[0] == home("a")
    assert stamped[1] == home("b", profile=Profile(latency_s=1.0, calls=1))


@given(CALLS, st.integers(0, 30))
def test_measuring_in_two_goes_is_measuring_in_one(calls: list[Served], cut: int):
    at_once = Measured().including(calls)
    in_two = Measured().including(calls[:cut]).including(calls[cut:])
    assert at_once == in_two


@given(CALLS)
def test_measuring_changes_no_earlier_value(calls: list[Served]):
    before = Measured().including([Served(lane="home", latency_s=1.0)])
    kept = before.profile(home())
    before.including(calls)
    assert before.profile(home()) == kept
