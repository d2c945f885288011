"""One seed: a company, one or several agents that live through bad days, people behind their backs.

Real sweeps, and the rounds of the real service, against the simulated AWS over loopback and the
simulated Teleport over TLS, or the embedded registry. In the end the world heals.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
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
from tests.faults.environment import Calls, Environment, Faults, company
from tests.faults.expected_state import caches, owner_of
from tests.faults.fault_injector import METHODS, FaultInjector, Surprise
from tests.faults.faulty_control_plane import Break
from tests.faults.final_checks import ConvergenceCheck, Owner, Rows, described
from tests.faults.invariants import InvariantChecker
from tests.faults.process import Ask, Process
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
    """A story in figures."""

    stories: int = 1
    with_teleport: int = 0
    with_two_agents: int = 0
    rounds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    races: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """These figures are those of both."""
        self.stories += other.stories
        self.with_teleport += other.with_teleport
        self.with_two_agents += other.with_two_agents
        self.races += other.races
        self.violations += other.violations
        for name in ("rounds", "faults", "deeds", "writes"):
            getattr(self, name).update(getattr(other, name))


class Simulation:
    """One seed, from its beginning to its end."""

    def __init__(self, environment: Environment, directory: Path, seed: int) -> None:
        self.environment, self.directory, self.seed = environment, directory, seed
        self.chance = random.Random(seed)
        random.seed(seed)  # pauses between attempts are drawn from it
        self.tally = Tally()
        self.lines: list[str] = []
        self.times = environment.times
        self.times.now, self.times.ahead = EPOCH, timedelta(0)
        self.world = company(self.times)
        self.with_teleport = self.chance.random() < 0.3
        self.is_fenced = random.Random(f"fence of {seed}").random() < 0.7
        self.registry = self._registry()
        self.checker = InvariantChecker(
            self.world, self.times, self.registry, self.violation, self._between_calls
        )
        self.board = Faults(self._between_calls)
        environment.aws.play(self.world, self.board, Calls(self.checker.asked))
        self.settings = Settings(control_plane=self._control_plane()).drawn(self.chance)
        self.is_service = self.chance.random() < 0.5
        if self.chance.random() < 0.05:
            self.settings = replace(self.settings, scope_timeout_s=1)
        self.actors = Actors(
            self.world, self.registry, self.times, random.Random(~seed), self.checker,
            lambda: self.settings, self.tell,
        )  # fmt: skip
        self.breaks: list[Break] = []
        self.weather = FaultInjector(
            environment, self.checker, self.chance, self.tell, self.breaks, self.settings.accounts,
            self.registry if isinstance(self.registry, ClusterRegistry) else None,
            is_slow=self.settings.scope_timeout_s == 1,
        )  # fmt: skip
        self.processes: dict[str, Process] = {}
        self.rows: dict[str, Rows] = {}
        self.is_calm = False
        """True at the end: nobody does anything any more."""
        self._surprises: list[int] = []
        """After how many more calls somebody does something."""
        self._set_processes(self.chance.choice((1, 1, 1, 1, 2, 3)))
        self.second = self._second_agent(random.Random(f"second agent of {seed}"))
        """One more agent of the same group, with a state file and matchers of its own."""

    # -- telling ---------------------------------------------------------------------------------

    def tell(self, line: str) -> None:
        """One more line of the story."""
        self.lines.append(line)

    def violation(self, invariant: str, what: str) -> None:
        """A rule was broken."""
        self.tally.violations.append((invariant, what))
        self.tell(f"!! {invariant}: {what}")

    # -- the stage -------------------------------------------------------------------------------

    def _registry(self) -> Registry:
        if not self.with_teleport:
            return FileRegistry(self.directory / "registry.db")
        self.tally.with_teleport = 1
        cluster = self.environment.teleport.cluster
        found = ClusterRegistry(cluster)
        found.store.written = self._written
        found.store.enforces_revisions = self.chance.random() < 0.3
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
        self.tell(f"{count} agents")
        for shard in shards:
            name = str(shard.index if shard is not None else 0)
            known = self.processes.get(name)
            self.processes[name] = Process(
                self.environment, self.checker, self.registry, self.directory, self.settings,
                shard, breaks=self.breaks, is_fenced=self.is_fenced,
            )  # fmt: skip
            if known is not None:
                self.processes[name].life = known.life
        self.shards = [str(index) for index in range(count)]

    def _second_agent(self, chance: random.Random) -> Process | None:
        """In one story of four: another team that took the same group."""
        if chance.random() >= 0.25:
            return None
        self.tally.with_two_agents = 1
        self.split = chance.choice(SPLITS)
        self.second_accounts = chance.choice(((HUB, MEMBER), (HUB,), (HUB, MEMBER, THIRD)))
        self.settings = replace(self.settings, matchers=self.split[0])
        for process in self.processes.values():
            process.settings = self.settings
        self.tell(f"two agents share the group: {self.split}")
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
        """The agent asks something; somebody may be quicker."""
        if self._surprises:
            self._surprises = [left - 1 for left in self._surprises]
            while 0 in self._surprises:
                self._surprises.remove(0)
                self.actors.do_something()

    # -- the plot --------------------------------------------------------------------------------

    async def play(self) -> Tally:
        """The whole story; what it came to."""
        try:
            for _ in range(self.chance.randrange(2, 14)):
                self.actors.do(create_cache)
            for _ in range(self.chance.randrange(4, 8)):
                await self._act()
            await self._heal()
        finally:
            self.weather.clear()
            for process in self.processes.values():
                await process.end()
            if isinstance(self.registry, FileRegistry):
                self.registry.close()
        self._count()
        for left in _open_below(self.directory):
            self.violation("leak", f"{left} is still open")
        return self.tally

    async def _act(self) -> None:
        """Time passes, people are at work, something breaks, and the agents do their rounds."""
        self._let_pass()
        for _ in range(self.chance.randrange(1, 7)):
            self.actors.do_something()
        if self.chance.random() < 0.35:
            await self._operator()
        self.weather.inject()
        surprises = self.chance.choice((0, 0, 0, 1, 3))
        self._surprises = [self.chance.randrange(1, 40) for _ in range(surprises)]
        for process in self.agents:
            await self._rounds_of(process)
        self._surprises = []
        if self.chance.random() < 0.8:
            self.weather.clear()

    def _let_pass(self) -> None:
        span = timedelta(seconds=self.chance.choice((20, 300, 300, 700, 700, 1900, 1900, 90_000)))
        self.times.let_pass(span)
        if self.chance.random() < 0.12:
            minutes = self.chance.choice((-1500, -180, -20, -1, 0, 0, 30, 180, 1500))
            self.times.ahead = timedelta(minutes=minutes)
            self.tally.faults["clock set"] += 1
            self.tell(f"the agent's clock is {minutes} minutes ahead")
        self.tell(f"-- {self.times.now:%d %H:%M:%S}, agent {self.times.agent():%d %H:%M:%S}")

    async def _rounds_of(self, process: Process) -> None:
        """What one agent does in this act, alone or with several things at once."""
        asks = self._asks()
        if len(asks) > 1:
            self.tell(f"at once: {', '.join(map(str, asks))}")
        await asyncio.gather(*(self._round(process, ask) for ask in asks))
        if self.chance.random() < 0.15:
            await process.end()
            self.tell("the agent is started anew")

    def _asks(self) -> list[Ask]:
        chance, kind = self.chance, "round" if self.is_service else "sweep"
        scopes = tuple(
            {(chance.choice(self.settings.accounts), chance.choice(REGIONS)) for _ in range(2)}
        )
        arns = frozenset(place.cache.arn for place in caches(self.world))
        asks = [Ask(kind)]
        drawn = chance.random()
        if drawn < 0.1:
            asks = [Ask("sweep", allow=chance.choice((1, 3, 50)))]
        elif drawn < 0.16:
            asks = [Ask("sweep", prune=True)]
        elif drawn < 0.24:
            asks = [Ask("sweep", only=tuple(sorted(scopes)))]
        elif drawn < 0.4 and self.is_service:
            asks = [Ask("rescan", only=tuple(sorted(scopes)), named=arns)]
        elif drawn < 0.55 and self.is_service:
            asks = [Ask(kind), Ask("rescan", only=tuple(sorted(scopes)), named=arns)]
        elif drawn < 0.6 and self.is_service:
            asks = [Ask(kind), Ask("sweep")]
        return asks

    async def _round(self, process: Process, ask: Ask) -> Report | None:
        """One round, and everything that can be said of it by itself."""
        self.tally.rounds[ask.kind] += 1
        if self.with_teleport and not self.is_calm and self.chance.random() < 0.3:
            self._lie_in_wait()
        try:
            report = await process.run(ask)
        except NoSuchScope as error:
            self.tell(f"{ask}: {error}")
            return None
        except Exception as error:
            self.violation("escaped", f"{ask}: {type(error).__name__}: {error}")
            return None
        name = process.state.name
        for problem in self.rows.setdefault(name, Rows()).grown(
            process.state, process.settings.window
        ):
            self.violation("history", problem)
        if report is None:
            self.tell(f"{name} {ask}: told to stop")
            return None
        for problem in described(report):
            self.violation("report", problem)
        self.tell(f"{name} {ask}: {_brief(report)}")
        return report

    def _lie_in_wait(self) -> None:
        """Somebody is quicker than the agent at Teleport's very door."""
        call = self.chance.choice(("get", "update", "delete", "create"))
        fault = TeleportFault(
            effect=TeleportEffect.CONCURRENT_CHANGE,
            method=METHODS[call],
            deed=Surprise(self.actors.do_something_in_the_registry),
            times=1,
        )
        self.environment.teleport.faults.add(fault)

    async def _operator(self) -> None:
        """Somebody changes how the agents are run."""
        chance = self.chance
        deed = chance.choice(
            ("matchers", "matchers", "accounts", "regions", "limits", "pause", "resume",
             "lose state", "shards", "names", "scope")
        )  # fmt: skip
        self.tally.deeds[f"operator: {deed}"] += 1
        self.tell(f"operator: {deed}")
        if deed == "pause":
            for process in self.agents:
                with Store.open(process.state) as store:
                    now = self.times.agent()
                    store.pause(now + timedelta(minutes=chance.choice((4, 90))), now)
        elif deed == "resume":
            self._resume()
        elif deed == "lose state":
            process = chance.choice(self.agents)
            await process.lose_state()
            self._remember_twins()
            self.rows.pop(process.state.name, None)
        elif deed == "shards":
            for process in self.agents:
                await process.end()
            self._set_processes(chance.choice((1, 2, 3)))
        else:
            await self._configure(deed)

    def _remember_twins(self) -> None:
        """Renames that were half done when their state file was lost: nobody can know any more
        which half counts, and both stay."""
        halves = Counter(owner_of(e.labels, e.spec) for e in self.registry.all().values())
        self.actors.put_there |= {
            name
            for name, each in self.registry.all().items()
            if halves[owner_of(each.labels, each.spec)] > 1
        }

    async def _configure(self, deed: str) -> None:
        chance, now = self.chance, self.settings
        changed = {
            "matchers": lambda: replace(now, matchers=chance.choice(MATCHINGS)),
            "accounts": lambda: replace(
                now, accounts=chance.choice(((HUB,), (HUB, MEMBER), (HUB, MEMBER, THIRD)))
            ),
            "regions": lambda: replace(now, regions=chance.choice(REGION_LISTS)),
            "names": lambda: replace(now, names_by_tag=not now.names_by_tag),
            "scope": lambda: replace(now, out_of_scope=chance.choice(("hold", "remove"))),
            "limits": lambda: now.drawn(chance),
        }
        after = changed[deed]()
        if self.second is not None:
            if deed == "matchers":
                self.split = chance.choice(SPLITS)
            after = replace(after, matchers=self.split[0])
        await self._apply(after)

    async def _apply(self, settings: Settings) -> None:
        self.settings = settings
        self.tell(f"settings: {settings}")
        for process in self.processes.values():
            is_second = process is self.second
            process.settings = self._second_settings() if is_second else settings
            await process.reload()

    def _resume(self) -> None:
        for process in self.agents:
            if process.state.exists():
                with Store.open(process.state) as store:
                    store.resume(self.times.agent())

    # -- the end ---------------------------------------------------------------------------------

    async def _heal(self) -> None:
        """Everything is well again, and so is the registry within two sweeps that count."""
        self.tell("== the world heals")
        self.is_calm = True
        self.weather.clear()
        self._resume()
        self.actors.restore_roles()
        if any("*" in each for each in self.settings.regions):
            # A list of regions is good for a day, perhaps of a day that a wrong clock has seen.
            self.times.let_pass(timedelta(hours=51))
        self.actors.finish_what_is_under_way()
        if self.chance.random() < 0.7:
            self.times.ahead = timedelta(0)
        await self._apply(replace(self.settings, scope_timeout_s=60))
        problems: list[str] = []
        allow: int | None = None
        needed = self._sweeps_needed()
        for number in range(needed + 4):
            self.times.let_pass(max(self.settings.grace, timedelta(minutes=65)))
            reports = [await self._calm_round(process, allow) for process in self.agents]
            problems = list(self._peace().problems())
            if not problems and all(map(_is_quiet, reports)):
                break
            allow = _leave_needed(reports)
            if number >= needed and allow is None:
                break
        for problem in problems:
            self.violation("registry", problem)
        await self._nothing_more()

    def _sweeps_needed(self) -> int:
        """Two, or what the configuration asks for; again for each further registration of a cache,
        such as a copy that people have made, since one after another comes to count."""
        owners = (owner_of(each.labels, each.spec) for each in self.registry.all().values())
        further = sum(count - 1 for owner, count in Counter(owners).items() if owner is not None)
        return max(2, self.settings.missed_sweeps) * (1 + further) + 1 + 2 * bool(self.second)

    async def _calm_round(self, process: Process, allow: int | None) -> Report | None:
        """A round in which nothing goes wrong; often foretold by an audit (R5)."""
        kind = "round" if self.is_service and allow is None else "sweep"
        foretold = None
        if kind == "sweep" and self.chance.random() < 0.5:
            foretold = await self._round(process, Ask("audit", allow=allow))
        report = await self._round(process, Ask(kind, allow=allow))
        if report is not None and foretold is not None and _told(report) != _told(foretold):
            self.violation("audit", f"foretold {_brief(foretold)}, done {_brief(report)}")
        if report is not None:
            failing = [each for each in report.unread_scopes if not each.is_backing_off]
            if report.error or failing or report.failed_items:
                self.violation("calm", f"{report.error} {failing} {_brief(report)}")
        return report

    async def _nothing_more(self) -> None:
        """Once it is as it should be, nothing is written any more."""
        if self.tally.violations:
            return
        before = Counter(self.checker.writes)
        for process in self.agents:
            await self._round(process, Ask("sweep"))
        if self.checker.writes != before:
            self.violation("registry", f"still writing: {self.checker.writes - before}")

    def _peace(self) -> ConvergenceCheck:
        names = frozenset(self.actors.put_there | self.checker.unknowable)
        agents = [Owner(each.settings, each.covers, each.life.made) for each in self.agents]
        return ConvergenceCheck(self.world, agents, self.registry.all(), names)

    def _count(self) -> None:
        tally = self.tally
        tally.faults.update(self.board.struck)
        for process in self.processes.values():
            for door in process.doors:
                tally.faults.update(door.struck)
        tally.deeds.update(self.actors.did)
        tally.writes.update(self.checker.writes)
        tally.races += self.checker.races


