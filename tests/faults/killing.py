"""One seed of real processes that are killed at a random moment and started again.

`cachemuster sweep` and `cachemuster run`, against the simulated AWS and an embedded registry or the
simulated Teleport. Every write that reached the registry has to have its intent on disk, whatever
came after; what was once in history and journal stays; and in the end the registry is right.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from discovery.sandbox.aws.calls import Call
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from state.store import load_state
from tests.faults.actors import LAGS, Actors, create_cache, name_by_tag, remove_cache, retag
from tests.faults.crash_main import MOMENTS
from tests.faults.environment import BOT, KEY_ID, SECRET, Calls, Faults, Simulations, make_world
from tests.faults.expected_state import owner_of, reasons
from tests.faults.final_checks import ConvergenceCheck, Owner, Rows
from tests.faults.invariants import InvariantChecker
from tests.faults.observation import rows
from tests.faults.registries import ClusterRegistry, FileRegistry, Registry, Resource
from tests.faults.settings import FRANKFURT, MATCHINGS, Settings
from tests.faults.sim_clock import WallClock

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60
KILLS_A_SEED = 2
TRIGGERS = """
    CREATE TABLE IF NOT EXISTS seen (
        id INTEGER PRIMARY KEY, what TEXT, name TEXT, old TEXT, new TEXT
    );
    CREATE TRIGGER IF NOT EXISTS seen_insert AFTER INSERT ON databases BEGIN
        INSERT INTO seen (what, name, new) VALUES ('create', NEW.name, NEW.resource); END;
    CREATE TRIGGER IF NOT EXISTS seen_update AFTER UPDATE ON databases BEGIN
        INSERT INTO seen (what, name, old, new)
        VALUES ('update', NEW.name, OLD.resource, NEW.resource); END;
    CREATE TRIGGER IF NOT EXISTS seen_delete AFTER DELETE ON databases BEGIN
        INSERT INTO seen (what, name, old) VALUES ('delete', OLD.name, OLD.resource); END;
