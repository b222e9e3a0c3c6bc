from datetime import UTC, datetime, timedelta

from routed_lanes import frontier

from cascade.exchange import Usage
from cascade.routing.caches import CacheState, after_call, warm_tokens

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LANE = frontier(cache_ttl_s=300)
WRITTEN = Usage(cache_write_tokens=5000, output_tokens=50)


def test_a_lane_that_was_never_called_holds_nothing():
    assert warm_tokens(None, LANE, AT) == 0


def test_a_prompt_is_warm_until_its_time_to_live_has_passed():
    cache = CacheState(prompt_tokens=5000, at=AT)
    assert warm_tokens(cache, LANE, AT + timedelta(seconds=300)) == 5000
    assert warm_tokens(cache, LANE, AT + timedelta(seconds=301)) == 0


def test_a_lane_without_a_time_to_live_holds_its_prompt_for_good():
    cache = CacheState(prompt_tokens=5000, at=AT)
    lane = LANE.model_copy(update={"cache_ttl_s": None})
    assert warm_tokens(cache, lane, AT + timedelta(days=30)) == 5000


def test_a_call_leaves_its_whole_prompt_behind():
    usage = Usage(input_tokens=10, cache_read_tokens=5000, cache_write_tokens=90, output_tokens=7)
    first = after_call(None, LANE, WRITTEN, AT)
    second = after_call(first, LANE, usage, AT + timedelta(seconds=10))
    assert second == CacheState(prompt_tokens=5100, at=AT + timedelta(seconds=10))


def test_a_first_call_is_taken_to_be_kept_even_where_writes_are_not_reported():
    assert after_call(None, LANE, Usage(input_tokens=5000), AT).prompt_tokens == 5000


def test_nothing_is_expected_of_a_server_that_read_afresh_what_should_have_been_warm():
    first = after_call(None, LANE, Usage(input_tokens=800), AT)
    second = after_call(first, LANE, Usage(input_tokens=900), AT + timedelta(seconds=10))
    assert second.prompt_tokens == 0
    still = after_call(second, LANE, Usage(input_tokens=950), AT + timedelta(seconds=20))
    assert still.prompt_tokens == 0


def test_a_server_that_reports_a_cached_token_is_expected_to_be_warm_again():
    nothing = CacheState(prompt_tokens=0, at=AT)
    later = AT + timedelta(seconds=10)
    usage = Usage(input_tokens=100, cache_read_tokens=1024)
    assert after_call(nothing, LANE, usage, later).prompt_tokens == 1124


def test_a_miss_after_the_time_to_live_says_nothing_about_the_server():
    first = after_call(None, LANE, WRITTEN, AT)
    late = after_call(first, LANE, Usage(input_tokens=5100), AT + timedelta(seconds=400))
    assert late.prompt_tokens == 5100
