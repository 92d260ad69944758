"""Recorded conversations: what their lines mean, and how often people agree with us."""

import json
from pathlib import Path

import pytest

from loopwright.actors.faults.foreign import Said
from loopwright.deploy.evals.conversations import RecordedTurn, accused_in, agreement
from loopwright.deploy.evals.runs import RunRefused


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (RecordedTurn(content="hm", role="Lead (thought)"), Said("Lead", "hm")),
        (RecordedTurn(content="go", role="Lead (-> Reader)"), Said("Lead", "go", to="Reader")),
        (RecordedTurn(content="it is", role="Reader"), Said("Reader", "it is")),
        (RecordedTurn(content="it is", role="user", name="Coder"), Said("Coder", "it is")),
        (
            RecordedTurn(content="exitcode: 124 (failed)", role="user", name="Shell"),
            Said("Shell", "exitcode: 124 (failed)", status=124),
        ),
    ],
)
def test_a_turn_tells_who_speaks_to_whom_and_what_a_process_came_to(turn: RecordedTurn, said: Said) -> None:
    assert turn.said() == said


def test_agreement_is_exact_where_three_stands_in_thirty_one(tmp_path: Path) -> None:
    turns = [{"role": "a", "content": "begin"}] + [{"role": "b", "content": "?"}] * 31
    lines = [
        {"history": [*turns, {"role": "c", "content": "77"}], "mistake_agent": "c", "mistake_step": "32"},
        {"history": [*turns, {"role": "c", "content": "77"}], "mistake_agent": "b", "mistake_step": "3"},
        {"history": [*turns, {"role": "c", "content": "77"}], "mistake_agent": "c", "mistake_step": "30"},
        {"history": turns},
    ]
    path = tmp_path / "logs.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    found = accused_in(path)
    agreed = agreement("logs", found)
    assert [each.fault.evidence for each in found] == [(32,), (32,), (32,), (0,)]
    assert (agreed.labelled, agreed.agent, agreed.step, agreed.near) == (3, 2 / 3, 1 / 3, 2 / 3)


def test_a_line_that_is_no_conversation_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    path.write_text('{"history": [{"role": "a", "content": "x"}]}\n{"history": []}\n')
    with pytest.raises(RunRefused, match=r"logs\.jsonl:2 is no recorded conversation: history"):
        accused_in(path)