def _open_below(directory: Path) -> Iterator[str]:
    """Files of the directory that this process has open."""
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(handle.readlink())
            if target.startswith(f"{directory}/"):
                yield target


def _leave_needed(reports: list[Report | None]) -> int | None:
    """What somebody who has looked at the refused removals allows; None when none were."""
    refused = [each.guard.removals for each in reports if each is not None and each.guard.refused]
    return max(refused, default=0) or None


def _is_quiet(report: Report | None) -> bool:
    """Whether nothing waits to be removed, which another agent may then register again."""
    waits = report is not None and any(item.reason is Reason.WAITING for item in report.items)
    return not waits and not (report is not None and report.guard.refused)


def _told(report: Report) -> object:
    """What an audit and the sweep after it have alike, when nothing changes in between."""
    items = [(each.action, each.reason, each.name, each.previous_name) for each in report.items]
    return report.checksum, items


def _brief(report: Report) -> str:
    counts = {key: value for key, value in report.summary.items() if value}
    failed = [f"{each.scope}={each.reason.value}" for each in report.unread_scopes]  # type: ignore[union-attr]
    parts = [str(counts), *failed, report.guard.code.value if report.guard.code else ""]
    parts += [f"{i.name}:{i.action.value}/{i.reason.value}" for i in report.items]
    return " ".join([*filter(None, parts), report.error or ""])
