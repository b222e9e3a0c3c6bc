"""The cache of encoded messages, against encoding everything each time."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from remote_lanes import STEP, TASK, shown

from cascade.appended import Appended
from cascade.backends.remote.codec import Encoded
from cascade.backends.remote.encodings import Encodings, merged
from cascade.exchange import Dropped, View
from cascade.messages import AssistantMessage, Message, Text, UserMessage


class CountingCodec:
    """Writes a message's text, marked if plain, and counts."""

    def __init__(self) -> None:
        self.encoded = 0

    def message(self, message: Message, *, plain: bool) -> Encoded:
        self.encoded += 1
        if isinstance(message, UserMessage):
            return Encoded(fragments=(message.text.encode() + (b"!" if plain else b""),))
        if plain or message.role == "tool":
            return Encoded(fragments=(), dropped=(Dropped(what="reasoning", why="not_accepted"),))
        return Encoded(fragments=(b"a", b"b"))


def encodings(codec: CountingCodec, **options: int) -> Encodings:
    return Encodings(codec, **options)  # pyright: ignore[reportArgumentType] - the one method that is used


def view(messages: Sequence[Message], *, plain_until: int = 0, name: str = "t") -> View:
    return View(
        trajectory_id=name, system=None, messages=messages, tools=(), plain_until=plain_until
    )


MESSAGES = [
    *(UserMessage.of(f"u{index}") for index in range(4)),
    *(AssistantMessage(parts=(Text(text=f"a{index}"),)) for index in range(2)),
    STEP[1],
]


@given(
    views=st.lists(
        st.tuples(st.lists(st.sampled_from(MESSAGES), max_size=6), st.integers(0, 6)), max_size=8
    )
)
def test_any_run_of_views_is_encoded_as_if_it_were_the_first(
    views: list[tuple[list[Message], int]],
):
    cache = encodings(CountingCodec())
    for messages, plain_until in views:
        fragments, dropped = cache.of(view(messages, plain_until=plain_until))
        afresh = encodings(CountingCodec()).of(view(messages, plain_until=plain_until))
        assert (list(fragments), dropped) == (list(afresh[0]), afresh[1])
        assert cache.size_bytes == sum(map(len, fragments))


def test_a_view_that_grows_costs_what_is_new():
    codec = CountingCodec()
    cache = encodings(codec)
    messages: Appended[Message] = Appended([TASK])
    for step in range(50):
        cache.of(view(messages))
        assert codec.encoded == len(messages)
        messages = messages.append(UserMessage.of(str(step)))


def test_an_equal_message_that_is_another_object_is_encoded_anew():
    codec = CountingCodec()
    cache = encodings(codec)
    cache.of(view([TASK, *STEP]))
    cache.of(view([TASK, AssistantMessage(parts=STEP[0].parts), STEP[1]]))  # pyright: ignore[reportArgumentType] - an assistant message
    assert codec.encoded == 5


def test_plain_messages_at_the_start_are_encoded_anew_and_the_others_only_after_them():
    codec = CountingCodec()
    cache = encodings(codec)
    cache.of(view([TASK, TASK, TASK]))
    assert cache.of(view([TASK, TASK, TASK], plain_until=2))[0] == [
        b"Look a up.!",
        b"Look a up.!",
        b"Look a up.",
    ]
    cache.of(view([TASK, TASK, TASK, TASK], plain_until=2))
    assert codec.encoded == 3 + 3 + 1


def test_a_trajectory_that_is_over_is_forgotten():
    codec = CountingCodec()
    cache = encodings(codec)
    cache.of(shown(*STEP))
    cache.release("t")
    cache.release("t")
    assert cache.size_bytes == 0
    cache.of(shown(*STEP))
    assert codec.encoded == 6


def test_the_longest_unused_go_when_there_is_too_much():
    codec = CountingCodec()
    cache = encodings(codec, largest_bytes=25)
    cache.of(view([TASK], name="one"))
    cache.of(view([TASK], name="two"))
    cache.of(view([TASK], name="one"))
    cache.of(view([TASK], name="three"))
    assert cache.size_bytes == 20
    before = codec.encoded
    cache.of(view([TASK], name="one"))
    assert codec.encoded == before
    cache.of(view([TASK], name="two"))
    assert codec.encoded == before + 1


def test_one_trajectory_may_be_larger_than_all_that_is_kept():
    cache = encodings(CountingCodec(), largest_bytes=5)
    assert list(cache.of(view([TASK]))[0]) == [b"Look a up."]


def test_what_was_dropped_is_counted_by_thing_and_reason():
    one = Dropped(what="image", why="not_supported")
    other = Dropped(what="reasoning", why="foreign_origin", count=2)
    assert merged((one, other, one)) == (
        Dropped(what="image", why="not_supported", count=2),
        other,
    )
    assert merged(()) == ()
