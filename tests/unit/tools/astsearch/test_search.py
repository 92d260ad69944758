"""The search remembers what it proposed and builds on what came of it."""

import itertools
import time

import pytest

from loopwright.tools.astsearch import Batch, Search, size
from loopwright.tools.program import Candidate, Case, CaseStatus, Edit, Survey, Trial, apply_edits

ADD = "def add(a, b):\n    total = a - b\n    return total\n"
SOURCES = {"add.py": ADD}
SURVEY = Survey(
    cases=(Case(id="t1", status=CaseStatus.FAILED), Case(id="t2", status=CaseStatus.FAILED)),
    suspicion={"add.py": {2: 1.0, 3: 1.0}},
)
FAILED = Trial(cases=(Case(id="t1", status=CaseStatus.FAILED), Case(id="t2", status=CaseStatus.NOT_RUN)))
HALF = Trial(
    cases=(Case(id="t1", status=CaseStatus.PASSED), Case(id="t2", status=CaseStatus.FAILED)), score=0.5, seconds=1.0
)
TIMED_OUT = Trial(cases=(Case(id="t1", status=CaseStatus.TIMEOUT),), timed_out=True, seconds=1.0)


def exhaust(search: Search, trial: Trial = FAILED) -> list[Batch]:
    """Drive a search to its end with one answer to everything."""
    found: list[Batch] = []
    while batch := search.next(50):
        found.append(batch)
        for candidate in batch.candidates:
            search.record(candidate, trial, batch.time_scale)
    return found


def test_the_likeliest_edit_comes_first() -> None:
    assert Search(SOURCES, SURVEY).next(1) == Batch(
        (Candidate(edits=(Edit(path="add.py", start=29, end=30, text="+"),), note="add.py:2 a - b → a + b"),)
    )


def test_no_program_is_proposed_twice() -> None:
    candidates = [candidate for batch in exhaust(Search(SOURCES, SURVEY)) for candidate in batch.candidates]
    texts = [apply_edits(SOURCES, candidate)["add.py"] for candidate in candidates]
    assert len(set(texts)) == len(texts) > 100


def test_the_same_questions_give_the_same_answers() -> None:
    assert exhaust(Search(SOURCES, SURVEY)) == exhaust(Search(SOURCES, SURVEY))


def test_a_search_rebuilt_from_the_record_goes_on_where_the_other_would() -> None:
    first, second = Search(SOURCES, SURVEY), Search(SOURCES, SURVEY)
    one, two = first.next(20), first.next(20)
    first.record(one.candidates[3], HALF)
    first.record(two.candidates[5], HALF)
    second.record(two.candidates[5], HALF)
    second.note_proposed(two.candidates)
    second.record(one.candidates[3], HALF)
    second.record(one.candidates[3], HALF)
    second.note_proposed(one.candidates)
    assert second.handed_out(one.candidates[0])
    assert [first.next(30) for _ in range(20)] == [second.next(30) for _ in range(20)]


def test_a_candidate_that_was_noted_is_not_proposed() -> None:
    search = Search(SOURCES, SURVEY)
    (known,) = Search(SOURCES, SURVEY).next(1).candidates
    assert not search.handed_out(known)
    search.note_proposed([known])
    assert known not in itertools.chain.from_iterable(batch.candidates for batch in exhaust(search))


def test_what_mends_some_tests_is_built_upon() -> None:
    search = Search(SOURCES, SURVEY)
    (seed,) = search.next(1).candidates
    search.record(seed, HALF)
    later = [candidate for batch in exhaust(search) for candidate in batch.candidates]
    grown = [candidate for candidate in later if candidate.edits[:1] == seed.edits and len(candidate.edits) == 2]
    assert len(grown) > 50
    for candidate in grown:
        compile(apply_edits(SOURCES, candidate)["add.py"], "add.py", "exec")


def test_what_breaks_more_than_it_mends_is_not_built_upon() -> None:
    survey = SURVEY.model_copy(
        update={"cases": (*SURVEY.cases, *(Case(id=f"p{n}", status=CaseStatus.PASSED) for n in range(2)))}
    )
    broken = HALF.model_copy(
        update={"cases": (*HALF.cases, *(Case(id=f"p{n}", status=CaseStatus.FAILED) for n in range(2)))}
    )
    search = Search(SOURCES, survey)
    search.record(search.next(1).candidates[0], broken)
    assert all(len(one.edits) == 1 for batch in exhaust(search) for one in batch.candidates)


