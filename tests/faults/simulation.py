"""One seed: accounts, one or several agents, faults, and people who change things meanwhile.

Real sweeps, and the scheduled sweeps of the real service, against the simulated AWS over loopback
and the simulated Teleport over TLS, or the embedded registry. In the end all faults are cleared.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from discovery.model.codes import Reason
from discovery.plan.shard import Shard
from discovery.plan.targets import NoSuchScope
from discovery.reports.report import Report
from discovery.sandbox.teleport.faults import Effect as TeleportEffect
from discovery.sandbox.teleport.faults import Fault as TeleportFault
from state.store import Store
from tests.faults.actors import Actors, create_cache
from tests.faults.environment import Calls, Environment, Faults, make_world
from tests.faults.expected_state import caches, owner_of
from tests.faults.fault_injector import METHODS, ChangeOnce, FaultInjector
from tests.faults.faulty_control_plane import Break
from tests.faults.final_checks import ConvergenceCheck, Owner, Rows, report_problems
from tests.faults.invariants import InvariantChecker
from tests.faults.observation import rows
from tests.faults.process import AgentCommand, Process
from tests.faults.registries import ClusterRegistry, FileRegistry, Registry, Resource
from tests.faults.settings import (
    HUB,
    MATCHINGS,
    MEMBER,
    REGION_LISTS,
    REGIONS,
    SPLITS,
    THIRD,
    Settings,
)
from tests.faults.sim_clock import EPOCH


@dataclass
class Tally:
    """A run in figures."""

    runs: int = 1
    with_teleport: int = 0
    with_two_agents: int = 0
    agent_runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    races: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """These figures are those of both."""
        self.runs += other.runs
        self.with_teleport += other.with_teleport
        self.with_two_agents += other.with_two_agents
        self.races += other.races
        self.violations += other.violations
        for name in ("agent_runs", "faults", "changes", "writes"):
            getattr(self, name).update(getattr(other, name))


class Simulation:
    """One seed, from its beginning to its end."""

    def __init__(self, environment: Environment, directory: Path, seed: int) -> None:
        self.environment, self.directory, self.seed = environment, directory, seed
        self.rng = random.Random(seed)
        random.seed(seed)  # pauses between attempts are drawn from it
        self.tally = Tally()
        self.lines: list[str] = []
        self.clock = environment.clock
        self.clock.now, self.clock.ahead = EPOCH, timedelta(0)
        self.world = make_world(self.clock)
        self.with_teleport = self.rng.random() < 0.3
        self.is_fenced = random.Random(f"fence of {seed}").random() < 0.7
        self.registry = self._registry()
        self.checker = InvariantChecker(
            self.world, self.clock, self.registry, self.violation, self._between_calls
        )
        self.faults = Faults(self._between_calls)
        environment.aws.load(self.world, self.faults, Calls(self.checker.asked))
        self.settings = Settings(control_plane=self._control_plane()).drawn(self.rng)
        self.is_service = self.rng.random() < 0.5
        if self.rng.random() < 0.05:
            self.settings = replace(self.settings, scope_timeout_s=1)
        self.actors = Actors(
            self.world, self.registry, self.clock, random.Random(~seed), self.checker,
            lambda: self.settings, self.log,
        )  # fmt: skip
        self.breaks: list[Break] = []
        self.injector = FaultInjector(
            environment, self.checker, self.rng, self.log, self.breaks, self.settings.accounts,
            self.registry if isinstance(self.registry, ClusterRegistry) else None,
            is_slow=self.settings.scope_timeout_s == 1,
        )  # fmt: skip
        self.processes: dict[str, Process] = {}
        self.rows: dict[str, Rows] = {}
        self.is_recovering = False
        """True at the end, when nobody changes anything any more."""
        self._changes_due: list[int] = []
        """After how many more calls somebody does something."""
        self._set_processes(self.rng.choice((1, 1, 1, 1, 2, 3)))
        self.second = self._second_agent(random.Random(f"second agent of {seed}"))
        """One more agent of the same group, with a state file and matchers of its own."""

    # -- the log ---------------------------------------------------------------------------------

    def log(self, line: str) -> None:
        """Add a line to the log of the run."""
        self.lines.append(line)

    def violation(self, invariant: str, what: str) -> None:
        """A rule was broken."""
        self.tally.violations.append((invariant, what))
        self.log(f"!! {invariant}: {what}")

    # -- set-up --------------------------------------------------------------------------------

    def _registry(self) -> Registry:
        if not self.with_teleport:
            return FileRegistry(self.directory / "registry.db")
        self.tally.with_teleport = 1
        cluster = self.environment.teleport.cluster
        found = ClusterRegistry(cluster)
        found.store.written = self._written
        found.store.enforces_revisions = self.rng.random() < 0.3
        return found

    def _written(
        self, what: str, name: str, standing: Resource | None, new: Resource | None
    ) -> None:
        self.checker.written(what, name, standing, new)

    def _control_plane(self) -> dict[str, str]:
        if self.with_teleport:
            return dict(self.environment.control_plane)
        return {"kind": "embedded", "path": str(self.directory / "registry.db")}

    def _set_processes(self, count: int) -> None:
        """So many agents share the accounts from now on; those of before keep their state files."""
        shards = [Shard(index, count) for index in range(count)] if count > 1 else [None]
        self.log(f"{count} agents")
        for shard in shards:
            name = str(shard.index if shard is not None else 0)
            known = self.processes.get(name)
            self.processes[name] = Process(
                self.environment, self.checker, self.registry, self.directory, self.settings,
                shard, breaks=self.breaks, is_fenced=self.is_fenced,
            )  # fmt: skip
            if known is not None:
                self.processes[name].lifetime = known.lifetime
        self.shards = [str(index) for index in range(count)]

    def _second_agent(self, rng: random.Random) -> Process | None:
        """In one run of four: another team that took the same group."""
        if rng.random() >= 0.25:
            return None
        self.tally.with_two_agents = 1
        self.split = rng.choice(SPLITS)
        self.second_accounts = rng.choice(((HUB, MEMBER), (HUB,), (HUB, MEMBER, THIRD)))
        self.settings = replace(self.settings, matchers=self.split[0])
        for process in self.processes.values():
            process.settings = self.settings
        self.log(f"two agents share the group: {self.split}")
        found = self.processes["second"] = Process(
            self.environment, self.checker, self.registry, self.directory, self._second_settings(),
            name="second", breaks=self.breaks,
        )  # fmt: skip
        return found

    def _second_settings(self) -> Settings:
        """As the first's, but for what it looks after: names and labels are not in dispute."""
        return replace(self.settings, matchers=self.split[1], accounts=self.second_accounts)

    @property
    def agents(self) -> list[Process]:
        """Those that look after the accounts now."""
        shards = [self.processes[name] for name in self.shards]
        return shards if self.second is None else [*shards, self.second]

    def _between_calls(self) -> None:
        """Called before each answer to the agent: somebody may act first."""
        if self._changes_due:
            self._changes_due = [left - 1 for left in self._changes_due]
            while 0 in self._changes_due:
                self._changes_due.remove(0)
                self.actors.change_something()

    # -- the steps -------------------------------------------------------------------------------

    async def execute(self) -> Tally:
        """Execute the whole run. Returns its figures."""
        try:
            for _ in range(self.rng.randrange(2, 14)):
                self.actors.do(create_cache)
            for _ in range(self.rng.randrange(4, 8)):
                await self._step()
            await self._recover()
        finally:
            self.injector.clear()
            for process in self.processes.values():
                await process.end()
            if isinstance(self.registry, FileRegistry):
                self.registry.close()
        self._count()
        for left in _open_below(self.directory):
            self.violation("leak", f"{left} is still open")
        return self.tally

    async def _step(self) -> None:
        """Move the clock, let people change things, inject faults, and run the agents."""
        self._advance_clock()
        for _ in range(self.rng.randrange(1, 7)):
            self.actors.change_something()
        if self.rng.random() < 0.35:
            await self._operator()
        self.injector.inject()
        due = self.rng.choice((0, 0, 0, 1, 3))
        self._changes_due = [self.rng.randrange(1, 40) for _ in range(due)]
        for process in self.agents:
            await self._run_agent(process)
        self._changes_due = []
        if self.rng.random() < 0.8:
            self.injector.clear()

    def _advance_clock(self) -> None:
        span = timedelta(seconds=self.rng.choice((20, 300, 300, 700, 700, 1900, 1900, 90_000)))
        self.clock.advance(span)
        if self.rng.random() < 0.12:
            minutes = self.rng.choice((-1500, -180, -20, -1, 0, 0, 30, 180, 1500))
            self.clock.ahead = timedelta(minutes=minutes)
            self.tally.faults["clock set"] += 1
            self.log(f"the agent's clock is {minutes} minutes ahead")
        self.log(f"-- {self.clock.now:%d %H:%M:%S}, agent {self.clock.agent():%d %H:%M:%S}")

    async def _run_agent(self, process: Process) -> None:
        """Run one agent in this step, with one command or several at once."""
        commands = self._commands()
        if len(commands) > 1:
            self.log(f"at once: {', '.join(map(str, commands))}")
        await asyncio.gather(*(self._run(process, command) for command in commands))
        if self.rng.random() < 0.15:
            await process.end()
            self.log("the agent is started anew")

    def _commands(self) -> list[AgentCommand]:
        rng, kind = self.rng, "scheduled" if self.is_service else "sweep"
        scopes = tuple(
            {(rng.choice(self.settings.accounts), rng.choice(REGIONS)) for _ in range(2)}
        )
        arns = frozenset(place.cache.arn for place in caches(self.world))
        commands = [AgentCommand(kind)]
        drawn = rng.random()
        if drawn < 0.1:
            commands = [AgentCommand("sweep", allow=rng.choice((1, 3, 50)))]
        elif drawn < 0.16:
            commands = [AgentCommand("sweep", prune=True)]
        elif drawn < 0.24:
            commands = [AgentCommand("sweep", only=tuple(sorted(scopes)))]
        elif drawn < 0.4 and self.is_service:
            commands = [AgentCommand("rescan", only=tuple(sorted(scopes)), named=arns)]
        elif drawn < 0.55 and self.is_service:
            commands = [
                AgentCommand(kind),
                AgentCommand("rescan", only=tuple(sorted(scopes)), named=arns),
            ]
        elif drawn < 0.6 and self.is_service:
            commands = [AgentCommand(kind), AgentCommand("sweep")]
        return commands

    async def _run(self, process: Process, command: AgentCommand) -> Report | None:
        """Run one command and check its report by itself."""
        self.tally.agent_runs[command.kind] += 1
        if self.with_teleport and not self.is_recovering and self.rng.random() < 0.3:
            self._change_during_next_call()
        try:
            report = await process.run(command)
        except NoSuchScope as error:
            self.log(f"{command}: {error}")
            return None
        except Exception as error:
            self.violation("escaped", f"{command}: {type(error).__name__}: {error}")
            return None
        name = process.state.name
        for problem in self.rows.setdefault(name, Rows()).lost_rows(
            process.state, process.settings.window
        ):
            self.violation("history", problem)
        if report is None:
            self.log(f"{name} {command}: stopped")
            return None
        for problem in report_problems(report):
            self.violation("report", problem)
        self.log(f"{name} {command}: {_summarize(report)}")
        return report

    def _change_during_next_call(self) -> None:
        """Let somebody change the registry after the agent's next call has been sent."""
        call = self.rng.choice(("get", "update", "delete", "create"))
        fault = TeleportFault(
            effect=TeleportEffect.CONCURRENT_CHANGE,
            method=METHODS[call],
            deed=ChangeOnce(self.actors.change_registry),
            times=1,
        )
        self.environment.teleport.faults.add(fault)

    async def _operator(self) -> None:
        """Change how the agents are run."""
        rng = self.rng
        change = rng.choice(
            ("matchers", "matchers", "accounts", "regions", "limits", "pause", "resume",
             "lose state", "shards", "names", "scope")
        )  # fmt: skip
        self.tally.changes[f"operator: {change}"] += 1
        self.log(f"operator: {change}")
        if change == "pause":
            for process in self.agents:
                with Store.open(process.state) as store:
                    now = self.clock.agent()
                    store.pause(now + timedelta(minutes=rng.choice((4, 90))), now)
        elif change == "resume":
            self._resume()
        elif change == "lose state":
            process = rng.choice(self.agents)
            await process.lose_state()
            self._remember_duplicates()
            self.rows.pop(process.state.name, None)
        elif change == "shards":
            for process in self.agents:
                await process.end()
            self._set_processes(rng.choice((1, 2, 3)))
        else:
            await self._configure(change)

    def _remember_duplicates(self) -> None:
        """Renames that were half done when their state file was lost: nobody can know any more
        which half counts, and both stay."""
        halves = Counter(owner_of(e.labels, e.spec) for e in self.registry.all().values())
        self.actors.registered_by_people |= {
            name
            for name, each in self.registry.all().items()
            if halves[owner_of(each.labels, each.spec)] > 1
        }

    async def _configure(self, change: str) -> None:
        rng, now = self.rng, self.settings
        changed = {
            "matchers": lambda: replace(now, matchers=rng.choice(MATCHINGS)),
            "accounts": lambda: replace(
                now, accounts=rng.choice(((HUB,), (HUB, MEMBER), (HUB, MEMBER, THIRD)))
            ),
            "regions": lambda: replace(now, regions=rng.choice(REGION_LISTS)),
            "names": lambda: replace(now, names_by_tag=not now.names_by_tag),
            "scope": lambda: replace(now, out_of_scope=rng.choice(("hold", "remove"))),
            "limits": lambda: now.drawn(rng),
        }
        after = changed[change]()
        if self.second is not None:
            if change == "matchers":
                self.split = rng.choice(SPLITS)
            after = replace(after, matchers=self.split[0])
        await self._apply(after)

    async def _apply(self, settings: Settings) -> None:
        self.settings = settings
        self.log(f"settings: {settings}")
        for process in self.processes.values():
            is_second = process is self.second
            process.settings = self._second_settings() if is_second else settings
            await process.reload()

    def _resume(self) -> None:
        for process in self.agents:
            if process.state.exists():
                with Store.open(process.state) as store:
                    store.resume(self.clock.agent())

    # -- the end ---------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Clear all faults; the registry must be right within two sweeps that count."""
        self.log("== no more faults")
        self.is_recovering = True
        self.injector.clear()
        self._resume()
        self.actors.restore_roles()
        if any("*" in each for each in self.settings.regions):
            # A list of regions is good for a day, perhaps of a day that a wrong clock has seen.
            self.clock.advance(timedelta(hours=51))
        self.actors.finish_transitions()
        if self.rng.random() < 0.7:
            self.clock.ahead = timedelta(0)
        await self._apply(replace(self.settings, scope_timeout_s=60))
        problems: list[str] = []
        allow: int | None = None
        needed = self._sweeps_needed()
        for number in range(needed + 4):
            self.clock.advance(max(self.settings.grace, timedelta(minutes=65)))
            reports = [await self._run_without_faults(process, allow) for process in self.agents]
            problems = list(self._convergence_check().problems())
            if not problems and all(map(_is_settled, reports)):
                break
            allow = _allowance_needed(reports)
            if number >= needed and allow is None:
                break
        for problem in problems:
            self.violation("registry", problem)
        await self._check_no_more_writes()

    def _sweeps_needed(self) -> int:
        """Two, or what the configuration asks for; again for each further registration of a cache,
        such as a copy that people have made, since one after another comes to count."""
        owners = (owner_of(each.labels, each.spec) for each in self.registry.all().values())
        further = sum(count - 1 for owner, count in Counter(owners).items() if owner is not None)
        return max(2, self.settings.missed_sweeps) * (1 + further) + 1 + 2 * bool(self.second)

    async def _run_without_faults(self, process: Process, allow: int | None) -> Report | None:
        """Run an agent without faults; often after an audit, which must predict the sweep (R5)."""
        kind = "scheduled" if self.is_service and allow is None else "sweep"
        predicted = None
        if kind == "sweep" and self.rng.random() < 0.5:
            predicted = await self._run(process, AgentCommand("audit", allow=allow))
        report = await self._run(process, AgentCommand(kind, allow=allow))
        if (
            report is not None
            and predicted is not None
            and _comparable(report) != _comparable(predicted)
        ):
            self.violation("audit", f"predicted {_summarize(predicted)}, done {_summarize(report)}")
        if report is not None:
            failing = [each for each in report.unread_scopes if not each.is_backing_off]
            if report.error or failing or report.failed_items:
                self.violation("recovery", f"{report.error} {failing} {_summarize(report)}")
        return report

    async def _check_no_more_writes(self) -> None:
        """Check that a registry that is right is not written to any more."""
        if self.tally.violations:
            return
        before = Counter(self.checker.writes)
        for process in self.agents:
            await self._run(process, AgentCommand("sweep"))
        if self.checker.writes != before:
            self.violation("registry", f"still writing: {self.checker.writes - before}")

    def _convergence_check(self) -> ConvergenceCheck:
        names = frozenset(self.actors.registered_by_people | self.checker.unknowable)
        registry = self.registry.all()
        agents = [
            Owner(each.settings, each.covers, each.lifetime.made, _lacks_most(each.state, registry))
            for each in self.agents
        ]
        return ConvergenceCheck(self.world, agents, registry, names)

    def _count(self) -> None:
        tally = self.tally
        tally.faults.update(self.faults.struck)
        for process in self.processes.values():
            for plane in process.control_planes:
                tally.faults.update(plane.struck)
        tally.changes.update(self.actors.did)
        tally.writes.update(self.checker.writes)
        tally.races += self.checker.races


