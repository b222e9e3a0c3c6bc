from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.appended import Appended

items = attrgetter("_items")


def test_appending_shares_the_items_of_the_newest_version():
    before = Appended([1, 2])
    after = before.append(3)
    assert items(after) is items(before)
    assert list(before) == [1, 2]
    assert list(after) == [1, 2, 3]


def test_appending_to_an_older_version_disturbs_no_newer_one():
    old = Appended([1])
    newer = old.append(2)
    branch = old.append(3)
    assert list(newer) == [1, 2]
    assert list(branch) == [1, 3]
    assert items(branch) is not items(newer)


def test_an_empty_version_keeps_nothing_of_what_was_appended_to_it():
    empty = Appended[int]()
    empty.append(1)
    assert items(empty) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers())))
def test_any_tree_of_versions_reads_like_tuples(moves: list[tuple[int, int]]):
    versions: list[tuple[Appended[int], tuple[int, ...]]] = [(Appended[int](), ())]
    for pick, item in moves:
        appended, model = versions[pick % len(versions)]
        versions.append((appended.append(item), (*model, item)))
    for appended, model in versions:
        assert tuple(appended) == model
        assert len(appended) == len(model)
        assert appended[:] == model
        assert appended[-2:] == model[-2:]
        assert appended[::-1] == tuple(reversed(appended)) == model[::-1]


def test_an_index_beyond_the_version_is_refused_though_the_list_has_it():
    old = Appended([1])
    old.append(2)
    assert (old[0], old[-1]) == (1, 1)
    for index in (1, -2):
        with pytest.raises(IndexError, match="of a sequence of 1"):
            _ = old[index]


def test_versions_compare_by_their_items_alone():
    assert Appended([1, 2]) == Appended([1]).append(2)
    assert hash(Appended([1, 2])) == hash(Appended([1]).append(2))
    assert Appended([1]) != Appended([2])
    assert Appended([1]) != [1]
    assert repr(Appended([1])) == "Appended([1])"
