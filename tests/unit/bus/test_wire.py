"""Headers as they travel: what is written is read, and nothing that arrives is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.bus.wire import Arrival, header_block, headers_in

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=40).map(str.strip)


@given(st.dictionaries(names, values, max_size=8))
def test_headers_that_were_written_are_read(headers: dict[str, str]) -> None:
    assert headers_in(header_block(headers)) == headers


@given(st.binary(max_size=200))
def test_any_block_of_bytes_can_be_looked_at(block: bytes) -> None:
    assert isinstance(headers_in(block), dict)


@given(st.text(max_size=60))
def test_no_value_can_bring_a_header_of_its_own(value: str) -> None:
    found = headers_in(header_block({"Reason": value, "Last": "1"}))
    assert found.keys() == {"Reason", "Last"}
    assert found["Last"] == "1"


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404"}),
        (b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 7\r\n\r\n", {"Status": "100", "Nats-Last-Stream": "7"}),
        (b"NATS/1.0 409\r\nNats-Pending-Messages: 3\r\n\r\n", {"Status": "409", "Nats-Pending-Messages": "3"}),
        (b"NATS/1.0\r\nA:b\r\nno colon\r\nin side: c\r\n\r\n", {"A": "b"}),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", {}),
        (b"", {}),
    ],
)
def test_the_servers_status_stands_among_the_headers(block: bytes, headers: dict[str, str]) -> None:
    assert headers_in(block) == headers
    assert Arrival("subject", "", b"", block).headers == headers
