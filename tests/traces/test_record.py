import os
import resource
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from event_loops import run_on
from event_strategies import events
from hypothesis import given
from simulation import Simulation, draft
from worlds import TASK, World, runtime

from cascade import TraceError
from cascade.events import Event, Resumed, encode
from cascade.traces.record import Recorder, Trace, read_trace

AT = datetime(2026, 1, 1, tzinfo=UTC)


def log() -> list[Event]:
    simulation = Simulation([draft("look"), draft(text="end")])
    simulation.run()
    return simulation.events


def write(path: Path, made: list[Event], *, fsync: bool = False) -> Path:
    recorder = Recorder.create(path, fsync=fsync)
    for event in made:
        recorder.append(event)
    recorder.close()
    recorder.close()
    return path


@pytest.mark.parametrize("fsync", [False, True])
def test_what_was_written_is_read(tmp_path: Path, *, fsync: bool):
    made = log()
    path = write(tmp_path / "new" / "folder" / "a.jsonl", made, fsync=fsync)
    trace = read_trace(path)
    assert list(trace.events) == made
    assert path.read_bytes() == b"".join(encode(event) + b"\n" for event in made)
    assert trace.started.trajectory_id == "t"
    assert (trace.whole_bytes, trace.torn_bytes) == (path.stat().st_size, 0)


def test_only_the_owner_may_read_what_may_hold_secrets(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", log())
    assert path.stat().st_mode & 0o077 == 0


@given(events)
def test_any_event_can_be_written_and_read(tmp_path_factory: pytest.TempPathFactory, event: Event):
    path = write(tmp_path_factory.mktemp("trace") / "a.jsonl", [event])
    assert read_trace(path).events == (event,)


def test_a_torn_last_line_is_left_out_wherever_it_was_cut(tmp_path: Path):
    made = log()
    path = write(tmp_path / "a.jsonl", made)
    data = path.read_bytes()
    start = data.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(data)):
        path.write_bytes(data[:end])
        trace = read_trace(path)
        assert len(trace.events) == len(made) - 1
        assert (trace.whole_bytes, trace.torn_bytes) == (start, end - start)


def test_going_on_cuts_the_torn_line_away_first(tmp_path: Path):
    made = log()
    path = write(tmp_path / "a.jsonl", made)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    recorder = Recorder.reopen(read_trace(path))
    recorder.append(made[-1])
    recorder.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no event"),
        (b'{"schema_version":1', "holds no event"),
        (b"not json\n", "line 1: not an event"),
        (b"\xff\xfe\n", "line 1: not an event"),
        (b'{"kind":"invented"}\n', "line 1: not an event"),
        (encode(Resumed(seq=1, at=AT)) + b"\n\n", "line 2: not an event"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_line(
    tmp_path: Path, content: bytes, said: str
):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=said) as caught:
        read_trace(path)
    assert caught.value.path == path


def test_a_log_that_does_not_hang_together_is_refused_with_its_file(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", [log()[0], log()[2]])
    with pytest.raises(TraceError, match=r"a\.jsonl: event 3 follows event 1"):
        read_trace(path).state()


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(TraceError, match="cannot be read"):
        read_trace(tmp_path / "none.jsonl")
    with pytest.raises(TraceError, match="cannot be opened"):
        Recorder.reopen(Trace(path=tmp_path / "none.jsonl", events=(), whole_bytes=0))
    with pytest.raises(TraceError, match="did not come from a file"):
        Recorder.reopen(Trace(path=None, events=(), whole_bytes=0))


def test_a_file_that_has_grown_since_is_not_cut(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", log()[:3])
    stale = read_trace(path)
    other = Recorder.reopen(read_trace(path))
    other.append(log()[3])
    other.close()
    before = path.read_bytes()
    with pytest.raises(TraceError, match="read it again"):
        Recorder.reopen(stale)
    assert path.read_bytes() == before


def test_a_file_is_written_by_one_recorder_at_a_time(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    first = Recorder.create(path)
    first.append(log()[0])
    with pytest.raises(TraceError, match="being written by another run") as caught:
        Recorder.reopen(read_trace(path))
    assert caught.value.path == path
    first.close()
    second = Recorder.reopen(read_trace(path))
    with pytest.raises(TraceError, match="being written by another run"):
        Recorder.reopen(read_trace(path))
    second.append(log()[1])
    second.close()
    assert len(read_trace(path).events) == 2


def test_what_cannot_be_cut_is_not_gone_on_with(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(TraceError, match="cannot be cut"):
        Recorder.reopen(Trace(path=pipe, events=(), whole_bytes=0))
    os.close(reader)


def test_an_existing_file_is_never_written_over(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", log())
    before = path.read_bytes()
    with pytest.raises(TraceError, match="File exists"):
        Recorder.create(path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match="cannot be made"):
        Recorder.create(tmp_path / "file" / "a.jsonl")
    with pytest.raises(TraceError, match="cannot be made"):
        Recorder.create(Path("/proc/no/such/folder/a.jsonl"))


def test_a_full_disk_is_an_error():
    full = os.open("/dev/full", os.O_WRONLY)
    recorder = Recorder(Path("/dev/full"), full, content=True, fsync=False)
    with pytest.raises(TraceError, match="No space left"):
        recorder.append(log()[0])
    recorder.close()


@pytest.mark.parametrize("room", [100, 6_000, 8_000])
def test_a_run_whose_disk_fills_up_stops_with_one_error_and_leaves_whole_lines(
    tmp_path: Path, loop: str, room: int
):
    """The limit on file sizes cuts a write short as a full disk does."""

    async def run() -> None:
        async with runtime(traces=tmp_path) as cascade:
            await cascade.run(TASK, tools=World().tools, trajectory_id="t")

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(TraceError, match="cannot be written: File too large"):
            run_on(loop, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    path = tmp_path / "t.jsonl"
    assert path.stat().st_size == room
    if room < 1_000:
        with pytest.raises(TraceError, match="holds no event"):
            read_trace(path)
    else:
        trace = read_trace(path)
        assert trace.torn_bytes > 0

        async def go_on() -> str | None:
            async with runtime() as cascade:
                return (await cascade.resume(path, tools=World().tools)).answer

        assert run_on(loop, go_on) == "the answer"
