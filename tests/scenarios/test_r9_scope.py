"""R9: out of this run, and out of the configuration, are two things; neither is gone."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.model import AccountId
from discovery.plan.shard import Shard
from discovery.sandbox.aws.faults import Effect
from tests.scenarios.tale import FRANKFURT, HUB, MEMBER, VIRGINIA, Tale

AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100}
BOTH = {"regions": [FRANKFURT, VIRGINIA]}
ONE = {"regions": [FRANKFURT]}


def two_regions(tale: Tale, **sections: Any) -> None:
    tale.configure(**{"aws": BOTH, "deregistration": AT_ONCE, **sections})
    tale.cache("orders")
    tale.cache("legacy", VIRGINIA)
    tale.sweep()


def test_a_region_taken_out_of_the_configuration_is_held(tale: Tale) -> None:
    two_regions(tale)
    tale.configure(aws=ONE)
    for _ in range(3):
        tale.later(hours=1)
        assert tale.sweep().verdicts["legacy"] == "held/OUT_OF_SCOPE"
    assert len(tale.registry) == 2
    assert tale.sweep("--prune").verdicts["legacy"] == "delete/OUT_OF_SCOPE"
    assert tale.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_out_of_scope_remove_keeps_time_and_budget(tale: Tale) -> None:
    two_regions(tale)
    tale.configure(
        aws=ONE,
        out_of_scope="remove",
        deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100},
    )
    assert tale.sweep().verdicts["legacy"] == "held/WAITING"
    tale.later(hours=1)
    assert tale.sweep().verdicts["legacy"] == "delete/OUT_OF_SCOPE"


def test_pruning_waits_its_time_too(tale: Tale) -> None:
    two_regions(tale, deregistration={"missed_sweeps": 2, "grace": "10m", "max_percent": 100})
    tale.configure(aws=ONE)
    assert tale.sweep("--prune").verdicts["legacy"] == "held/WAITING"


def test_an_account_taken_out_of_the_configuration(tale: Tale) -> None:
    tale.member()
    tale.cache("orders")
    tale.cache("ledger", account=MEMBER)
    tale.sweep()
    tale.configure(aws={"regions": [FRANKFURT], "accounts": [{"id": HUB}]})
    tale.sweep()
    tale.later(hours=1)
    assert tale.sweep().verdicts["ledger"] == "held/OUT_OF_SCOPE"
    assert tale.sweep("--prune", "--only", HUB).verdicts["ledger"] == "held/NOT_IN_RUN"
    assert tale.sweep("--prune").verdicts["ledger"] == "delete/OUT_OF_SCOPE"


def test_pruning_one_account_that_is_out(tale: Tale) -> None:
    tale.member()
    tale.cache("orders")
    tale.cache("ledger", account=MEMBER)
    tale.sweep()
    tale.configure(
        aws={"regions": [FRANKFURT], "accounts": [{"id": HUB}]},
        deregistration={**AT_ONCE, "allow_empty": True},
    )
    told = tale.sweep("--prune", "--only", MEMBER)
    assert told.verdicts == {"orders": "held/NOT_IN_RUN", "ledger": "delete/OUT_OF_SCOPE"}
    assert "fits no account" not in told.run.err


@pytest.mark.parametrize("only", [HUB, f"{HUB}/{FRANKFURT}", f"{HUB}/{VIRGINIA}"])
def test_only_a_part_removes_nothing_outside(tale: Tale, only: str) -> None:
    two_regions(tale, out_of_scope="remove")
    tale.cache("books")
    tale.sweep()
    tale.gone("orders")
    tale.gone("legacy", VIRGINIA)
    tale.later(hours=1)
    told = tale.sweep("--prune", "--allow-mass-removal", "9", "--only", only)
    inside = {FRANKFURT: "orders", VIRGINIA: "legacy"}
    for region, cache in inside.items():
        covered = only in (HUB, f"{HUB}/{region}")
        assert told.verdicts[cache] == ("delete/ABSENT" if covered else "held/NOT_IN_RUN")


def test_a_part_that_is_swept_does_not_count_misses_elsewhere(tale: Tale) -> None:
    two_regions(tale, deregistration={"missed_sweeps": 2, "grace": "0s", "max_percent": 100})
    tale.gone("legacy", VIRGINIA)
    for _ in range(3):
        tale.sweep("--only", f"{HUB}/{FRANKFURT}")
    told = tale.sweep()
    assert told.item("legacy")["missed"]["scans"] == 1


def test_a_region_that_the_account_has_not_enabled_is_skipped(tale: Tale) -> None:
    two_regions(tale, out_of_scope="remove")
    tale.aws.world.account(HUB).disable(VIRGINIA)
    for _ in range(2):
        told = tale.sweep()
        scopes = {scope["region"]: scope["reason"] for scope in told.document["scopes"]}
        assert scopes == {FRANKFURT: None, VIRGINIA: "REGION_NOT_ENABLED"}
    # It is configured by name: that it cannot be read does not make it out of configuration.
    assert told.verdicts["legacy"] == "held/SCOPE_FAILED"
    assert len(tale.registry) == 2


def test_a_role_that_cannot_be_assumed_hides_what_is_configured(tale: Tale) -> None:
    """Whether the region is configured hangs on an account that could not be entered."""
    tale.member()
    tale.configure(
        aws={**tale.settings["aws"], "regions": ["eu-*"]},
        deregistration=AT_ONCE,
        out_of_scope="remove",
    )
    tale.cache("orders")
    tale.cache("ledger", account=MEMBER)
    tale.sweep()
    tale.fault(Effect.DENIED, account=MEMBER, service="sts", operation="AssumeRole")
    told = tale.sweep("--prune", exits=3)
    assert told.verdicts["ledger"] == "held/SCOPE_FAILED"
    tale.configure(
        aws={**tale.settings["aws"], "regions": ["us-*"]},
        deregistration={**AT_ONCE, "allow_empty": True},
    )
    told = tale.sweep(exits=3)
    assert told.verdicts == {"ledger": "held/TARGETS_UNKNOWN", "orders": "delete/OUT_OF_SCOPE"}


class TestShards:
    """Growing and shrinking the number of shards never deregisters a live cache."""

    ACCOUNTS = ("222233334444", "333344445555", "444455556666", "555566667777")

    def fleet(self, tale: Tale) -> None:
        for account in self.ACCOUNTS:
            tale.member(account)
            tale.cache("orders", account=account)
        tale.configure(deregistration=AT_ONCE, out_of_scope="remove")

    def shares(self, tale: Tale, *parts: tuple[int, int]) -> list[int]:
        """Each part with a state file of its own, as shards have them; what each one created."""
        created = []
        for index, count in parts:
            tale.configure(state={"path": f"shard-{index}-of-{count}.db"})
            told = tale.sweep("--shard", f"{index}/{count}")
            assert told.document["summary"]["delete"] == 0
            assert told.document["summary"]["update"] == 0
            created.append(told.document["summary"]["create"])
        return created

    def test_parts_together_are_the_whole(self, tale: Tale) -> None:
        self.fleet(tale)
        owned = [
            sum(Shard(index, 2).owns(AccountId(one)) for one in self.ACCOUNTS) for index in (0, 1)
        ]
        assert self.shares(tale, (0, 2), (1, 2)) == owned
        assert len(tale.registry) == 4
        before = tale.registry
        # One part for all, three parts, two again: nothing is removed, nothing made twice.
        assert self.shares(tale, (0, 1), (0, 3), (1, 3), (2, 3), (0, 2), (1, 2)) == [0] * 6
        assert tale.registry == before

    def test_a_pod_takes_its_part_from_its_name(
        self, tale: Tale, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fleet(tale)
        for index in (0, 1):
            monkeypatch.setattr("socket.gethostname", lambda index=index: f"cachemuster-{index}")
            told = tale.sweep("--shard", "ordinal/2")
            scanned = {scope["account_id"] for scope in told.document["scopes"]}
            owned = {one for one in self.ACCOUNTS if Shard(index, 2).owns(AccountId(one))}
            assert scanned - {HUB} == owned
        monkeypatch.setattr("socket.gethostname", lambda: "laptop")
        refused = tale.run("sweep", "--shard", "ordinal/2")
        assert refused.code == 64
        assert "the name of host laptop does not end in a hyphen and a number" in refused.err

    def test_another_parts_registrations_are_not_in_the_run(self, tale: Tale) -> None:
        self.fleet(tale)
        tale.sweep()
        told = tale.sweep("--shard", "0/2", "--prune")
        reasons = {item["account_id"]: item["reason"] for item in told.document["items"]}
        for account in self.ACCOUNTS:
            mine = Shard(0, 2).owns(AccountId(account))
            assert reasons[account] == ("UNCHANGED" if mine else "NOT_IN_RUN")


def test_an_excluded_region_is_held_until_it_is_pruned(tale: Tale) -> None:
    """Whatever `out_of_scope` says: what a policy denies for a while is not gone."""
    tale.configure(aws={"regions": ["*"]}, deregistration=AT_ONCE, out_of_scope="remove")
    tale.cache("orders")
    tale.cache("legacy", VIRGINIA)
    tale.sweep()
    tale.configure(aws={"regions": ["*"], "exclude_regions": ["us-*"]})
    for _ in range(3):
        tale.later(hours=1)
        told = tale.sweep()
        assert told.verdicts["legacy"] == "held/OUT_OF_SCOPE"
        assert "aws.exclude_regions" in told.item("legacy")["message"]
        assert {scope["region"] for scope in told.document["scopes"]} == {FRANKFURT}
    assert tale.sweep("--prune").verdicts["legacy"] == "delete/OUT_OF_SCOPE"
    assert tale.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_a_region_that_a_control_policy_denies_is_expected_everywhere(tale: Tale) -> None:
    tale.member(regions=(FRANKFURT, VIRGINIA))
    tale.cache("orders")
    for account in (HUB, MEMBER):
        tale.aws.world.account(account).denied_regions = {VIRGINIA}
    aws = {**tale.settings["aws"], **BOTH}
    tale.configure(aws=aws)
    assert set(tale.sweep(exits=3).failed_scopes.values()) == {"DENIED"}
    tale.configure(aws={**aws, "expected_failures": [f"*/{VIRGINIA}"]})
    told = tale.sweep()
    assert set(told.failed_scopes) == {f"{HUB}/{VIRGINIA}", f"{MEMBER}/{VIRGINIA}"}


@pytest.mark.parametrize("command", ["sweep", "audit", "doctor", "export"])
def test_only_that_fits_nothing_is_a_usage_error_and_no_document(tale: Tale, command: str) -> None:
    tale.cache("orders")
    tale.sweep()
    before = tale.files()
    form = [] if command == "export" else ["--format", "json"]
    run = tale.run(command, "--only", "999999999999", "--only", HUB, *form)
    assert (run.code, run.out) == (64, ""), run
    assert f"Nearest: {HUB}" in run.err
    assert tale.files() == before


def test_only_a_region_enabled_today_asks_aws(tale: Tale) -> None:
    """Yesterday's list lacks it; a glob takes it."""
    tale.configure(aws={"regions": ["*"]})
    tale.sweep()
    tale.aws.world.account(HUB).enable("eu-south-1")
    tale.cache("orders", "eu-south-1")
    told = tale.audit("--only", f"{HUB}/eu-south-1")
    assert told.verdicts == {"orders": "create/NEW"}
    assert tale.sweep().verdicts == {"orders": "create/NEW"}


def test_only_in_an_organization_that_cannot_be_listed_is_its_failed_scope(tale: Tale) -> None:
    tale.aws.world.organize(HUB)
    tale.configure(
        aws={"regions": [FRANKFURT], "accounts": [{"organization": {"role_name": "cachemuster"}}]}
    )
    tale.fault(Effect.DENIED, service="organizations", operation="ListAccounts")
    told = tale.audit("--only", "999999999999", exits=3)
    assert told.failed_scopes == {f"{HUB}/None": "DENIED"}


def test_only_what_is_registered_but_not_configured_fits(tale: Tale) -> None:
    two_regions(tale)
    tale.configure(aws=ONE)
    told = tale.audit("--only", f"{HUB}/{VIRGINIA}")
    assert told.verdicts["legacy"] == "held/OUT_OF_SCOPE"


def test_what_only_names_in_vain_is_told_line_by_line(tale: Tale) -> None:
    run = tale.run("audit", "--only", "999999999999", "--only", "888888888888")
    assert run.code == 64
    assert "\\x0a" not in run.err
    assert [line.partition(":")[0] for line in run.err.splitlines()[-3:]] == [
        "--only 999999999999",
        "--only 888888888888",
        "Nothing was written.",
    ]
