"""A proxy's URL whose password nobody escaped is refused by name, and never repeated."""

from __future__ import annotations

import pytest

from discovery.config.proxies import HTTPS_PROXY, PROXIES, proxy_problem
from discovery.control_plane.teleport.errors import NoRoute
from discovery.control_plane.teleport.http_proxy import forward_proxy

GOOD = [
    "",
    "http://127.0.0.1:3128",
    "http://proxy",
    "proxy:3128",
    "http://svc:S3cret%231@proxy:3128",
    "http://svc:S3cret@proxy:3128/",
    "http://svc:with@inside@proxy:3128",
    "https://svc@[::1]:3128",
]
BAD = [
    "http://svc:S3cret#1@127.0.0.1:3128",
    "http://svc:S3cret/1@127.0.0.1:3128",
    "http://svc:S3cret?1@127.0.0.1:3128",
    "http://svc:S3cret[1@127.0.0.1:3128",
    "http://svc:S3cret\\1@127.0.0.1:3128",
    "http://svc:S3cret 1@127.0.0.1:3128",
    "svc:S3cret#1@127.0.0.1:3128",
    "svc:S3cret://1@127.0.0.1:3128",
    "http://svc:S3cret@",
    "http://svc:S3cret@proxy:port",
    "http://",
    "http://proxy:0",
]


@pytest.mark.parametrize("value", GOOD)
def test_a_url_is_no_problem(value: str) -> None:
    assert proxy_problem(dict.fromkeys(PROXIES, value)) is None


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("value", BAD)
def test_what_is_no_url_is_named_with_the_remedy_and_not_shown(name: str, value: str) -> None:
    problem = proxy_problem({name: value})
    assert problem is not None
    assert problem.startswith(f"{name} is no URL")
    assert "# is %23" in problem
    assert "S3cret" not in problem


@pytest.mark.parametrize("name", HTTPS_PROXY)
@pytest.mark.parametrize("value", BAD)
def test_the_way_to_teleport_says_the_same(name: str, value: str) -> None:
    with pytest.raises(NoRoute) as raised:
        forward_proxy({name: value}, "teleport.example.com", 443)
    assert str(raised.value).startswith(f"{name} is no URL")
    assert "S3cret" not in str(raised.value)
