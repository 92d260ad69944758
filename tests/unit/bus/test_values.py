"""Values that are made without being looked at are the same as those that were."""

from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict

from loopwright.bus.messages import Goal, Output, Usage
from loopwright.bus.values import Value

COUNTS = st.integers(0, 10**15)


class Square(Value):
    """A value of which more can be known than it says."""

    model_config = ConfigDict(frozen=True)

    side: int
    name: str = ""

    @cached_property
    def area(self) -> int:
        """What follows from its side."""
        return self.side**2


@given(tokens=COUNTS, calls=COUNTS)
def test_a_value_that_nobody_looked_at_is_the_one_that_was_looked_at(tokens: int, calls: int) -> None:
    made, validated = Usage.of(tokens_in=tokens, tool_calls=calls), Usage(tokens_in=tokens, tool_calls=calls)
    assert (made, hash(made), made.in_json(set())) == (validated, hash(validated), validated.in_json(set()))


@given(before=COUNTS, after=COUNTS)
def test_a_value_changes_where_it_is_changed_and_nowhere_else(before: int, after: int) -> None:
    usage = Usage(tokens_in=before, candidates=3)
    assert usage.but(tokens_in=after) == Usage(tokens_in=after, candidates=3)
    assert (usage.but(tokens_in=after) == usage) is (before == after)
    assert usage.tokens_in == before


def test_values_say_the_same_whatever_else_is_known_of_them() -> None:
    known = Square(side=3)
    assert known.area == 9
    assert known == Square(side=3)
    assert known != Square(side=4)
    assert known.but(name="big") != known


@pytest.mark.parametrize("other", [None, {}, Output(), Usage(tokens_in=1), Usage.model_validate({"new": 1})])
def test_a_value_is_nothing_else(other: object) -> None:
    assert Usage() != other


def test_each_value_has_what_is_made_anew_for_itself() -> None:
    one, other = Goal.of(goal="a", loop="b"), Goal.of(goal="a", loop="b")
    assert one == other
    assert one.input is not other.input


def test_a_value_is_written_without_what_is_as_it_always_is() -> None:
    assert Goal(goal="a", loop="b", input={"n": 1}).in_json({"goal"}) == b'{"loop":"b","input":{"n":1}}'
    assert Goal.model_validate({"goal": "a", "loop": "b", "newer": 1}).in_json(set()) == (
        b'{"goal":"a","loop":"b","newer":1}'
    )


def test_what_nobody_spent_adds_nothing() -> None:
    usage = Usage(tokens_in=1)
    assert usage + Usage() is usage
    assert Usage() + usage == usage
    assert usage + Usage(tokens_in=2, cost=0.5) == Usage(tokens_in=3, cost=0.5)
