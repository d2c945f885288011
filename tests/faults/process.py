"""One agent of a run: a process with a state file, and the commands that it can be given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

from discovery.config.model import Config
from discovery.config.rules import build_rules
from discovery.config.secrets import Secret
from discovery.control_plane.base import ControlPlane
from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from discovery.model.values import AccountId, Arn, Region, Scope
from discovery.plan.shard import Shard
from discovery.plan.targets import ScopeFilter
from discovery.reports.report import Report
from discovery.service.connections import Connections, ReloadableConnections
from discovery.service.runner import SweepRunner
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.sweep import audit, sweep
from state.lock import this_process, writer_lock
from state.store import Store, load_state
from tests.faults.environment import Environment
from tests.faults.faulty_control_plane import Break, FaultyControlPlane
from tests.faults.invariants import InvariantChecker
from tests.faults.observation import Observation, StateLifetime, observing
from tests.faults.registries import Registry
from tests.faults.settings import Settings


@dataclass(frozen=True)
class AgentCommand:
    """What an agent is to do."""

    kind: str = "sweep"
    """`sweep`, `scheduled` (the service's own sweep), `rescan`, `audit`."""
    only: tuple[tuple[str, str], ...] = ()
    named: frozenset[str] = frozenset()
    allow: int | None = None
    prune: bool = False

    def __str__(self) -> str:
        words = [self.kind, *("/".join(scope) for scope in self.only)]
        words += [f"--allow-mass-removal {self.allow}"] if self.allow is not None else []
        return " ".join([*words, "--prune"] if self.prune else words)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(Scope(AccountId(account), Region(region)) for account, region in self.only)


@dataclass
class Process:
    """One agent."""

    environment: Environment
    checker: InvariantChecker
    registry: Registry
    directory: Path
    settings: Settings
    shard: Shard | None = None
    name: str | None = None
    """Of an agent beside the shards."""
    lifetime: StateLifetime = field(default_factory=StateLifetime)
    breaks: list[Break] = field(default_factory=list)
    is_fenced: bool = False
    """Whether an embedded registry shows only what is the agent's own."""
    control_planes: list[FaultyControlPlane] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: SweepRunner | None = None
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def state(self) -> Path:
        index = self.shard.index if self.shard is not None else 0
        return self.directory / f"state-{self.name or index}.db"

    @property
    def config(self) -> Config:
        return Config.model_validate(self.settings.document(self.state))

    def covers(self, account_id: str) -> bool:
        """Whether it looks after the account."""
        return self.shard is None or self.shard.owns(AccountId(account_id))

    # -- its life --------------------------------------------------------------------------------

    async def end(self) -> None:
        """The service has ended; with the next command it starts anew."""
        self._runner = None
        await self._running.aclose()
        self._running = AsyncExitStack()
        self.stop = asyncio.Event()

    async def reload(self) -> None:
        """The service has the settings as they are now."""
        if self._runner is not None:
            await self._runner.connections.reload()

    async def lose_state(self) -> None:
        """Its state file is gone."""
        await self.end()
        for file in self.directory.glob(f"{self.state.name}*"):
            file.unlink()
        self.lifetime = StateLifetime()

    # -- its commands ----------------------------------------------------------------------------

    async def run(self, command: AgentCommand) -> Report | None:
        """Execute a command. None when it was stopped before it had a report."""
        observation = self._observe(command)
        self.checker.open.append(observation)
        report = None
        try:
            with observing(observation):
                report = await self._execute(command)
        finally:
            self.checker.close(observation, report)
        return report

    def _observe(self, command: AgentCommand) -> Observation:
        state = load_state(self.state)
        return Observation(
            lifetime=self.lifetime,
            state=self.state,
            settings=self.settings,
            take_snapshot=self.checker.snapshot,
            scanned=self.checker.scanned,
            only=frozenset(command.only),
            from_event=command.kind == "rescan",
            allowed=command.allow,
            prunes=command.prune,
            covers=self.covers,
            is_dry=command.kind == "audit",
            is_paused=state.pause_at(self.environment.clock.agent()) is not None,
        )

    async def _execute(self, command: AgentCommand) -> Report | None:
        if command.kind == "sweep":
            return await self._sweep(command)
        if command.kind == "audit":
            return await self._audit(command)
        runner = await self._service()
        named = frozenset(Arn(each) for each in command.named)
        done = await (
            runner.sweep() if command.kind == "scheduled" else runner.rescan(command.scopes, named)
        )
        return done.report if done is not None else None

    async def _sweep(self, command: AgentCommand) -> Report:
        """As `cachemuster sweep` does it: a process of its own, beside the service if there is."""
        context = self._context()
        holder = this_process("sweep", self.environment.clock.agent())
        async with writer_lock(self.state, wait=timedelta(minutes=1), holder=holder):
            with Store.open(self.state) as store:
                async with self._plane() as plane:
                    return await sweep(
                        context, self._request(command), control_plane=plane, store=store
                    )

    async def _audit(self, command: AgentCommand) -> Report:
        state = load_state(self.state)
        async with self._plane(reads_only=True) as plane:
            return await audit(
                self._context(), self._request(command), control_plane=plane, state=state
            )

    def _request(self, command: AgentCommand) -> SweepRequest:
        scope_filter = ScopeFilter(only=command.scopes, shard=self.shard)
        return SweepRequest(
            scope_filter=scope_filter, allow_mass_removal=command.allow, prune=command.prune
        )

    async def _service(self) -> SweepRunner:
        if self._runner is None:
            connections = await self._running.enter_async_context(
                ReloadableConnections.open(self._edges)
            )
            self._runner = SweepRunner(connections, self.shard)
        return self._runner

    @asynccontextmanager
    async def _edges(self) -> AsyncIterator[Connections]:
        async with self._plane() as plane:
            yield Connections(self._context(), plane)

    def _context(self) -> SweepContext:
        config = self.config
        return SweepContext(
            config=config,
            rules=build_rules(config, Secret),
            cloud=self.environment.cloud_for(config.aws),
            clock=self.environment.clock.agent,
            sleep=self.environment.clock.sleep,
            stop=self.stop,
        )

    @asynccontextmanager
    async def _plane(self, *, reads_only: bool = False) -> AsyncIterator[FaultyControlPlane]:
        """The control plane, with faults."""
        if self.settings.control_plane["kind"] == "teleport":
            async with self.environment.client() as client:
                yield self._with_faults(FaultyControlPlane(client, self.checker))
            return
        path = Path(self.settings.control_plane["path"])
        if reads_only:
            reader = cast(ControlPlane, EmbeddedReader(path))  # an audit does nothing but read
            yield self._with_faults(FaultyControlPlane(reader, self.checker, self.registry))
            return
        async with Embedded(path) as plane:
            yield self._with_faults(FaultyControlPlane(plane, self.checker, self.registry))

    def _with_faults(self, plane: FaultyControlPlane) -> FaultyControlPlane:
        """Inject the faults of the run into every control plane alike."""
        plane.breaks = self.breaks
        plane.is_fenced = self.is_fenced and plane.registry is not None
        self.control_planes.append(plane)
        return plane
