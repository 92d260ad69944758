"""The actors keep their promises in every world that a seed leads to, and a broker that keeps none is found out."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.broker import Broker
from tests.simulation.exploring import explore, quiet, replay
from tests.simulation.store import MESSAGE_ID, SEQUENCE, Stream

CHOSEN = {
    51: "a broker that is killed, and processes that die at their writes",
    58: "the same, and what was settled last is forgotten",
    94: "the same on a network that loses messages",
    93: "a sleeper that writes behind its successor, if nobody hinders it",
    191: "a goal that was opened, and whose deadline was not set",
    220: "an answer that comes when another is on record",
    271: "a worker that dies between a call and its receipt; a replica that lags behind",
    431: "a sleeper that wakes when its successor has paid",
    8440: "a sleeper whose model was paid again once: what lay in its buffer had no sign of life",
    21393: "sleepers that broke a promise once",
    26021: "a replica that missed messages for ever once; orders that have to be sent again",
}
"""Worlds in which a promise was broken once, or is as soon as a guard is taken out, and what they have in store."""
SECONDS = 1.0
"""For as many worlds more as there is time for; `python -m tests.simulation` has more of it."""
ENOUGH = 60
"""Seeds within which a broken broker is found out."""


@pytest.fixture(autouse=True)
def quietly() -> Iterator[None]:
    before = structlog.get_config()
    quiet()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("seed", CHOSEN)
def test_every_promise_is_kept_in_the_worlds_that_were_hardest(seed: int) -> None:
    assert not explore(range(seed, seed + 1)).broken, replay(seed)


def test_every_promise_is_kept_in_every_world() -> None:
    until = time.monotonic() + SECONDS
    for seed in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count()):
        found = explore(range(seed, seed + 1))
        assert not found.broken, f"{found.broken[seed]}; live through it again: {replay(seed)}"


def test_a_seed_leads_to_the_same_history_in_every_process() -> None:
    ask = "from tests.simulation.exploring import *; quiet(); print(explore(range(4)).history)"
    asked = subprocess.run(
        [sys.executable, "-c", ask], env={"PYTHONHASHSEED": "7"}, check=True, capture_output=True, text=True
    )
    assert asked.stdout == f"{explore(range(4)).history}\n"


class Unguarded(Broker):
    """A broker that lets anybody write anything."""

    def _publish(self, stream: Stream, subject: str, data: bytes, headers: dict[str, str]) -> dict[str, object]:
        return super()._publish(stream, subject, data, {name: it for name, it in headers.items() if name != SEQUENCE})


class Forgetful(Broker):
    """A broker that knows neither guard nor id of what is said on some subjects."""

    of: tuple[str, ...]

    def _publish(self, stream: Stream, subject: str, data: bytes, headers: dict[str, str]) -> dict[str, object]:
        if subject.split(".")[2] in self.of:
            headers = {name: it for name, it in headers.items() if name not in {SEQUENCE, MESSAGE_ID}}
        return super()._publish(stream, subject, data, headers)


class ForgetfulOfEffects(Forgetful):
    of = ("effect",)


class ForgetfulOfAnswers(Forgetful):
    of = ("result", "made", "eval")


class Deaf(Broker):
    """A broker that says of every tenth message that it was stored, and has not."""

    def _publish(self, stream: Stream, subject: str, data: bytes, headers: dict[str, str]) -> dict[str, object]:
        self.heard = getattr(self, "heard", 0) + 1
        if self.heard % 10:
            return super()._publish(stream, subject, data, headers)
        return {"stream": stream.name, "seq": stream.last_seq}


@pytest.mark.parametrize("broker", [Unguarded, ForgetfulOfEffects, ForgetfulOfAnswers, Deaf])
def test_a_broker_that_does_not_keep_its_word_is_found_out(broker: type[Broker]) -> None:
    assert any(explore(range(seed, seed + 1), broker=broker).broken for seed in (*CHOSEN, *range(ENOUGH)))
