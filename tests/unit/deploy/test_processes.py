"""What a person is shown of the processes that are there."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from loopwright.bus.messages import Presence
from loopwright.bus.presence import RENEWAL, Heard
from loopwright.deploy.processes import age, facts, row_of
from loopwright.deploy.verbs.actors import worker

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_worker_is_shown_with_its_hands_and_its_age() -> None:
    started = datetime(2026, 1, 1, 11, 58, tzinfo=UTC)
    each = Presence(role="test", process="5f0a", name="me-1", version="1.2", hands=4, busy=3, started=started)
    assert row_of(Heard(each, 1.2), NOON) == ("test", "me-1", "serving", "1 s ago", "4", "3", "1.2", "2 min")


def test_a_worker_of_another_make_is_shown_by_what_it_says() -> None:
    row = row_of(Heard(Presence(role="test", process="5f0a"), 0), NOON)
    assert row == ("test", "5f0a", "serving", "0 s ago", "-", "-", "-", "-")


def test_a_process_that_was_killed_is_not_shown_as_serving_until_its_key_lapses() -> None:
    killed = Heard(Presence(role="test", process="5f0a"), RENEWAL * 2)
    assert row_of(killed, NOON)[2:4] == ("not heard of for 4 s", "4 s ago")
    assert (facts(killed)["silent"], facts(killed)["schema_version"]) == (4.0, 1)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (7_200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_shown_in_the_largest_unit_that_it_fills(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


def test_no_role_can_be_called_ls() -> None:
    done = CliRunner().invoke(worker, ["test", "ls"])
    assert done.exit_code == 2
    assert "No role can be called ls: `loopwright worker ls` lists the processes." in done.output


@pytest.mark.parametrize("words", [[], ["--hands", "2"]])
def test_a_worker_needs_a_role(words: list[str]) -> None:
    done = CliRunner().invoke(worker, words)
    assert done.exit_code == 2
    assert "Missing argument 'ROLES...'" in done.output
