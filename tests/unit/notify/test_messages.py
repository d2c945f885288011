"""One message of each kind and sweep: its sentence, its count, its first names."""

from __future__ import annotations

from typing import Any

from discovery.config.notify import NotifyKind
from discovery.model.codes import Action, Reason
from discovery.notify.conditions import Conditions, next_conditions
from discovery.notify.messages import Message, make_messages
from discovery.reports.report import Report
from tests.support.report_samples import (
    OTHER,
    REFUSED,
    WEST,
    arn,
    carried_out,
    finding,
    full_report,
    item,
    judged,
    report,
    scopes,
)


def messages_by_kind(found: Report, before: Conditions | None = None) -> dict[str, Message]:
    held = before or {}
    after = next_conditions(held, found, tuple(NotifyKind), whole=True)
    return {each.kind: each for each in make_messages(found, held, after, "prod")}


def test_a_sweep_with_everything_in_it() -> None:
    found = messages_by_kind(
        carried_out(full_report(guard=REFUSED, account_names={"111122223333": "pay"}))
    )
    assert {kind: (each.text, each.count) for kind, each in found.items()} == {
        "registered": ("1 database was registered", 1),
        "removed": ("1 database was removed", 1),
        "refused": (f"all removals are refused: {REFUSED.message}", 0),
        "scope_failing": ("1 scope cannot be read", 1),
        "not_ready": ("nobody can log in with IAM to 2 caches", 2),
        "conflict": ("1 new conflict over what is not ours", 1),
    }
    created = found["registered"].first[0]
    assert (created.name, created.arn) == (
        "orders-elasticache-serverless-eu-west-1-111122223333",
        arn("orders"),
    )
    assert (created.account_name, created.region, created.reason) == ("pay", "eu-west-1", "NEW")
    assert found["scope_failing"].first[0].name == str(OTHER)
    assert found["scope_failing"].first[0].reason == "THROTTLED"
    assert found["not_ready"].first[0].message == finding().message
    assert {each.sweep_id for each in found.values()} == {full_report().sweep_id}


def test_a_write_that_failed_is_not_told_as_done() -> None:
    found = messages_by_kind(carried_out(full_report(), failed="orders"))
    assert "registered" not in found
    assert "removed" in found


def test_a_dry_run_and_an_unchanged_sweep_tell_nothing() -> None:
    assert not messages_by_kind(report(item(Action.CREATE, Reason.NEW)))
    assert not messages_by_kind(report(item(Action.KEEP, Reason.UNCHANGED)))


def test_what_goes_on_is_not_told_again() -> None:
    found = full_report(guard=REFUSED)
    once = next_conditions({}, found, tuple(NotifyKind), whole=True)
    assert not messages_by_kind(found, once)


def test_the_first_twenty_are_named_and_all_are_counted() -> None:
    many = [item(Action.CREATE, Reason.NEW, f"c{n:02}", applied=True) for n in range(25)]
    found = messages_by_kind(report(*many))["registered"]
    assert (found.text, found.count) == ("25 databases were registered", 25)
    assert [each.cache for each in found.first] == [f"c{n:02}" for n in range(20)]


def test_an_end_says_how_it_ended() -> None:
    before: Conditions = {
        NotifyKind.SCOPE_FAILING: frozenset({str(WEST), "999999999999/eu-west-1"}),
        NotifyKind.NOT_READY: frozenset({arn("orders"), arn("gone")}),
        NotifyKind.CONFLICT: frozenset({arn("orders"), "mine"}),
        NotifyKind.REFUSED: frozenset({"GUARD_COUNT"}),
    }
    ready: Any = item(Action.KEEP, Reason.UNCHANGED, iam=None)
    found = messages_by_kind(report(ready, scopes=scopes()[:1]), before)
    assert found["scope_back"].text == "2 scopes fail no more"
    assert [each.message for each in found["scope_back"].first] == [
        "read again",
        "not among the targets any more",
    ]
    assert "scope_failing" not in found
    not_ready = found["not_ready"]
    assert (not_ready.text, not_ready.count) == ("this ended for 2 caches", 0)
    assert [(each.name, each.message) for each in not_ready.ended] == [
        ("gone", "it is gone"),
        (ready.name, "it is not judged any more"),
    ]
    assert [each.message for each in found["conflict"].ended] == [
        "it is keep/UNCHANGED now",
        "it is gone",
    ]
    assert (found["refused"].text, found["refused"].ended_count) == (
        "removals are refused no more",
        1,
    )


def test_one_message_has_what_began_and_what_ended() -> None:
    before: Conditions = {NotifyKind.NOT_READY: frozenset({arn("gone")})}
    found = messages_by_kind(
        report(item(Action.KEEP, Reason.UNCHANGED, iam=judged(finding()))), before
    )
    assert found["not_ready"].text == (
        "nobody can log in with IAM to 1 cache; this ended for 1 cache"
    )
    assert (found["not_ready"].count, found["not_ready"].ended_count) == (1, 1)


def test_removals_that_were_refused_are_named() -> None:
    held = item(Action.HELD, Reason.GUARD_PERCENT, "legacy")
    found = messages_by_kind(report(held, guard=REFUSED))["refused"]
    assert (found.count, found.first[0].cache) == (1, "legacy")
