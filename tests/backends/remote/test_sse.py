"""Server-sent events, cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.remote.sse import EventStream, ServerSentEvent


def read(*pieces: bytes) -> list[ServerSentEvent]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)]


def reference(text: bytes) -> list[ServerSentEvent]:
    """The format's rules over a whole stream, line by line."""
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, _unfinished = text.split(b"\n")
    events: list[ServerSentEvent] = []
    name, data = b"", b""
    for line in lines:
        if line == b"":
            if data:
                events.append(ServerSentEvent(name.decode("utf-8", "replace"), data[:-1]))
            name, data = b"", b""
            continue
        field, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data += value + b"\n"
        elif field == b"event":
            name = value
    return events


LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data",
        b"data: ",
        b"data:  two spaces",
        b": comment",
        b":",
        b"event: delta",
        b"event",
        b"id: 3",
        b"retry: 10",
        b"unknown: y",
        "data: gr\u00fc\u00dfe \U0001f40c".encode(),
        b"",
        b"",
        b"\xef\xbb\xbfdata: no mark here",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=12),
    mark=st.booleans(),
    tail=LINES,
    cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=12),
)
def test_events_are_the_same_wherever_the_stream_is_cut(
    *, lines: list[tuple[bytes, bytes]], mark: bool, tail: bytes, cuts: list[int]
):
    text = (b"\xef\xbb\xbf" if mark else b"") + b"".join(a + b for a, b in lines) + tail
    places = sorted({min(cut, len(text)) for cut in cuts})
    bounds = [0, *places, len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert read(*pieces) == reference(text)


@given(text=st.binary(max_size=60).map(lambda raw: raw.replace(b"d", b"data:")))
def test_any_bytes_are_read_as_the_format_says(text: bytes):
    assert read(*(text[i : i + 1] for i in range(len(text)))) == reference(text)
    assert read(text) == reference(text)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_is_there_as_soon_as_its_empty_line_has_begun(end: bytes):
    stream = EventStream()
    assert stream.feed(b"data: a" + end) == []
    assert stream.feed(end[:1]) == [ServerSentEvent("", b"a")]
    assert stream.feed(end[1:]) == []


def test_a_name_goes_with_one_event_only():
    assert read(b"event: one\ndata: 1\n\ndata: 2\n\n") == [
        ServerSentEvent("one", b"1"),
        ServerSentEvent("", b"2"),
    ]


def test_lines_of_data_are_joined():
    assert read(b"data: {\ndata: }\n\n") == [ServerSentEvent("", b"{\n}")]


def test_what_no_empty_line_ends_is_no_event():
    assert read(b"data: half\n") == []


def test_a_long_line_in_many_pieces_comes_together():
    pieces = [b"data: ", *([b"x" * 1000] * 500), b"\n\n"]
    assert read(*pieces) == [ServerSentEvent("", b"x" * 500_000)]
