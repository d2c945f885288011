"""What `status` tells of a memory."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from discovery.model.codes import Action, Reason, ScopeReason, ScopeStatus
from discovery.model.values import AccountId, Region, Scope
from discovery.reports.document import timestamp
from discovery.reports.status import (
    Status,
    service_sentence,
    status_document,
    status_sentence,
    write_status_document,
)
from discovery.reports.terminal.status_table import write_status_table
from state.lock import FREE, Holder, LockStatus
from state.records import (
    Intent,
    IntentKind,
    OpenIntent,
    PendingRemoval,
    Registration,
    RememberedRegions,
    RememberedScope,
    RememberedState,
    StateIdentity,
    SweepRecord,
)
from tests.support.report_samples import EARLIER, NOW, OTHER, SECRET, WEST, arn, database

ORDERS = database("orders")
LEGACY = database("legacy")


def make_state() -> RememberedState:
    return RememberedState(
        registrations={
            one.name: Registration(
                name=one.name, arn=arn(name), database=one, registered_at=EARLIER, updated_at=NOW
            )
            for name, one in (("orders", ORDERS), ("legacy", LEGACY))
        },
        pending_removals={
            LEGACY.name: PendingRemoval(
                name=LEGACY.name,
                arn=arn("legacy"),
                reason=Reason.ABSENT,
                scans=1,
                since=EARLIER,
                last_at=NOW,
            )
        },
        scopes={
            OTHER: RememberedScope(
                scope=OTHER,
                last_attempt_at=NOW,
                last_complete_at=EARLIER - timedelta(days=1),
                failing_since=EARLIER,
                status=ScopeStatus.FAILED,
                reason=ScopeReason.DENIED,
                message="AWS said no\x1b[2J.",
                caches=3,
            ),
            WEST: RememberedScope(
                scope=WEST,
                last_attempt_at=NOW,
                last_complete_at=NOW,
                failing_since=None,
                status=ScopeStatus.COMPLETE,
                reason=None,
                message="",
                caches=2,
            ),
        },
        open_intents=(
            OpenIntent(
                intent_id=7,
                intent=Intent(
                    sweep_id="s1",
                    kind=IntentKind.CREATE,
                    action=Action.CREATE,
                    reason=Reason.NEW,
                    arn=arn("orders"),
                    scope=WEST,
                    name=ORDERS.name,
                    previous_name=None,
                    database=ORDERS,
                    at=NOW,
                ),
            ),
        ),
        finished_sweeps=4,
        identity=StateIdentity(
            control_plane="embedded", cluster="/r.db", group="prod", endpoint_override=True
        ),
        last_sweep=SweepRecord(
            sweep_id="s1",
            started_at=EARLIER,
            finished_at=NOW,
            complete=False,
            exit_code=3,
            checksum="ab" * 32,
            summary={"create": 1},
        ),
    )


STATUS = Status(state=make_state(), path=Path("/var/lib/cachemuster.db"), now=NOW)
NOTHING = Status(state=RememberedState(), path=Path("/nowhere.db"), now=NOW)


def table(status: Status, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    write_status_table(status, stream, verbose=verbose)
    return stream.getvalue()


def test_the_sentence_counts_what_matters() -> None:
    assert status_sentence(STATUS) == (
        "2 registrations in 1 account; 1 waiting; 1 scope unread since 09:14"
    )


def test_the_table_lists_unread_scopes_and_waiting_removals() -> None:
    text = table(STATUS)
    flat = " ".join(text.split())
    assert "1 read, 1 unread" in text
    assert (
        r"DENIED · failing since 09:14 · 3 caches at 2026-11-22 09:14 AWS said no\x1b[2J." in flat
    )
    assert "ABSENT for 1 scan, since 09:14" in flat
    assert "! unfinished create of orders-" in text
    assert "Last sweep 2026-11-23 09:24:07 UTC, exit 3, some scopes unread" in text
    assert "a simulated AWS" in text
    assert text.splitlines()[-1] == status_sentence(STATUS)


def test_registrations_are_listed_when_asked_for() -> None:
    assert f"= {ORDERS.name}" not in table(STATUS)
    assert ORDERS.name in table(STATUS, verbose=True)


def test_without_a_file_there_is_nothing_to_tell() -> None:
    text = table(NOTHING)
    assert "No sweep has finished with this state yet." in text
    assert status_sentence(NOTHING) == "0 registrations in 0 accounts"


def test_the_document_holds_the_same() -> None:
    stream = io.StringIO()
    write_status_document(STATUS, stream)
    found = json.loads(stream.getvalue())
    assert found == status_document(STATUS)
    assert found["last_sweep"]["exit_code"] == 3
    assert [scope["status"] for scope in found["scopes"]] == ["complete", "failed"]
    assert [one["reason"] for one in found["waiting"]] == ["ABSENT"]
    assert found["unfinished"][0]["action"] == "create"
    assert SECRET not in stream.getvalue()


def test_the_document_of_nothing_is_complete() -> None:
    found = status_document(NOTHING)
    assert set(found) == set(status_document(STATUS))
    assert (found["belongs_to"], found["last_sweep"], found["scopes"]) == (None, None, [])


def test_what_another_agent_registered_does_not_wait_to_be_removed() -> None:
    """It is left alone, whatever the count: a countdown would promise what never happens."""
    before = make_state()
    legacy = before.registrations[LEGACY.name]
    pending_removals = {
        LEGACY.name: replace(before.pending_removals[LEGACY.name], reason=Reason.UNMATCHED)
    }
    theirs = {**before.registrations, LEGACY.name: replace(legacy, inherited=True)}
    status = replace(
        STATUS, state=replace(before, registrations=theirs, pending_removals=pending_removals)
    )
    text = table(status)
    assert "Another agent's (1)" in text
    assert "Waiting" not in text
    assert "to go" not in text
    assert "1 of another agent" in status_sentence(status)
    found = status_document(status)
    assert (found["waiting"], [each["name"] for each in found["of_another_agent"]]) == (
        [],
        [LEGACY.name],
    )
    gone = replace(pending_removals[LEGACY.name], reason=Reason.ABSENT)
    status = replace(status, state=replace(status.state, pending_removals={LEGACY.name: gone}))
    assert "Waiting (1)" in table(status)


def test_how_old_the_lists_of_regions_are() -> None:
    """A region enabled since then is not scanned by the service yet."""
    listed = {
        account: RememberedRegions(
            account_id=account, regions=frozenset({Region("eu-west-1")}), read_at=read_at
        )
        for account, read_at in ((WEST.account_id, NOW), (AccountId("9" * 12), EARLIER))
    }
    status = replace(STATUS, state=replace(make_state(), regions=listed))
    assert "Regions as of 09:14, 2 accounts" in table(status)
    found = status_document(status)["regions"]
    assert found[0] == {
        "account_id": WEST.account_id,
        "account_name": None,
        "as_of": timestamp(NOW),
        "enabled": ["eu-west-1"],
    }
    assert "Regions as of" not in table(STATUS)


def test_the_same_denial_of_many_regions_is_told_once() -> None:
    scopes = [Scope(OTHER.account_id, Region(name)) for name in ("ap-south-1", "ap-south-2")]
    elsewhere = Scope(WEST.account_id, Region("ap-south-1"))
    message = "elasticache:DescribeServerlessCaches was denied in {}; allow it"
    denied = {
        scope: replace(make_state().scopes[OTHER], scope=scope, message=message.format(scope))
        for scope in (*scopes, elsewhere)
    }
    other = replace(make_state().scopes[OTHER], message="it took too long")
    text = table(replace(STATUS, state=replace(make_state(), scopes={**denied, OTHER: other})))
    flat = " ".join(text.split())
    assert flat.count("; allow it") == 1
    assert flat.count("it took too long") == 1
    first, *later = sorted(denied, key=lambda scope: scope.key)
    assert f"was denied in {first}; allow it" in flat
    for scope in later:
        assert f"{scope} · DENIED" in flat
    assert flat.count(f"· as {first}") == len(later)


def test_a_service_that_runs_is_shown_with_its_next_sweep() -> None:
    holder = Holder(4711, "run", "build-7", EARLIER)
    due = NOW + timedelta(minutes=5)

    def shown(service: LockStatus) -> str:
        return service_sentence(
            Status(state=RememberedState(), path=Path("s.db"), now=NOW, service=service)
        )

    assert shown(FREE) == "No service runs with this state file"
    assert shown(LockStatus(is_held=True)) == "A service runs with this state file"
    running = "A service has run since 09:14 on build-7"
    assert shown(LockStatus(True, holder)) == f"{running}, and is sweeping now"
    waits = replace(holder, next_sweep_at=due)
    assert shown(LockStatus(True, waits)) == f"{running}; its next sweep is due at 09:29"
    late = replace(holder, next_sweep_at=EARLIER)
    assert shown(LockStatus(True, late)) == f"{running}; its next sweep was due at 09:14"
    document = status_document(
        Status(
            state=RememberedState(),
            path=Path("s.db"),
            now=NOW,
            service=LockStatus(True, waits),
        )
    )
    assert document["service"] == {
        "running": True,
        "since": timestamp(EARLIER),
        "next_sweep_at": timestamp(due),
        "host": "build-7",
        "pid": 4711,
    }


def test_accounts_have_their_names() -> None:
    status = replace(STATUS, account_names={OTHER.account_id: "data"})
    assert f"data {OTHER}" in table(status)
    shown = {each["account_id"]: each["account_name"] for each in status_document(status)["scopes"]}
    assert shown[OTHER.account_id] == "data"
    assert shown[WEST.account_id] is None
