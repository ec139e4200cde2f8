"""From where a request comes, as far as it can be known."""

import pytest

from provisioner.web.pages.origins import is_from_here, is_our_host, is_this_machine, peer_of

DESK = "https://desk.example.com"


@pytest.mark.parametrize(
    ("headers", "address", "may"),
    [
        ({"sec-fetch-site": "same-origin"}, None, True),
        ({"sec-fetch-site": "none"}, None, True),
        ({"sec-fetch-site": "cross-site"}, None, False),
        ({"sec-fetch-site": "same-site", "origin": DESK, "host": "desk.example.com"}, DESK, False),
        ({"origin": DESK, "host": "127.0.0.1:8080"}, DESK, True),
        ({"origin": DESK, "host": "127.0.0.1:8080"}, None, False),
        ({"origin": "http://localhost:8080", "host": "localhost:8080"}, None, True),
        ({"origin": "http://localhost:8081", "host": "localhost:8080"}, None, False),
        ({"origin": "null", "host": "localhost:8080"}, None, False),
        ({"host": "localhost:8080"}, None, False),
    ],
)
def test_what_may_change_something(headers: dict[str, str], address: str | None, may: bool) -> None:
    assert is_from_here("POST", headers, address) is may
    assert is_from_here("GET", headers, address)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("localhost", True),
        ("desk.example.com", True),
        ("desk.example.com:443", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("192.0.2.1", False),
    ],
)
def test_whose_name_it_is(host: str, ours: bool) -> None:
    assert is_our_host(host, DESK) is ours


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("::1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
    ],
)
def test_only_our_own_proxy_is_believed(peer: str, forwarded: str | None, found: str) -> None:
    assert peer_of(peer, forwarded) == found


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_what_listens_for_this_machine_alone(host: str, here: bool) -> None:
    assert is_this_machine(host) is here
