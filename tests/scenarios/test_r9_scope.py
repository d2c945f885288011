"""R9: out of this run, and out of the configuration, are two things; neither is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from discovery.model.values import AccountId
from discovery.plan.shard import Shard
from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import FRANKFURT, HUB, MEMBER, VIRGINIA, Scenario

pytestmark = pytest.mark.slow

AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}
BOTH = {"regions": [FRANKFURT, VIRGINIA]}
ONE = {"regions": [FRANKFURT]}


def two_regions(scenario: Scenario, **sections: Any) -> None:
    scenario.configure(**{"aws": BOTH, "deregistration": AT_ONCE, **sections})
    scenario.cache("orders")
    scenario.cache("legacy", VIRGINIA)
    scenario.sweep()


def test_a_region_taken_out_of_the_configuration_is_held(scenario: Scenario) -> None:
    two_regions(scenario)
    scenario.configure(aws=ONE)
    for _ in range(3):
        scenario.later(hours=1)
        assert scenario.sweep().verdicts["legacy"] == "held/OUT_OF_SCOPE"
    assert len(scenario.registry) == 2
    assert scenario.sweep("--prune").verdicts["legacy"] == "delete/OUT_OF_SCOPE"
    assert scenario.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_out_of_scope_remove_keeps_time_and_budget(scenario: Scenario) -> None:
    two_regions(scenario)
    scenario.configure(
        aws=ONE,
        out_of_scope="remove",
        deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100},
    )
    assert scenario.sweep().verdicts["legacy"] == "held/WAITING"
    scenario.later(hours=1)
    assert scenario.sweep().verdicts["legacy"] == "delete/OUT_OF_SCOPE"


def test_pruning_waits_its_time_too(scenario: Scenario) -> None:
    two_regions(scenario, deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100})
    scenario.configure(aws=ONE)
    assert scenario.sweep("--prune").verdicts["legacy"] == "held/WAITING"


def test_an_account_taken_out_of_the_configuration(scenario: Scenario) -> None:
    scenario.member()
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    scenario.configure(aws={"regions": [FRANKFURT], "accounts": [{"id": HUB}]})
    scenario.sweep()
    scenario.later(hours=1)
    assert scenario.sweep().verdicts["ledger"] == "held/OUT_OF_SCOPE"
    assert scenario.sweep("--prune", "--only", HUB).verdicts["ledger"] == "held/NOT_IN_RUN"
    assert scenario.sweep("--prune").verdicts["ledger"] == "delete/OUT_OF_SCOPE"


def test_pruning_one_account_that_is_out(scenario: Scenario) -> None:
    scenario.member()
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    scenario.configure(
        aws={"regions": [FRANKFURT], "accounts": [{"id": HUB}]},
        deregistration={**AT_ONCE, "allow_empty": True},
    )
    shown = scenario.sweep("--prune", "--only", MEMBER)
    assert shown.verdicts == {"orders": "held/NOT_IN_RUN", "ledger": "delete/OUT_OF_SCOPE"}
    assert "fits no account" not in shown.run.err


@pytest.mark.parametrize("only", [HUB, f"{HUB}/{FRANKFURT}", f"{HUB}/{VIRGINIA}"])
def test_only_a_part_removes_nothing_outside(scenario: Scenario, only: str) -> None:
    two_regions(scenario, out_of_scope="remove")
    scenario.cache("books")
    scenario.sweep()
    scenario.gone("orders")
    scenario.gone("legacy", VIRGINIA)
    scenario.later(hours=1)
    shown = scenario.sweep("--prune", "--allow-mass-removal", "9", "--only", only)
    inside = {FRANKFURT: "orders", VIRGINIA: "legacy"}
    for region, cache in inside.items():
        covered = only in (HUB, f"{HUB}/{region}")
        assert shown.verdicts[cache] == ("delete/ABSENT" if covered else "held/NOT_IN_RUN")


def test_a_part_that_is_swept_does_not_count_misses_elsewhere(scenario: Scenario) -> None:
    two_regions(scenario, deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100})
    scenario.gone("legacy", VIRGINIA)
    for _ in range(3):
        scenario.sweep("--only", f"{HUB}/{FRANKFURT}")
    shown = scenario.sweep()
    assert shown.item("legacy")["missed"]["scans"] == 1


def test_a_region_that_the_account_has_not_enabled_is_skipped(scenario: Scenario) -> None:
    two_regions(scenario, out_of_scope="remove")
    scenario.aws.world.account(HUB).disable(VIRGINIA)
    for _ in range(2):
        shown = scenario.sweep()
        scopes = {scope["region"]: scope["reason"] for scope in shown.document["scopes"]}
        assert scopes == {FRANKFURT: None, VIRGINIA: "REGION_NOT_ENABLED"}
    # It is configured by name: that it cannot be read does not make it out of configuration.
    assert shown.verdicts["legacy"] == "held/SCOPE_FAILED"
    assert len(scenario.registry) == 2


def test_a_role_that_cannot_be_assumed_hides_what_is_configured(scenario: Scenario) -> None:
    """Whether the region is configured hangs on an account that could not be entered."""
    scenario.member()
    scenario.configure(
        aws={**scenario.settings["aws"], "regions": ["eu-*"]},
        deregistration=AT_ONCE,
        out_of_scope="remove",
    )
    scenario.cache("orders")
    scenario.cache("ledger", account=MEMBER)
    scenario.sweep()
    scenario.fault(Effect.DENIED, account=MEMBER, service="sts", operation="AssumeRole")
    shown = scenario.sweep("--prune", exits=3)
    assert shown.verdicts["ledger"] == "held/SCOPE_FAILED"
    scenario.configure(
        aws={**scenario.settings["aws"], "regions": ["us-*"]},
        deregistration={**AT_ONCE, "allow_empty": True},
    )
    shown = scenario.sweep(exits=3)
    assert shown.verdicts == {"ledger": "held/TARGETS_UNKNOWN", "orders": "delete/OUT_OF_SCOPE"}


class TestShards:
    """Growing and shrinking the number of shards never deregisters a live cache."""

    ACCOUNTS = ("222233334444", "333344445555", "444455556666", "555566667777")

    def fleet(self, scenario: Scenario) -> None:
        for account in self.ACCOUNTS:
            scenario.member(account)
            scenario.cache("orders", account=account)
        scenario.configure(deregistration=AT_ONCE, out_of_scope="remove")

    def shares(self, scenario: Scenario, *parts: tuple[int, int]) -> list[int]:
        """Each part with a state file of its own, as shards have them; what each one created."""
        created = []
        for index, count in parts:
            scenario.configure(state={"path": f"shard-{index}-of-{count}.db"})
            shown = scenario.sweep("--shard", f"{index}/{count}")
            assert shown.document["summary"]["delete"] == 0
            assert shown.document["summary"]["update"] == 0
            created.append(shown.document["summary"]["create"])
        return created

    def test_parts_together_are_the_whole(self, scenario: Scenario) -> None:
        self.fleet(scenario)
        owned = [
            sum(Shard(index, 2).owns(AccountId(one)) for one in self.ACCOUNTS) for index in (0, 1)
        ]
        assert self.shares(scenario, (0, 2), (1, 2)) == owned
        assert len(scenario.registry) == 4
        before = scenario.registry
        # One part for all, three parts, two again: nothing is removed, nothing made twice.
        assert self.shares(scenario, (0, 1), (0, 3), (1, 3), (2, 3), (0, 2), (1, 2)) == [0] * 6
        assert scenario.registry == before

    def test_a_pod_takes_its_part_from_its_name(
        self, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fleet(scenario)
        for index in (0, 1):
            monkeypatch.setattr("socket.gethostname", lambda index=index: f"cachemuster-{index}")
            shown = scenario.sweep("--shard", "ordinal/2")
            scanned = {scope["account_id"] for scope in shown.document["scopes"]}
            owned = {one for one in self.ACCOUNTS if Shard(index, 2).owns(AccountId(one))}
            assert scanned - {HUB} == owned
        monkeypatch.setattr("socket.gethostname", lambda: "laptop")
        refused = scenario.run("sweep", "--shard", "ordinal/2")
        assert refused.code == 64
        assert "the name of host laptop does not end in a hyphen and a number" in refused.err

    def test_another_parts_registrations_are_not_in_the_run(self, scenario: Scenario) -> None:
        self.fleet(scenario)
        scenario.sweep()
        shown = scenario.sweep("--shard", "0/2", "--prune")
        reasons = {item["account_id"]: item["reason"] for item in shown.document["items"]}
        for account in self.ACCOUNTS:
            mine = Shard(0, 2).owns(AccountId(account))
            assert reasons[account] == ("UNCHANGED" if mine else "NOT_IN_RUN")


def test_an_excluded_region_is_held_until_it_is_pruned(scenario: Scenario) -> None:
    """Whatever `out_of_scope` says: what a policy denies for a while is not gone."""
    scenario.configure(aws={"regions": ["*"]}, deregistration=AT_ONCE, out_of_scope="remove")
    scenario.cache("orders")
    scenario.cache("legacy", VIRGINIA)
    scenario.sweep()
    scenario.configure(aws={"regions": ["*"], "exclude_regions": ["us-*"]})
    for _ in range(3):
        scenario.later(hours=1)
        shown = scenario.sweep()
        assert shown.verdicts["legacy"] == "held/OUT_OF_SCOPE"
        assert "aws.exclude_regions" in shown.item("legacy")["message"]
        assert {scope["region"] for scope in shown.document["scopes"]} == {FRANKFURT}
    assert scenario.sweep("--prune").verdicts["legacy"] == "delete/OUT_OF_SCOPE"
    assert scenario.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_a_region_that_a_control_policy_denies_is_expected_everywhere(scenario: Scenario) -> None:
    scenario.member(regions=(FRANKFURT, VIRGINIA))
    scenario.cache("orders")
    for account in (HUB, MEMBER):
        scenario.aws.world.account(account).denied_regions = {VIRGINIA}
    aws = {**scenario.settings["aws"], **BOTH}
    scenario.configure(aws=aws)
    assert set(scenario.sweep(exits=3).failed_scopes.values()) == {"DENIED"}
    scenario.configure(aws={**aws, "expected_failures": [f"*/{VIRGINIA}"]})
    shown = scenario.sweep()
    assert set(shown.failed_scopes) == {f"{HUB}/{VIRGINIA}", f"{MEMBER}/{VIRGINIA}"}


@pytest.mark.parametrize("command", ["sweep", "audit", "doctor", "export"])
def test_only_that_fits_nothing_is_a_usage_error_and_no_document(
    scenario: Scenario, command: str
) -> None:
    scenario.cache("orders")
    scenario.sweep()
    before = scenario.files()
    scenario.aws.world.clock.advance(timedelta(seconds=2))  # state could forget up to then
    form = [] if command == "export" else ["--format", "json"]
    run = scenario.run(command, "--only", "999999999999", "--only", HUB, *form)
    assert (run.code, run.out) == (64, ""), run
    assert f"Nearest: {HUB}" in run.err
    assert scenario.files() == before


def test_only_a_region_enabled_today_asks_aws(scenario: Scenario) -> None:
    """Yesterday's list lacks it; a glob takes it."""
    scenario.configure(aws={"regions": ["*"]})
    scenario.sweep()
    scenario.aws.world.account(HUB).enable("eu-south-1")
    scenario.cache("orders", "eu-south-1")
    shown = scenario.audit("--only", f"{HUB}/eu-south-1")
    assert shown.verdicts == {"orders": "create/NEW"}
    assert scenario.sweep().verdicts == {"orders": "create/NEW"}


