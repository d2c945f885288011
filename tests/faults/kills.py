"""One seed of a real process that is killed, again and again, wherever it happens to be.

By chance of time, or at a chosen moment: inside a transaction of the state file, between an intent
and its outcome, before and after the registry has acted. What it leaves is picked up by the next.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.watched import ARN, is_ours
from tests.scenarios.tale import Tale, tale_in

ROOT = Path(__file__).parents[2]
KILLS_A_SEED = 3
MOMENTS = (
    "store-write-before", "store-write-after", "store-write-inside", "store-record-before",
    "store-record-after", "registry-insert-before", "registry-insert-after",
    "registry-remove-after", "registry-replace_whole-after", "embedded-create-after",
)  # fmt: skip
"""`inside` is in the middle of a transaction of the state file."""

DOOMED = """
import os, random, signal, sys
moment, after = sys.argv.pop(1), int(sys.argv.pop(1))
place, step, when = moment.split("-")
import discovery.control_plane.registry as registry
from discovery.control_plane.embedded import Embedded
from state import journal
from state.store import Store

def die():
    os.kill(os.getpid(), signal.SIGKILL)

left = [after]

def due():
    left[0] -= 1
    return left[0] < 0

def doomed(real):
    if when == "inside":
        return real
    def stand_in(*arguments, **more):
        if when == "before" and due():
            die()
        found = real(*arguments, **more)
        if when == "after" and due():
            die()
        return found
    return stand_in

def doomed_later(real):
    async def stand_in(*arguments, **more):
        found = await real(*arguments, **more)
        if due():
            die()
        return found
    return stand_in

if when == "inside":
    real = journal.add_intent
    def inside(*arguments):
        found = real(*arguments)
        if due():
            die()
        return found
    journal.add_intent = inside
elif place == "embedded":
    Embedded.create = doomed_later(Embedded.create)
else:
    home = Store if place == "store" else registry
    setattr(home, step, doomed(getattr(home, step)))
from discovery.cli.app import main
main()
"""


@dataclass
class Killed:
    """What came of it."""

    kills: int = 0
    in_a_write: int = 0
    """Kills that left an open intent."""
    violations: list[str] = field(default_factory=list)

    def add(self, other: Killed) -> None:
        self.kills += other.kills
        self.in_a_write += other.in_a_write
        self.violations += other.violations


def killed_seed(directory: Path, seed: int) -> Killed:
    """A few sweeps that do not live to their end, then some that do."""
    chance, found = random.Random(seed), Killed()
    with tale_in(directory) as tale:
        tale.configure(
            matchers=[{"name": "all", "exclude_tags": {"teleport": "off"}}],
            deregistration={"missed_sweeps": 1, "grace": "0s", "max_percent": 100},
        )
        for number in range(chance.randrange(2, 6)):
            tale.cache(f"c{number}", tags={"TeleportDatabaseName": f"db-{number}"})
        if chance.random() < 0.7:
            tale.sweep()
        for _ in range(KILLS_A_SEED):
            _change(tale, chance)
            before = _journaled(tale)
            if _kill(tale, chance):
                found.kills += 1
                found.in_a_write += bool(tale.memory.open_intents)
            if _journaled(tale) < before:
                found.violations.append("entries of the journal were lost")
        _check(tale, found)
    return found


def _journaled(tale: Tale) -> int:
    """Writes that were ever meant."""
    if not tale.state_file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{tale.state_file}?mode=ro", uri=True)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
        if "journal" not in tables:
            return 0
        [(count,)] = file.execute("SELECT count(*) FROM journal")
    return int(count)


def _change(tale: Tale, chance: random.Random) -> None:
    """Work for the next sweep: something to create, to update, to rename, to remove."""
    region = tale.region()
    names = [cache.name for cache in region.caches.values()]
    for _ in range(chance.randrange(1, 4)):
        deed = chance.choice(("create", "retag", "rename", "exclude"))
        if deed == "create" or not names:
            name = f"n{chance.randrange(1000)}"
            if region.caches.get(name) is None:
                tale.cache(name, tags={"TeleportDatabaseName": f"db-{name}"})
            continue
        name = chance.choice(names)
        tags = dict(region.tags[region.caches.get(name).arn])  # type: ignore[union-attr]
        if deed == "retag":
            tags["team"] = chance.choice("abc")
        elif deed == "rename":
            tags["TeleportDatabaseName"] = f"db-{name}-{chance.randrange(3)}"
        else:
            tags["teleport"] = "off"
        tale.tag(name, tags)


def _kill(tale: Tale, chance: random.Random) -> bool:
    """True when a sweep was killed; one that was quicker has just swept."""
    moment, after = chance.choice(MOMENTS), chance.choice((0, 0, 0, 1))
    process = subprocess.Popen(
        [sys.executable, "-c", DOOMED, moment, str(after), "sweep"],
        cwd=tale.directory,
        env={**tale.rig.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=chance.uniform(0.3, 2.5) if chance.random() < 0.3 else 60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=30)
    return process.returncode == -signal.SIGKILL


def _check(tale: Tale, found: Killed) -> None:
    for _ in range(2):
        tale.later(hours=2)
        told = tale.sweep("--allow-mass-removal", "50")  # somebody has looked at them
    wanted = {
        cache.arn
        for cache in tale.region().caches.values()
        if tale.region().tags[cache.arn].get("teleport") != "off"
    }
    excused = {
        item["arn"]
        for item in told.document["items"]
        if (item["action"], item["reason"]) == ("blocked", "NAME_COLLISION")
    }
    registered = Counter(each.labels[ARN] for each in tale.registry.values() if is_ours(each))
    for arn in (wanted ^ registered.keys()) - excused:
        found.violations.append(f"{arn} is {'missing' if arn in wanted else 'left over'}")
    found.violations += [f"{arn} is registered twice" for arn, n in registered.items() if n > 1]
    if tale.memory.open_intents:
        found.violations.append("an intent is still open")
    if set(tale.memory.registrations) != {str(name) for name in tale.registry}:
        found.violations.append("state and registry do not agree")
