"""R8 and R11: one bad thing stops nothing but itself, and it counts only who proved who it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery import scan
from discovery.aws.scope_reader import ScopeReading
from discovery.aws.session import Session
from discovery.control_plane.base import Denied, Rejected, Unavailable
from discovery.control_plane.embedded import Embedded
from discovery.model import Database
from discovery.sandbox.aws.faults import Effect
from tests.scenarios.tale import FRANKFURT, HUB, LISTING, MEMBER, Tale


def three(tale: Tale) -> None:
    for name in ("orders", "carts", "books"):
        tale.cache(name, tags={"TeleportDatabaseName": f"{name}-db"}, group="people")


REFUSALS: list[Any] = [
    pytest.param(Rejected("label too long"), "blocked/REJECTED", 0, id="rejected"),
    pytest.param(Denied("no verb create on db"), "create/NEW", 3, id="denied"),
    pytest.param(RuntimeError("a bug"), "create/NEW", 3, id="something-unforeseen"),
]


@pytest.mark.parametrize(("error", "verdict", "exits"), REFUSALS)
def test_one_write_that_fails(
    tale: Tale, monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: str, exits: int
) -> None:
    three(tale)
    create = Embedded.create

    async def picky(self: Embedded, database: Database) -> None:
        if database.name == "carts-db":
            raise error
        await create(self, database)

    with monkeypatch.context() as patch:
        patch.setattr(Embedded, "create", picky)
        run = tale.rig.run("sweep", "--format", "json")
    assert run.code == exits, run.err
    assert set(tale.registry) == {"orders-db", "books-db"}
    items = {item["cache"]: item for item in run.document["items"]}
    assert f"{items['carts']['action']}/{items['carts']['reason']}" == verdict
    assert items["orders"]["applied"] is True
    assert run.document["summary"]["failed"] == (exits == 3)
    tale.sweep()
    assert set(tale.registry) == {"orders-db", "carts-db", "books-db"}
    assert tale.memory.open_intents == ()


def test_a_control_plane_that_comes_and_goes(tale: Tale, monkeypatch: pytest.MonkeyPatch) -> None:
    three(tale)
    create, calls = Embedded.create, []

    async def flaky(self: Embedded, database: Database) -> None:
        calls.append(database.name)
        if calls.count(database.name) == 1:
            raise Unavailable("try again")
        await create(self, database)

    monkeypatch.setattr(Embedded, "create", flaky)
    monkeypatch.setattr("tenacity.wait.wait_random_exponential.__call__", lambda *_: 0)
    told = tale.sweep()
    assert told.document["summary"]["create"] == 3
    assert all(item["applied"] for item in told.document["items"])


def test_a_role_that_answers_as_another_account_is_not_believed(tale: Tale) -> None:
    tale.member()
    three(tale)
    tale.cache("ledger", account=MEMBER)
    tale.sweep()
    before = tale.registry
    stranger = "999999999999"
    tale.aws.world.account(stranger, regions=(FRANKFURT,))
    tale.fault(
        Effect.OTHER_ACCOUNT,
        account=MEMBER,
        service="sts",
        operation="AssumeRole",
        as_account=stranger,
    )
    for _ in range(3):
        tale.later(minutes=20)
        told = tale.sweep(exits=3)
    assert told.failed_scopes == {f"{MEMBER}/None": "WRONG_ACCOUNT"}
    assert told.verdicts["ledger"] == "held/SCOPE_FAILED"
    assert tale.registry == before
    assert not tale.aws.calls.of("DescribeServerlessCaches", account=stranger)


@pytest.mark.parametrize("operation", ["ListTagsForResource", "DescribeUsers"])
def test_anything_that_answers_for_another_account_fails_the_scope(
    tale: Tale, operation: str
) -> None:
    three(tale)
    tale.sweep()
    where = {"service": "elasticache", "operation": operation}
    tale.fault(Effect.OTHER_ARNS, as_account=MEMBER, **where)
    run = tale.run("sweep", "--format", "json")
    statuses = {scope["reason"] for scope in run.document["scopes"]}
    assert statuses <= {"WRONG_ACCOUNT", None}
    assert len(tale.registry) == 3
    if operation == "DescribeUsers":
        assert statuses == {"WRONG_ACCOUNT"}


def test_a_region_that_hangs_holds_up_no_other(tale: Tale) -> None:
    tale.configure(aws={"regions": [FRANKFURT, "us-east-1"], "scope_timeout": "4s"})
    three(tale)
    tale.cache("legacy", "us-east-1")
    tale.sweep()
    tale.gone("legacy", "us-east-1")
    tale.fault(Effect.LATENCY, delay_s=60, region="us-east-1", **LISTING)
    told = tale.sweep(exits=3)
    assert told.failed_scopes == {f"{HUB}/us-east-1": "TIMEOUT"}
    assert told.verdicts["legacy"] == "held/SCOPE_FAILED"


def test_odd_caches_are_skipped_by_name(tale: Tale) -> None:
    tale.cache("memc", engine="memcached")
    tale.cache("young", status="creating")
    tale.cache("dying", status="deleting")
    tale.cache("failed", status="create-failed")
    tale.cache("mute", status="repairing", wire={"Endpoint": None})
    tale.cache("open", public=True)
    tale.cache("strange", wire={"Status": "Pondering"})
    assert tale.sweep().verdicts == {
        "memc": "skipped/ENGINE",
        "young": "skipped/CREATING",
        "dying": "skipped/DELETING",
        "failed": "skipped/CREATE_FAILED",
        "mute": "skipped/NO_ENDPOINT",
        "open": "skipped/PUBLIC",
        "strange": "create/NEW",
    }
    tale.configure(aws={**tale.settings["aws"], "public_caches": "enroll"})
    assert tale.sweep().verdicts["open"] == "create/NEW"


NONSENSE = [
    pytest.param({"FullEngineVersion": "8" * 5000}, "FullEngineVersion", id="5000-digit-version"),
    pytest.param({"Endpoint": {"Address": "a.example", "Port": 70000}}, "Endpoint", id="port"),
    pytest.param({"CreateTime": "1970-01-01T00:00:00Z"}, "CreateTime", id="create-time"),
]


@pytest.mark.parametrize(("wire", "member"), NONSENSE)
@pytest.mark.parametrize("is_registered", [False, True], ids=["new", "registered"])
def test_a_value_that_cannot_be_one_blocks_its_cache_alone(
    tale: Tale, wire: dict[str, Any], member: str, is_registered: bool
) -> None:
    tale.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100})
    if is_registered:
        tale.cache("orders")
        tale.sweep()
    before = tale.registry
    odd = tale.region().caches.get("orders") or tale.cache("orders")
    tale.region().caches.put("orders", replace(odd, wire=wire))
    tale.cache("carts")
    told = tale.sweep()
    assert told.verdicts == {"orders": "blocked/UNREADABLE", "carts": "create/NEW"}
    assert member in told.item("orders")["message"]
    assert before.items() <= tale.registry.items()
    assert len(tale.registry) == 1 + is_registered
    assert tale.run("explain", "orders").code == (0 if is_registered else 1)
    told = len(tale.run("history", "--since", "1h").out.splitlines())
    assert tale.sweep().verdicts["orders"] == "blocked/UNREADABLE"
    assert len(tale.run("history", "--since", "1h").out.splitlines()) == told


UNREADABLE = [
    pytest.param({"CreateTime": "0001-01-01T00:00:00+14:00"}, id="before-all-time"),
    pytest.param({"CreateTime": "9" * 5000}, id="after-all-time"),
    pytest.param({"Endpoint": {"Address": "a.example", "Port": "9" * 5000}}, id="5000-digit-port"),
]


@pytest.mark.parametrize("wire", UNREADABLE)
def test_a_number_that_the_sdk_cannot_read_fails_its_scope_alone(
    tale: Tale, wire: dict[str, Any]
) -> None:
    tale.configure(aws={"regions": [FRANKFURT, "us-east-1"]})
    three(tale)
    tale.sweep()
    before = tale.registry
    tale.cache("odd", wire=wire)
    tale.cache("legacy", "us-east-1")
    told = tale.sweep(exits=3)
    assert told.failed_scopes == {f"{HUB}/{FRANKFURT}": "MALFORMED"}
    assert told.verdicts["legacy"] == "create/NEW"
    assert before.items() <= tale.registry.items()


def test_an_exception_while_one_scope_is_read_ends_that_scope(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    tale.configure(aws={"regions": [FRANKFURT, "us-east-1"]})
    three(tale)
    tale.cache("legacy", "us-east-1")
    tale.sweep()
    before = tale.registry
    read = scan.read_scope

    async def stumbling(session: Session, *rest: Any) -> ScopeReading:
        if session.region == "us-east-1":
            raise OverflowError("date value out of range")
        return await read(session, *rest)

    monkeypatch.setattr(scan, "read_scope", stumbling)
    tale.gone("orders")
    told = tale.sweep(exits=3)
    assert told.failed_scopes == {f"{HUB}/us-east-1": "MALFORMED"}
    assert told.verdicts["legacy"] == "held/SCOPE_FAILED"
    assert told.verdicts["orders"] == "held/WAITING"
    assert tale.registry == before


def test_a_registered_cache_without_endpoint_waits(tale: Tale) -> None:
    three(tale)
    tale.sweep()
    before = tale.registry
    cache = tale.region().caches.get("orders")
    assert cache is not None
    mute = replace(cache, status="repairing", wire={"Endpoint": None})
    tale.region().caches.put("orders", mute)
    tale.region().change_cache("carts", status="creating")
    for _ in range(3):
        tale.later(hours=1)
        told = tale.sweep()
    assert told.verdicts["orders"] == told.verdicts["carts"] == "held/NOT_READY_YET"
    assert tale.registry == before


def test_a_connect_role_of_another_account_blocks_its_cache(tale: Tale) -> None:
    role = f"arn:aws:iam::{MEMBER}:role/connect"
    tale.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": role}}])
    three(tale)
    told = tale.sweep()
    assert set(told.verdicts.values()) == {"blocked/CONNECT_ROLE_INVALID"}
    assert "{account_id}" in told.item("orders")["message"]
    good = "arn:{partition}:iam::{account_id}:role/connect-{region}"
    tale.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": good}}])
    tale.sweep()
    aws = tale.registry["orders-db"].spec["aws"]
    assert aws["assume_role_arn"] == f"arn:aws:iam::{HUB}:role/connect-{FRANKFURT}"
    # A mistake made later takes nothing away.
    before = tale.registry
    tale.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": role}}])
    assert set(tale.sweep().verdicts.values()) == {"blocked/CONNECT_ROLE_INVALID"}
    assert tale.registry == before


class TestIamUsers:
    """`iam_users`: warn, require, ignore."""

    def fleet(self, tale: Tale, how: str, **more: Any) -> None:
        tale.configure(
            matchers=[{"name": "m", "iam_users": how, **more}],
            deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
        )
        tale.cache("good", group="people")
        tale.cache("bad")

    def test_warn_registers_and_labels(self, tale: Tale) -> None:
        self.fleet(tale, "warn")
        told = tale.sweep()
        assert told.verdicts == {"good": "create/NEW", "bad": "create/NEW"}
        (finding,) = told.item("bad")["iam"]["findings"]
        assert (finding["code"], finding["severity"]) == ("NO_USER_GROUP", "blocker")
        tale.audit("--fail-on", "blocker", exits=5)

    def test_require_keeps_new_ones_out_and_registered_ones_in(self, tale: Tale) -> None:
        self.fleet(tale, "require")
        assert tale.sweep().verdicts == {"good": "create/NEW", "bad": "blocked/IAM_NOT_READY"}
        tale.region().change_cache("good", user_group_id=None)
        for _ in range(2):
            told = tale.sweep()
        assert told.verdicts["good"] == "keep/UNCHANGED"
        assert len(tale.registry) == 1

    def test_unread_users_neither_register_nor_deregister(self, tale: Tale) -> None:
        self.fleet(tale, "require", deregister_unready=True)
        tale.sweep()
        tale.cache("fresh", group="people")
        tale.fault(Effect.DENIED, service="elasticache", operation="DescribeUsers")
        told = tale.sweep()
        assert told.verdicts["good"] == "keep/UNCHANGED"
        assert told.verdicts["fresh"] == "blocked/IAM_UNKNOWN"

    def test_unready_ones_go_through_time_and_proof(self, tale: Tale) -> None:
        self.fleet(tale, "require", deregister_unready=True)
        tale.sweep()
        tale.region().change_cache("good", user_group_id=None)
        assert tale.sweep().verdicts["good"] == "delete/UNREADY"

    def test_ignore_asks_for_no_users(self, tale: Tale) -> None:
        self.fleet(tale, "ignore")
        told = tale.sweep()
        assert told.item("good")["iam"] is None
        assert not tale.aws.calls.of("DescribeUsers")
