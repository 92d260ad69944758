"""Conversations from elsewhere: whom we blame by their structure alone."""

from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.faults import Contract
from loopwright.actors.faults.foreign import Said, accuse


def test_who_does_most_of_what_a_coordinator_hands_out_is_blamed_from_its_first_turn() -> None:
    said = [
        Said("somebody", "How many bolts are there?"),
        Said("lead", "look at 41", to="reader"),
        Said("reader", "nothing"),
        Said("lead", "look elsewhere", to="walker"),
        Said("walker", "a page"),
        Said("lead", "go on", to="walker"),
        Said("walker", "99 bolts"),
    ]
    fault = accuse(said)
    assert (fault.who, fault.evidence, fault.contract) == ("walker", (4,), Contract.DECIDED)


def test_the_author_of_the_first_code_that_failed_is_blamed() -> None:
    said = [
        Said("planner", "count them"),
        Said("coder", "```python\ncount()\n```"),
        Said("shell", "exitcode: 1", status=1),
        Said("shell", "exitcode: 1", status=1),
        Said("checker", "it is 17"),
    ]
    fault = accuse(said)
    assert (fault.who, fault.evidence, fault.contract) == ("coder", (1,), Contract.ANSWERED)


def test_who_first_states_a_figure_that_stands_nowhere_before_is_blamed() -> None:
    said = [
        Said("planner", "there are 120 bolts"),
        Said("coder", "```python\nprint(7 * 1234)\n```"),
        Said("shell", "exitcode: 0\n8638", status=0),
        Said("checker", "so of 120 there are 8638"),
        Said("writer", "I say 8639"),
    ]
    fault = accuse(said)
    assert (fault.who, fault.evidence, fault.contract) == ("writer", (4,), Contract.FOUNDED)


names = st.sampled_from(["a", "b", "c"])
turns = st.builds(Said, names, st.text(max_size=20), st.none() | names, st.none() | st.integers(0, 3))


@given(st.lists(turns, min_size=1, max_size=12))
def test_somebody_who_spoke_is_blamed_for_a_turn_of_theirs_and_never_surely(said: list[Said]) -> None:
    fault = accuse(said)
    assert said[fault.evidence[0]].agent == fault.who
    assert fault.confidence <= 0.5


@given(st.lists(turns, min_size=1, max_size=12), st.permutations(["x", "y", "z"]))
def test_names_mean_nothing(said: list[Said], others: list[str]) -> None:
    renamed = dict(zip(["a", "b", "c"], others, strict=True))
    same = [Said(renamed[each.agent], each.text, renamed.get(each.to or ""), each.status) for each in said]
    one, other = accuse(said), accuse(same)
    assert (renamed[one.who], one.evidence) == (other.who, other.evidence)
