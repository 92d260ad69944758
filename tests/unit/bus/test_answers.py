"""Whatever the NATS client raises comes out as one of our errors, which say whether asking again may help."""

import builtins
import inspect

import anyio
import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from loopwright.bus.answers import persistently, translated
from loopwright.bus.errors import BusError, BusUnreachable, NotPermitted


class Closed(Client):
    @property
    def is_closed(self) -> bool:
        return True


RAISED = [
    error
    for module in (nats.errors, nats.js.errors)
    for _, error in inspect.getmembers(module, inspect.isclass)
    if issubclass(error, NatsError)
]

NEEDED: dict[type[NatsError], tuple[object, ...]] = {
    nats.errors.BadHeaderError: ("a header",),
    nats.errors.MsgAlreadyAckdError: (None,),
    nats.errors.SlowConsumerError: ("a subject", "", 1, None),
    nats.js.errors.ConsumerSequenceMismatchError: (1, 2, 3),
}
"""What some of them are made of."""


@pytest.mark.parametrize("error", RAISED)
def test_every_error_of_the_client_has_a_translation(error: type[NatsError]) -> None:
    with pytest.raises(BusError), translated("nats://here", "this"):
        raise error(*NEEDED.get(error, ()))


@pytest.mark.parametrize(
    "error",
    [
        nats.errors.TimeoutError(),
        nats.errors.NoRespondersError(),
        nats.errors.ConnectionClosedError(),
        nats.js.errors.ServiceUnavailableError(),
        nats.js.errors.ServiceUnavailableError(code=503, err_code=10008, description="not ready"),
        APIError(code=503),
        builtins.TimeoutError(),
        ConnectionRefusedError(),
    ],
)
def test_who_does_not_answer_is_unreachable(error: Exception) -> None:
    with pytest.raises(BusUnreachable, match="No NATS server answers at nats://here"), translated("nats://here", "x"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        APIError(code=403, description="no"),
        APIError(code=503, err_code=10039, description="JetStream not enabled for account"),
        nats.errors.AuthorizationError(),
        NatsError("nats: 'Authorization Violation'"),
    ],
)
def test_who_refuses_does_not_permit(error: Exception) -> None:
    with pytest.raises(NotPermitted, match="The NATS server refuses: reading"), translated("nats://here", "reading"):
        raise error


async def test_a_time_limit_of_ours_is_translated() -> None:
    with pytest.raises(BusUnreachable), translated("nats://here", "x"), anyio.fail_after(0.01):
        await anyio.sleep(1)


def test_what_is_a_bug_flies_on() -> None:
    with pytest.raises(LookupError), translated("nats://here", "x"):
        raise LookupError


async def test_a_request_is_repeated_until_it_is_answered() -> None:
    answers = iter([BusUnreachable("here", "silence"), BusUnreachable("here", "503"), None])

    async def ask() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "answer"

    assert await persistently(Client(), ask) == "answer"


async def test_nobody_asks_again_on_a_connection_that_is_closed_for_good() -> None:
    async def ask() -> None:
        raise BusUnreachable("here", "closed")

    with anyio.fail_after(1), pytest.raises(BusUnreachable):
        await persistently(Closed(), ask)
