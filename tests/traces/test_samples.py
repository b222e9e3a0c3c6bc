"""The recorded trajectories in `traces/` are what the current format says they are."""

from pathlib import Path

import pytest

from cascade.events import decode, encode
from cascade.traces.record import read_trace

SAMPLES = sorted((Path(__file__).parents[2] / "traces").glob("*.jsonl"))


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 5


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_whole_and_folds_to_its_end(path: Path) -> None:
    trace = read_trace(path)
    state = trace.state()
    assert trace.torn_bytes == 0
    assert state.finished is not None
    assert state.seq == len(trace.events)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_encoded_byte_for_byte_as_it_was_recorded(path: Path) -> None:
    for line in path.read_bytes().splitlines():
        assert encode(decode(line)) == line
