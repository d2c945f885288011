"""One world for each finding on the cache `orders`, and some for the ways it can come about."""

from __future__ import annotations

from collections.abc import Callable

from discovery.model.codes import FindingCode
from discovery.sandbox.aws.region import Region

F = FindingCode
NO_PASSWORD = "no-password"


def group(
    region: Region,
    *members: str,
    engine: str = "valkey",
    cache_engine: str = "valkey",
    status: str = "active",
    public: bool = False,
) -> None:
    """The cache `orders` with a group attached."""
    region.add_user_group("app", users=members, engine=engine, status=status)
    region.add_cache("orders", engine=cache_engine, group="app", public=public)


def old_cache(region: Region) -> None:
    region.add_user("alice", engine="redis")
    group(region, "default", "alice", engine="redis", cache_engine="redis")
    region.change_cache("orders", major_version="6", full_version="6.2.6")


def old_valkey(region: Region) -> None:
    region.add_user("alice")
    group(region, "alice")
    region.change_cache("orders", major_version="7", full_version="7.1", status="available")


def without_group(region: Region) -> None:
    region.add_cache("orders")


def redis_without_group(region: Region) -> None:
    region.add_cache("orders", engine="redis")
    region.add_user("teleport-orders")
    region.add_user_group("orders")


def missing_group(region: Region) -> None:
    region.add_cache("orders", engine="redis", group="app")


def group_of_aws(region: Region) -> None:
    region.add_cache("orders", group="default.iam-user-group", public=True)


def user_of_aws(region: Region) -> None:
    group(region, "default.iam-user")


def deleting_group(region: Region) -> None:
    group(region, status="deleting")


def wrong_group(region: Region) -> None:
    region.add_user("alice")
    group(region, "alice", cache_engine="redis")


def nobody(region: Region) -> None:
    group(region, "default", engine="redis")


def only_refused(region: Region) -> None:
    """Members that AWS keeps nowhere, and lets nobody keep."""
    region.add_user("valkyrie")
    region.add_user("leaving", engine="redis", status="deleting")
    group(region, "default", "ghost", "valkyrie", "leaving", engine="redis")


def people_of_aws(region: Region) -> None:
    region.add_user("job", authentication="password")
    region.add_user_group("default.people", users=("job",))
    region.add_cache("orders", group="default.people")


def ghost(region: Region) -> None:
    region.add_user("alice")
    group(region, "alice", "ghost")


def leaving(region: Region) -> None:
    region.add_user("alice", status="deleting")
    group(region, "alice")


def password(region: Region) -> None:
    region.add_user("job", authentication="password", access_string="off ~* -@all")
    group(region, "job")


def named_password(region: Region) -> None:
    region.add_user("job", name="app", authentication="password")
    group(region, "job")


def passwordless(region: Region) -> None:
    region.add_user("job", engine="redis", authentication=NO_PASSWORD)
    region.add_user("alice", engine="redis")
    group(region, "default", "alice", "job", engine="redis")


def named_passwordless(region: Region) -> None:
    region.add_user("job", name="app", engine="redis", authentication=NO_PASSWORD)
    group(region, "job")


def misnamed(region: Region) -> None:
    region.add_user("alice", name="Alice")
    group(region, "alice")


def disabled(region: Region) -> None:
    region.add_user("alice", access_string="on off ~* -@all +@read")
    group(region, "alice")


def misnamed_of_aws(region: Region) -> None:
    """A group that nobody can change, with somebody in it who can log in."""
    region.add_user("alice")
    region.add_user("bob", name="Bob")
    region.add_user_group("default.people", users=("alice", "bob"))
    region.add_cache("orders", group="default.people")


def disabled_of_aws(region: Region) -> None:
    region.add_user("default.alice", access_string="off")
    group(region, "default.alice")


def wrong_engine(region: Region) -> None:
    region.add_user("alice")
    group(region, "default", "alice", engine="redis")


def open_default(region: Region) -> None:
    region.add_user("app-d", name="default", engine="redis", authentication=NO_PASSWORD)
    group(region, "app-d", engine="redis")


def open_default_in_valkey(region: Region) -> None:
    region.add_user("app-d", name="default", engine="redis", authentication=NO_PASSWORD)
    group(region, "app-d")


def outsider(region: Region) -> None:
    region.add_user("alice")
    region.add_user("job", authentication="password")
    group(region, "job")


def public_password(region: Region) -> None:
    region.add_user("alice")
    region.add_user("job", authentication="password")
    group(region, "alice", "job", public=True)


def public_default(region: Region) -> None:
    region.add_user("alice")
    region.add_user("app-d", name="default", engine="redis", authentication="password")
    group(region, "alice", "app-d", public=True)


def public_default_in_redis(region: Region) -> None:
    region.add_user("alice", engine="redis")
    region.add_user("app-d", name="default", engine="redis", authentication="password")
    group(region, "alice", "app-d", engine="redis", public=True)


BROKEN: list[tuple[FindingCode, Callable[[Region], None]]] = [
    (F.ENGINE_TOO_OLD, old_cache),
    (F.ENGINE_TOO_OLD, old_valkey),
    (F.NO_USER_GROUP, without_group),
    (F.NO_USER_GROUP, redis_without_group),
    (F.GROUP_MISSING, missing_group),
    (F.USERS_UNREADABLE, group_of_aws),
    (F.USERS_UNREADABLE, user_of_aws),
    (F.GROUP_NOT_ACTIVE, deleting_group),
    (F.GROUP_ENGINE_MISMATCH, wrong_group),
    (F.NO_IAM_USER, nobody),
    (F.NO_IAM_USER, only_refused),
    (F.NO_IAM_USER, people_of_aws),
    (F.USER_MISSING, ghost),
    (F.USER_NOT_ACTIVE, leaving),
    (F.USER_NOT_IAM, password),
    (F.USER_NOT_IAM, named_password),
    (F.USER_NOT_IAM, people_of_aws),
    (F.USER_NOT_IAM, public_password),
    (F.USER_NOT_IAM, public_default),
    (F.USER_NOT_IAM, public_default_in_redis),
    (F.PASSWORDLESS_USER, passwordless),
    (F.PASSWORDLESS_USER, named_passwordless),
    (F.USER_ID_NAME_MISMATCH, misnamed),
    (F.USER_ID_NAME_MISMATCH, misnamed_of_aws),
    (F.USER_DISABLED, disabled),
    (F.USER_DISABLED, disabled_of_aws),
    (F.ENGINE_MISMATCH, wrong_engine),
    (F.DEFAULT_USER_OPEN, open_default),
    (F.DEFAULT_USER_OPEN, open_default_in_valkey),
    (F.DEFAULT_USER_UNREPLACED, nobody),
    (F.USER_NOT_IN_GROUP, outsider),
]
