"""Targets of a whole organization, and what each change means for what is registered (R9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.organization import ROOT, Organization
from tests.support.scenario import FRANKFURT, HUB, MEMBER, VIRGINIA, RunOutput, Scenario

pytestmark = pytest.mark.slow

OTHER = "333344445555"
LATE = "444455556666"
LISTS = {"service": "organizations"}
KEPT = "keep/UNCHANGED"
REMOVABLE: Mapping[str, Any] = {"missed_sweeps": 2, "grace": "10m", "max_percent": 100}


class Fleet:
    """An organization in a scenario, with a cache named after each account."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.organization: Organization = scenario.aws.world.organize(HUB)
        self.prod = self.organization.add_unit("prod")
        self.shut = self.organization.add_unit("shut")
        self.entry({})
        scenario.cache(f"of-{HUB}", group="people")
        for account in (MEMBER, OTHER):
            self.join(account)

    def entry(self, more: Mapping[str, object], **aws: object) -> None:
        """The configuration has this organization, with these regions by default."""
        organization = {"role_name": "cachemuster", **more}
        section = {"regions": [FRANKFURT], "accounts": [{"organization": organization}], **aws}
        self.scenario.configure(aws=section)

    def join(self, account: str, *, parent: str | None = None, region: str = FRANKFURT) -> None:
        """An account with a cache has joined, and lets the agent in."""
        made = self.scenario.aws.world.account(account, regions=(FRANKFURT, VIRGINIA))
        made.add_role("cachemuster", trusted=[HUB])
        self.organization.join(account, parent=parent or self.prod)
        self.scenario.cache(f"of-{account}", account=account, region=region)

    def sweep(self, *arguments: str, exits: int = 0) -> RunOutput:
        """A sweep an hour after what came before; AWS's own time goes on as well."""
        self.scenario.later(hours=1)
        self.scenario.aws.world.clock.advance(timedelta(minutes=1))  # its rates are counted anew
        return self.scenario.sweep(*arguments, exits=exits)


@pytest.fixture
def fleet(scenario: Scenario) -> Fleet:
    return Fleet(scenario)


def of(shown: RunOutput, account: str) -> str:
    return shown.verdicts[f"of-{account}"]


def test_accounts_join_and_leave(fleet: Fleet) -> None:
    shown = fleet.sweep()
    assert shown.verdicts == {f"of-{account}": "create/NEW" for account in (HUB, MEMBER, OTHER)}
    fleet.join(LATE)
    shown = fleet.sweep()
    assert (of(shown, LATE), of(shown, MEMBER)) == ("create/NEW", KEPT)
    fleet.organization.leave(MEMBER)
    shown = fleet.sweep()
    assert of(shown, MEMBER) == "held/OUT_OF_SCOPE"
    assert shown.document["complete"]
    assert {scope["account_id"] for scope in shown.document["scopes"]} == {HUB, OTHER, LATE}
    fleet.organization.join(MEMBER)
    assert of(fleet.sweep(), MEMBER) == KEPT


def test_one_that_has_left_is_removed_only_by_prune(fleet: Fleet) -> None:
    fleet.sweep()
    fleet.organization.leave(MEMBER)
    for _ in range(3):
        assert of(fleet.sweep(), MEMBER) == "held/OUT_OF_SCOPE"
    assert of(fleet.sweep("--prune"), MEMBER) == "delete/OUT_OF_SCOPE"
    assert len(fleet.scenario.registry) == 2
    for _ in range(2):
        fleet.sweep()
    assert MEMBER not in {scope.account_id for scope in fleet.scenario.state.scopes}, (
        "and forgotten"
    )


@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
def test_one_that_is_not_active_is_out_and_comes_back(fleet: Fleet, state: str) -> None:
    fleet.sweep()
    fleet.organization.set_state(MEMBER, state)
    assert of(fleet.sweep(), MEMBER) == "held/OUT_OF_SCOPE"
    fleet.organization.set_state(MEMBER, "ACTIVE")
    assert of(fleet.sweep(), MEMBER) == KEPT


