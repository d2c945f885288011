"""Names of accounts in labels and reports: a label stays when its name cannot be read (R1)."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.organization import Organization
from tests.support.scenario import FRANKFURT, HUB, MEMBER, RunOutput, Scenario

pytestmark = pytest.mark.slow

KEPT = "keep/UNCHANGED"
LISTS = {"service": "organizations"}
LABELS: list[dict[str, Any]] = [{"name": "all", "labels": {"account": "{account_name}"}}]


class Fleet:
    """A hub and a member of its organization, each with a cache, and a label with the name."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.organization: Organization = scenario.aws.world.organize(HUB, name="platform")
        member = scenario.aws.world.account(MEMBER, regions=(FRANKFURT,))
        member.add_role("cachemuster", trusted=[HUB])
        self.organization.join(MEMBER, name="payments")
        scenario.cache("sessions", tags={"team": "identity"})
        scenario.cache("orders", account=MEMBER, tags={"team": "checkout", "account": "forged"})
        self.configure()

    def configure(self, *entries: dict[str, Any], **aws: Any) -> None:
        """The organization is configured, after these entries."""
        accounts = [*entries, {"organization": {"role_name": "cachemuster"}}]
        self.scenario.configure(
            aws={"regions": [FRANKFURT], "accounts": accounts, **aws},
            matchers=LABELS if aws.get("account_names") != "none" else None,
            reports={"owner_tag": "team"},
        )

    def own_entry(self, **more: Any) -> dict[str, Any]:
        role = self.scenario.aws.world.account(MEMBER).roles["cachemuster"].arn
        return {"id": MEMBER, "role_arn": role, **more}

    @property
    def labels(self) -> dict[str, str | None]:
        """The label of every registration, by cache."""
        return {
            database.labels["cachemuster/arn"].rpartition(":")[2]: database.labels.get("account")
            for database in self.scenario.registry.values()
        }


@pytest.fixture
def fleet(scenario: Scenario) -> Fleet:
    return Fleet(scenario)


BOTH = {"sessions": "platform", "orders": "payments"}


def names(shown: RunOutput) -> dict[str, str | None]:
    return {scope["account_id"]: scope["account_name"] for scope in shown.document["scopes"]}


def test_names_and_owners_are_in_the_document_and_in_labels(fleet: Fleet) -> None:
    shown = fleet.scenario.sweep()
    assert fleet.labels == BOTH, "and no tag has forged one"
    assert names(shown) == {HUB: "platform", MEMBER: "payments"}
    orders = shown.item("orders")
    assert (orders["account_name"], orders["owner"]) == ("payments", "checkout")
    assert fleet.scenario.state.account_names == {HUB: "platform", MEMBER: "payments"}


@pytest.mark.parametrize("entry", [False, True], ids=["listed", "with its own entry"])
def test_an_organization_that_cannot_be_read_changes_no_label(fleet: Fleet, entry: bool) -> None:
    if entry:
        fleet.configure(fleet.own_entry())
    fleet.scenario.sweep()
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    audit = fleet.scenario.audit(exits=3)
    shown = fleet.scenario.sweep(exits=3)
    expected = KEPT if entry else "held/TARGETS_UNKNOWN"
    assert shown.verdicts["orders"] == expected
    assert shown.writes == 0
    assert shown.document["checksum"] == audit.document["checksum"]
    assert fleet.labels == BOTH
    assert shown.item("orders")["account_name"] == "payments", "the last one known"
    assert names(shown)[HUB] == "platform"


def test_without_state_the_label_of_the_registration_stays(fleet: Fleet) -> None:
    fleet.configure(fleet.own_entry())
    fleet.scenario.sweep()
    fleet.scenario.forget()
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    shown = fleet.scenario.sweep(exits=3)
    assert shown.verdicts["orders"] == KEPT
    assert fleet.labels == BOTH
    assert shown.item("orders")["account_name"] is None, "nobody has read it"


