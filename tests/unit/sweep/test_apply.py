"""Carrying out a plan against a simulated control plane: outcomes, journal, races, stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import structlog.testing

import discovery.sweep.apply
import discovery.sweep.write
from discovery.control_plane.base import ControlPlaneError, Denied, Malformed, Rejected, Unavailable
from discovery.control_plane.embedded.control_plane import Embedded
from discovery.control_plane.retry import ATTEMPTS
from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import fingerprint
from discovery.model.values import Database, ItemError, ResourceName
from discovery.plan.item import Item
from discovery.sweep.apply import apply
from state.errors import Unwritable
from state.journal import IntentClosure
from state.records import Intent, IntentKind, IntentOutcome, RememberedState
from state.store import Store
from tests.support.simulated_control_plane import Fault, SimulatedControlPlane
from tests.support.state_records import (
    EXTERNAL_ID,
    SCOPE,
    START,
    arn_of,
    database_of,
    with_external_id,
)

OLD = database_of("old")
NEW = database_of("new")
LOST = Unavailable("the connection was reset; try again")


def item_of(
    action: Action,
    reason: Reason,
    database: Database,
    *,
    live: Database | None = None,
    previous: Database | None = None,
    cache: str = "sessions",
    replaces: bool = False,
) -> Item:
    return Item(
        scope=SCOPE,
        arn=arn_of(cache),
        cache=cache,
        name=database.name,
        previous_name=previous.name if previous else None,
        action=action,
        reason=reason,
        message="as planned",
        database=database,
        live=live or previous,
        replaces=replaces,
    )


def creation(database: Database = NEW, cache: str = "sessions") -> Item:
    return item_of(Action.CREATE, Reason.NEW, database, cache=cache)


def change(database: Database, live: Database = OLD) -> Item:
    return item_of(Action.UPDATE, Reason.LABELS_CHANGED, database, live=live)


def removal(database: Database = OLD) -> Item:
    return item_of(Action.DELETE, Reason.ABSENT, database, live=database)


def rename() -> Item:
    return item_of(Action.UPDATE, Reason.RENAMED, NEW, previous=OLD)


def with_label(database: Database, key: str, value: str | None) -> Database:
    labels = {name: text for name, text in database.labels.items() if name != key}
    return replace(database, labels=labels if value is None else {**labels, key: value})


CLOUD = with_label(OLD, "teleport.dev/origin", "cloud")
FOREIGN = with_label(OLD, "managed-by", None)


def replacement() -> Item:
    return item_of(Action.UPDATE, Reason.DRIFT, CLOUD, live=OLD, replaces=True)


class Journal:
    """A journal in memory that also tells in which order things happened."""

    def __init__(self, control_plane: SimulatedControlPlane) -> None:
        self.control_plane = control_plane
        self.intents: list[Intent] = []
        self.outcomes: dict[int, tuple[IntentOutcome, ItemError | None]] = {}
        self.writes_before: list[int] = []
        self.fail_begin_at: int | None = None
        self.fail_finish_at: int | None = None

    def write(self, entries: Sequence[Intent | IntentClosure]) -> list[int]:
        return [self._write(entry) for entry in entries]

    def _write(self, entry: Intent | IntentClosure) -> int:
        if isinstance(entry, Intent):
            return self.begin(entry)
        self.finish(entry.intent_id, entry.outcome, entry.error, entry.at)
        return entry.intent_id

    def begin(self, intent: Intent) -> int:
        if self.fail_begin_at == len(self.intents):
            raise Unwritable("the state file s.db cannot be written: the disk is full")
        self.intents.append(intent)
        self.writes_before.append(len(self.control_plane.writes))
        return len(self.intents)

    def finish(
        self, intent_id: int, outcome: IntentOutcome | None, error: ItemError | None, at: datetime
    ) -> None:
        if self.fail_finish_at == intent_id:
            raise Unwritable("the state file s.db cannot be written: the disk is full")
        assert intent_id not in self.outcomes
        if outcome is None:
            return
        assert at == START
        self.outcomes[intent_id] = (outcome, error)

    @property
    def open(self) -> list[int]:
        return [number for number in range(1, len(self.intents) + 1) if number not in self.outcomes]


@pytest.fixture
def sim() -> SimulatedControlPlane:
    return SimulatedControlPlane()


@pytest.fixture
def journal(sim: SimulatedControlPlane) -> Journal:
    return Journal(sim)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


async def run(
    sim: SimulatedControlPlane,
    journal: Journal,
    *items: Item,
    concurrency: int = 4,
    pauses: Pauses | None = None,
    known_failures: Mapping[ResourceName, str] = MappingProxyType({}),
    stop: asyncio.Event | None = None,
) -> tuple[Item, ...]:
    return await apply(
        items,
        control_plane=sim,
        journal=journal,
        group="prod",
        sweep_id="s1",
        clock=lambda: START,
        concurrency=concurrency,
        sleep=pauses if pauses is not None else Pauses(),
        known_failures=known_failures,
        stop=stop,
    )


ONE_OF_EACH = {
    "create": (creation(), [], {"new"}, IntentKind.CREATE),
    "update": (change(database_of("old", env="prod")), [OLD], {"old"}, IntentKind.UPDATE),
    "delete": (removal(), [OLD], set(), IntentKind.DELETE),
    "rename": (rename(), [OLD], {"new"}, IntentKind.RENAME),
    "replace": (replacement(), [OLD], {"old"}, IntentKind.REPLACE),
}
each_kind = pytest.mark.parametrize(
    ("item", "before", "after", "kind"), ONE_OF_EACH.values(), ids=ONE_OF_EACH
)


@each_kind
async def test_an_item_is_carried_out_and_journaled(
    sim: SimulatedControlPlane,
    journal: Journal,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
) -> None:
    sim.put(*before)
    (done,) = await run(sim, journal, item)
    assert (done.action, done.reason, done.applied, done.error) == (
        item.action,
        item.reason,
        True,
        None,
    )
    assert set(sim.resources) == after
    assert all(sim.resources[name] == item.database for name in after)
    (intent,) = journal.intents
    assert (intent.kind, intent.name, intent.arn) == (kind, item.name, item.arn)
    assert intent.previous_name == (item.previous_name if kind is IntentKind.RENAME else None)
    assert intent.database == item.database
    assert journal.writes_before == [0]
    assert journal.outcomes == {1: (IntentOutcome.DONE, None)}


@each_kind
async def test_carrying_it_out_twice_is_carrying_it_out_once(
    sim: SimulatedControlPlane,
    journal: Journal,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
) -> None:
    sim.put(*before)
    await run(sim, journal, item)
    (again,) = await run(sim, journal, item)
    assert again.error is None
    # A creation that finds the name taken was somebody else's, however alike; the rest is done.
    taken = (None, Reason.NAME_TAKEN_UNSEEN)
    expected = taken if kind is IntentKind.CREATE else (True, item.reason)
    assert (again.applied, again.reason) == expected
    assert set(sim.resources) == after


@each_kind
@pytest.mark.parametrize("landed", [False, True], ids=["request lost", "answer lost"])
@pytest.mark.parametrize("method", ["get", "create", "update", "delete"])
async def test_one_lost_call_is_made_good_by_another(
    sim: SimulatedControlPlane,
    journal: Journal,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
    method: str,
    landed: bool,
) -> None:
    sim.put(*before)
    sim.faults.append(Fault(method, LOST, landed=landed, times=2))
    pauses = Pauses()
    (done,) = await run(sim, journal, item, pauses=pauses)
    assert (done.applied, done.error) == (True, None)
    assert set(sim.resources) == after
    assert all(sim.resources[name] == item.database for name in after)
    assert journal.outcomes == {1: (IntentOutcome.DONE, None)}
    if any(call[0] == method for call in sim.calls):
        assert 1 <= len(pauses) <= 4
        assert all(0 <= pause <= 5 for pause in pauses)


@each_kind
async def test_no_answer_at_all_leaves_the_intent_open(
    sim: SimulatedControlPlane,
    journal: Journal,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
) -> None:
    sim.put(*before)
    sim.faults = [Fault(method, LOST, times=99) for method in ("get", "create", "update", "delete")]
    (failed,) = await run(sim, journal, item)
    assert (failed.action, failed.applied) == (item.action, False)
    assert failed.error == ItemError("UNAVAILABLE", str(LOST), retryable=True)
    assert len(sim.calls) == 4
    assert journal.open == [1]
    assert set(sim.resources) == {database.name for database in before}


@each_kind
async def test_a_denial_is_this_items_error_and_is_not_tried_again(
    sim: SimulatedControlPlane,
    journal: Journal,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
) -> None:
    sim.put(*before)
    denied = Denied("access denied to perform action on `db`")
    sim.faults = [
        Fault(method, denied, name=name)
        for method, name in (("create", "new"), ("update", "old"), ("delete", "old"))
        if (kind, method) != (IntentKind.RENAME, "delete")
    ]
    other = creation(database_of("other", "orders"), "orders")
    failed, fine = await run(sim, journal, item, other)
    expected = ItemError("DENIED", str(denied), retryable=False)
    assert (failed.action, failed.applied, failed.error) == (item.action, False, expected)
    assert fine.applied is True
    assert set(sim.resources) == {"other", *(database.name for database in before)}
    assert sorted(outcome.value for outcome, _ in journal.outcomes.values()) == ["done", "failed"]


async def test_items_that_do_not_write_come_back_as_they_are(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    kept = replace(creation(), action=Action.KEEP, reason=Reason.UNCHANGED)
    held = replace(removal(), action=Action.HELD, reason=Reason.WAITING)
    assert await run(sim, journal, kept, held) == (kept, held)
    assert sim.calls == []
    assert journal.intents == []
    assert await run(sim, journal) == ()


# Taken names


@pytest.mark.parametrize(
    "taken",
    [
        FOREIGN,
        with_label(NEW, "cachemuster/group", "other"),
        with_label(NEW, "cachemuster/arn", arn_of("orders")),
        with_label(NEW, "env", "other"),
        replace(NEW, description="mine"),
    ],
    ids=["foreign", "other group", "other cache", "ours with other labels", "ours, edited"],
)
async def test_a_create_that_finds_another_resource_is_a_conflict(
    sim: SimulatedControlPlane, journal: Journal, taken: Database
) -> None:
    taken = replace(taken, name=NEW.name)
    sim.put(taken)
    (found,) = await run(sim, journal, creation())
    assert (found.action, found.reason) == (Action.CONFLICT, Reason.NAME_TAKEN_UNSEEN)
    assert (found.applied, found.error) == (None, None)
    assert "left alone" in found.message
    assert sim.resources == {"new": taken}
    outcome, error = journal.outcomes[1]
    assert outcome is IntentOutcome.FAILED
    assert error is not None
    assert error.code == "NAME_TAKEN_UNSEEN"


async def test_a_name_taken_by_what_this_identity_cannot_see_is_a_conflict(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(NEW)
    sim.get = unseen  # type: ignore[method-assign]
    pauses = Pauses()
    (found,) = await run(sim, journal, creation(), pauses=pauses)
    assert found.reason is Reason.NAME_TAKEN_UNSEEN
    assert pauses == [0.5, 0.5]


async def unseen(name: ResourceName) -> Database | None:
    return None


async def test_a_rename_goes_on_from_a_new_one_that_is_there(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD, with_label(NEW, "env", "from an earlier plan"))
    (done,) = await run(sim, journal, rename())
    assert done.applied is True
    assert set(sim.resources) == {"new"}
    assert journal.outcomes[1] == (IntentOutcome.DONE, None)


async def test_a_name_that_an_unanswered_create_may_have_taken_leaves_the_intent_open(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    """The journal said that the rename had failed, and both names stood for ever."""
    sim.put(OLD)
    sim.faults.append(Fault("create", LOST, landed=True))
    sim.faults.append(Fault("get", Denied("not for you"), times=9))
    (failed,) = await run(sim, journal, rename())
    assert (failed.action, failed.applied) == (Action.UPDATE, False)
    assert failed.error is not None
    assert failed.error.retryable
    assert "not answered" in failed.error.message
    assert journal.open == [1]
    assert set(sim.resources) == {"old", "new"}


async def test_a_rename_onto_a_foreign_name_removes_nothing(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD, replace(FOREIGN, name=NEW.name))
    (found,) = await run(sim, journal, rename())
    assert found.reason is Reason.NAME_TAKEN_UNSEEN
    assert set(sim.resources) == {"old", "new"}
    assert sim.writes == [("create", "new")]


# Rejections


@pytest.mark.parametrize(
    ("item", "method"),
    [
        (creation(), "create"),
        (change(database_of("old", env="prod")), "update"),
        (rename(), "create"),
    ],
    ids=["create", "update", "rename"],
)
async def test_what_the_server_rejects_is_blocked_with_its_sentence(
    sim: SimulatedControlPlane, journal: Journal, item: Item, method: str
) -> None:
    sim.put(OLD)
    sentence = "bad value x[/bold]y \x1b[31m"
    sim.faults = [Fault(method, Rejected(sentence))]
    (blocked,) = await run(sim, journal, item)
    assert (blocked.action, blocked.reason) == (Action.BLOCKED, Reason.REJECTED)
    assert (blocked.message, blocked.applied, blocked.error) == (sentence, None, None)
    assert set(sim.resources) == {"old"}
    assert journal.outcomes[1][0] is IntentOutcome.FAILED


async def test_a_rejected_delete_is_an_error(sim: SimulatedControlPlane, journal: Journal) -> None:
    sim.put(OLD)
    sim.faults = [Fault("delete", Rejected("no"))]
    (failed,) = await run(sim, journal, removal())
    assert (failed.action, failed.applied) == (Action.DELETE, False)
    assert failed.error == ItemError("REJECTED", "no", retryable=False)


async def test_a_sentence_that_repeats_the_external_id_is_made_discreet(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.faults = [Fault("create", Rejected(f"external ID {EXTERNAL_ID} is no good"))]
    (blocked,) = await run(sim, journal, creation(with_external_id(NEW)))
    assert blocked.message == f"external ID {fingerprint(EXTERNAL_ID)} is no good"
    assert EXTERNAL_ID not in str(journal.outcomes)


# Ownership, read again


@pytest.mark.parametrize(
    "item",
    [change(database_of("old", env="prod")), removal(), replacement()],
    ids=["update", "delete", "replace"],
)
@pytest.mark.parametrize(
    "meddled",
    [
        FOREIGN,
        with_label(OLD, "cachemuster/group", "other"),
        with_label(OLD, "cachemuster/arn", arn_of("orders")),
        replace(OLD, spec={**OLD.spec, "aws": {**OLD.spec["aws"], "account_id": "9" * 12}}),
    ],
    ids=["foreign", "other group", "other ARN", "disagrees with itself"],
)
async def test_a_resource_that_got_another_owner_is_not_written(
    sim: SimulatedControlPlane, journal: Journal, item: Item, meddled: Database
) -> None:
    sim.put(meddled)
    (found,) = await run(sim, journal, item)
    assert (found.action, found.reason) == (Action.CONFLICT, Reason.OWNER_CHANGED)
    assert (found.applied, found.error) == (None, None)
    assert sim.writes == []
    assert journal.outcomes[1][0] is IntentOutcome.FAILED


async def test_ownership_is_read_again_before_a_retry_too(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("delete", LOST, meddle=lambda: sim.put(FOREIGN))]
    (found,) = await run(sim, journal, removal())
    assert found.reason is Reason.OWNER_CHANGED
    assert sim.resources == {"old": FOREIGN}


async def test_a_rename_whose_old_one_got_another_owner_says_that_both_stand(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(FOREIGN)
    (failed,) = await run(sim, journal, rename())
    assert (failed.action, failed.applied) == (Action.UPDATE, False)
    assert failed.error is not None
    assert failed.error.code == "OWNER_CHANGED"
    assert "new is registered, but old could not be removed" in failed.error.message
    assert set(sim.resources) == {"new", "old"}
    assert journal.open == [1]


# Updates


async def test_an_update_keeps_what_somebody_else_changed_meanwhile(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    listed = replace(OLD, spec={**OLD.spec, "ad": {"domain": "a"}})
    planned = with_label(listed, "env", "prod")
    edited = replace(
        with_label(listed, "note", "just added"),
        spec={**listed.spec, "ad": {"domain": "b"}, "tls": {"mode": "verify-ca"}},
    )
    sim.put(edited)
    (done,) = await run(sim, journal, change(planned, live=listed))
    assert done.applied is True
    written = with_label(edited, "env", "prod")
    assert sim.resources == {"old": written}
    assert done.database == written


async def test_an_update_hands_back_what_it_just_read(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD)
    stale = replace(database_of("old", env="prod"), revision="stale", opaque=b"stale")
    fresh = sim.resources["old"]
    (done,) = await run(sim, journal, change(stale))
    assert done.database is not None
    assert (done.database.revision, done.database.opaque) == (fresh.revision, fresh.opaque)


async def test_an_update_that_is_there_already_is_not_written_again(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    planned = database_of("old", env="prod")
    sim.put(planned)
    (done,) = await run(sim, journal, change(planned))
    assert done.applied is True
    assert sim.writes == []


@pytest.mark.parametrize("seen", [True, False], ids=["before the read", "before the write"])
async def test_an_update_of_what_vanished_fails_and_creates_nothing(
    sim: SimulatedControlPlane, journal: Journal, seen: bool
) -> None:
    sim.put(OLD)
    if seen:
        sim.resources.clear()
    else:
        sim.faults = [Fault("update", meddle=sim.resources.clear)]
    (failed,) = await run(sim, journal, change(database_of("old", env="prod")))
    assert (failed.action, failed.applied) == (Action.UPDATE, False)
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == ("NOT_FOUND", True)
    assert sim.resources == {}
    assert journal.outcomes[1][0] is IntentOutcome.FAILED


async def test_a_delete_of_what_is_gone_is_done(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("delete", meddle=sim.resources.clear)]
    (done,) = await run(sim, journal, removal())
    assert (done.applied, done.error) == (True, None)


# Halves


@pytest.mark.parametrize(
    "error", [Denied("no"), Malformed("what?"), LOST], ids=["denied", "malformed", "unavailable"]
)
async def test_a_rename_whose_second_half_fails_says_so_and_stays_open(
    sim: SimulatedControlPlane, journal: Journal, error: ControlPlaneError
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("delete", error, times=9)]
    (failed,) = await run(sim, journal, rename())
    assert (failed.action, failed.applied) == (Action.UPDATE, False)
    assert failed.error is not None
    assert failed.error.code == error.code
    assert str(error) in failed.error.message
    assert failed.error.retryable
    assert set(sim.resources) == {"old", "new"}
    assert journal.open == [1]


async def test_a_replacement_that_is_refused_puts_back_what_was_there(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    admin = with_label(OLD, "teleport.dev/db-admin", "root")
    sim.put(admin)
    item = item_of(
        Action.UPDATE,
        Reason.DRIFT,
        with_label(admin, "teleport.dev/origin", "cloud"),
        live=admin,
        replaces=True,
    )
    (failed,) = await run(sim, journal, item)
    assert (failed.action, failed.applied) == (Action.UPDATE, False)
    assert failed.error is not None
    assert failed.error.code == "REJECTED"
    assert "is back as it was" in failed.error.message
    assert sim.resources == {"old": admin}
    assert journal.outcomes[1][0] is IntentOutcome.FAILED


async def test_a_replacement_that_fails_for_good_says_so_and_stays_open(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("create", Denied("no"), times=9)]
    (failed,) = await run(sim, journal, replacement())
    assert failed.applied is False
    assert failed.error is not None
    assert "was removed to be registered anew" in failed.error.message
    assert failed.error.retryable
    assert sim.resources == {}
    assert journal.open == [1]


async def test_a_replacement_keeps_foreign_settings_as_just_read(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    edited = replace(OLD, spec={**OLD.spec, "tls": {"mode": "verify-ca"}})
    sim.put(edited)
    (done,) = await run(sim, journal, replacement())
    assert done.applied is True
    assert sim.resources["old"].spec["tls"] == {"mode": "verify-ca"}
    assert sim.resources["old"].labels["teleport.dev/origin"] == "cloud"


# Many items


def many(count: int) -> list[Item]:
    return [creation(database_of(f"n{n:03}", f"c{n}"), f"c{n}") for n in range(count)]


async def test_at_most_so_many_writes_at_once(sim: SimulatedControlPlane, journal: Journal) -> None:
    sim.crowd, sim.faults = 4, [Fault("create", hang=True, times=40)]
    task = asyncio.create_task(run(sim, journal, *many(40), concurrency=4))
    await sim.crowded.wait()
    sim.release.set()
    done = await task
    assert all(item.applied for item in done)
    assert [item.name for item in done] == [f"n{n:03}" for n in range(40)]
    assert sim.most_at_once == 4


async def test_what_adds_goes_before_what_removes(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    gone, moved = database_of("gone", "gone"), database_of("moved", "moved")
    sim.put(gone, moved)
    items = [
        item_of(Action.DELETE, Reason.ABSENT, gone, live=gone, cache="gone"),
        item_of(
            Action.UPDATE,
            Reason.RENAMED,
            database_of("m2", "moved"),
            previous=moved,
            cache="moved",
        ),
        *reversed(many(2)),
    ]
    done = await run(sim, journal, *items, concurrency=1)
    assert [item.name for item in done] == ["gone", "m2", "n001", "n000"]
    assert sim.writes == [
        ("create", "n000"),
        ("create", "n001"),
        ("create", "m2"),
        ("delete", "moved"),
        ("delete", "gone"),
    ]


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), KeyError("x"), TimeoutError()], ids=["runtime", "key", "timeout"]
)
async def test_a_bug_in_one_item_stops_nothing_but_itself(
    sim: SimulatedControlPlane,
    journal: Journal,
    logs: list[MutableMapping[str, Any]],
    error: Exception,
) -> None:
    sim.faults = [Fault("create", error, name="n001")]
    done = await run(sim, journal, *many(6))
    assert [item.applied for item in done] == [True, False, True, True, True, True]
    failed = done[1].error
    assert failed is not None
    assert failed.code == ("TIMEOUT" if isinstance(error, TimeoutError) else "INTERNAL")
    assert "next sweep looks" in failed.message
    assert len(journal.open) == 1
    broken = [entry["exc_info"] for entry in logs if entry["event"] == "item.broke"]
    assert broken == ([error] if failed.code == "INTERNAL" else [])


async def test_an_item_without_what_it_needs_is_an_error_of_its_own(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    broken = [
        replace(creation(), arn=None),
        replace(creation(), database=None),
        replace(removal(), name=None),
        replace(rename(), previous_name=None),
    ]
    done = await run(sim, journal, *broken, *many(1))
    assert [item.applied for item in done] == [False] * 4 + [True]
    assert {item.error.code for item in done if item.error} == {"INTERNAL"}


async def test_a_step_that_takes_too_long_is_given_up(
    sim: SimulatedControlPlane, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery.sweep.write, "CALL_DEADLINE_S", 0.05)
    sim.faults = [Fault("create", name="n000", hang=True)]
    done = await run(sim, journal, *many(2))
    assert done[0].error is not None
    assert (done[0].error.code, done[0].error.retryable) == ("TIMEOUT", True)
    assert done[1].applied is True
    assert journal.open == [1]


# The journal in trouble


async def test_without_a_journal_nothing_is_written(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    journal.fail_begin_at = 2
    done = await run(sim, journal, *many(6), concurrency=1)
    assert [item.applied for item in done] == [True, True, False, False, False, False]
    assert {item.error.code for item in done if item.error} == {"STATE"}
    assert all("disk is full" in item.error.message for item in done if item.error)
    assert set(sim.resources) == {"n000", "n001"}


async def test_an_outcome_that_cannot_be_journaled_is_said_and_stops_the_rest(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    journal.fail_finish_at = 1
    done = await run(sim, journal, *many(3), concurrency=1)
    assert [item.applied for item in done] == [True, False, False]
    assert done[0].error is not None
    assert "it was written, but state does not know" in done[0].error.message
    assert set(sim.resources) == {"n000"}


# Being stopped


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


async def test_told_to_stop_it_ends_the_write_in_progress_and_returns(
    sim: SimulatedControlPlane, journal: Journal, stop: asyncio.Event
) -> None:
    sim.faults = [Fault("create", name="n001", hang=True)]
    task = asyncio.create_task(run(sim, journal, *many(4), concurrency=1, stop=stop))
    await sim.hanging.wait()
    stop.set()
    await asyncio.sleep(0)
    sim.release.set()
    done = await task
    assert [item.applied for item in done] == [True, True, False, False]
    assert {(e.code, e.retryable) for item in done if (e := item.error)} == {("INTERRUPTED", True)}
    assert journal.open == []
    assert set(sim.resources) == {"n000", "n001"}


@pytest.mark.parametrize("turns", range(12))
async def test_a_stop_while_the_last_write_ends_loses_no_outcome(
    sim: SimulatedControlPlane, journal: Journal, stop: asyncio.Event, turns: int
) -> None:
    sim.faults = [Fault("create", hang=True)]
    task = asyncio.create_task(run(sim, journal, *many(1), stop=stop))
    await sim.hanging.wait()
    sim.release.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    stop.set()
    (done,) = await task
    assert done.applied is True
    assert journal.open == []


async def test_stopped_before_its_start_it_attempts_nothing(
    sim: SimulatedControlPlane, journal: Journal, stop: asyncio.Event
) -> None:
    stop.set()
    done = await run(sim, journal, *many(2), stop=stop)
    assert {item.error.code for item in done if item.error} == {"INTERRUPTED"}
    assert (sim.resources, journal.open) == ({}, [])


async def test_told_to_stop_it_does_not_wait_for_ever(
    sim: SimulatedControlPlane,
    journal: Journal,
    stop: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery.sweep.apply, "LAST_WRITES_S", 0.05)
    sim.faults = [Fault("create", name="n000", hang=True)]
    task = asyncio.create_task(run(sim, journal, *many(2), concurrency=1, stop=stop))
    await sim.hanging.wait()
    stop.set()
    hung, waiting = await task
    assert hung.error is not None
    assert waiting.error is not None
    assert "whether it was written is not known" in hung.error.message
    assert "before it was attempted" in waiting.error.message
    assert journal.open == [1]


async def test_cancelled_it_stops_at_once(
    sim: SimulatedControlPlane, journal: Journal, stop: asyncio.Event
) -> None:
    sim.faults = [Fault("create", hang=True)]
    task = asyncio.create_task(run(sim, journal, *many(2), concurrency=1, stop=stop))
    await sim.hanging.wait()
    stop.set()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


async def test_stopping_ends_retries(
    sim: SimulatedControlPlane, journal: Journal, stop: asyncio.Event
) -> None:
    sim.faults = [Fault("create", LOST, times=99, hang=True)]
    task = asyncio.create_task(run(sim, journal, *many(1), stop=stop))
    await sim.hanging.wait()
    stop.set()
    await asyncio.sleep(0)
    sim.release.set()
    (failed,) = await task
    assert failed.error is not None
    assert failed.error.code == "UNAVAILABLE"
    assert len(sim.calls) == 1


# With the real registry and the real state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state.db") as opened:
        yield opened


@each_kind
async def test_the_registry_and_state_agree_afterwards(
    tmp_path: Path,
    store: Store,
    item: Item,
    before: list[Database],
    after: set[str],
    kind: IntentKind,
) -> None:
    async with Embedded(tmp_path / "registry.db") as registry:
        for database in before:
            await registry.create(database)
        (done,) = await apply(
            [item],
            control_plane=registry,
            journal=store,
            group="prod",
            sweep_id="s1",
            clock=lambda: START,
        )
        listed = await registry.list_databases()
    state: RememberedState = store.load()
    assert done.applied is True
    assert {database.name for database in listed} == after == set(state.registrations)
    assert all(state.registrations[each.name].database == each for each in listed)
    assert state.open_intents == ()
    assert [entry.name for entry in store.history()] == [item.name]
    assert json.dumps([database.document() for database in listed])


@pytest.mark.parametrize(
    ("reason", "is_another", "expected"),
    [
        pytest.param(Reason.EXCLUDED, False, True, id="the-list-lags"),
        pytest.param(Reason.EXCLUDED, True, None, id="another-agent-made-it-again"),
        pytest.param(Reason.ABSENT, True, True, id="its-cache-is-gone"),
    ],
)
async def test_a_removal_done_before_removes_nothing_that_stands_there_since(
    sim: SimulatedControlPlane,
    journal: Journal,
    reason: Reason,
    is_another: bool,
    expected: bool | None,
) -> None:
    """The list shows the revision that was removed; a look just before shows what is there."""
    sim.put(OLD)
    shown = sim.resources[OLD.name]
    if is_another:
        sim.put(OLD)
    item = replace(removal(shown), reason=reason, removed_before=True)
    (found,) = await run(sim, journal, item)
    assert found.applied is expected
    if expected is None:
        assert (found.action, found.reason) == (Action.CONFLICT, Reason.RESTORED)
        assert "exists again" in found.message
    assert (OLD.name in sim.resources) is (expected is None)


@pytest.mark.parametrize("error", [Rejected("no"), Unavailable("gone")], ids=lambda e: e.code)
async def test_a_write_that_fails_as_it_did_before_is_no_news(
    sim: SimulatedControlPlane,
    journal: Journal,
    logs: list[MutableMapping[str, Any]],
    error: ControlPlaneError,
) -> None:
    sim.faults = [Fault("create", error, times=2 * ATTEMPTS)]
    item = creation()
    assert item.name is not None
    for known, level in ({}, "warning"), ({item.name: error.code}, "debug"):
        logs.clear()
        await run(sim, journal, item, known_failures=known)
        assert [entry["log_level"] for entry in logs] == [level]


@pytest.mark.parametrize("error", [LOST, Denied("no")], ids=lambda e: e.code)
async def test_nothing_is_removed_to_be_registered_anew_while_registering_fails(
    sim: SimulatedControlPlane, journal: Journal, error: ControlPlaneError
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("create", error, times=100)]
    done = await run(sim, journal, creation(), replacement(), concurrency=1)
    assert [item.error and item.error.code for item in done] == [error.code, error.code]
    assert set(sim.resources) == {"old"}
    assert ("delete", "old") not in sim.calls


async def test_a_registration_that_comes_through_lets_origins_change_again(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    sim.put(OLD)
    sim.faults = [Fault("create", Denied("this one"), name="n000")]
    done = await run(sim, journal, *many(2), replacement(), concurrency=1)
    assert [item.applied for item in done] == [False, True, True]


async def test_of_many_origins_to_change_one_is_tried_first(
    sim: SimulatedControlPlane, journal: Journal
) -> None:
    standing = [database_of(f"n{n:03}", f"c{n}") for n in range(12)]
    sim.put(*standing)
    sim.faults = [Fault("create", LOST, times=1000)]
    items = [
        item_of(Action.UPDATE, Reason.DRIFT, each, live=each, replaces=True, cache=f"c{n}")
        for n, each in enumerate(standing)
    ]
    await run(sim, journal, *items, concurrency=12)
    assert len(sim.resources) == 11
