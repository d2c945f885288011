"""R8 and R11: one bad thing stops nothing but itself, and it counts only who proved who it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.aws.scope_reader import ScopeReading, read_scope
from discovery.aws.session import Session
from discovery.control_plane.base import Denied, Rejected, Unavailable
from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.values import Database
from discovery.sandbox.aws.faults import Effect
from discovery.sweep import account_scan
from tests.support.scenario import FRANKFURT, HUB, LISTING, MEMBER, Scenario

pytestmark = pytest.mark.slow


def three(scenario: Scenario) -> None:
    for name in ("orders", "carts", "books"):
        scenario.cache(name, tags={"TeleportDatabaseName": f"{name}-db"}, group="people")


REFUSALS: list[Any] = [
    pytest.param(Rejected("label too long"), "blocked/REJECTED", 0, id="rejected"),
    pytest.param(Denied("no verb create on db"), "create/NEW", 3, id="denied"),
    pytest.param(RuntimeError("a bug"), "create/NEW", 3, id="something-unforeseen"),
]


@pytest.mark.parametrize(("error", "verdict", "exits"), REFUSALS)
def test_one_write_that_fails(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: str, exits: int
) -> None:
    three(scenario)
    create = Embedded.create

    async def picky(self: Embedded, database: Database) -> None:
        if database.name == "carts-db":
            raise error
        await create(self, database)

    with monkeypatch.context() as patch:
        patch.setattr(Embedded, "create", picky)
        run = scenario.cli.run("sweep", "--format", "json")
    assert run.code == exits, run.err
    assert set(scenario.registry) == {"orders-db", "books-db"}
    items = {item["cache"]: item for item in run.document["items"]}
    assert f"{items['carts']['action']}/{items['carts']['reason']}" == verdict
    assert items["orders"]["applied"] is True
    assert run.document["summary"]["failed"] == (exits == 3)
    scenario.sweep()
    assert set(scenario.registry) == {"orders-db", "carts-db", "books-db"}
    assert scenario.state.open_intents == ()


def test_a_control_plane_that_comes_and_goes(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(scenario)
    create, calls = Embedded.create, []

    async def flaky(self: Embedded, database: Database) -> None:
        calls.append(database.name)
        if calls.count(database.name) == 1:
            raise Unavailable("try again")
        await create(self, database)

    monkeypatch.setattr(Embedded, "create", flaky)
    monkeypatch.setattr("tenacity.wait.wait_random_exponential.__call__", lambda *_: 0)
    shown = scenario.sweep()
    assert shown.document["summary"]["create"] == 3
    assert all(item["applied"] for item in shown.document["items"])


def test_a_role_that_answers_as_another_account_is_not_believed(scenario: Scenario) -> None:
    scenario.member()
    three(scenario)
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    before = scenario.registry
    stranger = "999999999999"
    scenario.aws.world.account(stranger, regions=(FRANKFURT,))
    scenario.fault(
        Effect.OTHER_ACCOUNT,
        account=MEMBER,
        service="sts",
        operation="AssumeRole",
        as_account=stranger,
    )
    for _ in range(3):
        scenario.later(minutes=20)
        shown = scenario.sweep(exits=3)
    assert shown.failed_scopes == {f"{MEMBER}/None": "WRONG_ACCOUNT"}
    assert shown.verdicts["ledger"] == "held/SCOPE_FAILED"
    assert scenario.registry == before
    assert not scenario.aws.calls.of("DescribeServerlessCaches", account=stranger)


@pytest.mark.parametrize("operation", ["ListTagsForResource", "DescribeUsers"])
def test_anything_that_answers_for_another_account_fails_the_scope(
    scenario: Scenario, operation: str
) -> None:
    three(scenario)
    scenario.sweep()
    where = {"service": "elasticache", "operation": operation}
    scenario.fault(Effect.OTHER_ARNS, as_account=MEMBER, **where)
    run = scenario.run("sweep", "--format", "json")
    statuses = {scope["reason"] for scope in run.document["scopes"]}
    assert statuses <= {"WRONG_ACCOUNT", None}
    assert len(scenario.registry) == 3
    if operation == "DescribeUsers":
        assert statuses == {"WRONG_ACCOUNT"}


def test_a_region_that_hangs_holds_up_no_other(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, "us-east-1"], "scope_timeout": "4s"})
    three(scenario)
    scenario.cache("legacy", "us-east-1")
    scenario.sweep()
    scenario.gone("legacy", "us-east-1")
    scenario.fault(Effect.LATENCY, delay_s=60, region="us-east-1", **LISTING)
    shown = scenario.sweep(exits=3)
    assert shown.failed_scopes == {f"{HUB}/us-east-1": "TIMEOUT"}
    assert shown.verdicts["legacy"] == "held/SCOPE_FAILED"


def test_odd_caches_are_skipped_by_name(scenario: Scenario) -> None:
    scenario.cache("memc", engine="memcached")
    scenario.cache("young", status="creating")
    scenario.cache("dying", status="deleting")
    scenario.cache("failed", status="create-failed")
    scenario.cache("mute", status="repairing", wire={"Endpoint": None})
    scenario.cache("open", public=True)
    scenario.cache("strange", wire={"Status": "Pondering"})
    assert scenario.sweep().verdicts == {
        "memc": "skipped/ENGINE",
        "young": "skipped/CREATING",
        "dying": "skipped/DELETING",
        "failed": "skipped/CREATE_FAILED",
        "mute": "skipped/NO_ENDPOINT",
        "open": "skipped/PUBLIC",
        "strange": "create/NEW",
    }
    scenario.configure(aws={**scenario.settings["aws"], "public_caches": "enroll"})
    assert scenario.sweep().verdicts["open"] == "create/NEW"


MALFORMED = [
    pytest.param({"FullEngineVersion": "8" * 5000}, "FullEngineVersion", id="5000-digit-version"),
    pytest.param({"Endpoint": {"Address": "a.example", "Port": 70000}}, "Endpoint", id="port"),
    pytest.param({"Endpoint": {"Address": "a.example", "Port": "https"}}, "Endpoint", id="text"),
    pytest.param(
        {"Endpoint": {"Address": "a.example", "Port": "9" * 5000}}, "Endpoint", id="5000-digit-port"
    ),
    pytest.param({"CreateTime": "1970-01-01T00:00:00Z"}, "CreateTime", id="create-time"),
]


@pytest.mark.parametrize(("wire", "member"), MALFORMED)
@pytest.mark.parametrize("is_registered", [False, True], ids=["new", "registered"])
def test_a_value_that_cannot_be_one_blocks_its_cache_alone(
    scenario: Scenario, wire: dict[str, Any], member: str, is_registered: bool
) -> None:
    scenario.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100})
    if is_registered:
        scenario.cache("orders")
        scenario.sweep()
    before = scenario.registry
    odd = scenario.region().caches.get("orders") or scenario.cache("orders")
    scenario.region().caches.put("orders", replace(odd, wire=wire))
    scenario.cache("carts")
    shown = scenario.sweep()
    assert shown.verdicts == {"orders": "blocked/UNREADABLE", "carts": "create/NEW"}
    assert member in shown.item("orders")["message"]
    assert before.items() <= scenario.registry.items()
    assert len(scenario.registry) == 1 + is_registered
    assert scenario.run("explain", "orders").code == (0 if is_registered else 1)
    entries = len(scenario.run("history", "--since", "1h").out.splitlines())
    assert scenario.sweep().verdicts["orders"] == "blocked/UNREADABLE"
    assert len(scenario.run("history", "--since", "1h").out.splitlines()) == entries


UNREADABLE = [
    pytest.param({"CreateTime": "0001-01-01T00:00:00+14:00"}, id="before-all-time"),
    pytest.param({"CreateTime": "9" * 5000}, id="after-all-time"),
]


@pytest.mark.parametrize("wire", UNREADABLE)
def test_a_number_that_the_sdk_cannot_read_fails_its_scope_alone(
    scenario: Scenario, wire: dict[str, Any]
) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, "us-east-1"]})
    three(scenario)
    scenario.sweep()
    before = scenario.registry
    scenario.cache("odd", wire=wire)
    scenario.cache("legacy", "us-east-1")
    shown = scenario.sweep(exits=3)
    assert shown.failed_scopes == {f"{HUB}/{FRANKFURT}": "MALFORMED"}
    assert shown.verdicts["legacy"] == "create/NEW"
    assert before.items() <= scenario.registry.items()


def test_an_exception_while_one_scope_is_read_ends_that_scope(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, "us-east-1"]})
    three(scenario)
    scenario.cache("legacy", "us-east-1")
    scenario.sweep()
    before = scenario.registry

    async def stumbling(session: Session, *rest: Any) -> ScopeReading:
        if session.region == "us-east-1":
            raise OverflowError("date value out of range")
        return await read_scope(session, *rest)

    monkeypatch.setattr(account_scan, "read_scope", stumbling)
    scenario.gone("orders")
    shown = scenario.sweep(exits=3)
    assert shown.failed_scopes == {f"{HUB}/us-east-1": "MALFORMED"}
    assert shown.verdicts["legacy"] == "held/SCOPE_FAILED"
    assert shown.verdicts["orders"] == "held/WAITING"
    assert scenario.registry == before


def test_a_registered_cache_without_endpoint_waits(scenario: Scenario) -> None:
    three(scenario)
    scenario.sweep()
    before = scenario.registry
    cache = scenario.region().caches.get("orders")
    assert cache is not None
    mute = replace(cache, status="repairing", wire={"Endpoint": None})
    scenario.region().caches.put("orders", mute)
    scenario.region().change_cache("carts", status="creating")
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
    assert shown.verdicts["orders"] == shown.verdicts["carts"] == "held/NOT_READY_YET"
    assert scenario.registry == before


def test_a_connect_role_of_another_account_blocks_its_cache(scenario: Scenario) -> None:
    role = f"arn:aws:iam::{MEMBER}:role/connect"
    scenario.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": role}}])
    three(scenario)
    shown = scenario.sweep()
    assert set(shown.verdicts.values()) == {"blocked/CONNECT_ROLE_INVALID"}
    assert "{account_id}" in shown.item("orders")["message"]
    good = "arn:{partition}:iam::{account_id}:role/connect-{region}"
    scenario.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": good}}])
    scenario.sweep()
    aws = scenario.registry["orders-db"].spec["aws"]
    assert aws["assume_role_arn"] == f"arn:aws:iam::{HUB}:role/connect-{FRANKFURT}"
    # A mistake made later takes nothing away.
    before = scenario.registry
    scenario.configure(matchers=[{"name": "m", "connect": {"assume_role_arn": role}}])
    assert set(scenario.sweep().verdicts.values()) == {"blocked/CONNECT_ROLE_INVALID"}
    assert scenario.registry == before


class TestIamUsers:
    """`iam_users`: warn, require, ignore."""

    def fleet(self, scenario: Scenario, how: str, **more: Any) -> None:
        scenario.configure(
            matchers=[{"name": "m", "iam_users": how, **more}],
            deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
        )
        scenario.cache("good", group="people")
        scenario.cache("bad")

    def test_warn_registers_and_labels(self, scenario: Scenario) -> None:
        self.fleet(scenario, "warn")
        shown = scenario.sweep()
        assert shown.verdicts == {"good": "create/NEW", "bad": "create/NEW"}
        (finding,) = shown.item("bad")["iam"]["findings"]
        assert (finding["code"], finding["severity"]) == ("NO_USER_GROUP", "blocker")
        scenario.audit("--fail-on", "blocker", exits=5)

    def test_require_keeps_new_ones_out_and_registered_ones_in(self, scenario: Scenario) -> None:
        self.fleet(scenario, "require")
        assert scenario.sweep().verdicts == {"good": "create/NEW", "bad": "blocked/IAM_NOT_READY"}
        scenario.region().change_cache("good", user_group_id=None)
        for _ in range(2):
            shown = scenario.sweep()
        assert shown.verdicts["good"] == "keep/UNCHANGED"
        assert len(scenario.registry) == 1

    def test_unread_users_neither_register_nor_deregister(self, scenario: Scenario) -> None:
        self.fleet(scenario, "require", deregister_unready=True)
        scenario.sweep()
        scenario.cache("fresh", group="people")
        scenario.fault(Effect.DENIED, service="elasticache", operation="DescribeUsers")
        shown = scenario.sweep()
        assert shown.verdicts["good"] == "keep/UNCHANGED"
        assert shown.verdicts["fresh"] == "blocked/IAM_UNKNOWN"

    def test_unready_ones_go_through_time_and_proof(self, scenario: Scenario) -> None:
        self.fleet(scenario, "require", deregister_unready=True)
        scenario.sweep()
        scenario.region().change_cache("good", user_group_id=None)
        assert scenario.sweep().verdicts["good"] == "delete/UNREADY"

    def test_ignore_asks_for_no_users(self, scenario: Scenario) -> None:
        self.fleet(scenario, "ignore")
        shown = scenario.sweep()
        assert shown.item("good")["iam"] is None
        assert not scenario.aws.calls.of("DescribeUsers")
