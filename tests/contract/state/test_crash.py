"""A process killed with SIGKILL: what it acknowledged is there, and nothing by halves."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from discovery.control_plane.embedded.control_plane import Embedded
from discovery.model.codes import Action, Reason
from discovery.model.values import Database
from discovery.plan.item import Item
from discovery.sweep.apply import apply
from state.records import IntentOutcome, RememberedState
from state.store import Store, load_state
from tests.contract.state.conftest import ROOT
from tests.support.state_records import SCOPE, START, arn_of, database_of

pytestmark = pytest.mark.slow

GROUP = "prod"


def item_of(kind: str) -> Item:
    old, new = database_of("old"), database_of("new")
    changed = database_of("old", env="prod")
    shapes = {
        "create": (Action.CREATE, Reason.NEW, new, None, None),
        "update": (Action.UPDATE, Reason.LABELS_CHANGED, changed, old, None),
        "delete": (Action.DELETE, Reason.ABSENT, old, old, None),
        "rename": (Action.UPDATE, Reason.RENAMED, new, old, old.name),
    }
    action, reason, database, live, previous = shapes[kind]
    return Item(
        scope=SCOPE,
        arn=arn_of("sessions"),
        cache="sessions",
        name=database.name,
        previous_name=previous,
        action=action,
        reason=reason,
        message="",
        database=database,
        live=live,
    )


async def carry_out(kind: str, directory: Path, control_plane: Embedded) -> Item:
    with Store.open(directory / "state.db") as store:
        done = await apply(
            [item_of(kind)],
            control_plane=control_plane,
            journal=store,
            group=GROUP,
            sweep_id="sweep-1",
            clock=lambda: START,
        )
    return done[0]


CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from discovery.control_plane.embedded.control_plane import Embedded
from tests.contract.state.test_crash import carry_out

kind, point = sys.argv[2:]
left = int(point)

def die_in_turn():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

class Doomed(Embedded):
    async def create(self, database):
        die_in_turn()
        await super().create(database)
        die_in_turn()

    async def update(self, database):
        die_in_turn()
        await super().update(database)
        die_in_turn()

    async def delete(self, name):
        die_in_turn()
        await super().delete(name)
        die_in_turn()

directory = Path(sys.argv[1])
asyncio.run(carry_out(kind, directory, Doomed(directory / "registry.db")))
"""


def killed(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


async def listed(directory: Path) -> tuple[Database, ...]:
    async with Embedded(directory / "registry.db") as control_plane:
        return await control_plane.list_databases()


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        *((kind, point) for kind in ("create", "update", "delete") for point in (1, 2)),
        *(("rename", point) for point in (1, 2, 3, 4)),
    ],
)
async def test_killed_between_intent_and_outcome(tmp_path: Path, kind: str, point: int) -> None:
    async with Embedded(tmp_path / "registry.db") as control_plane:
        if kind != "create":
            await control_plane.create(database_of("old"))
    await asyncio.to_thread(killed, CHILD, str(tmp_path), kind, str(point))

    state = load_state(tmp_path / "state.db")
    (left,) = state.open_intents
    assert left.intent.kind.value == kind
    assert state.registrations == {}
    assert sound(tmp_path / "state.db")
    assert sound(tmp_path / "registry.db")

    async with Embedded(tmp_path / "registry.db") as control_plane:
        if (kind, point) in (("create", 2), ("rename", 4)):
            # The last call had landed. A sweep sees that in the list and closes the intent first.
            with Store.open(tmp_path / "state.db") as store:
                store.finish(left.intent_id, IntentOutcome.DONE, None, START)
        else:
            again = await carry_out(kind, tmp_path, control_plane)
            assert (again.applied, again.error) == (True, None)
    names = {database.name for database in await listed(tmp_path)}
    assert names == {"create": {"new"}, "update": {"old"}, "delete": set(), "rename": {"new"}}[kind]
    assert set(load_state(tmp_path / "state.db").registrations) == names


RECORDING = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
import state.recording as recording
from state.store import Store
from tests.support.state_records import *

left = int(sys.argv[2])
real = recording.Database.execute

def doomed(database, sql, *arguments):
    global left
    done = real(database, sql, *arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

store = Store.open(Path(sys.argv[1]))
recording.Database.execute = doomed
store.record(outcome_of(
    2, at=START + STEP, caches=(cache_of("b", at=START + STEP),), gone=(arn_of("a"),),
    pending_removals=(miss_of("a"),), inherited=(registration_of("b"),),
    history=(entry_of("late"),),
))
print("recorded", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_inside_recording(path: Path) -> None:
    from tests.support.state_records import cache_of, outcome_of  # noqa: PLC0415

    with Store.open(path) as store:
        store.record(outcome_of(1, caches=(cache_of("a"),)))
    before, after = load_state(path), None
    for point in (1, 8, 16, 24, 999):
        said = killed(RECORDING, str(path), str(point))
        assert sound(path)
        found = load_state(path)
        if "recorded" in said:
            after = found
        else:
            assert found == before
    assert after is not None
    assert after.finished_sweeps == 2
    assert set(after.caches) == {arn_of("b")}


ACKNOWLEDGING = """
import sys
from pathlib import Path
from state.records import IntentOutcome
from state.store import Store
from tests.support.state_records import START, intent_of

store = Store.open(Path(sys.argv[1]))
for number in range(100000):
    name = f"n{number}"
    store.finish(store.begin(intent_of(name=name)), IntentOutcome.DONE, None, START)
    print(name, flush=True)
"""


@pytest.mark.parametrize("after", [1, 20, 75])
def test_what_was_acknowledged_outlives_a_kill_at_any_moment(path: Path, after: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", ACKNOWLEDGING, str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(after)]
    child.kill()
    told += child.communicate()[0].split()
    state = load_state(path)
    assert set(told) <= set(state.registrations)
    assert len(state.registrations) - len(told) in (0, 1)
    assert len(state.open_intents) in (0, 1)
    assert sound(path)
    with Store.open(path) as store:
        assert store.load() == state
        assert len(store.history()) == len(state.registrations)


def test_killed_while_the_file_is_made(path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import state.sqlite as file\n"
        "from state.store import Store\n"
        "real, left = file.Database.execute, int(sys.argv[2])\n"
        "def doomed(database, sql, *arguments):\n"
        "    global left\n"
        "    done = real(database, sql, *arguments)\n"
        "    left -= 1\n"
        "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return done\n"
        "file.Database.execute = doomed\n"
        "Store.open(Path(sys.argv[1]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for point in (1, 6, 8, 999):
        fresh = path.with_name(f"{point}.db")
        killed(code, str(fresh), str(point))
        assert load_state(fresh) == RememberedState()
        with Store.open(fresh) as store:
            assert store.load() == RememberedState()
        assert fresh.stat().st_mode & 0o777 == 0o600


def sound(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()
