import pytest

from loopwright.bus.errors import BusUnreachable, IntakeFull, NotPermitted, ServerTooOld
from loopwright.bus.server import guarantee, is_new_enough, sync_in, version_of, without_secrets


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


CRASH = "the crash of any process"
BOTH = "the loss of 1 of 3 nodes and the crash of any process"
TAG = "as the server's tag sync_interval"
LAG = "not a power cut of several nodes within 2m, nor of one while another lags behind"


@pytest.mark.parametrize(
    ("sync", "replicas", "said"),
    [
        ("always", 1, f"{CRASH} and, {TAG}:always tells, a power cut of its server, not the loss of its server's disk"),
        ("always", 2, f"{CRASH} and, {TAG}:always tells, a power cut of all its nodes, not the loss of a node's disk"),
        ("always", 3, f"{BOTH}, and, {TAG}:always tells, a power cut of all its nodes"),
        (
            "2m",
            1,
            f"{CRASH}, not the loss of its server's disk, nor a power cut of its server within 2m, {TAG}:2m tells",
        ),
        (
            "2m",
            2,
            f"{CRASH}, not the loss of a node's disk, nor a power cut of all its nodes within 2m, {TAG}:2m tells",
        ),
        ("2m", 3, f"{BOTH}, {LAG}, {TAG}:2m tells"),
        ("2m", 5, f"{BOTH}, {LAG}, {TAG}:2m tells".replace("1 of 3", "2 of 5")),
    ],
)
def test_what_an_acknowledged_message_survives_follows_from_two_settings(sync: str, replicas: int, said: str) -> None:
    assert guarantee(sync, replicas) == f"an acknowledged message survives {said}"


@pytest.mark.parametrize(("replicas", "said"), [(1, f"{CRASH}, not the loss of its server's disk"), (3, BOTH)])
def test_where_a_server_does_not_tell_when_it_syncs_that_is_said_with_what_to_do(replicas: int, said: str) -> None:
    told = guarantee("", replicas)

    assert told.startswith(f"an acknowledged message survives {said}; the server does not tell ")
    assert 'server_tags: ["sync_interval:' in told


@pytest.mark.parametrize("sync", ["always", "2m", ""])
def test_what_is_kept_in_memory_survives_no_stop_whatever_is_synced(sync: str) -> None:
    assert guarantee(sync, 1, on_disk=False).endswith("kept in memory: a stop of its server loses it")
    assert guarantee(sync, 3, on_disk=False).endswith("kept in memory: a stop of all its nodes loses it")


@pytest.mark.parametrize(
    ("tags", "sync"),
    [
        ((), ""),
        (("region:eu", "sync_interval:always"), "always"),
        (("sync_interval:2m",), "2m"),
        (("sync_interval:1m30.5s",), "1m30.5s"),
        (("sync_interval:", "sync_interval:soon", "sync_interval:2", "sync:always"), ""),
    ],
)
def test_when_a_server_syncs_is_read_from_its_tags(tags: tuple[str, ...], sync: str) -> None:
    assert sync_in(tags) == sync
