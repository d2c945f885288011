"""The store against a real file: what is acknowledged is there, and nothing else is."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import state.sqlite as file
from discovery.model.agent import this_agent
from discovery.model.codes import ScopeReason, ScopeStatus
from discovery.model.fingerprint import fingerprint
from discovery.model.values import AccountId, Arn, ItemError, ResourceName, Scope, Tags
from state.errors import StateError
from state.journal import IntentClosure
from state.records import (
    Intent,
    IntentKind,
    IntentOutcome,
    RememberedAccount,
    RememberedState,
    RemovedRegistration,
    TakenName,
)
from state.reserve import reserve_of
from state.store import ReadOnlyStore, Store, load_state
from tests.support.state_records import (
    EXTERNAL_ID,
    IDENTITY,
    OTHER_SCOPE,
    SCOPE,
    START,
    STEP,
    arn_of,
    cache_of,
    database_of,
    entry_of,
    intent_of,
    miss_of,
    outcome_of,
    registration_of,
    scope_of,
    with_external_id,
)

DAY = timedelta(days=1)
SESSIONS = ResourceName("sessions")
DENIED = ItemError("DENIED", "access denied to `db`", retryable=False)


def test_a_new_file_remembers_nothing(store: Store) -> None:
    assert store.load() == RememberedState()


def test_without_a_file_the_state_is_empty_and_no_file_is_made(path: Path) -> None:
    assert load_state(path) == RememberedState()
    assert ReadOnlyStore(path).history() == ()
    assert list(path.parent.iterdir()) == []


def test_the_file_and_its_companions_are_private(path: Path) -> None:
    with Store.open(path) as store:
        store.begin(intent_of())
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    assert modes == {"state.db": "0o600", "state.db-wal": "0o600", "state.db-shm": "0o600"}


def test_a_file_that_others_may_read_is_made_private(path: Path) -> None:
    Store.open(path).close()
    path.chmod(0o644)
    Store.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_commits_are_flushed_to_disk_and_the_log_is_a_wal(store: Store) -> None:
    pragmas = {
        name: store._database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


def test_a_recorded_sweep_comes_back_as_it_was(store: Store, path: Path) -> None:
    unread = replace(cache_of("fresh"), tags=None, created_at=None, iam=None, vpc_id=None)
    elsewhere = cache_of("orders", scope=OTHER_SCOPE, at=START - STEP)
    untagged = replace(cache_of("plain"), tags=Tags({}, START, confirmed=False))
    failed = replace(
        scope_of(OTHER_SCOPE),
        last_complete_at=None,
        failing_since=START,
        status=ScopeStatus.FAILED,
        reason=ScopeReason.THROTTLED,
        message="x[/bold]y \x1b[31m \ud800",
        caches=None,
    )
    account = replace(scope_of(Scope(AccountId("777788889999"), None)), caches=None)
    outcome = outcome_of(
        caches=(cache_of("sessions"), unread, elsewhere, untagged),
        scopes=(scope_of(caches=2), failed, account),
        pending_removals=(miss_of("old"),),
        inherited=(registration_of("orders"),),
        history=(entry_of("seen"),),
    )
    store.record(outcome)
    escaped = replace(failed, message="x[/bold]y \x1b[31m \\ud800")
    for state in (store.load(), load_state(path)):
        assert state == RememberedState(
            caches={cache.arn: cache for cache in outcome.caches_seen},
            registrations={ResourceName("orders"): registration_of("orders")},
            pending_removals={ResourceName("old"): miss_of("old")},
            scopes={scope.scope: scope for scope in (scope_of(caches=2), escaped, account)},
            finished_sweeps=1,
            matching_digest="digest-1",
            identity=IDENTITY,
            last_sweep=outcome.record,
        )
    recorded = replace(entry_of("seen"), agent=this_agent(), checksum=outcome.record.checksum)
    assert store.history() == (recorded,)


def test_a_cache_that_is_no_longer_seen_keeps_the_time_it_was_last_seen(store: Store) -> None:
    both = (cache_of("sessions"), cache_of("orders"))
    store.record(outcome_of(1, caches=both))
    later = START + STEP
    store.record(outcome_of(2, at=later, caches=(cache_of("sessions", at=later),)))
    caches = store.load().caches
    assert caches[arn_of("sessions")].last_seen_at == later
    assert caches[arn_of("orders")] == cache_of("orders")


def test_a_gone_cache_and_a_forgotten_registration_are_gone(store: Store) -> None:
    store.record(
        outcome_of(
            1,
            caches=(cache_of("sessions"),),
            inherited=(registration_of("sessions"), registration_of("orders")),
        )
    )
    store.record(outcome_of(2, gone=(arn_of("sessions"),), forgotten=(SESSIONS,)))
    state = store.load()
    assert state.caches == {}
    assert set(state.registrations) == {"orders"}


@pytest.mark.parametrize("finished", [True, False])
def test_names_of_accounts_stay_until_others_are_read_or_they_are_forgotten(
    store: Store, path: Path, finished: bool
) -> None:
    one, other = AccountId("111122223333"), AccountId("444455556666")
    named = tuple(RememberedAccount(account_id=each, name="pay") for each in (one, other))
    store.record(outcome_of(1, named=named, finished=finished))
    store.record(outcome_of(2, finished=finished))
    assert store.load().account_names == {one: "pay", other: "pay"}
    renamed = (RememberedAccount(account_id=one, name="payments"),)
    store.record(outcome_of(3, named=renamed, unnamed=[other], finished=finished))
    assert load_state(path).account_names == {one: "payments"}
    assert ReadOnlyStore(path).account_names() == {one: "payments"}


def test_misses_that_are_not_named_again_are_dropped(store: Store) -> None:
    store.record(outcome_of(1, pending_removals=(miss_of("a"), miss_of("b"))))
    store.record(outcome_of(2, pending_removals=(miss_of("b", scans=2, at=START + STEP),)))
    assert store.load().pending_removals == {"b": miss_of("b", scans=2, at=START + STEP)}


def test_a_sweep_without_a_plan_leaves_its_scopes_and_its_record_only(store: Store) -> None:
    store.record(outcome_of(1, pending_removals=(miss_of("a"),), inherited=(registration_of("a"),)))
    before = store.load()
    later = START + STEP
    store.record(outcome_of(2, at=later, finished=False))
    after = store.load()
    assert after.scopes == {SCOPE: scope_of(at=later, caches=0)}
    assert after.last_sweep is not None
    assert after.last_sweep.sweep_id == "sweep-2"
    assert replace(after, scopes=before.scopes, last_sweep=before.last_sweep) == before


@pytest.mark.slow
def test_an_unchanged_sweep_writes_a_few_rows_and_kilobytes(path: Path) -> None:
    scopes = [Scope(AccountId(f"{number:012d}"), SCOPE.region) for number in range(40)]
    with Store.open(path) as store:
        for number in (1, 2):
            at = START + number * STEP
            before = store._database.conn.total_changes
            store.record(
                outcome_of(
                    number,
                    at=at,
                    caches=tuple(
                        cache_of(f"c{index}", scope=scopes[index % 40], at=at)
                        for index in range(2000)
                    ),
                    scopes=tuple(scope_of(scope, at=at) for scope in scopes),
                )
            )
            rows = store._database.conn.total_changes - before
            if number == 1:
                store._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert rows < 10
        assert path.with_name("state.db-wal").stat().st_size < 64 * 1024
        assert len(store.load().caches) == 2000


def test_tags_read_at_another_time_in_each_cache_come_back_exactly(store: Store) -> None:
    for number in (1, 2, 3):
        at = START + number * STEP
        caches = tuple(
            replace(
                cache_of(f"c{index}", at=at),
                tags=Tags({"n": str(index)}, at - timedelta(seconds=index % 4), confirmed=False),
            )
            for index in range(12)
        )
        store.record(outcome_of(number, at=at, caches=caches))
        assert store.load().caches == {cache.arn: cache for cache in caches}


def test_an_intent_is_open_until_it_has_an_outcome(store: Store, path: Path) -> None:
    intent_id = store.begin(intent_of())
    assert [each.intent_id for each in load_state(path).open_intents] == [intent_id]
    assert store.load().open_intents[0].intent == intent_of()
    store.finish(intent_id, IntentOutcome.FAILED, DENIED, START)
    state = store.load()
    assert state.open_intents == ()
    assert state.registrations == {}
    assert store.history() == ()


@pytest.mark.parametrize(
    ("kind", "name", "previous", "expected"),
    [
        (IntentKind.CREATE, "fresh", None, {"sessions", "fresh"}),
        (IntentKind.UPDATE, "sessions", None, {"sessions"}),
        (IntentKind.REPLACE, "sessions", None, {"sessions"}),
        (IntentKind.RENAME, "fresh", "sessions", {"fresh"}),
        (IntentKind.DELETE, "sessions", None, set()),
    ],
    ids=["create", "update", "replace", "rename", "delete"],
)
def test_a_done_write_changes_registrations_and_history_together(
    store: Store, kind: IntentKind, name: str, previous: str | None, expected: set[str]
) -> None:
    store.record(
        outcome_of(
            inherited=(registration_of("sessions"),), pending_removals=(miss_of("sessions"),)
        )
    )
    later = START + STEP
    intent_id = store.begin(intent_of(kind, name, previous_name=previous, at=later))
    store.finish(intent_id, IntentOutcome.DONE, None, later)
    state = store.load()
    assert set(state.registrations) == expected
    if name in expected:
        written = state.registrations[ResourceName(name)]
        assert written.database == database_of(name)
        assert written.updated_at == later
        assert written.registered_at == (later if kind is IntentKind.CREATE else START)
    assert set(state.pending_removals) == ({"sessions"} & expected)
    assert [entry.name for entry in store.history()] == [name]
    assert len(store.history(name=SESSIONS)) == int("sessions" in (name, previous))


def test_an_outcome_is_given_once(store: Store) -> None:
    intent_id = store.begin(intent_of())
    store.finish(intent_id, IntentOutcome.DONE, None, START)
    with pytest.raises(StateError, match="is not open"):
        store.finish(intent_id, IntentOutcome.FAILED, DENIED, START)
    assert SESSIONS in store.load().registrations


def test_a_write_that_is_tried_again_closes_its_earlier_tries(store: Store) -> None:
    half = store.begin(intent_of(IntentKind.RENAME, "fresh", previous_name="sessions"))
    unrelated = store.begin(intent_of(IntentKind.RENAME, "fresh", previous_name="other"))
    retry = intent_of(IntentKind.RENAME, "fresh", previous_name="sessions")
    again = store.begin(replace(retry, sweep_id="sweep-2"))
    assert [each.intent_id for each in store.load().open_intents] == [unrelated, again]
    assert len(store.load().removals) == 2
    store.finish(again, IntentOutcome.DONE, None, START)
    state = store.load()
    assert [each.intent_id for each in state.open_intents] == [unrelated]
    assert half not in [each.intent_id for each in state.open_intents]
    assert len(state.removals) == 2
    assert len(store.history()) == 1


def test_abandoning_closes_only_what_is_open(store: Store) -> None:
    done, open_one = store.begin(intent_of()), store.begin(intent_of(name="other"))
    store.finish(done, IntentOutcome.DONE, None, START)
    store.abandon([done, open_one, 999], START)
    state = store.load()
    assert state.open_intents == ()
    assert set(state.registrations) == {"sessions"}


@pytest.mark.parametrize(
    ("kind", "outcome", "counts"),
    [
        (IntentKind.DELETE, None, True),
        (IntentKind.DELETE, IntentOutcome.DONE, True),
        (IntentKind.RENAME, IntentOutcome.DONE, True),
        (IntentKind.REPLACE, IntentOutcome.DONE, True),
        (IntentKind.REPLACE, IntentOutcome.ABANDONED, True),
        (IntentKind.DELETE, IntentOutcome.ABANDONED, False),
        (IntentKind.DELETE, IntentOutcome.FAILED, False),
        (IntentKind.CREATE, IntentOutcome.DONE, False),
        (IntentKind.UPDATE, IntentOutcome.DONE, False),
    ],
)
def test_the_budget_counts_removals_that_happened_or_may_have(
    store: Store, kind: IntentKind, outcome: IntentOutcome | None, counts: bool
) -> None:
    intent_id = store.begin(intent_of(kind, previous_name="before"))
    if outcome is IntentOutcome.ABANDONED:
        store.abandon([intent_id], START)
    elif outcome is not None:
        store.finish(intent_id, outcome, None, START)
    assert store.load().removals == ((START,) if counts else ())


def test_an_external_id_never_reaches_the_file(store: Store, path: Path) -> None:
    database = with_external_id(replace(database_of("sessions"), opaque=EXTERNAL_ID.encode()))
    done = store.begin(intent_of(database=database))
    store.finish(done, IntentOutcome.DONE, None, START)
    store.begin(intent_of(database=database))
    store.record(outcome_of(inherited=(replace(registration_of("b"), database=database),)))
    state = store.load()
    shown = state.registrations[SESSIONS].database.spec["aws"]["external_id"]
    assert shown == fingerprint(EXTERNAL_ID)
    store.close()
    assert EXTERNAL_ID.encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_history_is_newest_first_and_can_be_asked_for(store: Store) -> None:
    entries = tuple(
        entry_of(str(number), at=START + number * STEP, name=f"n{number % 2}")
        for number in range(6)
    )
    store.record(outcome_of(history=entries))
    assert [entry.message for entry in store.history()] == ["5", "4", "3", "2", "1", "0"]
    assert [entry.message for entry in store.history(limit=2)] == ["5", "4"]
    assert [e.message for e in store.history(name=ResourceName("n1"))] == ["5", "3", "1"]
    assert [e.message for e in store.history(since=START + 4 * STEP)] == ["5", "4"]
    assert store.history(arn=arn_of("nobody")) == ()


def test_pruning_keeps_the_last_sweep_and_open_intents(store: Store) -> None:
    store.begin(intent_of())
    store.finish(store.begin(intent_of()), IntentOutcome.DONE, None, START)
    store.record(replace(outcome_of(1), proven_at=START))
    store.record(replace(outcome_of(2, at=START + STEP), proven_at=START + STEP))
    removed = store.prune(START + timedelta(days=400), history=DAY, window=DAY)
    state = store.load()
    assert removed == 3  # the closed intent, its history, the first sweep
    assert len(state.open_intents) == 1
    assert [record.sweep_id for record in store.sweeps()] == ["sweep-2"]
    assert state.finished_sweeps == 2
    assert SESSIONS in state.registrations


def test_binding_names_the_owner_before_any_sweep_finished(store: Store) -> None:
    store.bind(IDENTITY)
    assert store.load() == RememberedState(identity=IDENTITY)


def test_a_failed_transaction_leaves_nothing_of_itself(store: Store) -> None:
    store.record(outcome_of(1, caches=(cache_of("sessions"),)))
    before = store.load()
    store._database.execute(
        "CREATE TRIGGER no_sweeps BEFORE INSERT ON sweeps BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(StateError):
        store.record(outcome_of(2, at=START + STEP, caches=(cache_of("orders"),)))
    assert store.load() == before


def test_threads_take_turns(store: Store) -> None:
    def write() -> None:
        for _ in range(10):
            store.finish(store.begin(intent_of()), IntentOutcome.DONE, None, START)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.history()) == 40
    assert store.load().open_intents == ()


def test_a_reader_sees_one_moment_while_a_writer_writes(store: Store, path: Path) -> None:
    store.begin(intent_of())
    before = sorted(path.parent.iterdir())
    assert len(load_state(path).open_intents) == 1
    assert sorted(path.parent.iterdir()) == before


def test_a_reader_of_a_closed_file_creates_nothing(path: Path) -> None:
    with Store.open(path) as store:
        store.record(outcome_of(1))
    before = set(path.parent.iterdir())
    assert load_state(path).finished_sweeps == 1
    assert set(path.parent.iterdir()) == before == {path, reserve_of(path)}


def test_a_reader_reads_again_when_a_writer_came_in_between(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(path) as store:
        store.record(outcome_of(1))
    real, calls = file._queried, []

    def meddled(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        calls.append(arguments[1])
        if len(calls) == 1:
            with Store.open(path) as writer:
                writer.record(outcome_of(2, at=START + STEP))
        return found

    monkeypatch.setattr(file, "_queried", meddled)
    assert load_state(path).finished_sweeps == 2
    assert len(calls) == 2


def test_reading_does_not_drop_the_locks_of_this_process(store: Store, path: Path) -> None:
    with store._database.atomic():
        store._database.execute("UPDATE about SET value = value")
        load_state(path)
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


# Whose doing a registration is (R2).

REMOVED = replace(intent_of(IntentKind.DELETE), revision="r1")


def done(store: Store, intent: Intent, revision: str = "", at: datetime = START) -> None:
    number = store.begin(intent)
    store.write([IntentClosure(number, IntentOutcome.DONE, None, at, revision)])


def test_what_is_removed_is_remembered_with_its_revision(store: Store) -> None:
    """The one that was seen just before; else the one that the plan was made from."""
    for revision, remembered in (("r2", "r2"), ("", "r1")):
        done(store, REMOVED, revision)
        expected = RemovedRegistration(
            name=SESSIONS, arn=arn_of("sessions"), revision=remembered, removed_at=START
        )
        assert store.load().removed == {SESSIONS: expected}


@pytest.mark.parametrize("kind", [IntentKind.CREATE, IntentKind.ADOPT])
def test_a_removal_is_over_once_it_is_registered_or_adopted(store: Store, kind: IntentKind) -> None:
    done(store, REMOVED)
    store.record(
        outcome_of(
            pending_removals=(miss_of("sessions"),),
            inherited=(replace(registration_of("sessions"), inherited=True),),
        )
    )
    done(store, intent_of(kind))
    state = store.load()
    assert (state.removed, state.pending_removals) == ({}, {})
    assert not state.registrations[SESSIONS].inherited


@pytest.mark.parametrize(
    ("kind", "inherited"),
    [
        (IntentKind.UPDATE, True),
        (IntentKind.RENAME, False),
        (IntentKind.REPLACE, False),
        (IntentKind.ADOPT, False),
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_an_update_of_what_another_made_makes_it_nobody_elses(
    store: Store, kind: IntentKind, inherited: bool, is_known: bool
) -> None:
    old = "old" if kind is IntentKind.RENAME else "sessions"
    theirs = replace(registration_of(old), arn=arn_of("sessions"), inherited=True)
    store.record(outcome_of(inherited=(theirs,) if is_known else ()))
    done(store, intent_of(kind, previous_name=old if kind is IntentKind.RENAME else None))
    assert store.load().registrations[SESSIONS].inherited is inherited


def test_an_update_of_what_was_made_here_leaves_it_so(store: Store) -> None:
    done(store, intent_of())
    done(store, intent_of(IntentKind.UPDATE))
    assert not store.load().registrations[SESSIONS].inherited


def test_a_match_ends_that_it_is_inherited_or_was_removed(store: Store) -> None:
    theirs = (replace(registration_of("sessions"), inherited=True),)
    done(store, REMOVED)
    store.record(outcome_of(1, inherited=theirs))
    assert store.load().registrations[SESSIONS].inherited
    store.record(replace(outcome_of(2), registrations_matched=(SESSIONS,)))
    state = store.load()
    assert (state.registrations[SESSIONS].inherited, state.removed) == (False, {})


def test_removals_are_forgotten_with_the_history(store: Store) -> None:
    done(store, REMOVED)
    store.record(replace(outcome_of(1), proven_at=START))
    store.prune(START + DAY, history=DAY, window=DAY)
    assert SESSIONS in store.load().removed
    store.prune(START + DAY + STEP, history=DAY, window=DAY)
    assert store.load().removed == {}


def test_bound_to_something_else_nothing_counts_as_made_removed_or_missed_here(
    store: Store,
) -> None:
    store.record(outcome_of(pending_removals=(miss_of("orders"),)))
    done(store, replace(REMOVED, name=ResourceName("orders")))
    done(store, intent_of())
    before = store.load()
    store.bind(IDENTITY)
    assert store.load() == before
    store.bind(replace(IDENTITY, cluster="another"))
    state = store.load()
    assert (state.removed, state.pending_removals) == ({}, {})
    assert state.registrations[SESSIONS].inherited


def test_names_taken_unseen_stay_until_a_sweep_that_came_to_a_plan_says_otherwise(
    path: Path,
) -> None:
    taken = TakenName(name=ResourceName("orders"), arn=Arn("arn:a"), since=START)
    with Store.open(path) as store:
        store.record(outcome_of(1, taken=(taken,)))
        store.record(outcome_of(2, finished=False))
        assert store.load().taken == {"orders": taken}
        assert load_state(path).taken == {"orders": taken}
        store.record(outcome_of(3))
        assert store.load().taken == {}
