"""Breakers: when a lane rests, how long, and who finds out that it is back."""

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import ConfigError
from cascade.runtime.breakers import Breaker, BreakerSettings

SETTINGS = BreakerSettings()


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(SETTINGS.failures):
        breaker.failed(at)
    return breaker


def fail_the_probe(breaker: Breaker, at: float) -> None:
    probe = breaker.admit()
    breaker.failed(at, probe=probe)
    breaker.ended(probe)


def test_a_breaker_opens_with_the_last_of_so_many_failures_in_a_row():
    breaker = Breaker(SETTINGS)
    rests: list[float] = []
    for _ in range(SETTINGS.failures):
        breaker.failed(10.0)
        rests.append(breaker.rest_s(10.0))
    assert rests == [0, 0, 5]
    assert breaker.rest_s(14.0) == 1
    assert breaker.rest_s(15.0) == 0


def test_a_served_call_starts_the_count_anew():
    breaker = Breaker(SETTINGS)
    for _ in range(10):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.served(0.0)
        assert breaker.is_clear
    assert breaker.rest_s(0.0) == 0


def test_one_probe_at_a_time_goes_through_a_rested_breaker():
    breaker = opened()
    probe = breaker.admit()
    assert breaker.rest_s(6.0) == SETTINGS.cool_down_s
    breaker.ended(probe)
    assert breaker.rest_s(6.0) == 0
    assert breaker.admit() != probe


def test_rests_grow_with_each_probe_that_fails_up_to_the_longest():
    breaker = opened()
    now, rests = 0.0, [5.0]
    for _ in range(6):
        now += rests[-1]
        fail_the_probe(breaker, now)
        rests.append(breaker.rest_s(now))
    assert rests == [5, 10, 20, 40, 80, 120, 120]
    assert SETTINGS.rest_s(10_000) == SETTINGS.longest_s


def test_calls_that_were_under_way_extend_a_rest_and_do_not_make_it_grow():
    breaker = opened()
    for _ in range(50):
        breaker.failed(2.0)
    assert breaker.rests_until == 7
    breaker.asked_to_wait(2.0, 1.0)
    assert breaker.rests_until == 7
    breaker.asked_to_wait(2.0, 30.0)
    assert breaker.rests_until == 32


def test_a_call_served_during_a_rest_does_not_end_it():
    breaker = opened()
    breaker.served(1.0)
    assert breaker.rest_s(1.0) == 4
    assert breaker.admit() != 0
    breaker.served(5.0)
    assert breaker.is_clear
    assert breaker.admit() == 0


def test_a_probe_that_ends_late_frees_nobody_elses_place():
    breaker = opened()
    late = breaker.admit()
    breaker.served(6.0)
    for _ in range(SETTINGS.failures):
        breaker.failed(7.0)
    breaker.admit()
    breaker.failed(12.0, probe=late)
    assert breaker.rests_until == 17, "the late one is an ordinary failure"
    breaker.ended(late)
    assert breaker.rest_s(20.0) > 0


def test_a_server_is_not_left_alone_for_as_long_as_it_likes():
    breaker = Breaker(SETTINGS)
    breaker.asked_to_wait(0.0, 86_400.0)
    assert breaker.rest_s(0.0) == SETTINGS.longest_asked_s
    assert breaker.admit() == 0, "it asked for patience, which says nothing against it"


@pytest.mark.parametrize(
    "wrong",
    [{"failures": 0}, {"growth": 0.5}, {"cool_down_s": 0.0}, {"longest_s": 1.0}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]):
    with pytest.raises(ConfigError, match="breakers need"):
        BreakerSettings(**wrong)  # pyright: ignore[reportArgumentType] - some are whole numbers


@dataclass
class Model:
    """What a breaker is for, said another way: by the list of its rests."""

    now: float = 0.0
    in_a_row: int = 0
    openings: int = 0
    rests: list[float] = field(default_factory=list[float])
    calls: list[int] = field(default_factory=list[int])
    """Numbers of the probes among the calls under way, 0 for the others."""
    proven: bool = True

    def is_resting(self) -> bool:
        return any(end > self.now for end in self.rests)

    def rest(self, seconds: float) -> None:
        self.rests.append(self.now + seconds)


moves = st.lists(
    st.tuples(
        st.sampled_from(["pass", "call", "call", "fail", "fail", "at once", "serve", "ask", "end"]),
        st.integers(0, 5),
        st.floats(0, 40),
    ),
    max_size=60,
)


@given(moves)
def test_rests_never_shorten_and_at_most_one_probe_is_under_way(
    moves: list[tuple[str, int, float]],
):
    breaker, model = Breaker(SETTINGS), Model()
    probe_out = 0
    for move, chosen, seconds in moves:
        before = breaker.rests_until
        if move == "pass":
            model.now += seconds
        elif move == "ask":
            breaker.asked_to_wait(model.now, seconds)
            model.rest(seconds)
        elif move == "call":
            may = breaker.rest_s(model.now) == 0
            assert may == (not model.is_resting() and not probe_out)
            if may:
                model.calls.append(breaker.admit())
                assert (model.calls[-1] > 0) == (not model.proven)
                probe_out = model.calls[-1]
        elif model.calls:
            call = model.calls.pop(chosen % len(model.calls))
            was_probe = call > 0 and call == probe_out
            if move == "serve":
                breaker.served(model.now)
                model.in_a_row = 0
                if not model.is_resting():
                    model.proven, model.openings, probe_out = True, 0, 0
                    before = -math.inf
            elif move in {"fail", "at once"}:
                breaker.failed(model.now, at_once=move == "at once", probe=call)
                model.in_a_row += 1
                opens = model.proven and (move == "at once" or model.in_a_row >= SETTINGS.failures)
                model.openings += opens or was_probe
                model.proven = model.proven and not opens
                if not model.proven:
                    model.rest(min(120, 5 * 2 ** (model.openings - 1)))
            breaker.ended(call)
            probe_out = 0 if was_probe else probe_out
        assert breaker.rests_until >= before
        assert (breaker.rest_s(model.now) > 0) == (model.is_resting() or probe_out > 0)
        if model.is_resting():
            assert breaker.rests_until == max(model.rests)
