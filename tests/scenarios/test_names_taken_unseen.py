"""Names that another's databases hold, which the bot's role does not show (R5, R10)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.plan.item import checksum_of
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.teleport.faults import Effect as TeleportEffect
from discovery.sandbox.teleport.faults import Fault as TeleportFault
from tests.support.fenced_scenario import ELSEWHERE, FencedScenario, foreign
from tests.support.scenario import FRANKFURT, HUB, LISTING, VIRGINIA, RunOutput

pytestmark = pytest.mark.slow

EIGHT = [f"cache-{number}" for number in range(8)]
SUFFIX = f"-elasticache-serverless-{FRANKFURT}-{HUB}"
TAKEN = "conflict/NAME_TAKEN_UNSEEN"


def shown(reported: RunOutput) -> list[dict[str, Any]]:
    """The items, but for the moment at which users were read."""
    items = [dict(item) for item in reported.document["items"]]
    for item in items:
        item["iam"] = item["iam"] and {**item["iam"], "as_of": None}
        item["applied"] = None
    return items


def eight(scenario: FencedScenario) -> None:
    for name in EIGHT:
        scenario.cache(name)
        scenario.put(foreign(f"{name}{SUFFIX}"))


def entries(scenario: FencedScenario, cache: str) -> list[str]:
    run = scenario.run("history", "--cache", cache, "--format", "json")
    return [entry["message"] for entry in run.document["entries"]]


def test_an_audit_under_the_fenced_role_promises_no_creation_that_the_sweep_refuses(
    fenced: FencedScenario,
) -> None:
    eight(fenced)
    before = fenced.registry
    audit = fenced.audit("--detailed-exitcode")
    assert set(audit.verdicts.values()) == {TAKEN}
    assert len(audit.verdicts) == 8
    sweep = fenced.sweep("--checksum", audit.document["checksum"])
    assert shown(sweep) == shown(audit)
    assert fenced.registry == before
    assert not fenced.teleport.calls.writes, "nothing was even tried"
    again = fenced.audit()
    assert shown(again) == shown(audit)
    assert again.document["checksum"] == audit.document["checksum"] == checksum_of(())


def test_what_was_found_taken_is_shown_by_explain_status_and_history(
    fenced: FencedScenario,
) -> None:
    eight(fenced)
    fenced.sweep()
    [found] = fenced.run("explain", "cache-0", "--format", "json").document["caches"]
    name = f"cache-0{SUFFIX}"
    assert found["next"]["reason"] == "NAME_TAKEN_UNSEEN"
    assert found["name_taken"]["name"] == name
    reported = fenced.run("explain", name)
    assert reported.code == 0
    assert "adopt --identity-file" in " ".join(reported.out.split())
    status = fenced.run("status", "--format", "json").document
    assert [each["name"] for each in status["taken_names"]] == [f"{one}{SUFFIX}" for one in EIGHT]
    assert "8 names taken by others" in fenced.run("status").out
    assert any("is taken by a resource" in entry for entry in entries(fenced, "cache-0"))


def test_a_name_that_became_free_is_registered_by_the_next_sweep(fenced: FencedScenario) -> None:
    eight(fenced)
    fenced.sweep()
    fenced.unregister(f"cache-3{SUFFIX}")
    audit = fenced.audit("--detailed-exitcode", exits=2)
    assert audit.verdicts == dict.fromkeys(EIGHT, TAKEN) | {"cache-3": "create/NEW"}
    reported = fenced.sweep("--checksum", audit.document["checksum"])
    assert reported.verdicts == audit.verdicts
    assert fenced.registry[f"cache-3{SUFFIX}"].labels["managed-by"] == "cachemuster"
    assert len(fenced.state.taken) == 7
    assert any(entry.endswith("is free") for entry in entries(fenced, "cache-3"))
    assert set(fenced.sweep().verdicts.values()) == {TAKEN, "keep/UNCHANGED"}


def test_a_name_taken_after_it_was_seen_before_begins_and_ends_in_history(
    fenced: FencedScenario,
) -> None:
    for one in ("orders", *EIGHT):
        fenced.cache(one)
    fenced.sweep()
    name = f"orders{SUFFIX}"
    ours = fenced.registry[name]
    fenced.put(foreign(name))
    for _ in range(2):
        assert fenced.sweep().verdicts["orders"] == TAKEN
    begun = [each for each in entries(fenced, "orders") if "does not show" in each]
    assert len(begun) == 1
    fenced.put(ours)
    assert set(fenced.sweep().verdicts.values()) == {"keep/UNCHANGED"}
    ended = [each for each in entries(fenced, "orders") if each.endswith("is in the list now")]
    assert len(ended) == 1
    assert not fenced.state.taken


def test_a_rename_to_a_name_that_is_taken_unseen_is_blocked_and_the_old_one_is_kept_right(
    fenced: FencedScenario,
) -> None:
    fenced.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    fenced.sweep()
    fenced.put(foreign("theirs"))
    fenced.tag("orders", {"TeleportDatabaseName": "theirs"})
    audit = fenced.audit()
    reported = fenced.sweep("--checksum", audit.document["checksum"])
    assert shown(reported) == shown(audit)
    assert reported.verdicts == {"orders": "update/LABELS_CHANGED"}
    assert (
        "it is to be named theirs, but the name theirs is taken"
        in reported.item("orders")["message"]
    )
    assert fenced.registry["orders-db"].labels["TeleportDatabaseName"] == "theirs"
    assert fenced.registry["theirs"].spec == ELSEWHERE
    for _ in range(2):
        assert fenced.audit().verdicts == {"orders": "blocked/NAME_COLLISION"}
        assert fenced.sweep().verdicts == {"orders": "blocked/NAME_COLLISION"}
    assert list(fenced.state.taken) == ["theirs"]
    fenced.unregister("theirs")
    assert fenced.sweep().verdicts == {"orders": "update/RENAMED"}
    assert set(fenced.registry) == {"theirs"}


def test_names_that_were_not_looked_at_stay_remembered(fenced: FencedScenario) -> None:
    fenced.configure(aws={"regions": [FRANKFURT, VIRGINIA]})
    eight(fenced)
    fenced.sweep()
    since = {each.since for each in fenced.state.taken.values()}
    fenced.later(hours=1)
    fenced.sweep("--only", f"{HUB}/{VIRGINIA}")
    fenced.fault(Effect.DENIED, **LISTING)
    fenced.sweep(exits=3)
    assert {each.since for each in fenced.state.taken.values()} == since
    fenced.healed()
    for name in EIGHT:
        fenced.gone(name)
    fenced.sweep()
    assert not fenced.state.taken
    assert any(entry.endswith("is not wanted any more") for entry in entries(fenced, "cache-0"))


def test_an_operators_identity_shows_whose_they_are(fenced: FencedScenario) -> None:
    eight(fenced)
    fenced.sweep()
    reported = fenced.audit("--identity-file", fenced.operator)
    assert set(reported.verdicts.values()) == {"conflict/FOREIGN"}
    assert reported.document["checksum"] == fenced.audit().document["checksum"]
    assert not fenced.teleport.calls.writes


def test_an_identity_file_is_of_no_use_to_who_asks_no_cluster(fenced: FencedScenario) -> None:
    both = ("--identity-file", fenced.operator, "--no-control-plane")
    assert fenced.run("audit", *both).code == 64


def test_nothing_is_looked_up_where_nothing_is_to_be_registered(fenced: FencedScenario) -> None:
    for name in EIGHT:
        fenced.cache(name)
    fenced.sweep()
    assert sorted(set(fenced.looked_up)) == [f"{name}{SUFFIX}" for name in EIGHT]
    fenced.sweep()
    fenced.audit()
    assert fenced.looked_up == []


@pytest.mark.parametrize("command", ["audit", "sweep"])
def test_a_look_up_that_fails_is_a_list_that_was_not_read(
    fenced: FencedScenario, command: str
) -> None:
    eight(fenced)
    fault = TeleportFault(effect=TeleportEffect.UNAVAILABLE, method="GetDatabase", skip=3)
    fenced.teleport.faults.add(fault)
    reported = fenced.run_for_document(command, exits=1)
    assert set(reported.verdicts.values()) == {"held/REGISTRY_UNREAD"}
    assert reported.document["checksum"] == checksum_of(())
    assert not fenced.teleport.calls.writes
    fenced.teleport.faults.clear()
    assert set(fenced.run_for_document(command).verdicts.values()) == {TAKEN}


def test_an_agent_that_is_locked_out_takes_no_denial_for_a_taken_name(
    fenced: FencedScenario,
) -> None:
    for name in EIGHT:
        fenced.cache(name)
    fenced.audit()
    pings = len(fenced.teleport.calls.of("Ping"))
    for method, skip in (("GetDatabase", 0), ("Ping", pings)):
        denied = TeleportFault(
            effect=TeleportEffect.ERROR, status="PERMISSION_DENIED", method=method, skip=skip
        )
        fenced.teleport.faults.add(denied)
    reported = fenced.sweep(exits=1)
    assert set(reported.verdicts.values()) == {"held/REGISTRY_UNREAD"}
    assert not fenced.state.taken
