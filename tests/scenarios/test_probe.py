"""Logins by the whole command: a cache that answers over TLS, and what is said about it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from discovery.reports.schema import committed_schema
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.loopback import serve_in_thread
from tests.support.resp_server import OK, RespServer
from tests.support.scenario import HUB, LISTING, Scenario
from tests.support.tls_authority import TlsAuthority

pytestmark = pytest.mark.slow

SCHEMA = Draft202012Validator(committed_schema("probe"))
WRONGPASS = {**OK, "AUTH": b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"}
CONNECT = "arn:aws:iam::{account_id}:role/teleport-connect"


@contextlib.contextmanager
def answering(scenario: Scenario, server: RespServer) -> Iterator[RespServer]:
    """Every cache of the simulated AWS is this server."""
    authority = TlsAuthority(scenario.directory)
    tls = authority.issue("*.serverless.euc1.cache.amazonaws.com").context()
    with serve_in_thread(server.serve(tls), "cache") as place:
        assert place.dial is not None
        write_map(scenario, authority.file, port=place.dial[1])
        yield server


def write_map(scenario: Scenario, ca_file: Path, *, port: int) -> None:
    file = scenario.directory / "caches.json"
    hosts = {"*": f"127.0.0.1:{port}"}
    file.write_text(json.dumps({"ca_file": str(ca_file), "hosts": hosts}), "utf-8")
    scenario.environment["CACHEMUSTER_SANDBOX_CACHES"] = str(file)


def unreachable(scenario: Scenario) -> None:
    """Nothing listens where the caches are."""
    write_map(scenario, TlsAuthority(scenario.directory).file, port=1)


def connect_role(scenario: Scenario, *trusted: str) -> None:
    scenario.aws.world.account(HUB).add_role("teleport-connect", trusted=trusted)
    scenario.configure(matchers=[{"name": "all", "connect": {"assume_role_arn": CONNECT}}])


def probe(scenario: Scenario, *arguments: str, exits: int) -> dict[str, Any]:
    run = scenario.run("probe", *arguments, "--format", "json")
    assert run.code == exits, run
    SCHEMA.validate(run.document)
    assert "X-Amz" not in str(run)
    return run.document


@pytest.fixture
def registered(scenario: Scenario) -> Scenario:
    scenario.cache("orders", group="people")
    scenario.cache("legacy")
    connect_role(scenario, HUB)
    scenario.sweep()
    return scenario


def test_registered_caches_that_are_ready_are_proved_with_the_connect_role(
    registered: Scenario,
) -> None:
    with answering(registered, RespServer()) as server:
        document = probe(registered, exits=0)
    (found,) = document["probes"]
    assert (found["cache"], found["user"], found["outcome"], found["step"]) == (
        "orders",
        "app",
        "proved",
        "ping",
    )
    assert (found["signer"], found["as_teleport"]) == (CONNECT.format(account_id=HUB), True)
    assert document["summary"] == {"proved": 1, "refused": 0, "unreachable": 0, "unproved": 0}
    ((_, user, token), *others) = server.told
    assert (user, others) == ("app", [("PING",), ("ACL", "WHOAMI")])
    assert token.startswith("orders/?Action=connect&User=app&ResourceType=ServerlessCache")
    assert "eu-central-1%2Felasticache" in token
    assert "X-Amz-Security-Token" in token  # a role's session signed, not the agent's own key


def test_a_refusal_names_its_causes(registered: Scenario) -> None:
    with answering(registered, RespServer(WRONGPASS)):
        (found,) = probe(registered, exits=5)["probes"]
        text = registered.run("probe")
    assert (found["outcome"], found["step"]) == ("refused", "auth")
    assert "elasticache:Connect is not allowed to" in found["cause"]
    assert "policies connect" in found["remedy"]
    assert text.code == 5
    assert "refused at auth" in text.out
    assert "1 login to 1 cache" in text.out.splitlines()[-1]


def test_a_refusal_of_credentials_that_teleport_does_not_use_proves_nothing(
    registered: Scenario,
) -> None:
    registered.configure(matchers=None)
    with answering(registered, RespServer(WRONGPASS)):
        (found,) = probe(registered, exits=3)["probes"]
        audited = registered.audit("--probe").item("orders")["iam"]
    assert (found["outcome"], found["as_teleport"]) == ("unproved", False)
    assert "which Teleport does not use" in found["cause"]
    assert audited["probe"]["outcome"] == "unproved"
    assert [each["code"] for each in audited["findings"]] == []


def test_a_connect_role_that_does_not_let_the_agent_in_proves_nothing(scenario: Scenario) -> None:
    scenario.cache("orders", group="people")
    connect_role(scenario, "222233334444")
    scenario.sweep()
    with answering(scenario, RespServer()) as server:
        (found,) = probe(scenario, exits=3)["probes"]
    assert (found["outcome"], found["step"]) == ("unproved", "auth")
    assert "could not be assumed" in found["cause"]
    assert server.told == []


def test_what_is_unreachable_is_tried_once_and_names_no_user(registered: Scenario) -> None:
    unreachable(registered)
    (found,) = probe(registered, exits=3)["probes"]
    assert (found["outcome"], found["step"], found["user"]) == ("unreachable", "tcp", None)


def test_a_named_cache_needs_no_registration_and_its_user_can_be_chosen(
    registered: Scenario,
) -> None:
    with answering(registered, RespServer({**OK, "ACL WHOAMI": b"$3\r\nbob\r\n"})):
        (found,) = probe(registered, "legacy", "--user", "Bob", exits=0)["probes"]
        (nobody,) = probe(registered, "legacy", exits=3)["probes"]
    assert (found["cache"], found["user"]) == ("legacy", "bob")
    assert (nobody["outcome"], nobody["user"]) == ("unproved", None)
    assert "no user" in nobody["cause"]


def test_a_cache_that_is_not_there_is_said(registered: Scenario) -> None:
    run = registered.run("probe", "orders", "odrers")
    assert run.code == 1
    assert "No cache named 'odrers' was found. Nothing was probed." in run.err


def test_caches_of_a_scope_that_cannot_be_read_are_not_taken_for_proved(
    registered: Scenario,
) -> None:
    registered.fault(Effect.DENIED, **LISTING)
    document = probe(registered, exits=3)
    assert document["probes"] == []
    assert "eu-central-1" in document["not_probed"][0]


def test_a_file_of_the_sandbox_that_is_none_is_refused(registered: Scenario) -> None:
    registered.environment["CACHEMUSTER_SANDBOX_CACHES"] = "nowhere.json"
    run = registered.run("probe")
    assert run.code == 78
    assert "CACHEMUSTER_SANDBOX_CACHES" in run.err


def test_an_audit_with_logins_has_the_same_plan_verdicts_and_labels(registered: Scenario) -> None:
    before = registered.audit()
    with answering(registered, RespServer(WRONGPASS)):
        after = registered.audit("--probe", "--fail-on", "blocker", exits=5)
    assert after.document["checksum"] == before.document["checksum"]
    found, plain = after.item("orders"), before.item("orders")
    assert found["database"] == plain["database"]
    assert found["iam"]["verdict"] == plain["iam"]["verdict"] == "ready"
    assert plain["iam"]["probe"] is None
    assert found["iam"]["probe"]["outcome"] == "refused"
    (finding,) = found["iam"]["findings"]
    assert (finding["code"], finding["severity"], finding["subject"]) == (
        "LOGIN_REFUSED",
        "blocker",
        "app",
    )
    assert "logins: 1 refused" in after.run.err


def test_an_audit_says_from_where_a_cache_is_unreachable(registered: Scenario) -> None:
    unreachable(registered)
    found = registered.audit("--probe").item("orders")["iam"]
    (finding,) = found["findings"]
    assert (finding["code"], finding["severity"]) == ("LOGIN_UNREACHABLE", "info")
    assert "not reached from host" in finding["message"]
    assert found["probe"]["step"] == "tcp"