def _open_below(directory: Path) -> Iterator[str]:
    """Files of the directory that this process has open."""
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(handle.readlink())
            if target.startswith(f"{directory}/"):
                yield target


def _lacks_most(state: Path, registry: Mapping[str, Resource]) -> bool:
    """Whether more than half of what a state file remembers is not registered as ours (R10)."""
    known = rows(state, "SELECT name, arn FROM registrations") if state.exists() else []
    kept = [
        name
        for name, arn in known
        if (found := registry.get(str(name))) and owner_of(found.labels, found.spec) == arn
    ]
    return 2 * len(kept) < len(known)


def _allowance_needed(reports: list[Report | None]) -> int | None:
    """What somebody who has looked at the refused removals allows; None when none were."""
    refused = [each.guard.removals for each in reports if each is not None and each.guard.refused]
    return max(refused, default=0) or None


def _is_settled(report: Report | None) -> bool:
    """Whether nothing waits to be removed, which another agent may then register again, and no name
    became free, which the next sweep may take."""
    if report is None:
        return True
    waits = any(item.reason is Reason.WAITING for item in report.items)
    frees = any(item.removes and item.applied for item in report.items)
    return not waits and not frees and not report.guard.refused


def _comparable(report: Report) -> object:
    """What an audit and the sweep after it have alike, when nothing changes in between."""
    items = [(each.action, each.reason, each.name, each.previous_name) for each in report.items]
    return report.checksum, items


def _summarize(report: Report) -> str:
    counts = {key: value for key, value in report.summary.items() if value}
    failed = [f"{each.scope}={each.reason.value}" for each in report.unread_scopes]  # type: ignore[union-attr]
    parts = [str(counts), *failed, report.guard.code.value if report.guard.code else ""]
    parts += [f"{i.name}:{i.action.value}/{i.reason.value}" for i in report.items]
    return " ".join([*filter(None, parts), report.error or ""])
