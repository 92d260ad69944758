"""What an entry on record says to a person."""

from datetime import UTC, datetime

import pytest

from loopwright.bus import Entry, Subject
from loopwright.bus.messages import Effect
from loopwright.deploy.goals import sentence_of

SUBJECT = Subject.of("effect", ns="default", goal="g1", step="work", attempt=2, role="support")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"phase": "held", "worker": "w2"}, "attempt 2: w2 goes on where another worker was lost"),
        ({"phase": "claimed", "name": "refund"}, "attempt 2: support calls refund"),
        ({"phase": "released", "name": "refund"}, "attempt 2: refund has not happened"),
        ({"phase": "failed", "name": "refund", "failure": "no"}, "attempt 2: refund failed: no"),
        ({"phase": "done", "name": "refund"}, "attempt 2: refund answered support"),
        (
            {"phase": "done", "name": "gpt-5", "usage": {"tokens_in": 1200, "tokens_out": 30}},
            "attempt 2: gpt-5 answered support, 1,230 tokens",
        ),
    ],
)
def test_an_entry_of_the_effect_record_says_what_became_of_a_call(told: dict[str, object], sentence: str) -> None:
    effect = Effect.model_validate(SUBJECT.told() | told)
    assert sentence_of(Entry(1, datetime.now(UTC), SUBJECT, effect)) == sentence
