"""What needs somebody is counted by kind, and divided by account, region or owner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from discovery.model.codes import Action, FindingCode, IamVerdict, Reason, Severity
from discovery.plan.item import Item
from discovery.reports.findings import finding_groups
from discovery.reports.item_groups import divide_items
from discovery.reports.needs import NeedKind, needs
from discovery.reports.report import Report
from discovery.reports.view import GroupBy
from tests.support.report_samples import (
    EAST,
    OTHER,
    carried_out,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)


def counted(found: Report) -> dict[NeedKind, int]:
    return {need.kind: need.count for need in needs(found)}


def test_all_kinds_of_the_sample_are_counted_in_their_order() -> None:
    found = carried_out(full_report(), failed="orders")
    assert list(counted(found).items()) == [
        (NeedKind.UNREAD, 1),
        (NeedKind.FAILED, 1),
        (NeedKind.REMOVED, 1),
        (NeedKind.CONFLICT, 1),
        (NeedKind.BLOCKED, 1),
        (NeedKind.NOT_READY, 2),
    ]


@pytest.mark.parametrize(
    ("one", "kind", "words", "reasons"),
    [
        (item(Action.DELETE, Reason.ABSENT), NeedKind.REMOVED, "would be removed", "ABSENT"),
        (item(Action.HELD, Reason.GUARD_COUNT), NeedKind.REFUSED, "removal refused", "GUARD_COUNT"),
        (item(Action.CONFLICT, Reason.FOREIGN), NeedKind.CONFLICT, "conflict", "FOREIGN"),
        (item(Action.BLOCKED, Reason.REJECTED), NeedKind.BLOCKED, "blocked", "REJECTED"),
        (
            item(Action.KEEP, Reason.UNCHANGED, iam=judged(finding())),
            NeedKind.NOT_READY,
            "not ready for IAM login",
            "NO_IAM_USER",
        ),
        (
            item(
                Action.KEEP,
                Reason.UNCHANGED,
                iam=judged(
                    finding(FindingCode.USERS_UNREADABLE, Severity.WARNING),
                    verdict=IamVerdict.UNKNOWN,
                ),
            ),
            NeedKind.UNKNOWN,
            "IAM login unknown",
            "USERS_UNREADABLE",
        ),
    ],
)
def test_what_an_item_needs(one: Item, kind: NeedKind, words: str, reasons: str) -> None:
    (need,) = needs(report(one))
    assert (need.kind, need.words, need.reasons) == (kind, words, ((reasons, 1),))


@pytest.mark.parametrize(
    "calm",
    [
        item(Action.CREATE, Reason.NEW),
        item(Action.UPDATE, Reason.DRIFT),
        item(Action.HELD, Reason.WAITING),
        item(Action.KEEP, Reason.UNCHANGED, iam=judged(verdict=IamVerdict.READY)),
        item(Action.SKIPPED, Reason.ENGINE),
    ],
)
def test_what_needs_nobody(calm: Item) -> None:
    assert not needs(report(calm))


def test_an_expected_failure_needs_nobody() -> None:
    found = report(scopes=scopes(), expected_failures=frozenset({OTHER}))
    assert NeedKind.UNREAD in counted(replace(found, expected_failures=frozenset()))
    assert not needs(found)


def owned(name: str, owner: str | None, action: Action = Action.KEEP) -> Item:
    reason = Reason.UNCHANGED if action is Action.KEEP else Reason.REJECTED
    return item(action, reason, name, OTHER if owner == "web" else EAST, owner=owner)


FLEET = report(
    owned("a", None, Action.BLOCKED),
    owned("b", "edge"),
    owned("c", "web", Action.BLOCKED),
    owned("d", "edge"),
    owned("e", "ads"),
    scopes=scopes(),
    account_names={OTHER.account_id: "payments"},
)


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        (GroupBy.OWNER, ["web", "ads", "edge", "no owner"]),
        (GroupBy.ACCOUNT, ["payments (444455556666)", "111122223333"]),
        (GroupBy.REGION, ["eu-west-1", "us-east-1"]),
    ],
)
def test_items_are_divided_most_pressing_first_and_no_owner_last(
    by: GroupBy, titles: list[str]
) -> None:
    groups = divide_items(FLEET, by)
    assert [group.title for group in groups] == titles
    divided = sorted(id(one) for group in groups for one in group.items)
    assert divided == sorted(map(id, FLEET.items))


def test_an_account_of_which_only_unread_scopes_are_known_is_a_group() -> None:
    (group,) = divide_items(report(scopes=scopes()), GroupBy.ACCOUNT)
    assert (group.key, len(group.items), len(group.unread)) == (OTHER.account_id, 0, 1)


def test_findings_of_one_kind_are_one_group_with_one_sentence() -> None:
    there = replace(finding(), subject="web", message="User group web has no member.")
    here = replace(finding(), message="User group app has no member.")
    items = [
        item(Action.KEEP, Reason.UNCHANGED, "a", iam=judged(here)),
        item(Action.KEEP, Reason.UNCHANGED, "b", iam=judged(here)),
        item(Action.KEEP, Reason.UNCHANGED, "c", iam=judged(there)),
    ]
    (group,) = finding_groups(report(*items))
    assert (group.caches, len(group.findings)) == (3, 2)
    assert group.message == "User group … has no member."
    other = replace(there, message="Nobody is in.")
    items.append(item(Action.KEEP, Reason.UNCHANGED, "d", iam=judged(other)))
    (group,) = finding_groups(report(*items))
    assert group.message.startswith("no member of the user group can log in")
