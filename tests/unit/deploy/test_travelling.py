"""What a person is told of a replay."""

from typing import Any

import pytest

from loopwright.actors.replaying import Otherwise, Replayed
from loopwright.actors.rerunning import Came, Rerun
from loopwright.bus import Entry
from loopwright.deploy.apps import App, AppRefused
from loopwright.deploy.travelling import otherwise_lines, refuse_strangers, rerun_line, summary
from tests.unit.actors.faults.story import Story


def rerun(came: Came, **told: Any) -> Rerun:
    return Rerun(seq=12, step="work", attempt=2, role="clerk", came=came, **told)


@pytest.mark.parametrize(
    ("each", "line"),
    [
        (rerun(Came.SAME), "same"),
        (
            rerun(Came.PARTS, call=3, now="asks gpt-5: Now?", then="the record has a call of stock with {}"),
            "parts at call 3: it asks gpt-5: Now?; the record has a call of stock with {}",
        ),
        (rerun(Came.OTHER, now="output.total 7", then="8"), "other answer: output.total 7; then: 8"),
        (rerun(Came.UNTOLD, now="it was not answered"), "cannot be told: it was not answered"),
    ],
)
def test_each_order_is_told_in_a_line(each: Rerun, line: str) -> None:
    assert rerun_line(each) == f"      12  work, attempt 2, clerk: {line}"


def test_what_comes_out_otherwise_is_counted() -> None:
    otherwise = (Otherwise(seq=9, number=4, then="judged 1", now="nothing"),)
    steps = tuple(map(rerun, (Came.SAME, Came.SAME, Came.PARTS, Came.UNTOLD)))
    found = Replayed(goal="g1", decisions=5, replayed=4, skipped=(3,), otherwise=otherwise, steps=steps)
    assert list(otherwise_lines(found)) == ["       9  decision 4: judged 1; today: nothing"]
    assert list(summary(found)) == [
        "4 of 5 decisions: 1 come out otherwise, 1 cannot be made again",
        "2 of 4 answers are the same, 1 part, 0 are others, 1 cannot be told",
    ]
    assert found.differs
    assert not found.model_copy(update={"otherwise": (), "steps": steps[:2]}).differs


def test_an_app_that_has_nobody_of_a_goal_is_refused_rather_than_said_to_differ_nowhere() -> None:
    story = Story()
    story.begin()
    entries: list[Entry] = story.entries
    with pytest.raises(AppRefused, match=r"Nobody here serves clerk\. Name the module"):
        refuse_strangers(App(), entries)
    refuse_strangers(App(), [])
