"""Which forward proxy the environment names, as Go reads it."""

from __future__ import annotations

import pytest

from discovery.control_plane.teleport.errors import NoRoute
from discovery.control_plane.teleport.http_proxy import ForwardProxy, forward_proxy

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}

EXCEPTIONS = [
    ("nothing named", "", "teleport.example.com", True),
    ("all", "*", "teleport.example.com", False),
    ("the host", "teleport.example.com", "teleport.example.com", False),
    ("its domain", "example.com", "teleport.example.com", False),
    ("its domain with a dot", ".example.com", "teleport.example.com", False),
    ("its domain with a star", "*.example.com", "teleport.example.com", False),
    ("a dot is not the domain itself", ".example.com", "example.com", True),
    ("a star is not the domain itself", "*.example.com", "example.com", True),
    ("another domain's end", "ample.com", "teleport.example.com", True),
    ("another case", "EXAMPLE.com", "Teleport.Example.COM", False),
    ("the port", "example.com:443", "teleport.example.com", False),
    ("another port", "example.com:3025", "teleport.example.com", True),
    ("one of several", "a.com, example.com ,b.com", "teleport.example.com", False),
    ("an address", "10.0.0.1", "10.0.0.1", False),
    ("a network", "10.0.0.0/8", "10.1.2.3", False),
    ("another network", "10.0.0.0/8", "11.1.2.3", True),
    ("an address with a port", "10.0.0.1:443", "10.0.0.1", False),
    ("the sixth version", "fd00::/8", "fd00::1", False),
    ("loopback, always", "", "127.0.0.1", False),
    ("loopback by name, always", "", "localhost", False),
]


@pytest.mark.parametrize(("_", "named", "host", "uses"), EXCEPTIONS, ids=[e[0] for e in EXCEPTIONS])
def test_no_proxy(_: str, named: str, host: str, uses: bool) -> None:
    found = forward_proxy({**PROXY, "NO_PROXY": named}, host, 443)
    assert found == (ForwardProxy("proxy.example", 3128) if uses else None)


NAMES: list[tuple[str, dict[str, str], ForwardProxy | None]] = [
    ("none", {}, None),
    ("empty", {"HTTPS_PROXY": ""}, None),
    ("lower case", {"https_proxy": "http://p:1"}, ForwardProxy("p", 1)),
    ("without a scheme", {"HTTPS_PROXY": "p:1"}, ForwardProxy("p", 1)),
    ("without a port", {"HTTPS_PROXY": "http://p"}, ForwardProxy("p", 80)),
    ("HTTP_PROXY is not meant", {"HTTP_PROXY": "http://p:1"}, None),
    (
        "with a password",
        {"HTTPS_PROXY": "http://us%40er:p%3Aw@p:1"},
        ForwardProxy("p", 1, "Basic dXNAZXI6cDp3"),
    ),
]


@pytest.mark.parametrize(("_", "environ", "expected"), NAMES, ids=[each[0] for each in NAMES])
def test_https_proxy(_: str, environ: dict[str, str], expected: ForwardProxy | None) -> None:
    assert forward_proxy(environ, "teleport.example.com", 443) == expected


@pytest.mark.parametrize("url", ["https://p:1", "socks5://p:1", "http://", "http://p:x"])
def test_one_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(NoRoute, match="NO_PROXY"):
        forward_proxy({"HTTPS_PROXY": url}, "teleport.example.com", 443)


def test_a_password_is_not_shown() -> None:
    found = forward_proxy({"HTTPS_PROXY": "http://user:secret@p:1"}, "teleport.example.com", 443)
    assert "secret" not in f"{found!r}{found}"
    assert "dXNlcjpzZWNyZXQ" not in f"{found!r}{found}"
