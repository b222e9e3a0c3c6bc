from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.llama.engine.text import TextAssembler


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


@given(st.text(max_size=40), st.lists(st.integers(0, 60), max_size=8))
def test_pieces_cut_anywhere_give_the_text(text: str, places: list[int]):
    assembler = TextAssembler()
    given_out = [assembler.feed(piece) for piece in cut(text.encode(), places)]
    assert "".join([*given_out, assembler.finish()]) == text == assembler.text


@given(
    st.text("ab<", max_size=30),
    st.lists(st.text("ab<", min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.integers(0, 30), max_size=8),
)
def test_a_stop_string_ends_the_text_however_it_is_cut(
    text: str, stops: list[str], places: list[int]
):
    assembler = TextAssembler(stops)
    for piece in cut(text.encode(), places):
        assembler.feed(piece)
        if assembler.stopped:
            break
    assembler.finish()
    first = min((at for at in (text.find(stop) for stop in stops) if at >= 0), default=None)
    if first is None:
        assert (assembler.text, assembler.stopped) == (text, False)
    else:
        # A piece may complete several stop strings; which one it ends at is the earliest of them.
        assert assembler.stopped
        assert text.startswith(assembler.text)
        assert not any(stop in assembler.text for stop in stops)


def test_a_multi_byte_character_is_held_back_until_it_is_whole():
    assembler = TextAssembler()
    assert [assembler.feed(bytes([byte])) for byte in "é!".encode()] == ["", "é", "!"]


def test_bytes_that_are_no_text_become_replacement_characters():
    assembler = TextAssembler()
    assert assembler.feed(b"\xff a") == "\N{REPLACEMENT CHARACTER} a"
    assert assembler.feed(b"\xe2\x82") == ""
    assert assembler.finish() == "\N{REPLACEMENT CHARACTER}"


def test_an_ending_that_may_begin_a_stop_string_is_held_back():
    assembler = TextAssembler(["</tool>"])
    assert assembler.feed(b"x</to") == "x"
    assert assembler.feed(b"tal") == "</total"
