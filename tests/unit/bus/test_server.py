import pytest

from loopwright.bus.errors import BusUnreachable, IntakeFull, NotPermitted, ServerTooOld
from loopwright.bus.server import is_new_enough, version_of, without_secrets


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("2.12.0", True),
        ("v2.12.0", True),
        ("2.12.0-RC.1", True),
        ("2.15.3", True),
        ("3.0.0", True),
        ("2.11.99", False),
        ("2.9.10", False),
        ("1.99.0", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_server_is_new_enough_from_2_12_on(version: str, enough: bool) -> None:
    assert is_new_enough(version) is enough


def test_a_version_is_its_three_numbers() -> None:
    assert version_of("v2.12.1-beta.3") == (2, 12, 1)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://me:pass@bus.example:4222", "nats://bus.example:4222"),
        ("nats://token@bus.example:4222", "nats://bus.example:4222"),
        ("bus.example", "bus.example"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BusUnreachable("nats://here", "refused"), "set LOOPWRIGHT_NATS_URL to one that runs"),
        (ServerTooOld("2.9.10", "2.12.0"), "Get it from https://nats.io/download"),
        (NotPermitted("this connection"), "Check the user or token"),
        (IntakeFull("INTAKE"), "start more orchestrators"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, remedy: str) -> None:
    assert remedy in str(error)