def test_accounts_move_between_units(fleet: Fleet) -> None:
    fleet.entry({"include_ous": [fleet.prod], "exclude_ous": [fleet.shut]})
    shown = fleet.sweep()
    assert set(shown.verdicts) == {f"of-{MEMBER}", f"of-{OTHER}"}, "the root is not included"
    deep = fleet.organization.add_unit("deep", parent=fleet.prod)
    fleet.organization.move(MEMBER, deep)
    assert of(fleet.sweep(), MEMBER) == KEPT, "further down is still below"
    fleet.organization.move(MEMBER, fleet.shut)
    assert of(fleet.sweep(), MEMBER) == "held/OUT_OF_SCOPE"
    fleet.organization.move_unit(fleet.shut, fleet.prod)
    assert of(fleet.sweep(), MEMBER) == "held/OUT_OF_SCOPE", "exclusion wins"
    fleet.organization.move(MEMBER, ROOT)
    assert of(fleet.sweep(), MEMBER) == "held/OUT_OF_SCOPE"
    fleet.organization.move(MEMBER, fleet.prod)
    assert of(fleet.sweep(), MEMBER) == KEPT


def test_an_excluded_account_is_out_of_configuration(fleet: Fleet) -> None:
    fleet.sweep()
    fleet.entry({"exclude_accounts": [MEMBER]})
    shown = fleet.sweep()
    assert (of(shown, MEMBER), of(shown, OTHER)) == ("held/OUT_OF_SCOPE", KEPT)


@pytest.mark.parametrize(
    ("effect", "reason"),
    [
        pytest.param(Effect.DENIED, "DENIED", id="denied"),
        pytest.param(Effect.THROTTLED, "THROTTLED", id="throttled"),
        pytest.param(Effect.REPEATED_TOKEN, None, id="a-token-that-comes-again"),
        pytest.param(Effect.TRUNCATED, "MALFORMED", id="half-a-list"),
    ],
)
def test_a_list_that_cannot_be_read_removes_nothing(
    fleet: Fleet, effect: Effect, reason: str | None
) -> None:
    fleet.sweep()
    fleet.organization.leave(MEMBER)
    fleet.scenario.fault(effect, **LISTS)
    for _ in range(4):
        shown = fleet.sweep("--prune", exits=3)
        assert of(shown, MEMBER) == "held/TARGETS_UNKNOWN"
        assert shown.failed_scopes == {f"{HUB}/None": reason or "REPEATED_TOKEN"}
        assert shown.item(f"of-{MEMBER}")["missed"] is None
    assert len(fleet.scenario.registry) == 3
    # The same when it is whole again: what could not be known has not counted as a miss.
    fleet.scenario.healed()
    assert of(fleet.sweep("--prune"), MEMBER) == "held/WAITING"
    assert of(fleet.sweep("--prune"), MEMBER) == "delete/OUT_OF_SCOPE"
    assert HUB not in map(str, fleet.scenario.state.scopes), "nor is the failure remembered"


def test_when_the_management_account_is_denied_the_sentence_says_what_to_do(fleet: Fleet) -> None:
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    shown = fleet.sweep(exits=3)
    [scope] = shown.document["scopes"]
    assert (scope["account_id"], scope["region"], scope["status"]) == (HUB, None, "failed")
    assert "organizations:ListAccounts" in scope["message"]
    assert "delegated" in scope["message"]


def test_when_the_second_page_fails_the_first_is_swept(fleet: Fleet) -> None:
    fleet.scenario.cache("spare")
    fleet.sweep()
    fleet.scenario.fault(Effect.LATER_PAGE_FAILS, **LISTS)
    first, *rest = sorted((HUB, MEMBER, OTHER))
    shown = fleet.sweep("--prune", exits=3)
    assert of(shown, first) == KEPT
    assert {of(shown, account) for account in rest} == {"held/TARGETS_UNKNOWN"}
    fleet.scenario.gone(f"of-{first}")
    fleet.sweep("--prune", exits=3)
    shown = fleet.sweep("--prune", exits=3)
    assert of(shown, first) == "delete/ABSENT", "what was read is evidence as ever"
    assert len(fleet.scenario.registry) == 3


