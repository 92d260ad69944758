"""The rules of convergence, each by itself: what it sees, and that it sees it in a bounded state, step by step."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopwright.actors import fingerprint
from loopwright.actors.curve import POINTS, Curve, drawn
from loopwright.actors.measured import NEW, SHOWN, Measured
from loopwright.actors.oscillation import PERIODS, Trail, circle_of, led
from loopwright.actors.plateau import Climb, climbed, is_flat, rises, stayed
from loopwright.actors.repetition import Same, again
from loopwright.actors.stale import NUDGE, STALE, Calls

places = st.lists(st.sampled_from("ABCD"), max_size=30)
scores = st.lists(st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.55, 1.0]), max_size=40)


def trail_of(keys: str | list[str]) -> Trail:
    trail = Trail()
    for key in keys:
        trail = led(trail, key)
    return trail


def climb_of(scores: list[float], tolerance: float = 0.0) -> Climb:
    climb = Climb()
    for score in scores:
        climb = climbed(climb, score, 1, tolerance)
    return climb


# Plateau


@given(scores)
def test_without_a_tolerance_the_attempts_since_the_first_best_are_counted(scores: list[float]) -> None:
    climb = climb_of(scores)
    assert climb.mark == (max(scores) if scores else None)
    assert climb.since == (len(scores) - 1 - scores.index(max(scores)) if scores else 0)


def test_small_steps_add_up_to_a_gain_and_one_alone_is_none() -> None:
    assert climb_of([0.5, 0.54], tolerance=0.05).since == 1
    assert climb_of([0.5, 0.54, 0.58], tolerance=0.05).since == 0


def test_proposals_are_counted_and_not_attempts() -> None:
    climb = stayed(climbed(climbed(Climb(), 0.5, 9, 0.0), 0.5, 5, 0.0), 3)
    assert climb.since == 8


def test_noise_around_one_score_is_flat_and_a_rise_in_noise_is_not() -> None:
    dice = random.Random(7)
    flat = climb_of([0.5 + dice.gauss(0, 0.02) for _ in range(12)], tolerance=0.2)
    rising = climb_of([0.5 + 0.012 * n + dice.gauss(0, 0.02) for n in range(12)], tolerance=0.2)
    assert is_flat(flat, 8)
    assert not is_flat(rising, 8)


def test_a_rise_that_never_becomes_a_gain_is_waited_for_twice_as_long_and_no_longer() -> None:
    slow = climb_of([0.5 + 0.001 * n for n in range(20)], tolerance=0.2)
    assert (is_flat(slow, 10), is_flat(slow, 9)) == (False, True)


@given(st.lists(st.floats(0, 1), max_size=12).map(tuple))
@example((0.5,) * 12)
def test_no_line_rises_and_falls(scores: tuple[float, ...]) -> None:
    assert not (rises(scores) and rises(scores[::-1]))


# Oscillation


@given(places, st.integers(2, 3))
def test_a_circle_is_what_has_come_so_many_times_in_a_row_and_is_more_than_one_place(
    keys: list[str], times: int
) -> None:
    expected = 0
    for period in PERIODS:
        last = keys[-period:]
        if len(set(last)) > 1 and keys[-period * times :] == last * times:
            expected = period
            break
    assert circle_of(trail_of(keys), times) == expected


@pytest.mark.parametrize(
    ("keys", "period"),
    [("ABAB", 2), ("CABAB", 2), ("ABCABC", 3), ("ABCDABCD", 4), ("AABAAB", 3), ("AAAA", 0), ("ABBA", 0), ("ABA", 0)],
)
def test_circles_by_example(keys: str, period: int) -> None:
    assert circle_of(trail_of(keys), 2) == period


# Repetition


def test_the_same_is_counted_as_long_as_nothing_else_comes() -> None:
    same = Same()
    counts = [(same := again(same, key)).times for key in "AAABAA"]
    assert counts == [1, 2, 3, 1, 1, 2]


def test_a_call_that_answers_the_same_again_brings_nothing_new() -> None:
    calls = Calls()
    assert [calls.take("read x", "1") for _ in range(NUDGE)][-1] < NUDGE
    assert calls.nudge == ""
    assert [calls.take("read x", "1") for _ in range(STALE - 1)][-1] == STALE
    assert calls.nudge.startswith("The last 5 calls brought nothing new.")


def test_going_round_in_a_circle_of_calls_brings_nothing_new() -> None:
    calls = Calls()
    assert [calls.take(call, "1") for call in "abcabcab"] == [0, 0, 0, 1, 2, 3, 4, 5]


@given(st.lists(st.integers(0, STALE - 1), max_size=30))
def test_polling_what_changes_in_time_is_never_a_repetition(waits: list[int]) -> None:
    calls = Calls()
    for progress, wait in enumerate(waits):
        assert all(calls.take("status", str(progress)) < STALE for _ in range(wait + 1))


def test_the_same_tests_after_another_change_are_no_repetition() -> None:
    calls = Calls()
    stale = [calls.take(*call) for n in range(20) for call in ((f"edit {n}", "done"), ("test", "1 failed"))]
    assert max(stale) == 1


# Fingerprints


def test_a_failure_is_told_by_what_was_said_but_for_times_places_and_measures() -> None:
    said = [
        "2 of 5 tests fail in 0.31s: <Cart at 0x7f3a> in /tmp/lw-1/a.py at 2026-01-01T10:00:00",
        "2 of 5 tests fail in 1.07s: <Cart at 0x99aa> in /tmp/lw-2/b.py at 2026-03-09T11:30:00",
        "3 of 5 tests fail in 0.31s: <Cart at 0x7f3a> in /tmp/lw-1/a.py at 2026-01-01T10:00:00",
    ]
    first, second, third = (fingerprint.of_failure("tests", text) for text in said)
    assert first == second != third
    assert fingerprint.of_failure("lint", said[0]) != first


def test_an_output_is_told_by_its_content_in_whatever_order_its_keys_stand() -> None:
    assert fingerprint.of_output({"a": 1, "b": [2]}) == fingerprint.of_output({"b": [2], "a": 1})
    assert fingerprint.of_output({"a": 1}) != fingerprint.of_output({"a": "1"})


def test_what_several_found_is_the_same_in_whatever_order_they_spoke() -> None:
    one, other = fingerprint.of_failure("tests", "x"), fingerprint.of_failure("lint", "y")
    together = fingerprint.together(fingerprint.together("", one), other)
    assert together == fingerprint.together(fingerprint.together("", other), one) not in {one, other}


# The curve


@given(st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), max_size=300))
def test_a_curve_stays_short_and_keeps_the_best_of_each_stretch(scores: list[float]) -> None:
    curve = Curve()
    for score in scores:
        curve = drawn(curve, score)
    assert len(curve.points) <= POINTS
    assert curve.points == tuple(max(scores[at : at + curve.each]) for at in range(0, len(scores), curve.each))


# All together


def measured(*attempts: tuple[float, str, str], tolerance: float = 0.0) -> Measured:
    found = NEW
    for number, (score, made, failure) in enumerate(attempts):
        found = found.judged(score, 1, made, failure, number, tolerance)
    return found


def test_a_gain_makes_forget_where_the_attempts_before_it_have_led() -> None:
    found = measured((0.1, "a", "x"), (0.1, "b", "y"), (0.1, "a", "x"), (0.2, "b", "y"))
    assert (circle_of(found.made, 2), circle_of(found.failed, 2)) == (0, 0)
    assert (found.curve.points, found.climb.since, found.shown) == ((0.1, 0.1, 0.1, 0.2), 0, (3,))


def test_the_same_attempt_with_another_verdict_is_no_repetition() -> None:
    assert measured(*[(0.1, "a", "x")] * 3).same.times == 3
    assert measured((0.1, "a", "x"), (0.1, "a", "x"), (0.1, "a", "y")).same.times == 1
    assert measured((0.1, "a", "x"), (0.1, "a", "x"), (0.05, "a", "x")).same.times == 1


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5]), st.sampled_from("ab"), st.sampled_from("xy")), max_size=40))
def test_what_is_measured_does_not_grow(attempts: list[tuple[float, str, str]]) -> None:
    found = measured(*attempts)
    assert len(found.shown) <= SHOWN
    assert len(found.made.keys) <= PERIODS[-1]


def test_what_was_done_about_it_is_another_story_with_the_same_mark() -> None:
    found = measured((0.5, "a", "x"), (0.5, "a", "x"), (0.5, "a", "x")).anew()
    assert (found.climb.mark, found.climb.since, found.same.times, found.shown) == (0.5, 0, 1, (0, 1, 2))
