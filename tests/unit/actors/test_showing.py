"""How much of what a tool answered the model is shown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.actors.showing import Showing, share_of
from loopwright.bus.plain import JsonValue
from loopwright.tools.model import Turn

lines = st.lists(st.text("abcdefghij ", min_size=1, max_size=30), min_size=1, max_size=60)


@settings(max_examples=40)
@given(lines, st.text(max_size=20), st.text(max_size=20))
def test_an_answer_that_stands_there_whole_is_shown_whole(found: list[str], before: str, after: str) -> None:
    answer = "\n".join(found)
    assert share_of(answer, f"{before}\n{answer}\n{after}") == 1.0


def test_of_an_answer_that_was_cut_a_part_is_shown() -> None:
    answer = "\n".join(f"line {number} of the log" for number in range(100))
    assert 0.4 < share_of(answer, answer[: len(answer) // 2]) < 0.6


def test_values_are_looked_for_however_they_are_laid_out() -> None:
    answer: JsonValue = {"article": "bolt", "amount": 7, "there": True, "parts": [{"price": 1.5}, None]}
    assert share_of(answer, "bolt: 7 at 1.5") == 1.0
    assert share_of(answer, "bolt: 17 at 1.5") < 1.0, "seven is not in seventeen"
    assert share_of({"nothing": None}, "") == 1.0


def test_each_answer_is_measured_once_in_the_first_question_after_it() -> None:
    showing = Showing()
    assert showing.asked([Turn("user", "begin")]) == {}
    showing.answered("c1", "seven bolts")
    assert showing.asked([Turn("user", "there are"), Turn("user", "seven bolts")]) == {"c1": 1.0}
    assert showing.asked([Turn("user", "and?")]) == {}
