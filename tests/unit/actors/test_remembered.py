"""The newest values, as many as there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.remembered import Remembered

MOST, HEAVIEST = 4, 20


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30)), min_size=1, max_size=30))
def test_only_the_newest_are_remembered_and_no_more_than_there_is_room_for(kept: list[tuple[str, int]]) -> None:
    remembered = Remembered[int](most=MOST, heaviest=HEAVIEST)
    for key, weight in kept:
        remembered.keep(key, weight, weight)
        there = [each for each in "abcdefgh" if remembered.get(each) is not None]
        weights = [remembered.get(each) or 0 for each in there]
        assert remembered.get(key) == weight
        assert len(there) <= MOST
        assert sum(weights) <= HEAVIEST or len(there) == 1
    newest = list(dict.fromkeys(key for key, _ in reversed(kept)))[: len(there)]
    assert set(newest) == set(there)


def test_the_oldest_are_forgotten_only_where_there_is_no_room() -> None:
    remembered = Remembered[str](most=MOST, heaviest=HEAVIEST)
    for key in "abcde":
        remembered.keep(key, key, 1)
    assert [remembered.get(key) for key in "abcde"] == [None, "b", "c", "d", "e"]
    remembered.keep("f", "f", HEAVIEST - 1)
    assert [remembered.get(key) for key in "bcdef"] == [None, None, None, "e", "f"]


def test_what_is_forgotten_makes_room() -> None:
    remembered = Remembered[str](most=MOST, heaviest=HEAVIEST)
    remembered.keep("large", "large", HEAVIEST)
    remembered.forget("large")
    remembered.keep("a", "a", HEAVIEST - 1)
    remembered.keep("b", "b", 1)
    assert (remembered.get("large"), remembered.get("a"), remembered.get("b")) == (None, "a", "b")
