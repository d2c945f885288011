"""State in S3: a lease, the state under it, intents before writes, and back; killed anywhere."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.aws.buckets import Bucket, StoredObject
from discovery.sandbox.aws.faults import Effect
from discovery.snapshot import working_copy
from discovery.snapshot.lease import hold_lease
from tests.support.scenario import HUB, RunOutput, Scenario
from tests.support.service_process import service_process, until

pytestmark = pytest.mark.slow

AT_ONCE = {"missed_sweeps": 1, "grace": "0s", "max_percent": 100, "max_count": 3, "window": "1d"}
EXPIRED = timedelta(minutes=16)
"""Longer than `service.sweep_timeout`."""


class InBucket:
    """An agent whose state is in a bucket, and which keeps nothing on its disk."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.bucket: Bucket = scenario.aws.world.add_bucket("state", HUB)
        self.configure()

    def configure(self, **sections: Any) -> None:
        deregistration = sections.pop("deregistration", AT_ONCE)
        self.scenario.configure(
            state={"snapshot": "s3://state/prod.db"}, deregistration=deregistration, **sections
        )

    def sweep(self, *arguments: str, exits: int = 0) -> RunOutput:
        """A sweep of a new machine."""
        for file in self.scenario.directory.glob("cachemuster.db*"):
            file.unlink()
        return self.scenario.sweep("--lock-timeout", "0s", *arguments, exits=exits)

    def dies_at(self, call: int) -> None:
        """S3 does what so many calls ask, and nothing more: as if the process had been killed."""
        self.scenario.fault(Effect.INTERNAL, service="s3", skip=call)

    def lives_on(self) -> None:
        self.scenario.healed()

    def lease_runs_out(self) -> None:
        self.scenario.aws.world.clock.advance(EXPIRED)
        self.scenario.later(seconds=EXPIRED.total_seconds())

    @property
    def calls(self) -> list[str]:
        """What S3 was asked for, by operation and key."""
        return [
            f"{call.operation} {call.members['Key']}"
            for call in self.scenario.aws.calls.of(service="s3")
        ]

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The state as it is in the bucket, whole in its one file."""
        file = self.scenario.directory / "looked-at.db"
        file.write_bytes(self.bucket.objects["prod.db"].body)
        with contextlib.closing(sqlite3.connect(file)) as database:
            yield database
        file.unlink()

    @property
    def intents(self) -> list[tuple[str, str | None]]:
        """Kind and outcome of each intent."""
        with self.database() as database:
            return database.execute("SELECT kind, outcome FROM journal ORDER BY id").fetchall()


@pytest.fixture
def agent(scenario: Scenario) -> InBucket:
    return InBucket(scenario)


def registered(agent: InBucket, count: int) -> list[str]:
    """So many caches, swept."""
    names = [f"c{number}" for number in range(count)]
    for name in names:
        agent.scenario.cache(name)
    agent.sweep()
    agent.scenario.aws.calls.clear()
    return names


def test_a_sweep_asks_for_the_lease_and_the_state_and_puts_both_back(agent: InBucket) -> None:
    agent.scenario.cache("orders")
    assert agent.sweep().verdicts == {"orders": "create/NEW"}
    lease, state = "prod.db.lease", "prod.db"
    assert agent.calls == [
        f"PutObject {lease}",
        f"GetObject {state}",
        f"PutObject {lease}",  # still ours
        f"PutObject {state}",  # the intents
        f"PutObject {lease}",
        f"PutObject {state}",
        f"DeleteObject {lease}",
    ]
    assert agent.bucket.objects.keys() == {state}
    assert agent.intents == [("create", "done")]
    assert agent.sweep().verdicts == {"orders": "keep/UNCHANGED"}
    assert not agent.scenario.state_file.exists()


READERS = (
    ["status"],
    ["history"],
    ["explain", "orders"],
    ["audit"],
    ["sweep", "--dry-run"],
    ["export"],
    ["doctor"],
)


def test_readers_only_fetch(agent: InBucket) -> None:
    registered(agent, 1)
    agent.scenario.cache("orders")
    agent.sweep()
    before = dict(agent.bucket.objects)
    agent.bucket.objects["prod.db.lease"] = StoredObject(b"{}", agent.scenario.now())
    held = dict(agent.bucket.objects)
    files = agent.scenario.files().keys()
    for words in READERS:
        agent.scenario.aws.calls.clear()
        run = agent.scenario.run(*words)
        assert run.code == (1 if words == ["doctor"] else 0), run  # what is in the lease is none
        assert "GetObject prod.db" in agent.calls, words
        assert agent.bucket.objects == held
        assert agent.scenario.files().keys() == files, words
    del agent.bucket.objects["prod.db.lease"]
    assert agent.scenario.run("doctor").code == 0
    assert agent.bucket.objects == before
    assert "s3://state/prod.db" in agent.scenario.run("status").out


# -- killed ------------------------------------------------------------------------------------

ANNOUNCED, PUT_BACK = 4, 6
"""So many calls S3 has answered by then, of a sweep that has something to write."""


STEPS = {
    "with the lease": (1, False),
    "with the state": (2, False),
    "before the intents are there": (3, False),
    "before the state is back": (5, True),
    "before the lease is deleted": (PUT_BACK, True),
}


def test_killed_at_any_call_the_next_one_comes_to_the_same_end(agent: InBucket) -> None:
    agent.configure(deregistration={**AT_ONCE, "max_count": 20})
    names = registered(agent, len(STEPS))
    for number, (step, (calls, wrote)) in enumerate(STEPS.items(), start=1):
        before = set(agent.scenario.registry)
        agent.scenario.gone(names[number - 1])
        agent.scenario.cache(f"fresh-{number}")
        agent.dies_at(calls)
        run = agent.scenario.run("sweep", "--lock-timeout", "0s")
        assert run.code == (0 if calls == PUT_BACK else 1), (step, run)
        assert (set(agent.scenario.registry) != before) == wrote, step
        assert "prod.db.lease" in agent.bucket.objects, step
        agent.lives_on()
        agent.lease_runs_out()
        agent.sweep()
        assert len(agent.scenario.registry) == len(STEPS), step
        assert agent.bucket.objects.keys() == {"prod.db"}, step
        # History has each write once, and each removal counts against the budget.
        made = {"create": len(STEPS) + number, "delete": number}
        with agent.database() as database:
            history = "SELECT action, count(*) FROM history WHERE event = 'changed' GROUP BY action"
            assert dict(database.execute(history)) == made, step
            budget = "SELECT count(*) FROM journal WHERE kind = 'delete' AND outcome = 'done'"
            assert database.execute(budget).fetchone() == (number,), step


def test_a_kill_after_the_writes_renews_no_budget(agent: InBucket) -> None:
    names = registered(agent, 6)
    for name in names[:2]:
        agent.scenario.gone(name)
    agent.dies_at(ANNOUNCED)
    assert agent.scenario.run("sweep", "--lock-timeout", "0s").code == 1
    assert len(agent.scenario.registry) == 4
    agent.lives_on()
    held = agent.scenario.run("sweep", "--lock-timeout", "0s")
    assert held.code == 75
    assert "Nothing was done" in held.err
    agent.lease_runs_out()
    for name in names[2:4]:
        agent.scenario.gone(name)
    refused = agent.sweep(exits=4).document["guard"]  # three a day; two of these four are gone
    assert (refused["code"], refused["removals"]) == ("GUARD_COUNT", 4)
    assert len(agent.scenario.registry) == 4


def test_killed_between_the_intents_and_the_writes_nothing_was_removed(agent: InBucket) -> None:
    names = registered(agent, 3)
    agent.scenario.gone(names[0])
    before = agent.scenario.registry_file.read_bytes()
    agent.dies_at(ANNOUNCED)
    agent.scenario.run("sweep", "--lock-timeout", "0s")
    agent.scenario.lose_registry()
    agent.scenario.registry_file.write_bytes(before)  # no write had arrived
    assert ("delete", None) in agent.intents
    agent.lives_on()
    agent.lease_runs_out()
    assert agent.sweep().verdicts[names[0]] == "delete/ABSENT"
    assert ("delete", "done") in agent.intents


def test_a_process_that_is_really_killed_while_it_puts_the_state_back(agent: InBucket) -> None:
    registered(agent, 2)
    agent.scenario.cache("fresh")
    agent.scenario.fault(Effect.LATENCY, service="s3", skip=5, delay_s=60)
    process = agent.scenario.cli.start("sweep", "--lock-timeout", "0s")
    try:
        deadline = time.monotonic() + 60
        while len(agent.calls) < 6 and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    agent.lives_on()
    agent.lease_runs_out()
    assert "keep/UNCHANGED" in agent.sweep().verdicts["fresh"]
    assert agent.intents[-1] == ("create", "done")


# -- two at once -------------------------------------------------------------------------------


def lease(agent: InBucket, **changes: object) -> None:
    """Another process has the lease since now."""
    text = {
        "token": "another",
        "holder": "`sweep`, process 7 on elsewhere",
        "seconds": 900.0,
        "expires_at": "2026-01-01T00:00:00+00:00",
        **changes,
    }
    at = agent.scenario.aws.world.clock()
    agent.bucket.objects["prod.db.lease"] = StoredObject(json.dumps(text).encode(), at)


@pytest.mark.parametrize(
    "words", [["sweep"], ["pause", "--for", "1h"], ["release", "c0-x", "--yes"]], ids=" ".join
)
def test_who_has_no_lease_writes_nothing(agent: InBucket, words: list[str]) -> None:
    registered(agent, 1)
    if words[0] == "release":
        words = ["release", next(iter(agent.scenario.registry)), "--yes"]
    lease(agent)
    before, rows = dict(agent.bucket.objects), agent.scenario.registry
    agent.scenario.cache("fresh")
    run = agent.scenario.run(*words, "--lock-timeout", "0s")
    assert run.code == 75, run
    assert "s3://state/prod.db is held by `sweep`, process 7 on elsewhere" in run.err
    assert (agent.bucket.objects, agent.scenario.registry) == (before, rows)


def test_a_lease_that_ran_out_is_taken_over_by_s3s_clock_not_by_ours(agent: InBucket) -> None:
    registered(agent, 1)
    lease(agent)
    agent.scenario.later(days=30)  # our clock says nothing about it
    assert agent.scenario.run("sweep", "--lock-timeout", "0s").code == 75
    agent.scenario.aws.world.clock.advance(EXPIRED)
    agent.sweep()
    assert agent.bucket.objects.keys() == {"prod.db"}


def test_what_is_no_lease_is_left_alone(agent: InBucket) -> None:
    agent.bucket.objects["prod.db.lease"] = StoredObject(b"my notes", agent.scenario.now())
    run = agent.scenario.run("sweep", "--lock-timeout", "0s")
    assert run.code == 1
    assert "s3://state/prod.db.lease is no lease of this program" in run.err
    assert agent.bucket.objects["prod.db.lease"].body == b"my notes"


def test_who_lost_the_snapshot_to_another_does_not_write(
    agent: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ran out unnoticed: the intents do not arrive, so no write is made."""
    registered(agent, 1)
    agent.scenario.cache("fresh")
    theirs = StoredObject(agent.bucket.objects["prod.db"].body + b"\0", agent.scenario.now())

    async def and_then(*arguments: Any, **more: Any) -> str | None:
        etag = await working_copy.fetch(*arguments, **more)
        agent.bucket.objects["prod.db"] = theirs
        return etag

    monkeypatch.setattr("discovery.snapshot.state.fetch", and_then)
    run = agent.scenario.run("sweep", "--lock-timeout", "0s")
    assert run.code == 1, run
    assert "was replaced or removed by somebody else" in run.err + run.out
    assert len(agent.scenario.registry) == 1
    assert agent.bucket.objects["prod.db"] == theirs