def test_only_in_an_organization_that_cannot_be_listed_is_its_failed_scope(
    scenario: Scenario,
) -> None:
    scenario.aws.world.organize(HUB)
    scenario.configure(
        aws={"regions": [FRANKFURT], "accounts": [{"organization": {"role_name": "cachemuster"}}]}
    )
    scenario.fault(Effect.DENIED, service="organizations", operation="ListAccounts")
    shown = scenario.audit("--only", "999999999999", exits=3)
    assert shown.failed_scopes == {f"{HUB}/None": "DENIED"}


def test_only_what_is_registered_but_not_configured_fits(scenario: Scenario) -> None:
    two_regions(scenario)
    scenario.configure(aws=ONE)
    shown = scenario.audit("--only", f"{HUB}/{VIRGINIA}")
    assert shown.verdicts["legacy"] == "held/OUT_OF_SCOPE"


def test_scopes_that_only_names_in_vain_are_listed_one_by_one(scenario: Scenario) -> None:
    run = scenario.run("audit", "--only", "999999999999", "--only", "888888888888")
    assert run.code == 64
    assert "\\x0a" not in run.err
    assert [line.partition(":")[0] for line in run.err.splitlines()[-3:]] == [
        "--only 999999999999",
        "--only 888888888888",
        "Nothing was written.",
    ]