def test_what_only_ran_out_of_time_is_tried_again_with_more_of_it() -> None:
    search = Search(SOURCES, SURVEY)
    slow, *rest = search.next(10).candidates
    search.record(slow, TIMED_OUT)
    for candidate in rest:
        search.record(candidate, FAILED)
    again = [batch.time_scale for batch in iter(lambda: _answer(search, slow), None) if slow in batch.candidates]
    assert again == [5.0, 25.0, 100.0]


def _answer(search: Search, slow: Candidate) -> Batch | None:
    """Return the next batch, answered: only `slow` runs out of time."""
    batch = search.next(50)
    for candidate in batch.candidates:
        search.record(candidate, TIMED_OUT if candidate == slow else FAILED, batch.time_scale)
    return batch or None


def test_what_mends_a_test_and_runs_out_of_time_is_given_more_of_it_before_it_is_built_upon() -> None:
    search = Search(SOURCES, SURVEY)
    slow, *rest = search.next(20).candidates
    search.record(slow, HALF.model_copy(update={"timed_out": True, "seconds": 0.3}))
    for candidate in rest:
        search.record(candidate, FAILED.model_copy(update={"seconds": 0.3}))
    assert search.next(20) == Batch((slow,), time_scale=5.0)
    assert all(len(candidate.edits) == 1 for candidate in search.next(100).candidates)


def test_retries_take_a_small_share_of_the_time_while_there_is_anything_else() -> None:
    search = Search(SOURCES, SURVEY)
    scales: list[float] = []
    for _ in range(20):
        batch = search.next(5)
        scales.append(batch.time_scale)
        for candidate in batch.candidates:
            search.record(candidate, TIMED_OUT.model_copy(update={"seconds": batch.time_scale}), batch.time_scale)
    assert 0 < sum(scale > 1 for scale in scales) < 10


def test_a_change_of_two_places_is_the_same_in_either_order() -> None:
    first = Edit(path="add.py", start=29, end=30, text="+")
    later = Edit(path="add.py", start=44, end=49, text="a")
    search = Search(SOURCES, SURVEY)
    search.note_proposed([Candidate(edits=(first, later))])
    search.record(Candidate(edits=(later,)), HALF)
    proposed = [candidate for batch in exhaust(search) for candidate in batch.candidates]
    assert Candidate(edits=(later, first)).edits not in {candidate.edits for candidate in proposed}


@pytest.mark.parametrize("order", [1, -1])
def test_the_smallest_change_is_the_one_with_the_fewest_edits_then_characters(order: int) -> None:
    one = Candidate(edits=(Edit(path="a.py", start=0, end=0, text="x"),))
    long = Candidate(edits=(Edit(path="a.py", start=0, end=9, text="x"),))
    two = Candidate(edits=one.edits * 2)
    assert sorted([one, long, two][::order], key=size) == [one, long, two]


def test_only_blamed_places_are_changed_first() -> None:
    sources = {"a.py": "def f(x):\n    return x + 1\n", "b.py": "def g(x):\n    return x + 1\n"}
    survey = Survey(cases=SURVEY.cases, suspicion={"a.py": {2: 0.0}, "b.py": {2: 1.0}})
    edits = [edit for batch in exhaust(Search(sources, survey)) for one in batch.candidates for edit in one.edits]
    assert {edit.path for edit in edits} == {"b.py"}


def test_a_constant_is_blamed_for_the_lines_that_read_it() -> None:
    sources = {"a.py": "RATE = 10\nOTHER = 20\n", "b.py": "from a import RATE\n\ndef g(x):\n    return x * RATE\n"}
    survey = Survey(cases=SURVEY.cases, suspicion={"b.py": {4: 1.0}})
    notes = [one.note for batch in exhaust(Search(sources, survey)) for one in batch.candidates]
    assert "a.py:1 10 → 11" in notes
    assert not any("20 →" in note for note in notes)


LONG = """def f{n}(a, b, items):
    total = a + b
    for x in items:
        if x > a:
            total += x
    return total

"""


def test_a_large_program_is_read_within_seconds() -> None:
    text = "".join(LONG.format(n=n) for n in range(150))
    lines = dict.fromkeys(range(1, 1050), 0.5) | {600: 1.0}
    survey = Survey(cases=SURVEY.cases, suspicion={"a.py": lines})
    begun = time.process_time()
    batch = Search({"a.py": text}, survey).next(50)
    assert len(batch.candidates) == 50
    assert time.process_time() - begun < 8