def test_an_entry_of_its_own_does_not_hang_on_the_list(fleet: Fleet) -> None:
    role = fleet.scenario.aws.world.account(MEMBER).roles["cachemuster"].arn
    organization = {"organization": {"role_name": "cachemuster"}}
    listed = [{"id": MEMBER, "role_arn": role}, organization]
    fleet.entry({}, accounts=listed)
    fleet.sweep()
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    shown = fleet.sweep(exits=3)
    assert (of(shown, MEMBER), of(shown, OTHER)) == (KEPT, "held/TARGETS_UNKNOWN")


def test_not_in_run_is_neither(fleet: Fleet) -> None:
    fleet.sweep()
    fleet.organization.leave(MEMBER)
    shown = fleet.sweep("--only", OTHER, "--prune")
    assert of(shown, OTHER) == KEPT
    assert of(shown, MEMBER) == of(shown, HUB) == "held/NOT_IN_RUN"
    assert of(fleet.sweep("--only", MEMBER), MEMBER) == "held/OUT_OF_SCOPE"
    fleet.scenario.fault(Effect.DENIED, **LISTS)
    assert of(fleet.sweep("--only", MEMBER, exits=3), MEMBER) == "held/TARGETS_UNKNOWN"


def test_shards_leave_each_others_accounts_alone(fleet: Fleet) -> None:
    fleet.sweep()
    fleet.organization.leave(MEMBER)
    verdicts = [of(fleet.sweep("--shard", f"{n}/2"), MEMBER) for n in range(2)]
    assert sorted(verdicts) == ["held/NOT_IN_RUN", "held/OUT_OF_SCOPE"]


# -- regions --------------------------------------------------------------------------------------


def test_a_region_is_enabled(fleet: Fleet) -> None:
    member = fleet.scenario.aws.world.account(MEMBER)
    member.disable(VIRGINIA)
    fleet.entry({}, regions=["*"])
    fleet.sweep()
    member.enable(VIRGINIA)
    fleet.scenario.cache("abroad", VIRGINIA, MEMBER)
    assert fleet.sweep().verdicts["abroad"] == "create/NEW", (
        "started manually, the list is read anew"
    )


def test_a_region_is_disabled_and_enabled_again(fleet: Fleet) -> None:
    fleet.entry({}, regions=["*"])
    fleet.scenario.cache("abroad", VIRGINIA, MEMBER)
    fleet.sweep()
    member = fleet.scenario.aws.world.account(MEMBER)
    member.disable(VIRGINIA)
    for _ in range(2):
        shown = fleet.sweep()
        scopes = {(one["account_id"], one["region"]) for one in shown.document["scopes"]}
        assert (MEMBER, VIRGINIA) not in scopes, "the list says so before it is asked"
        assert shown.verdicts["abroad"] == "held/OUT_OF_SCOPE"
        assert of(shown, MEMBER) == KEPT
    shown = fleet.sweep("--only", f"{MEMBER}/{FRANKFURT}")
    assert shown.verdicts["abroad"] == "held/NOT_IN_RUN"
    fleet.scenario.fault(Effect.DENIED, service="ec2", operation="DescribeRegions", account=MEMBER)
    shown = fleet.sweep("--prune", exits=3)
    assert shown.verdicts["abroad"] == "held/TARGETS_UNKNOWN"
    assert of(shown, MEMBER) == KEPT, "the last list is used"
    fleet.scenario.healed()
    member.enable(VIRGINIA)
    assert fleet.sweep("--prune").verdicts["abroad"] == KEPT, "at once: something hangs on it"


def test_a_disabled_region_is_pruned_on_a_fresh_list_only(fleet: Fleet) -> None:
    fleet.entry({}, regions=["*"])
    fleet.scenario.cache("abroad", VIRGINIA, MEMBER)
    fleet.sweep()
    fleet.scenario.aws.world.account(MEMBER).disable(VIRGINIA)
    assert fleet.sweep("--prune").verdicts["abroad"] == "held/WAITING"
    before = len(fleet.scenario.aws.calls.of("DescribeRegions", account=MEMBER))
    assert fleet.sweep("--prune").verdicts["abroad"] == "delete/OUT_OF_SCOPE"
    assert len(fleet.scenario.aws.calls.of("DescribeRegions", account=MEMBER)) == before + 1
