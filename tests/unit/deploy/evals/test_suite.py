"""A suite as a person writes it, and the file of a run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loopwright.bus.names import is_token
from loopwright.deploy.evals.runs import Heading, RunRefused, RunUnknown, find_run, open_run
from loopwright.deploy.evals.suite import Case, goal_id, read_suite
from loopwright.deploy.evals.trials import Trial
from loopwright.deploy.marked import FileRefused

ROOTS = """\
suite: roots
loop: roots
limits: {attempts: 12, deadline: 60}
cases:
  - name: nine
    input: {number: 9}
  - name: more
    loop: other
    input: "@more.json"
    acceptance: {number: 4}
    limits: {attempts: 3}
  - name: words
    input: what is it
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text)
    return path


def test_a_suite_says_for_all_cases_what_they_do_not_say_themselves(tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text("[1, 2]")
    nine, more, words = read_suite(written(tmp_path, ROOTS)).cases
    assert (nine.loop, nine.input, nine.limits.attempts, nine.limits.deadline) == ("roots", {"number": 9}, 12, 60)
    assert (more.loop, more.input, more.acceptance) == ("other", {"data": [1, 2]}, {"number": 4})
    assert (more.limits.attempts, more.limits.deadline) == (3, 60)
    assert words.input == {"text": "what is it"}


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        ("attempts: 12", "atempts: 12", ":3:10: limits.atempts is unknown."),
        ("name: nine", "name: Nine!", ":5:5: cases.0.name: 'Nine!' cannot be a name"),
        ("name: more", "name: nine", ":7:5: there are two cases of the name nine"),
        ("loop: roots\n", "", ":4:5: the case nine has no loop, and neither has the suite"),
        ("@more.json", "@less.json", ":9:5: "),
        ("acceptance: {number: 4}", "folder: nowhere", ":10:5: "),
        (ROOTS[ROOTS.index("cases:") :], "cases: 3", ":4:1: cases: it should be a list, and is 3."),
        ("attempts: 3", "attempts: 0", ":11:14: cases.1.limits.attempts: it should be greater"),
    ],
)
def test_a_mistake_in_a_suite_is_told_with_its_place(tmp_path: Path, find: str, put: str, said: str) -> None:
    (tmp_path / "more.json").write_text("{}")
    path = written(tmp_path, ROOTS.replace(find, put, 1))
    with pytest.raises(FileRefused) as refused:
        read_suite(path)
    assert f"{path}{said}" in str(refused.value)


def test_a_trial_has_the_same_goal_for_ever_and_shares_it_with_no_other() -> None:
    def case(name: str, number: int = 1) -> Case:
        return Case(name=name, loop="roots", input={"number": number})

    def goal(run: str, each: Case, repetition: int = 1) -> str:
        return goal_id(run, each, each.input, repetition)

    first = goal("run", case("a-b"))
    assert first == goal("run", case("a-b"))
    others = [goal("run-a", case("b")), goal("run", case("a-b", 2)), goal("run", case("a-b"), 2), goal("r", case("a"))]
    assert len({first, *others}) == 5
    assert all(map(is_token, [*others, first, goal("r" * 63, case("c" * 63), 10_000)]))


HEADING = Heading(run="r1", suite="roots", began=datetime(2026, 1, 1, tzinfo=UTC))


def trial(number: int) -> Trial:
    return Trial(case="a", repetition=number, passed=True, goal=f"g{number}", curve=((1, 0.5),))


def test_a_run_goes_on_where_it_was_killed_in_the_middle_of_a_line(tmp_path: Path) -> None:
    with open_run(tmp_path, HEADING) as file:
        file.add(trial(1))
        file.add(trial(2))
    path = tmp_path / "r1.jsonl"
    path.write_text(path.read_text()[:-20])
    assert find_run("r1", tmp_path).trials == (trial(1),)
    with open_run(tmp_path, HEADING.model_copy(update={"began": datetime.now(UTC)})) as file:
        assert (file.run.heading, file.run.trials) == (HEADING, (trial(1),))
        file.add(trial(3))
    assert find_run(str(path), Path("elsewhere")).trials == (trial(1), trial(3))
    path.rename(tmp_path / "kept.of-may")
    assert find_run(str(tmp_path / "kept.of-may"), Path("elsewhere")).trials == (trial(1), trial(3))


def test_a_run_is_held_by_one_process_and_belongs_to_one_suite(tmp_path: Path) -> None:
    with open_run(tmp_path, HEADING), pytest.raises(RunRefused, match="under way in another process"):
        open_run(tmp_path, HEADING).__enter__()
    other = HEADING.model_copy(update={"suite": "others"})
    with pytest.raises(RunRefused, match="is one of the suite roots, not others"):
        open_run(tmp_path, other).__enter__()


def test_a_run_that_is_not_there_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunUnknown, match=r"nothing is known of the run r1: there is no .*r1\.jsonl"):
        find_run("r1", tmp_path)
    (tmp_path / "r1.jsonl").write_text(HEADING.model_dump_json() + "\n{}\n")
    with pytest.raises(RunRefused, match=r"r1\.jsonl:2: this is no run of a suite: case: Field required"):
        find_run("r1", tmp_path)


def test_the_example_is_a_suite() -> None:
    cart, gcd = read_suite(Path(__file__).parents[4] / "deploy" / "examples" / "repairs.yaml").cases
    assert cart.folder is not None
    assert cart.acceptance_folder is not None
    assert (cart.loop, gcd.loop, set(gcd.input)) == ("repair", "repair", {"files"})