"""
"""The registry file writes down itself what happens to it, in the very transaction."""
KINDS = {
    "create": ("create", "rename", "replace"),
    "update": ("update",),
    "delete": ("delete", "rename", "replace"),
}


@dataclass
class KillTally:
    """Seeds of this kind in figures."""

    runs: int = 0
    kills: int = 0
    in_a_write: int = 0
    """Kills that left an intent without an outcome."""
    with_a_log: int = 0
    """Kills that left SQLite's log behind: the state file was open, and is put right by it."""
    ends: int = 0
    """Processes that ended before they were killed."""
    writes: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: KillTally) -> None:
        """These figures are those of both."""
        for name in ("runs", "kills", "in_a_write", "with_a_log", "ends"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.writes += other.writes
        self.violations += other.violations


@dataclass
class KillEnvironment:
    """What such seeds share: servers in threads of their own."""

    aws: Simulations
    url: str
    teleport: SimulatedTeleport
    at: Addresses


@contextmanager
def opened() -> Iterator[KillEnvironment]:
    """Servers listen."""
    clock = WallClock()
    aws, teleport = Simulations(make_world(clock)), SimulatedTeleport(Cluster())
    with aws.serve_in_thread() as url, teleport.serve_in_thread() as at:
        yield KillEnvironment(aws, url, teleport, at)


class KillRun:
    """One such seed."""

    def __init__(self, environment: KillEnvironment, directory: Path, seed: int) -> None:
        self.environment, self.directory = environment, directory
        self.rng = random.Random(seed)
        self.found = KillTally(runs=1)
        self.lines: list[str] = []
        self.clock = WallClock()
        self.world = make_world(self.clock)
        self.with_teleport = self.rng.random() < 0.3
        self.registry = self._registry()
        checker = InvariantChecker(self.world, self.clock, self.registry, self.violation)
        self.settings = Settings(
            control_plane=self._control_plane(), matchers=self.rng.choice(MATCHINGS),
            missed_sweeps=1, grace=timedelta(0), window=timedelta(0),
            max_count=99, max_percent=100, min_allowed=99, allow_empty=True,
        )  # fmt: skip
        self.actors = Actors(
            self.world, self.registry, self.clock, random.Random(~seed), checker,
            lambda: self.settings, self.log,
        )  # fmt: skip
        self.process: subprocess.Popen[str] | None = None
        self.left = 0
        """After how many calls to AWS the process is killed; 0: never."""
        self.faults = Faults(self._called)
        environment.aws.load(self.world, self.faults, Calls(_ignore))
        self.written: list[tuple[str, str, Resource | None]] = []
        self.reasons: dict[str, set[str]] = {}
        self.rows = Rows()

    def log(self, line: str) -> None:
        self.lines.append(line)

    def violation(self, invariant: str, what: str) -> None:
        """A rule was broken."""
        self.found.violations.append((invariant, what))
        self.log(f"!! {invariant}: {what}")

    @property
    def state(self) -> Path:
        return self.directory / "state.db"

    def _registry(self) -> Registry:
        if not self.with_teleport:
            file = FileRegistry(self.directory / "registry.db")
            file.watch(TRIGGERS)
            return file
        cluster = self.environment.teleport.cluster
        found = ClusterRegistry(cluster)
        found.store.written = self._written
        cluster.issue("bot-cachemuster", BOT).write(self.directory / "identity")
        return found

    def _control_plane(self) -> dict[str, str]:
        if not self.with_teleport:
            return {"kind": "embedded", "path": str(self.directory / "registry.db")}
        identity = str(self.directory / "identity")
        return {
            "kind": "teleport",
            "address": self.environment.at.auth,
            "route": "auth",
            "identity_file": identity,
        }

    # -- the run ---------------------------------------------------------------------------------

    def execute(self) -> KillTally:
        """The seed from beginning to end."""
        try:
            for _ in range(self.rng.randrange(2, 7)):
                self.actors.do(create_cache)
            if self.rng.random() < 0.6:
                self._run("sweep", "as it should be")
            for _ in range(KILLS_A_SEED):
                self._change_resources()
                self._kill()
            self._recover()
        finally:
            if isinstance(self.registry, FileRegistry):
                self.registry.close()
        return self.found

    def _change_resources(self) -> None:
        """Make changes that ask for registrations, updates, renames, replacements and removals."""
        for _ in range(self.rng.randrange(2, 7)):
            self.actors.do(
                self.rng.choice((create_cache, create_cache, retag, name_by_tag, remove_cache))
            )
        if self.rng.random() < 0.25:
            origin = self.rng.choice(("dynamic", "cloud"))
            matchers = self.rng.choice(MATCHINGS)
            self.settings = replace(self.settings, origin=origin, matchers=matchers)
            self.log(f"origin {origin}, matchers {matchers}")

    def _kill(self) -> None:
        command = self.rng.choice(("sweep", "sweep", "run"))
        how = self.rng.choice(("hook", "hook", "hook", "call", "time"))
        if how == "hook":
            moment = self.rng.choice(MOMENTS)
            count = self.rng.randrange(1, 120 if moment == "statement" else 3)
            self._run(command, f"killed by itself, {moment} {count}", crash=(moment, str(count)))
        elif how == "call":
            self.left = self.rng.randrange(1, 30)
            self._run(command, f"killed at call {self.left}")
        else:
            self._run(command, "killed after a while", after_s=self.rng.uniform(0.5, 1.5))

    def _recover(self) -> None:
        self.log("== no more kills")
        self.actors.finish_transitions()
        self.world.clock.advance(timedelta(minutes=max(LAGS)))  # the tagging API has caught up
        problems: list[str] = []
        for _ in range(4):
            replacing = self._is_replacing()
            code = self._run("sweep", "as it should be", more=("--allow-mass-removal", "99"))
            if code != 0 and not (code == 4 and replacing):
                self.violation("recovery", f"exit {code}")
            names = frozenset(self.actors.registered_by_people)
            standing = self.registry.all()
            owners = ((name, owner_of(e.labels, e.spec)) for name, e in standing.items())
            made = frozenset((name, arn) for name, arn in owners if arn is not None)
            alone = Owner(self.settings, lambda _account_id: True, made)
            check = ConvergenceCheck(self.world, [alone], standing, names)
            problems = list(check.problems())
            if not problems:
                break
        for problem in problems:
            self.violation("registry", problem)
        state = load_state(self.state)
        if state.open_intents:
            self.violation("journal", f"still open: {state.open_intents}")
        ours = {n for n, e in self.registry.all().items() if owner_of(e.labels, e.spec)}
        if not problems and set(state.registrations) != ours:
            self.violation("state", f"{set(state.registrations) ^ ours} differ from the registry")

    def _is_replacing(self) -> bool:
        """Whether registrations were being made anew, with another origin, when it was killed: if
        most of them are away for that, the list has shrunk, and the next sweep says so (R10)."""
        query = "SELECT kind FROM journal WHERE outcome IS NULL AND kind = 'replace'"
        return bool(rows(self.state, query))

    # -- a process -------------------------------------------------------------------------------

    def _run(
        self,
        command: str,
        how: str,
        *,
        crash: tuple[str, ...] = (),
        more: tuple[str, ...] = (),
        after_s: float | None = None,
    ) -> int:
        """One process, from its start to its end; its exit code."""
        self._configure()
        self.reasons.clear()
        self._note_reasons()
        module = "tests.faults.crash_main" if crash else "discovery.cli"
        process = self.process = subprocess.Popen(
            [sys.executable, "-m", module, *crash, command, *more],
            cwd=self.directory,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self._await(process, command, after_s)
        self.process, self.left = None, 0
        self._note_reasons()
        self._count(process.returncode)
        if "Traceback" in said:
            self.violation("escaped", said[-2000:])
        self._check_writes(after=f"{command}, {how}: exit {process.returncode}")
        return process.returncode

    def _await(self, process: subprocess.Popen[str], command: str, after_s: float | None) -> str:
        """It is over; what it said. A service that nothing has killed is killed after a while."""
        timeout_s = after_s or (self.rng.uniform(2.5, 5.0) if command == "run" else TIMEOUT_S)
        try:
            _, said = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate(timeout=TIMEOUT_S)
            if timeout_s == TIMEOUT_S:
                self.violation("hangs", f"{command} did not end within {TIMEOUT_S} s")
        return said

    def _count(self, code: int) -> None:
        if code != -signal.SIGKILL:
            self.found.ends += 1
            return
        self.found.kills += 1
        self.found.in_a_write += bool(
            rows(self.state, "SELECT 1 FROM journal WHERE outcome IS NULL")
        )
        log = Path(f"{self.state}-wal")
        self.found.with_a_log += log.exists() and log.stat().st_size > 0

    def _configure(self) -> None:
        document = self.settings.document(self.state)
        document["service"] = {"interval": "10s", "jitter": "0s", "listen": "127.0.0.1:0"}
        (self.directory / "cachemuster.yaml").write_text(json.dumps(document))

    def _environment(self) -> dict[str, str]:
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **own,
            "PYTHONPATH": str(ROOT),
            "AWS_ENDPOINT_URL": self.environment.url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": FRANKFURT,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _called(self) -> None:
        """AWS is asked something, in the thread of its server."""
        if self.left and self.process is not None:
            self.left -= 1
            if not self.left:
                self.process.kill()

    # -- the checks ------------------------------------------------------------------------------

    def _note_reasons(self) -> None:
        for each in self.registry.all().values():
            arn = owner_of(each.labels, each.spec)
            if arn is not None:
                true = reasons(self.world, self.settings, arn)
                self.reasons.setdefault(arn, set()).update(true)

    def _written(
        self, what: str, name: str, standing: Resource | None, new: Resource | None
    ) -> None:
        """The simulated Teleport is about to write: the intent has to be on disk by now."""
        if not self._intents(what, name):
            self.violation("journal", f"{what} of {name} before its intent")
        self.written.append((what, name, standing))

    def _intents(self, what: str, name: str) -> list[tuple[str, str, str]]:
        found = rows(
            self.state,
            "SELECT kind, reason, arn FROM journal WHERE ?1 IN (name, previous_name) ORDER BY id",
            name,
        )
        return [(str(k), str(r), str(a)) for k, r, a in found if k in KINDS[what]]

    def _check_writes(self, after: str) -> None:
        """Everything that was written since, and what state still knows."""
        if isinstance(self.registry, FileRegistry):
            self.written += self.registry.seen()
        for what, name, standing in self.written:
            self.found.writes[what] += 1
            self._check_write(what, name, standing)
        done = ", ".join(f"{what} {name}" for what, name, _ in self.written)
        self.log(f"{after}; {done or 'nothing written'}")
        self.written.clear()
        for problem in self.rows.lost_rows(self.state, self.settings.window):
            self.violation("history", problem)

    def _check_write(self, what: str, name: str, standing: Resource | None) -> None:
        intents = self._intents(what, name)
        if not intents:
            self.violation("journal", f"{what} of {name} without an intent")
            return
        kind, reason, arn = intents[-1]
        if standing is not None and owner_of(standing.labels, standing.spec) != arn:
            self.violation("R2", f"{what} of {name}, which was not ours: {standing}")
        if what == "delete" and kind == "delete" and reason not in self.reasons.get(arn, ()):
            self.violation(
                "R3", f"{name} was removed as {reason}; true was {self.reasons.get(arn)}"
            )


def _ignore(_: Call) -> None:
    """Ignore what AWS answered."""
