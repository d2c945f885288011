"""Which tokens open a cache: everything that can be wrong with one is WRONGPASS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.values import hash_password
from tests.support.simulated_caches import (
    ACCOUNT,
    CACHE,
    OTHER_ACCOUNT,
    USER,
    DataPlane,
    sign,
)

WRONGPASS = b"-WRONGPASS invalid username-password pair or user is disabled."
Arrange = Callable[[DataPlane], str]
"""Changes the world, and returns the token to try."""


def by(**changes: Any) -> Arrange:
    return lambda plane: sign(plane.key, **changes)


def by_key(change: Callable[[DataPlane], Key]) -> Arrange:
    return lambda plane: sign(change(plane))


def after(change: Callable[[DataPlane], object]) -> Arrange:
    def arrange(plane: DataPlane) -> str:
        token = sign(plane.key)
        change(plane)
        return token

    return arrange


def of_user(**settings: Any) -> Arrange:
    return after(lambda plane: plane.region.add_user(USER, **settings))


def of_group(**settings: Any) -> Arrange:
    return after(lambda plane: plane.region.add_user_group("people", **settings))


def allowing(*resources: str) -> Arrange:
    statement = {"Effect": "Allow", "Action": "elasticache:Connect", "Resource": list(resources)}
    return after(
        lambda plane: plane.account.allow(
            plane.key.principal_arn, {"Version": "2012-10-17", "Statement": [statement]}
        )
    )


def later(**span: float) -> Arrange:
    return after(lambda plane: plane.world.auth_clock.advance(timedelta(**span)))


def with_expired_session(plane: DataPlane) -> str:
    token = sign(plane.session())
    plane.world.expire_sessions()
    return token


def in_another_region(plane: DataPlane) -> str:
    plane.account.region("us-east-1").add_cache(CACHE)
    return sign(plane.key, region="us-east-1")


HERE = f"arn:aws:elasticache:eu-central-1:{ACCOUNT}"
WRONG: dict[str, tuple[Arrange, str]] = {
    "of another cache": (by(host="carts"), "another cache"),
    "of the cache, not in lower case": (by(host="Orders"), "lower case"),
    "of the endpoint's host": (lambda p: sign(p.key, host=p.cache.host), "another cache"),
    "of the host with its port": (by(host="orders:6379"), "another cache"),
    "of another user": (by(User="ops"), "another user"),
    "of the user's name in capitals": (by(User="APP"), "another user"),
    "of another action": (by(Action="describe"), "action"),
    "of a node-based cache": (by(query={"Action": "connect", "User": USER}), "serverless"),
    "of another type": (by(ResourceType="ReplicationGroup"), "serverless"),
    "of another region": (in_another_region, "another region"),
    "of another service": (by(service="memorydb"), "another service"),
    "with another header signed": (by(headers={"x-more": ""}), "other headers"),
    "valid for longer than AWS takes": (by(expires=901), "900 seconds"),
    "valid for no time": (by(expires=0), "900 seconds"),
    "old": (later(seconds=901), "expired"),
    "from a clock ahead of ours": (later(seconds=-310), "clock skew"),
    "with a wrong secret": (by_key(lambda p: replace(p.key, secret="x" * 40)), "bad signature"),
    "changed afterwards": (
        lambda p: sign(p.key, User="ops").replace("User=ops", f"User={USER}"),
        "bad signature",
    ),
    "with half of its signature": (lambda p: sign(p.key)[:-32], "no IAM token"),
    "with a parameter twice": (lambda p: f"{sign(p.key)}&User={USER}", "no IAM token"),
    "with its scheme": (lambda p: f"https://{sign(p.key)}", "another cache"),
    "in other characters": (lambda p: sign(p.key) + "\u00e9", "no IAM token"),
    "empty": (lambda _: "", "no IAM token"),
    "a word": (lambda _: "swordfish", "no IAM token"),
    "of an unknown key": (
        by_key(lambda p: replace(p.key, access_key_id="AKIAAAAAAAAAAAAAAAAA")),
        "unknown key",
    ),
    "of a key that was deleted": (
        after(lambda p: p.world.keys.revoke(p.key.access_key_id)),
        "unknown key",
    ),
    "of a session, without its token": (
        by_key(lambda p: replace(p.session(), token=None)),
        "unknown key",
    ),
    "of a session, with another token": (
        by_key(lambda p: replace(p.session(), token=p.session(name="other").token)),
        "unknown key",
    ),
    "of a session that ended": (with_expired_session, "expired"),
    "of another account": (
        by_key(lambda p: p.world.account(OTHER_ACCOUNT).add_key()),
        "another account",
    ),
    "of a signer who may do nothing": (allowing("arn:aws:s3:::x"), "elasticache:Connect"),
    "of a signer without the cache": (allowing(f"{HERE}:user:*"), "elasticache:Connect"),
    "of a signer without the user": (allowing(f"{HERE}:serverlesscache:*"), "elasticache:Connect"),
    "of a signer for other caches": (
        allowing(f"{HERE}:user:*", f"{HERE}:serverlesscache:carts"),
        "elasticache:Connect",
    ),
    "in a region that a policy of the organization denies": (
        after(lambda p: p.account.denied_regions.add("eu-central-1")),
        "elasticache:Connect",
    ),
    "of a user who is off": (of_user(access_string="off ~* +@all"), "access string is off"),
    "of a user with a password": (of_user(authentication="password"), "by password"),
    "of a user with another id": (
        after(
            lambda p: (
                p.region.add_user("app-1", name=USER),
                p.region.add_user_group("people", users=("app-1",)),
            )
        ),
        "id and name differ",
    ),
    "of a user who is being deleted": (of_user(status="deleting"), "no active member"),
    "of a user outside the group": (of_group(users=()), "no active member"),
    "of a user who is yet to be a member": (
        of_group(status="modifying", adding=(USER,)),
        "no active member",
    ),
    "of a user who is leaving the group": (
        of_group(status="modifying", users=(USER,), removing=(USER,)),
        "no active member",
    ),
    "of a group that is being created": (
        of_group(status="creating", users=(USER,)),
        "no active member",
    ),
    "of a group of another engine": (
        after(lambda p: p.region.change_cache(CACHE, engine="redis")),
        "no active member",
    ),
    "of a user of another engine": (of_group(engine="redis", users=(USER,)), "no active member"),
    "of a group that is gone": (after(lambda p: p.region.groups.drop("people")), "no active"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_token_that_is_wrong(plane: DataPlane, case: str) -> None:
    arrange, reason = WRONG[case]
    token = arrange(plane)
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, token) == WRONGPASS
        assert await client.ask("HELLO", "3", "AUTH", USER, token) == WRONGPASS
        assert await client.ask("PING") == b"-NOAUTH Authentication required."
    assert reason in (plane.calls[1].reason or "")


RIGHT: dict[str, Arrange] = {
    "fresh": by(),
    "of a session": by_key(lambda plane: plane.session()),
    "in its last seconds": later(seconds=890),
    "short-lived": by(expires=60),
    "of a signer who may connect to just this": allowing(
        f"{HERE}:serverlesscache:{CACHE}", f"{HERE}:user:{USER}"
    ),
    "of a cache that is being modified": after(
        lambda plane: plane.region.change_cache(CACHE, status="modifying")
    ),
    "in another order": lambda plane: reordered(sign(plane.key)),
    "with other spelling of its escapes": lambda plane: sign(plane.key).replace("%2F", "/"),
}


def reordered(token: str) -> str:
    host, _, query = token.partition("/?")
    return f"{host}/?{'&'.join(reversed(query.split('&')))}"


@pytest.mark.parametrize("case", RIGHT)
async def test_a_token_that_is_right(plane: DataPlane, case: str) -> None:
    token = RIGHT[case](plane)
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, token) == b"+OK"
        assert await client.ask("PING") == b"+PONG"


async def test_a_token_opens_no_other_user(plane: DataPlane) -> None:
    plane.region.add_user("ops")
    plane.region.add_user_group("people", users=(USER, "ops"))
    async with plane.connect() as client:
        assert await client.ask("AUTH", "ops", sign(plane.key)) == WRONGPASS
        assert await client.ask("AUTH", "ops", sign(plane.key, User="ops")) == b"+OK"
        assert await client.ask("AUTH", USER, "wrong") == WRONGPASS
        client.send(("ACL", "WHOAMI"))
        assert await client.ask("PING") == b"$3"  # still logged in, as ops


async def test_a_password_that_a_request_set_opens_its_user(plane: DataPlane) -> None:
    first, second = "the-first-of-two-passwords", "the-second-of-two-passwords"
    hashes = tuple(hash_password(each) for each in (first, second))
    user = plane.region.add_user("batch", authentication="password")
    plane.region.users.put("batch", replace(user, password_hashes=hashes))
    plane.region.add_user_group("people", users=(USER, "batch"))
    async with plane.connect() as client:
        for wrong in ("", "the-third", hashes[0], sign(plane.key, User="batch")):
            assert await client.ask("AUTH", "batch", wrong) == WRONGPASS
        for right in (first, second):
            assert await client.ask("AUTH", "batch", right) == b"+OK"
        assert await client.ask("AUTH", USER, first) == WRONGPASS
        assert await client.ask("PING") == b"+PONG"
    assert not any(right in str(plane.calls) for right in (first, second, *hashes))


async def test_no_password_is_asked_where_there_is_no_access_control(plane: DataPlane) -> None:
    plane.region.change_cache(CACHE, user_group_id=None)
    async with plane.connect() as client:
        assert await client.ask("PING") == b"+PONG"
        assert await client.ask("AUTH", "default", "anything") == b"+OK"
        assert await client.ask("AUTH", USER, sign(plane.key)) == WRONGPASS


async def test_a_public_cache_takes_users_of_iam_only(plane: DataPlane) -> None:
    plane.region.add_user_group("people", users=("default", USER))
    plane.region.change_cache(CACHE, is_public=True)
    async with plane.connect() as client:
        assert await client.ask("PING") == b"-NOAUTH Authentication required."
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"


async def test_the_default_user_of_a_group_is_who_a_connection_begins_as(plane: DataPlane) -> None:
    plane.region.add_user_group("people", users=("default", USER))
    async with plane.connect() as client:
        assert await client.ask("PING") == b"+PONG"
    plane.region.add_user("default", access_string="off ~* +@all", authentication="no-password")
    async with plane.connect() as client:
        assert await client.ask("PING") == b"-NOAUTH Authentication required."


@pytest.mark.parametrize(
    "change",
    [
        lambda plane: plane.region.add_user_group("people", users=()),
        lambda plane: plane.region.remove_cache(CACHE),
        lambda plane: plane.region.change_cache(CACHE, status="deleting"),
    ],
    ids=["user taken out of the group", "cache removed", "cache being deleted"],
)
async def test_a_session_ends(plane: DataPlane, change: Callable[[DataPlane], object]) -> None:
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"
        change(plane)
        assert await client.ask_all(b"PING\r\n") == b""
    assert plane.calls[-1].error == "(closed)"


async def test_a_session_outlives_its_token_and_its_permission(plane: DataPlane) -> None:
    async with plane.connect() as client:
        assert await client.ask("AUTH", USER, sign(plane.key)) == b"+OK"
        allowing("arn:aws:s3:::x")(plane)
        plane.world.auth_clock.advance(timedelta(hours=1))
        assert await client.ask("PING") == b"+PONG"
