"""A bad design is refused where it is written, with the place and the reason of every flaw."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from loopwright.actors.decide import open_goal
from loopwright.actors.decision import Decision
from loopwright.actors.evolve import evolve
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.person import Person
from loopwright.bus.messages import Goal, Limits

WELL: dict[str, Any] = {"name": "loop", "work": "code", "judges": ["a", "b", "c"]}


def flaws_of(**design: Any) -> dict[str, str]:
    """Return every flaw of a design by its place."""
    with pytest.raises(ValidationError) as caught:
        Loop(**WELL | design)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


def steps(*told: dict[str, Any]) -> dict[str, Any]:
    return {"steps": [{"name": "a"}, *told]}


@pytest.mark.parametrize(
    ("design", "place", "said"),
    [
        (steps({"name": "a"}), "steps.1.name", "each step has a name of its own, and there is a step a already."),
        (steps({"name": "plan"}), "steps.1.name", "no step is called plan"),
        (steps({"name": "b", "needs": ["c"]}), "steps.1.needs.0", "there is no step c; there is a."),
        (steps({"name": "b", "needs": ["b"]}), "steps.1.needs.0", "b needs itself."),
        (steps({"name": "b", "each": "bb"}), "steps.1.each", "there is no step bb; there is a."),
        (steps({"name": "b", "each": "a", "input": 1}), "steps.1.input", "the input of b is each item of a already."),
        (steps({"name": "b", "each": "a"}, {"name": "b-2"}), "steps.2.name", "b-2 is what a step is called"),
        (
            steps({"name": "b" * 61, "each": "a"}),
            "steps.1.name",
            f"{'b' * 61} is too long for a step that is done for each",
        ),
        (
            steps({"name": "b", "role": "coed"}),
            "steps.1.role",
            "coed is not among the roles that make results; ",
        ),
        (steps({"name": "b", "need": ["a"]}), "steps.1.need", "need is unknown; did you mean needs?"),
        (
            steps({"name": "b", "needs": ["d"]}, {"name": "c", "needs": ["b"]}, {"name": "d"}),
            "steps.1.needs",
            "b needs d needs c needs b: none of them can begin.",
        ),
        (steps() | {"plan": "outline"}, "steps", "the plan is either here or made by outline."),
        (steps() | {"baseline": True}, "baseline", "a loop with a plan has no baseline"),
        ({"bounds": {"fan_out": 0}}, "bounds.fan_out", "Input should be greater than or equal to 1"),
        ({"judge": "a"}, "judge", "judge is unknown; did you mean judges?"),
        ({"xyz": 1}, "xyz", "xyz is unknown; there is name, version, "),
        ({"bounds": {"patiense": 3}}, "bounds.patiense", "patiense is unknown; did you mean patience?"),
        ({"bounds": {"cost": 0}}, "bounds.cost", "Input should be greater than 0"),
        ({"bounds": {"attempts": 0}}, "bounds.attempts", "Input should be greater than or equal to 1"),
        ({"bounds": {"cost": float("inf")}}, "bounds.cost", "Input should be a finite number"),
        ({"judges": []}, "judges", "nobody judges what is made: name a judge or a check."),
        ({"judges": ["a", "code"]}, "judges.1", "a role has one part in a loop, and code is its work already."),
        ({"checks": ["b"]}, "judges.1", "a role has one part in a loop, and b is one of its checks already."),
        ({"acceptance": "a"}, "acceptance", "a role has one part in a loop, and a is one of its judges already."),
        (
            {"plan": "outline", "baseline": True},
            "baseline",
            "a loop with a plan has no baseline: before it is planned there is nothing to judge.",
        ),
        (
            {"vote": {"quorum": 4}},
            "vote.quorum",
            "the quorum is 4 and there are 3 judges: nothing can be accepted.",
        ),
        ({"judges": [], "checks": ["d"], "vote": "any"}, "vote", "there are no judges to vote."),
        (
            {"vote": {"weights": {"a": 1, "b": 1, "c": 1}, "threshold": 4}},
            "vote.threshold",
            "the judges weigh 3 and the threshold is 4: nothing can be accepted.",
        ),
        (
            {"vote": {"weights": {"a": 1, "b": 1}, "threshold": 1}},
            "vote.weights",
            "the judge c has no weight.",
        ),
        (
            {"vote": {"weights": {"aa": 1, "a": 1, "b": 1, "c": 1}, "threshold": 1}},
            "vote.weights.aa",
            "aa is none of the judges; did you mean a?",
        ),
    ],
)
def test_a_flaw_is_told_with_its_place(design: dict[str, Any], place: str, said: str) -> None:
    found = flaws_of(**design)
    assert found.keys() == {place}
    assert found[place].startswith(said)


RACING: dict[str, Any] = {"judges": ["tests"], "makers": ["strong"]}


@pytest.mark.parametrize(
    ("design", "place", "said"),
    [
        ({"race": 0}, "race.counted", "greater than or equal to 2"),
        ({"race": 1}, "race.counted", "greater than or equal to 2"),
        ({"race": 99}, "race.counted", "less than or equal to 16"),
        ({"race": [{"model": "a"}]}, "race", "a race has 2 lanes at least and 16 at most, and this one has 1"),
        ({"race": 4, "bounds": {"attempts": 3}}, "race", "4 attempts are made side by side, and 3 may be made"),
        ({"race": [{"role": "strnog"}, {}]}, "race.0.role", "did you mean strong?"),
        ({"race": [{"modell": "a"}, {}]}, "race.named.0.modell", "did you mean model?"),
        ({"race": 2, "bounds": {"width": 3}}, "bounds.width", "no other attempts: leave the width out"),
        ({"race": 2, "people": {"code": Person(within=9)}}, "race", "code is a person"),
        ({"steps": [{"name": "a", "race": 40}]}, "steps.0.race.counted", "less than or equal to 16"),
        ({"steps": [{"name": "a", "race": [{"role": "x"}, {}]}]}, "steps.0.race.0.role", "x is not among"),
        ({"steps": [{"name": "a", "judges": ["style"]}]}, "steps.0.judges.0", "style is not among the roles"),
        ({"steps": [{"name": "a", "judges": []}]}, "steps.0.judges", "nobody judges what a makes"),
        ({"judges": [], "steps": [{"name": "a"}]}, "steps.0.name", "nobody judges what a makes"),
        (
            {"steps": [{"name": "a", "vote": {"quorum": 2}}]},
            "steps.0.vote.quorum",
            "the quorum is 2 and there are 1 judges",
        ),
        (
            {"judges": ["a", "b"], "vote": {"quorum": 2}, "steps": [{"name": "s", "judges": ["a"]}]},
            "steps.0.judges",
            "they vote as the judges of the loop do: the quorum is 2 and there are 1 judges",
        ),
        ({"steps": [{"name": "a", "checks": ["tests"]}]}, "steps.0.checks.0", "tests judges what a makes twice"),
    ],
)
def test_a_race_or_a_panel_that_cannot_be_is_refused_with_place_and_reason(
    design: dict[str, Any], place: str, said: str
) -> None:
    ((where, why),) = flaws_of(**RACING | design).items()
    assert (where, said in why) == (place, True), why


def test_all_flaws_are_told_at_once() -> None:
    found = flaws_of(bounds={"attempts": 0, "tokenz": 1}, judge="a", work=7, vote={"quorum": 0})
    assert set(found) == {"bounds.attempts", "bounds.tokenz", "judge", "work", "vote.counted.quorum"}


def test_a_name_that_was_mistyped_hides_no_flaw_between_the_parts() -> None:
    assert set(flaws_of(judge="a", vote={"quorum": 9})) == {"judge", "vote.quorum"}


def test_what_is_on_record_is_read_as_it_stands_although_a_newer_version_has_more_to_say() -> None:
    loop = Loop(**WELL, bounds=Bounds(attempts=7))
    events = open_goal(Goal(goal="g", loop="loop"), loop, datetime(2026, 1, 1, tzinfo=UTC))
    standing = evolve(None, events[0])
    record = Decision(number=1, seen="x", events=events, standing=standing).record()
    newer = record.replace(b'"work":"code"', b'"work":"code","mood":"calm"').replace(
        b'"attempts"', b'"breadth":3,"attempts"'
    )
    assert newer != record
    assert Decision.read(newer).standing.loop == loop


def test_the_limits_of_a_goal_come_before_the_bounds_of_its_loop() -> None:
    assert Bounds(attempts=7, width=2).under(Limits(attempts=3)) == Bounds(attempts=3, width=2)
