"""AWS's half of a report where what is registered was not read, or was not asked for (R10)."""

from __future__ import annotations

import pytest

from discovery.plan.item import checksum_of
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.teleport.faults import Effect as TeleportEffect
from discovery.sandbox.teleport.faults import Fault as TeleportFault
from tests.support.fenced_scenario import FencedScenario
from tests.support.scenario import LISTING, VIRGINIA, RunOutput, Scenario

UNREAD = "held/REGISTRY_UNREAD"


def three(scenario: Scenario) -> None:
    """One that is ready, one that nobody could log in to, one that nothing takes."""
    scenario.configure(matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}])
    scenario.cache("ready", group="people")
    scenario.cache("shut")
    scenario.cache("unwanted", tags={"teleport": "off"})


def down(scenario: FencedScenario, method: str = "ListDatabases") -> None:
    effect = TeleportEffect.ERROR
    scenario.teleport.faults.add(TeleportFault(effect=effect, status="INTERNAL", method=method))


def holds_awss_half(reported: RunOutput) -> None:
    assert reported.verdicts["ready"] == reported.verdicts["shut"] == UNREAD
    assert reported.document["checksum"] == checksum_of(())
    assert reported.document["guard"]["refused"] is False
    assert reported.document["guard"]["population"] == 0
    assert reported.item("ready")["iam"]["verdict"] == "ready"
    assert reported.item("shut")["iam"]["findings"][0]["code"] == "NO_USER_GROUP"
    assert reported.item("shut")["iam"]["findings"][0]["repair"]
    assert [scope["status"] for scope in reported.document["scopes"]] == ["complete"]


@pytest.mark.parametrize("method", ["Ping", "ListDatabases"])
@pytest.mark.parametrize("command", ["audit", "sweep"])
def test_a_control_plane_that_does_not_answer_loses_nothing_of_awss_half(
    fenced: FencedScenario, method: str, command: str
) -> None:
    three(fenced)
    down(fenced, method)
    reported = fenced.run_for_document(command, exits=1)
    holds_awss_half(reported)
    assert reported.verdicts["unwanted"] == "skipped/EXCLUDED"
    assert fenced.registry == {}


@pytest.mark.slow
def test_the_findings_are_printed_for_people_all_the_same(fenced: FencedScenario) -> None:
    three(fenced)
    down(fenced)
    for form in ("table", "markdown", "html"):
        run = fenced.run("audit", "--format", form)
        assert run.code == 1
        assert "NO_USER_GROUP" in run.out
        assert "REGISTRY_UNREAD" in run.out
        assert "what was scanned is shown" in " ".join((run.out + run.err).split())


@pytest.mark.slow
def test_no_miss_counts_while_nothing_is_read(fenced: FencedScenario) -> None:
    three(fenced)
    fenced.sweep()
    fenced.gone("shut")
    fenced.sweep()
    before, swept = fenced.state.pending_removals, fenced.state.finished_sweeps
    assert [miss.scans for miss in before.values()] == [1]
    down(fenced)
    for _ in range(3):
        fenced.later(hours=1)
        assert fenced.sweep(exits=1).verdicts["shut"] == UNREAD
    assert fenced.state.pending_removals == before
    assert fenced.state.finished_sweeps == swept
    fenced.teleport.faults.clear()
    assert fenced.audit().verdicts["shut"] == "delete/ABSENT"


def test_aws_alone_is_asked_for_and_no_cluster_is_called(fenced: FencedScenario) -> None:
    three(fenced)
    down(fenced, "*")
    fenced.teleport.calls.clear()
    reported = fenced.audit("--no-control-plane")
    holds_awss_half(reported)
    assert "not asked" in reported.item("ready")["message"]
    assert "2 not compared with what is registered" in reported.run.err
    fenced.audit("--no-control-plane", "--detailed-exitcode")
    fenced.audit("--no-control-plane", "--fail-on", "blocker", exits=5)
    assert not list(fenced.teleport.calls)
    assert not list(fenced.teleport.calls.handshakes)


def test_aws_alone_keeps_the_exit_code_of_a_scope_that_fails(fenced: FencedScenario) -> None:
    three(fenced)
    fenced.fault(Effect.DENIED, **LISTING)
    reported = fenced.audit("--no-control-plane", "--fail-on", "blocker", exits=3)
    assert reported.verdicts == {}


def test_aws_alone_is_not_asked_for_what_nobody_configured(fenced: FencedScenario) -> None:
    three(fenced)
    run = fenced.run("audit", "--no-control-plane", "--only", "999999999999")
    assert (run.code, run.out) == (64, "")


def test_no_identity_is_needed_to_ask_aws_alone(fenced: FencedScenario) -> None:
    three(fenced)
    (fenced.badges / "identity").unlink()
    fenced.audit("--no-control-plane")
    holds_awss_half(fenced.audit(exits=1))


def test_what_is_blocked_says_so_although_nothing_is_known_of_it(fenced: FencedScenario) -> None:
    fenced.cache("odd", tags={"TeleportDatabaseName": "no legal name"})
    reported = fenced.audit("--no-control-plane")
    assert reported.verdicts == {"odd": UNREAD}
    assert "NAME_INVALID: 'no legal name'" in reported.item("odd")["message"]


def test_a_state_of_something_else_is_not_compared_with(fenced: FencedScenario) -> None:
    three(fenced)
    fenced.sweep()
    fenced.configure(group="staging")
    run = fenced.run("audit", "--no-control-plane")
    assert (run.code, run.out) == (78, "")


@pytest.mark.slow
def test_a_registry_file_that_is_damaged_is_one_too(scenario: Scenario) -> None:
    scenario.configure(aws={"regions": ["eu-central-1", VIRGINIA]})
    scenario.cache("ready", group="people")
    scenario.cache("far", VIRGINIA, group="people")
    scenario.sweep()
    scenario.registry_file.write_bytes(b"no registry at all" * 400)
    reported = scenario.audit(exits=1)
    assert reported.verdicts == {"ready": UNREAD, "far": UNREAD}
    assert {item["database"]["metadata"]["name"] for item in reported.document["items"]} == set(
        scenario.state.registrations
    )
