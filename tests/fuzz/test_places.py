"""No kind of subject, and no bucket, is left out where garbage goes."""

from collections import Counter

from loopwright.bus.errors import Unreadable
from loopwright.bus.subjects import KINDS, NOBODY, Subject
from tests.fuzz.garbage import Garbage, Known
from tests.fuzz.places import BUCKETS, KEYS

MESSAGES = 3_000


def kind_of(subject: bytes) -> str:
    """Return the kind of a subject as real ones are, or the bucket of a key; nothing for what is neither."""
    text = subject.decode(errors="replace")
    if text.startswith("$KV."):
        _, bucket, *tokens = text.split(".")
        return bucket if len(tokens) == len(KEYS[bucket]) else ""
    try:
        found = Subject.parse(text)
        found.told()
    except Unreadable:
        return ""
    return found.kind


def test_every_kind_of_subject_and_every_bucket_is_hit_within_three_thousand_messages() -> None:
    for patient in (False, True):
        garbage = Garbage(1, Known(), patient=patient)
        hit = Counter(kind_of(garbage.next().subject) for _ in range(MESSAGES))
        del hit[""]
        assert hit.keys() == KINDS.keys() | BUCKETS
        assert min(hit.values()) >= 20


def test_garbage_on_decisions_stands_where_a_role_pulls_and_where_nobody_does() -> None:
    garbage = Garbage(1, Known(), patient=False)
    said = [each for each in (garbage.next() for _ in range(MESSAGES)) if kind_of(each.subject) == "decision"]
    roles = {Subject.parse(each.subject.decode())["role"]: each.heard for each in said}
    assert roles == {NOBODY: False, "guess": True, "near": True}


def test_garbage_goes_among_the_decisions_of_goals_that_run_and_that_will() -> None:
    known = Known(coming=["ours-0-1"], running=["ours-0-0"])
    garbage = Garbage(1, known, patient=False)
    said = [garbage.next().subject.decode(errors="replace") for _ in range(MESSAGES)]
    for goal in [*known.coming, *known.running]:
        assert any(subject.startswith(f"lw.v1.decision.default.{goal}.") for subject in said)