def test_a_name_never_read_comes_once_it_is(fleet: Fleet) -> None:
    fleet.configure(fleet.own_entry())
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    fleet.scenario.sweep(exits=3)
    assert fleet.labels == {"orders": None}
    fleet.scenario.healed()
    shown = fleet.scenario.sweep()
    assert shown.verdicts["orders"] == "update/LABELS_CHANGED"
    assert fleet.labels == BOTH


def test_a_sweep_of_one_account_keeps_the_names_of_all(fleet: Fleet) -> None:
    fleet.configure(fleet.own_entry())
    fleet.scenario.sweep()
    asked = fleet.scenario.aws.calls.tally.get("organizations:ListAccounts", 0)
    shown = fleet.scenario.sweep("--only", MEMBER)
    assert shown.verdicts == {"sessions": "held/NOT_IN_RUN", "orders": KEPT}
    assert shown.item("sessions")["account_name"] == "platform"
    assert fleet.scenario.aws.calls.tally.get("organizations:ListAccounts", 0) == asked
    assert fleet.scenario.state.account_names == {HUB: "platform", MEMBER: "payments"}
    assert fleet.labels == BOTH


def test_a_renamed_account_gets_another_label_and_one_that_left_is_forgotten(fleet: Fleet) -> None:
    fleet.scenario.sweep()
    fleet.organization.rename(MEMBER, "pay")
    assert fleet.scenario.sweep().verdicts["orders"] == "update/LABELS_CHANGED"
    assert fleet.labels == {"sessions": "platform", "orders": "pay"}
    fleet.organization.leave(MEMBER)
    assert fleet.scenario.sweep().verdicts["orders"] == "held/OUT_OF_SCOPE"
    assert fleet.labels["orders"] == "pay"
    assert fleet.scenario.state.account_names == {HUB: "platform"}


def test_the_configured_name_is_used_until_the_organization_says_one(fleet: Fleet) -> None:
    fleet.configure(fleet.own_entry(name="Payments (prod)"))
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    shown = fleet.scenario.sweep(exits=3)
    assert fleet.labels["orders"] == "Payments (prod)"
    assert shown.item("orders")["account_name"] == "Payments (prod)"
    fleet.scenario.healed()
    fleet.scenario.sweep()
    assert fleet.labels == BOTH, "nothing of the configuration is remembered"


def test_with_none_nothing_has_a_name(fleet: Fleet) -> None:
    fleet.scenario.sweep()
    fleet.configure(account_names="none")
    shown = fleet.scenario.sweep()
    assert set(names(shown).values()) == {None}
    assert shown.item("orders")["account_name"] is None
    assert fleet.scenario.state.account_names == {}
    assert fleet.labels == {"sessions": None, "orders": "forged"}, "as if it was never asked for"


def test_status_history_and_explain_say_the_name(fleet: Fleet) -> None:
    fleet.scenario.sweep()
    where = f"payments {MEMBER}/{FRANKFURT}"
    assert where in fleet.scenario.run("status", "-v").out
    assert where in fleet.scenario.run("history").out
    explained = fleet.scenario.run("explain", "orders").out
    assert f"in {where}" in explained
    assert "checkout" in explained
    scopes = fleet.scenario.run("status", "--format", "json").document["scopes"]
    assert {each["account_name"] for each in scopes} == {"platform", "payments"}
    [found] = fleet.scenario.run("explain", "orders", "--format", "json").document["caches"]
    assert (found["found"]["account_name"], found["found"]["owner"]) == ("payments", "checkout")
    entries = fleet.scenario.run("history", "--format", "json").document["entries"]
    assert {each["account_name"] for each in entries} == {"platform", "payments"}
    assert (
        fleet.scenario.run("history", "--format", "csv")
        .out.splitlines()[0]
        .endswith(",changes,account_name")
    )
    assert fleet.scenario.audit().writes == 0, "explain and audit plan alike"
