"""Logins to real servers, whose users have a token as their password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.iam_token import iam_token
from discovery.model.codes import ProbeStep
from discovery.probe.failures import FailureKind
from discovery.probe.hosts import Hosts
from discovery.probe.login import Login, Server, try_login
from tests.support.redis_process import ENGINES, HOST, RealCache, real_cache, with_password

pytestmark = pytest.mark.slow

KEYS = ReadOnlyCredentials("AKIAIOSFODNN7EXAMPLE", "a secret of nobody", "session" * 150)
TOKEN = iam_token("orders", "app", "eu-central-1", KEYS)
"""As long as a real one: that of a role's session."""


@pytest.fixture(scope="module", params=ENGINES)
def cache(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealCache]:
    users = {
        "app": with_password(TOKEN),
        "reader": with_password(TOKEN, "~* -@all +get"),
        "disabled": with_password(TOKEN).replace("on ", "off ", 1),
    }
    with real_cache(request.param, tmp_path_factory.mktemp(request.param), users) as made:
        yield made


def place(cache: RealCache) -> Server:
    return Server(HOST, 6379, dial=("127.0.0.1", cache.port))


def trusting(cache: RealCache) -> Hosts:
    return Hosts(ca_file=str(cache.authority.file))


async def test_a_user_logs_in_with_a_token(cache: RealCache) -> None:
    before = cache.commands()
    login = Login("app", TOKEN)
    assert await try_login(place(cache), login, trusting(cache).tls, 30) is None
    after = cache.commands()
    grown = {name for name, count in after.items() if count > before.get(name, 0)}
    assert grown <= {"auth", "ping", "acl|whoami", "info"}
    assert after["acl|whoami"] == before.get("acl|whoami", 0) + 1


async def test_a_user_who_may_only_read_is_logged_in(cache: RealCache) -> None:
    assert await try_login(place(cache), Login("reader", TOKEN), trusting(cache).tls, 30) is None


@pytest.mark.parametrize(
    "login",
    [
        Login("app", iam_token("orders", "app", "eu-west-1", KEYS)),
        Login("somebody", TOKEN),
        Login("disabled", TOKEN),
        Login("app", ""),
    ],
    ids=["another-token", "unknown-user", "user-off", "no-token"],
)
async def test_what_is_wrong_is_wrongpass(login: Login, cache: RealCache) -> None:
    found = await try_login(place(cache), login, trusting(cache).tls, 30)
    assert found is not None
    assert (found.step, found.kind) == (ProbeStep.AUTH, FailureKind.WRONG_PASSWORD)


def test_the_engines_own_client_gets_in_with_the_same_token(cache: RealCache) -> None:
    assert cache.client("PING", user="app", password=TOKEN).stdout == "PONG\n"
    refused = cache.client("PING", user="app", password="expired")
    assert "WRONGPASS" in refused.stdout + refused.stderr
