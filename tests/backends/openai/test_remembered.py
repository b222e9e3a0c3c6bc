"""What never changes is made once, and not kept for ever."""

from cascade.backends.openai.remembered import Remembered


def test_each_thing_is_made_once_and_equal_ones_are_told_apart():
    given: list[list[int]] = []

    def make(thing: list[int]) -> int:
        given.append(thing)
        return len(given)

    remembered = Remembered(make)
    one, other = [1], [1]
    assert [remembered.of(each) for each in (one, other, one, other)] == [1, 2, 1, 2]


def test_after_a_great_many_others_a_thing_is_made_again():
    given: list[tuple[int, ...]] = []

    def make(thing: tuple[int, ...]) -> int:
        given.append(thing)
        return len(given)

    remembered = Remembered(make)
    things = [(index,) for index in range(1100)]
    assert [remembered.of(thing) for thing in things] == list(range(1, 1101))
    assert remembered.of(things[-1]) == 1100
    assert remembered.of(things[0]) == 1101
