"""What sweep, audit, status and export report: exit codes, the last line, what is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import FRANKFURT, HUB, LISTING, MEMBER, VIRGINIA, Scenario


def broken_registry(scenario: Scenario) -> None:
    scenario.registry_file.write_bytes(b"not a registry" * 500)


def guard_refuses(scenario: Scenario) -> None:
    scenario.configure(deregistration={"missed_sweeps": 1, "grace": "0s", "max_count": 0})
    scenario.gone("orders")


def scope_fails(scenario: Scenario) -> None:
    scenario.fault(Effect.DENIED, region=VIRGINIA, **LISTING)


def pending(scenario: Scenario) -> None:
    scenario.cache("fresh")


TROUBLES: list[Any] = [
    pytest.param((broken_registry, guard_refuses, scope_fails, pending), 1, id="could-not"),
    pytest.param((guard_refuses, scope_fails, pending), 4, id="refused"),
    pytest.param((scope_fails, pending), 3, id="incomplete"),
    pytest.param((pending,), 5, id="findings"),
    pytest.param((), 5, id="findings-alone"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("troubles", "code"), TROUBLES)
def test_of_several_problems_the_first_is_reported(
    scenario: Scenario, troubles: Any, code: int
) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    for name in ("orders", "carts"):
        scenario.cache(name)
    scenario.sweep()
    for trouble in troubles:
        trouble(scenario)
    scenario.audit("--fail-on", "blocker", "--detailed-exitcode", exits=code)


@pytest.mark.slow
def test_pending_changes_are_reported_on_request(scenario: Scenario) -> None:
    scenario.cache("orders", group="people")
    scenario.audit()
    scenario.audit("--detailed-exitcode", exits=2)
    scenario.sweep()
    scenario.audit("--detailed-exitcode", "--fail-on", "warning", exits=0)


def test_blocked_conflicting_and_waiting_are_results(scenario: Scenario) -> None:
    for name in ("orders", "carts", "books"):
        scenario.cache(
            name, tags={"TeleportDatabaseName": "same" if name != "books" else "books-db"}
        )
    scenario.sweep()
    scenario.gone("books")
    assert scenario.sweep().verdicts == {
        "orders": "blocked/NAME_COLLISION",
        "carts": "blocked/NAME_COLLISION",
        "books": "held/WAITING",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", "--only", "111"),
        ("sweep", "--checksum", "abc"),
        ("sweep", "--shard", "2/2"),
        ("sweep", "--allow-mass-removal", "0"),
        ("sweep", "--lock-timeout", "soon"),
        ("audit", "--fail-on", "everything"),
        ("audit", "--format", "xml"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_a_slip_is_usage_and_does_nothing(scenario: Scenario, arguments: tuple[str, ...]) -> None:
    run = scenario.run(*arguments)
    assert (run.code, run.out) == (64, ""), run
    assert [file.name for file in scenario.directory.iterdir()] == ["cachemuster.yaml"]


@pytest.mark.slow
def test_the_last_line_can_be_read_aloud(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    scenario.member(regions=(FRANKFURT, VIRGINIA))
    for account in (HUB, MEMBER):
        for name in ("orders", "carts"):
            scenario.cache(name, account=account)
    scenario.cache("clash", tags={"TeleportDatabaseName": "x[/bold]y"})
    assert scenario.run("sweep").out.splitlines()[-1] == (
        "5 caches in 2 accounts; 4 created, 1 needs someone"
    )
    scenario.gone("orders")
    scenario.fault(Effect.DENIED, account=MEMBER, **LISTING)
    last = scenario.run("sweep").out.splitlines()[-1]
    assert last.startswith("2 caches in 1 account; 1 needs someone, 1 waiting to be removed; ")
    assert "2 scopes unread since " in last


def test_status_before_anything_and_without_a_network(scenario: Scenario) -> None:
    scenario.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    run = scenario.run("status")
    assert run.code == 0, run
    assert json.loads(scenario.run("status", "--format", "json").out)["registrations"] == []


@pytest.mark.slow
def test_status_remembers_scopes_registrations_and_what_waits(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.cache("legacy", VIRGINIA)
    scenario.sweep()
    scenario.gone("orders")
    scenario.fault(Effect.DENIED, region=VIRGINIA, **LISTING)
    scenario.sweep(exits=3)
    reported = json.loads(scenario.run("status", "--format", "json").out)
    assert {scope["region"]: scope["status"] for scope in reported["scopes"]} == {
        FRANKFURT: "complete",
        VIRGINIA: "failed",
    }
    assert len(reported["registrations"]) == 2
    (waiting,) = reported["waiting"]
    assert (waiting["name"], waiting["reason"], waiting["scans"]) == ("orders-db", "ABSENT", 1)
    shown = scenario.run("status", "-v").out
    assert "orders-db" in shown
    assert "DENIED" in shown


def test_export_keeps_what_could_not_be_read(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    scenario.cache("orders")
    scenario.cache("legacy", VIRGINIA)
    scenario.sweep()
    scenario.fault(Effect.DENIED, region=VIRGINIA, **LISTING)
    run = scenario.run("export")
    assert run.code == 3, run
    exported = {one["metadata"]["name"]: one for one in yaml.safe_load_all(run.out)}
    assert set(exported) == set(scenario.registry)


@pytest.mark.slow
def test_export_leaves_out_what_is_not_ours(scenario: Scenario) -> None:
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.cache("carts", tags={"TeleportDatabaseName": "carts-db"})
    scenario.cache("books")
    scenario.sweep()
    scenario.relabel("orders-db", managed_by="terraform")
    for arguments in ((), ("--registered",)):
        run = scenario.run("export", *arguments)
        names = {one["metadata"]["name"] for one in yaml.safe_load_all(run.out)}
        assert "orders-db" not in names
        assert "carts-db" in names
