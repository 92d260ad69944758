"""Ports for servers that tests start by number, where several tests run at once."""

import random
import socket

TAKEN_BY_NOBODY = range(20_000, 32_000)
"""Below those that the system gives to whoever connects: one that is free now is not given away before it is used."""


def free_port() -> int:
    """Return a port on which nobody listens."""
    while True:
        port = random.choice(TAKEN_BY_NOBODY)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
