"""Two networks for three servers: one to their clients, and one among themselves, from which each can be cut off.

Each server lives in a network namespace of its own. Cut off from the others it still hears its clients, who notice
nothing but that it promises nothing any more: that is what makes a partition worse than a death.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.chaos.cluster import CLIENTS, ROUTES, Place

SERVERS = (1, 2, 3)


class NoNetwork(Exception):
    """Networks cannot be made here, and why."""


class Network:
    """Bridges and namespaces; their names and addresses hold the process id, so that two runs do not meet."""

    def __init__(self) -> None:
        self._mark = f"lw{os.getpid() % 100_000}"
        self._net = os.getpid() % 250
        self.places = [
            Place(
                f"s{number}",
                f"{self._address('clients', number)}:{CLIENTS}",
                f"{self._address('routes', number)}:{ROUTES}",
                (shutil.which("ip") or "ip", "netns", "exec", self._name(number)),
            )
            for number in SERVERS
        ]

    def cut(self, place: Place) -> None:
        """Cut a server off from the others."""
        ip("link", "set", self._cable("routes", int(place.name[1:])), "down")

    def heal(self, place: Place) -> None:
        """Let a server hear the others again."""
        ip("link", "set", self._cable("routes", int(place.name[1:])), "up")

    def lay(self, stack: ExitStack) -> None:
        """Make all of it; `stack` takes it away again.

        Raises:
            NoNetwork: it cannot be made here.
        """
        if shutil.which("ip") is None:
            raise NoNetwork("there is no `ip` here: install iproute2")
        for net in ("clients", "routes"):
            ip("link", "add", self._bridge(net), "type", "bridge")
            stack.callback(ip, "link", "del", self._bridge(net))
            ip("link", "set", self._bridge(net), "up")
        ip("addr", "add", f"{self._address('clients', 254)}/24", "dev", self._bridge("clients"))
        for number in SERVERS:
            ip("netns", "add", self._name(number))
            stack.callback(ip, "netns", "del", self._name(number))
            for net in ("clients", "routes"):
                self._plug_in(net, number)
                stack.callback(ip, "link", "del", self._cable(net, number))  # a namespace takes its time to go

    def _plug_in(self, net: str, number: int) -> None:
        space, cable = self._name(number), self._cable(net, number)
        ip("link", "add", cable, "type", "veth", "peer", "name", net, "netns", space)
        ip("link", "set", cable, "master", self._bridge(net), "up")
        ip("-n", space, "addr", "add", f"{self._address(net, number)}/24", "dev", net)
        ip("-n", space, "link", "set", net, "up")

    def _address(self, net: str, number: int) -> str:
        return f"10.{213 if net == 'clients' else 214}.{self._net}.{number}"

    def _name(self, number: int) -> str:
        return f"{self._mark}-{number}"

    def _bridge(self, net: str) -> str:
        return f"{self._mark}-{net[0]}"

    def _cable(self, net: str, number: int) -> str:
        return f"{self._mark}-{net[0]}{number}"


def ip(*words: str) -> None:
    """Run ``ip``.

    Raises:
        NoNetwork: it does not work here.
    """
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True, timeout=10)
    if done.returncode:
        raise NoNetwork(f"`ip {' '.join(words)}` says: {done.stderr.strip()}")


@contextmanager
def network() -> Iterator[Network]:
    """Hold the networks while the body runs.

    Raises:
        NoNetwork: they cannot be made here.
    """
    with ExitStack() as stack:
        made = Network()
        made.lay(stack)
        yield made
