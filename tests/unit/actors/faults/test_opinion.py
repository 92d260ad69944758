"""A model's second opinion: asked with the record alone, labelled, and never surer of a place than the record is."""

from collections.abc import Sequence

import pytest

from loopwright.actors.faults import opinion_on
from loopwright.actors.faults.opinion import ROOM
from loopwright.bus.messages import FaultClass, StopReason
from loopwright.tools.model import Answer, Turn
from tests.unit.actors.faults.story import Story


class Reader:
    """A model that answers what it was given to answer, and keeps what it was asked."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.asked = ""

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.asked = turns[-1].text
        return Answer(self.says, 10, 1)


@pytest.fixture
def story() -> Story:
    story = Story()
    story.begin()
    story.ask('{"result": 41}')
    story.made(42)
    story.judged("books", 0.5, feedback="the books say 43")
    return story


async def test_a_model_is_shown_the_record_and_its_opinion_is_labelled_as_one(story: Story) -> None:
    reader = Reader('I think: {"fault": "agent", "seq": 4, "who": "clerk", "confidence": 0.7, "because": "it added 1"}')
    fault = await opinion_on(story.ended(StopReason.ATTEMPTS), reader)
    assert (fault.fault, fault.who, fault.evidence, fault.opinion) == (FaultClass.AGENT, "clerk", (4,), True)
    assert "4 [work 1] clerk hands in: 42" in reader.asked
    assert "5 [work 1] books: passed False, score 0.50. the books say 43" in reader.asked
    assert "C2" not in reader.asked, "what the rules have found is not told"


async def test_a_place_that_is_not_on_record_is_no_evidence(story: Story) -> None:
    fault = await opinion_on(story.ended(StopReason.ATTEMPTS), Reader('{"fault": "tool", "seq": 999}'))
    assert (fault.fault, fault.evidence) == (FaultClass.TOOL, ())


@pytest.mark.parametrize("says", ["", "the tool", '{"fault": "weather"}', '{"fault": "tool", "confidence": 7}'])
async def test_an_answer_in_no_form_that_was_asked_for_names_nobody(story: Story, says: str) -> None:
    fault = await opinion_on(story.ended(StopReason.ATTEMPTS), Reader(says))
    assert (fault.fault, fault.confidence, fault.opinion) == (FaultClass.UNKNOWN, 0.0, True)


async def test_of_a_long_record_the_beginning_and_the_end_are_shown(story: Story) -> None:
    for _ in range(200):
        story.begin()
        story.made("x" * 1000)
    reader = Reader("{}")
    await opinion_on(story.ended(StopReason.ATTEMPTS), reader)
    assert len(reader.asked) < ROOM + 100
    assert "clerk hands in: 42" in reader.asked
    assert "ended as failed (attempts)" in reader.asked
