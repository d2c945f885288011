"""The text of the script of repairs: what it says, how it enters accounts, what it leaves."""

from __future__ import annotations

import io
from typing import Any

from discovery.config.aws import Account
from discovery.config.model import Config
from discovery.model.codes import Action, FindingCode, Reason, Severity
from discovery.model.values import AccountId, Complete, KnownCache, UsersAndGroups
from discovery.plan.iam.verdict import iam_verdict
from discovery.policies.aws import repair_statements
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage, Hub
from discovery.reports.repairs.collect import Selection, collect_repairs
from discovery.reports.repairs.script import ACTIONS, Access, write_script
from tests.support.plan_inputs import ACCOUNT, EAST, WEST, directory, group, known_cache, user
from tests.support.report_samples import NOW, item, report, scopes

F = FindingCode
WARNINGS = Selection()
ROLE = f"arn:aws:iam::{ACCOUNT}:role/cachemuster"
JOB = user("job", authentication="password")


def script(
    *caches: KnownCache,
    users: UsersAndGroups | None = None,
    selection: Selection = WARNINGS,
    entry: Account | None = None,
    **more: Any,
) -> str:
    """The script for caches that were judged by these users."""
    known = users or directory([group("job")], JOB)
    items = [
        item(Action.CREATE, Reason.NEW, c.name, c.scope, iam=iam_verdict(c, known), found=c)
        for c in caches
    ]
    read = {
        cache.scope: Complete(
            scope=cache.scope, started_at=NOW, caches=(cache,), users_and_groups=known
        )
        for cache in caches
    }
    found = report(*items, **{"scopes": tuple(read.values()), **more})
    access = Access(roles={ACCOUNT: entry}, profile=None, sts_region="eu-central-1")
    stream = io.StringIO()
    write_script(found, collect_repairs(found, selection), access, stream)
    return stream.getvalue()


def entry(**more: Any) -> Account:
    return Account(id=ACCOUNT, role_arn=ROLE, **more)


def test_a_script_that_has_nothing_to_do_says_so() -> None:
    text = script(known_cache(), users=directory([group("alice")], user()))
    assert text.splitlines()[0] == "#!/bin/sh"
    assert text.splitlines()[-1] == "echo 'Nothing to repair.'"


def test_scopes_that_were_not_read_are_named_at_the_top() -> None:
    text = script(known_cache(), scopes=scopes())
    [line] = [line for line in text.splitlines() if line.startswith("#   444455556666/eu-west-1")]
    assert "throttled" in line
    assert text.index(line) < text.index("# Read it")
    assert "Not covered, since 1 scope was not read" in text


def test_an_account_is_entered_by_its_role_and_a_reference_to_its_external_id() -> None:
    assert f"use_role {ACCOUNT} {ROLE} cachemuster\n" in script(known_cache(), entry=entry())
    by_variable = script(known_cache(), entry=entry(external_id="env:WORD"))
    assert f'use_role {ACCOUNT} {ROLE} cachemuster "$WORD"\n' in by_variable
    by_file = script(known_cache(), entry=entry(external_id="file:/run/it's here"))
    assert f"{ROLE} cachemuster \"$(cat '/run/it'\"'\"'s here')\"\n" in by_file


def test_the_agents_own_account_has_a_place_for_a_profile() -> None:
    assert f'use_profile {ACCOUNT} "${{PROFILE_{ACCOUNT}:-}}"\n' in script(known_cache())


def test_accounts_are_named_and_regions_follow_each_other() -> None:
    caches = (known_cache("orders", EAST), known_cache("carts", WEST))
    text = script(*caches, account_names={ACCOUNT: "shop\n# x"})
    assert f"# == account {ACCOUNT} (shop\\x0a# x) ==" in text
    places = [text.index(f"region={name}") for name in ("eu-west-1", "us-east-1")]
    assert places == sorted(places)


def test_what_cuts_somebody_off_stands_as_a_comment_that_can_be_taken_up() -> None:
    text = script(known_cache(), users=directory([group("default", "alice", engine="redis")], USER))
    assert "cache_1_1() { left_to_a_person DEFAULT_USER_UNREPLACED; }" in text
    assert "# - cuts off clients that name no user\n# cache_1_1() {\n" in text
    lines = text[text.index("# cache_1_1() {") :].splitlines()
    block = lines[: lines.index("# }") + 1]
    assert all(line.startswith("# ") for line in block)
    assert block[1].startswith("#   create_user --user-id app-default no-password off -- \\")


USER = user(engine="redis")


def test_another_way_defines_the_same_step_again() -> None:
    text = script(known_cache(), users=directory([group("job")], JOB, user("teleport-app")))
    assert text.count("\ncache_1_1() {\n  modify_group --user-group-id app in:teleport-app") == 1
    assert "# Instead:\n# - what it may do is your choice" in text
    assert text.count("\n# cache_1_1() {\n") == 2


def test_a_cache_whose_group_was_repaired_is_not_begun() -> None:
    text = script(known_cache("carts"), known_cache("orders"))
    assert text.count("\nbegin ") == 1
    assert "# cache orders\n# What was found on it is repaired above" in text


def test_only_selected_findings_are_in_it() -> None:
    users = directory([group("alice", "ghost")], user(access_string="off +get"))
    text = script(known_cache(), users=users, selection=Selection(least=Severity.BLOCKER))
    assert "NO_IAM_USER" in text
    assert "USER_MISSING" not in text
    only = Selection(codes=frozenset({F.USER_MISSING}), least=Severity.INFO)
    assert "NO_IAM_USER" not in script(known_cache(), users=users, selection=only)


def test_the_listed_permissions_are_those_of_the_policy() -> None:
    config = Config.model_validate({"version": 1, "group": "prod"})
    usage = AwsUsage.of(config, Hub.unknown(), "eu-west-1")
    statements = repair_statements(usage, ANY_ACCOUNT)
    assert sorted(action for each in statements for action in each.actions) == list(ACTIONS)


def test_nothing_is_asked_of_accounts_without_repairs() -> None:
    other = AccountId("444455556666")
    assert f"account {other}" not in script(known_cache(), account_names={other: "data"})