def test_whose_lease_runs_out_after_the_intents_are_there_makes_no_write(
    agent: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(agent, 1)
    agent.scenario.cache("fresh")

    def now_s() -> float:
        """The machine is suspended for days as soon as the intents are there."""
        return 1e6 if "PutObject prod.db" in agent.calls else 0.0

    leasing = partial(hold_lease, now_s=now_s)
    monkeypatch.setattr("discovery.snapshot.state.hold_lease", leasing)
    run = agent.scenario.run("sweep", "--lock-timeout", "0s")
    assert run.code == 1, run
    assert "could not be renewed in time" in run.out + run.err
    assert len(agent.scenario.registry) == 1
    assert agent.intents[-1] == ("create", None)
    assert "prod.db.lease" in agent.bucket.objects  # perhaps another's by now


def test_the_service_takes_turns_with_other_machines(agent: InBucket) -> None:
    scenario = agent.scenario
    agent.configure(
        service={"interval": "10s", "jitter": "0s", "listen": "127.0.0.1:0"},
    )
    scenario.cache("orders")
    with service_process(scenario) as service:
        service.until("sweep.finished", kind="sweep")
        assert len(scenario.registry) == 1
        until(lambda: agent.bucket.objects.keys() == {"prod.db"})
        elsewhere = scenario.another("elsewhere")
        assert elsewhere.run("pause", "--for", "1h", "--lock-timeout", "20s").code == 0
        scenario.cache("fresh")
        finished = len(service.named("sweep.finished"))
        service.until("sweep.finished", finished + 1)  # it knows of the pause
        assert len(scenario.registry) == 1
        assert service.ended() == 0
    assert agent.bucket.objects.keys() == {"prod.db"}


# -- lost, moved, denied -----------------------------------------------------------------------


def test_a_lost_snapshot_is_a_lost_state(agent: InBucket) -> None:
    names = registered(agent, 3)
    del agent.bucket.objects["prod.db"]
    agent.scenario.gone(names[0])
    verdicts = agent.scenario.sweep("--lock-timeout", "0s").by_name
    assert not any(each.startswith("delete") for each in verdicts.values())
    assert len(agent.scenario.registry) == 3


def test_a_state_file_of_the_machine_is_not_forgotten(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.sweep()
    agent = InBucket(scenario)
    for words in (["sweep"], ["status"], ["pause", "--for", "1h"]):
        run = scenario.run(*words)
        assert run.code == 78, run
        assert "aws s3 cp" in run.err
        assert agent.bucket.objects == {}
    body = scenario.state_file.read_bytes()
    agent.bucket.objects["prod.db"] = StoredObject(body, scenario.now())
    shutil.move(scenario.state_file, scenario.directory / "moved-away")
    assert agent.sweep().verdicts == {"orders": "keep/UNCHANGED"}
    assert scenario.run("history").out.count("create") >= 1


@pytest.mark.parametrize("body", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_an_object_that_is_no_state_is_left_alone(agent: InBucket, body: bytes) -> None:
    agent.bucket.objects["prod.db"] = StoredObject(body, agent.scenario.now())
    run = agent.scenario.run("sweep", "--lock-timeout", "0s")
    assert run.code == 1
    assert "s3://state/prod.db is no state file of this program" in run.err
    assert agent.bucket.objects["prod.db"].body == body
    assert agent.bucket.objects.keys() == {"prod.db"}


def test_a_bucket_that_is_not_there(scenario: Scenario) -> None:
    scenario.configure(state={"snapshot": "s3://nobodys/prod.db"})
    run = scenario.run("sweep")
    assert run.code == 1
    assert "there is no bucket nobodys" in run.err


def test_pause_and_resume_put_the_state_back(agent: InBucket) -> None:
    registered(agent, 1)
    agent.scenario.cache("fresh")
    assert "s3://state/prod.db" in agent.scenario.run("pause", "--for", "1h").out
    agent.sweep()
    assert len(agent.scenario.registry) == 1
    assert agent.scenario.run("resume").code == 0
    agent.sweep()
    assert len(agent.scenario.registry) == 2
    puts = agent.calls.count("PutObject prod.db")
    agent.scenario.run("resume")
    assert agent.calls.count("PutObject prod.db") == puts


# -- permissions and shards --------------------------------------------------------------------


def policy(agent: InBucket) -> dict[str, Any]:
    hub = f"arn:aws:iam::{HUB}:user/agent"
    run = agent.scenario.run("policies", "hub", "--hub", hub)
    found: dict[str, Any] = run.document
    return found


def test_the_printed_policy_is_enough_and_each_statement_is_needed(agent: InBucket) -> None:
    printed = policy(agent)
    account = agent.scenario.aws.world.account(HUB)
    agent_arn = account.iam_arn("user/agent")
    account.allow(agent_arn, printed)
    agent.sweep()
    assert agent.bucket.objects.keys() == {"prod.db"}
    assert agent.scenario.run("doctor").code == 0
    del agent.bucket.objects["prod.db"]
    for sid, at_once in (("KeepSnapshot", 1), ("FindSnapshot", 1), ("DeleteLease", 0)):
        rest = [each for each in printed["Statement"] if each["Sid"] != sid]
        account.allow(agent_arn, {**printed, "Statement": rest})
        run = agent.scenario.run("sweep", "--lock-timeout", "0s")
        assert run.code == at_once, (sid, run)
        agent.bucket.objects.clear()
        examined = agent.scenario.run("doctor", "--format", "json")
        assert examined.code == 1, sid
        lacking = {
            each["statement"]["Sid"] for each in examined.document["checks"] if each["statement"]
        }
        # Of a missing object S3 does not say which of two permissions is missing.
        assert lacking == ({"KeepSnapshot"} if sid == "FindSnapshot" else {sid}), sid


def test_without_a_snapshot_no_policy_names_s3(scenario: Scenario) -> None:
    run = scenario.run("policies", "hub", "--hub", f"arn:aws:iam::{HUB}:user/agent")
    assert "s3:" not in run.out


def test_each_shard_has_its_own(agent: InBucket) -> None:
    agent.scenario.configure(state={"snapshot": "s3://state/prod-{shard}.db"})
    assert agent.scenario.run("sweep").code == 78
    assert agent.scenario.run("sweep", "--shard", "1/2").code == 0
    assert agent.bucket.objects.keys() == {"prod-1.db"}
    assert agent.scenario.run("status", "--shard", "1/2").code == 0
    assert agent.scenario.run("status").code == 78
    resources = [each["Resource"] for each in policy(agent)["Statement"]]
    assert ["arn:aws:s3:::state/prod-*.db", "arn:aws:s3:::state/prod-*.db.lease"] in resources
    agent.scenario.configure(state={"snapshot": "s3://state/prod.db"})
    refused = agent.scenario.run("sweep", "--shard", "1/2")
    assert refused.code == 78
    assert "prod.db-{shard}" in refused.err
    agent.scenario.configure(state=None)
    assert agent.scenario.run("status", "--shard", "1/2").code == 64


def test_the_working_copy_is_no_place_for_a_report(agent: InBucket) -> None:
    copy = Path("cachemuster.db.snapshot")
    run = agent.scenario.run("sweep", "-o", str(copy))
    assert run.code == 64
    assert "state file" in run.err
