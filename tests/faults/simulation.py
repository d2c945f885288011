"""One seed: a small company, an agent that lives through bad days, and people behind its back.

The real rounds of the service (whole sweeps and re-scans, side by side at times) against the
simulated AWS, over loopback. The clock is the simulation's. In the end the world heals, and what
has to be true then is looked at.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jsonschema import Draft202012Validator

from discovery.aws.knowledge import Directories, Knowledge
from discovery.config.load import load_config
from discovery.config.rules import rules_of
from discovery.config.secrets import Secret
from discovery.control_plane.embedded import Embedded
from discovery.ground import Ground
from discovery.model import Database, Scope
from discovery.reports.document import document
from discovery.reports.exit import exit_code
from discovery.reports.schema import committed_schema
from discovery.sandbox.aws.faults import Effect, Fault
from discovery.service.foundation import Edges, Foundation
from discovery.service.rounds import Round, Rounds
from state.errors import StateError
from tests.faults.people import People
from tests.faults.stage import HUB, MEMBER, REGIONS, SETTINGS, Stage
from tests.faults.truth import Truth
from tests.faults.watched import ARN, Trouble, Watched

STEPS = 10
CLEAN_SWEEPS = 7
"""Two, and the waiting that R3 asks for, and what the budget lets through in each window."""
VALIDATOR = Draft202012Validator(committed_schema())
AWS_EFFECTS = (
    Effect.ERROR, Effect.THROTTLED, Effect.DENIED, Effect.EXPIRED, Effect.INTERNAL,
    Effect.TRUNCATED, Effect.CUT_OFF, Effect.RESET, Effect.HTML, Effect.EMPTY_BODY,
    Effect.SHORT_PAGES, Effect.EMPTY_FIRST_PAGE, Effect.REPEATED_TOKEN, Effect.LATER_PAGE_FAILS,
    Effect.OTHER_ACCOUNT, Effect.OTHER_ARNS, Effect.NO_EMPTY_LISTS,
)  # fmt: skip
OPERATIONS = (
    ("elasticache", "DescribeServerlessCaches"), ("elasticache", "ListTagsForResource"),
    ("elasticache", "DescribeUsers"), ("elasticache", "DescribeUserGroups"),
    ("resourcegroupstaggingapi", "GetResources"), ("ec2", "DescribeSubnets"),
    ("sts", "AssumeRole"),
)  # fmt: skip


@dataclass
class Tally:
    """What happened, in numbers."""

    sweeps: int = 0
    rescans: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.sweeps += other.sweeps
        self.rescans += other.rescans
        self.injected += other.injected
        self.deeds += other.deeds
        self.writes += other.writes
        self.violations += other.violations


class Simulation(People):
    """One seed."""

    def __init__(self, stage: Stage, directory: Path, seed: int, *, verbose: bool = False) -> None:
        self.stage, self.directory, self.seed = stage, directory, seed
        self.chance = random.Random(seed)
        self.verbose = verbose
        self.tally = Tally()
        self.offset = timedelta(0)
        self.truth = Truth(stage.aws.world, (HUB, MEMBER), REGIONS)
        self.trouble = Trouble(self.chance, injected=self.tally.injected)
        self.rows = (0, 0)
        self.max_count = 3
        self.by_hand: set[str] = set()
        """Names of resources that people have put there; a copy is shown and never written to."""
        self.watched: Watched

    # -- the run ---------------------------------------------------------------------------------

    async def run(self) -> Tally:
        """The seed from beginning to end; what it saw."""
        async with self.living() as rounds:
            for _ in range(STEPS):
                await self._step(rounds)
            await self._heal(rounds)
        return self.tally

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Rounds]:
        """The company with its first caches, and the rounds of an agent that looks after it."""
        self._clear()
        for _ in range(self.chance.randrange(2, 7)):
            self._create_cache()
        async with Embedded(self.directory / "registry.db") as plane:
            self.watched = Watched(
                plane, self.trouble, self.state, self._may_remove, self.tally.violations
            )
            self.tally.writes = self.watched.writes
            self._configure()
            async with Foundation.laid(self._edges) as foundation:
                yield Rounds(foundation)

    def let_pass(self, span: timedelta) -> None:
        """Time goes by, for everybody."""
        self.offset += span
        self.stage.aws.world.clock.advance(span)

    async def _step(self, rounds: Rounds) -> None:
        for _ in range(self.chance.randrange(4)):
            await self._somebody_does_something(rounds.foundation)
        self._make_trouble()
        if self.chance.random() < 0.3:
            scopes = {self._a_scope() for _ in range(self.chance.randrange(1, 3))}
            await asyncio.gather(self._round(rounds), self._round(rounds, scopes))
        else:
            await self._round(rounds)
        self.stage.aws.faults.clear()
        self.trouble.calm()
        self.let_pass(timedelta(minutes=self.chance.choice((1, 5, 5, 11, 30))))
        if self.chance.random() < 0.1:
            self._set_clock(minutes=self.chance.choice((-180, -20, 60 * 24)))

    async def _round(self, rounds: Rounds, scopes: set[Scope] | None = None) -> Round | None:
        self.watched.removed_now = 0
        try:
            if scopes is None:
                self.tally.sweeps += 1
                done = await rounds.sweep()
            else:
                self.tally.rescans += 1
                named = frozenset(arn for arn in map(self._any_arn, scopes) if arn is not None)
                done = await rounds.rescan(scopes, named)  # type: ignore[arg-type]
        except StateError as error:
            self.tally.violations.append(f"state: {error}")
            return None
        except Exception as error:
            self.tally.violations.append(f"escaped: {type(error).__name__}: {error}")
            return None
        if done is not None:
            await self._look_at(done)
        return done

    async def _look_at(self, done: Round) -> None:
        report = done.report
        registered = {each.labels.get(ARN, "") for each in await self._ours()}
        self.truth.scanned(report.scopes, registered)
        if self.chance.random() < 0.1:
            VALIDATOR.validate(json.loads(json.dumps(document(report))))
            exit_code(report)
        self._history_only_grows()
        self._tell(f"{done.kind}: {dict(report.summary)} error={report.error}")

    async def _heal(self, rounds: Rounds) -> None:
        """The world is well again; within a few sweeps the registry is what it should be."""
        self.stage.aws.faults.clear()
        self.trouble.calm()
        self._resume()
        self.max_count = 100  # somebody has looked at the removals that were refused
        self._configure()
        await rounds.foundation.renew()
        for region, cache in list(self.truth.caches()):
            if cache.status == "modifying":  # until then its tags cannot be read
                region.change_cache(cache.name, status="available")
        done = None
        for _ in range(CLEAN_SWEEPS):
            self.let_pass(timedelta(minutes=65))
            done = await self._round(rounds)
        ours = await self._ours()
        registered = Counter(each.labels[ARN] for each in ours if each.name not in self.by_hand)
        for arn, count in registered.items():
            if count > 1 and not self._knows_nothing:
                self.tally.violations.append(f"{arn} is registered {count} times")
        registered.update({each.labels[ARN] for each in ours} - registered.keys())
        items = {item.arn: item for item in done.report.items} if done is not None else {}
        excused = {
            arn
            for arn, item in items.items()
            if item.action.value in ("blocked", "conflict") or item.reason.value == "GUARD_EMPTY"
        }
        for arn in (self.truth.wanted ^ registered.keys()) - excused:
            state = "missing" if arn in self.truth.wanted else f"left over: {self.truth.find(arn)}"
            item = items.get(arn)  # type: ignore[call-overload]
            told = f"{item.action}/{item.reason}: {item.message}" if item else "no item"
            self.tally.violations.append(f"after healing {arn} is {state} ({told})")

    @property
    def _knows_nothing(self) -> bool:
        """True when the state file was lost and the list shrank: what neither memory nor list
        shows cannot be known, and a cache whose name changed besides is registered anew."""
        return bool(self.tally.deeds["lose_state"] and self.tally.injected["list shrinks"])

    # -- what the rules allow --------------------------------------------------------------------

    def _may_remove(self, database: Database, every: tuple[Database, ...]) -> str | None:
        """The second half of a rename, and one of two registrations of a cache, may go."""
        arn = database.labels.get(ARN, "")
        twins = [each for each in every if each.labels.get(ARN) == arn and each != database]
        return None if twins else self.truth.why_not_remove(arn)

    def _history_only_grows(self) -> None:
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as file:
            [now] = file.execute(
                "SELECT (SELECT count(*) FROM history), (SELECT count(*) FROM journal)"
            )
        if now[0] < self.rows[0] or now[1] < self.rows[1]:
            self.tally.violations.append(f"history shrank from {self.rows} to {now}")
        self.rows = now

    # -- trouble ---------------------------------------------------------------------------------

    def _make_trouble(self) -> None:
        for _ in range(self.chance.choice((0, 0, 1, 1, 2))):
            service, operation = self.chance.choice(OPERATIONS)
            fault = Fault(
                effect=self.chance.choice(AWS_EFFECTS),
                service=service,
                account=self.chance.choice((HUB, MEMBER, "*")),
                region=self.chance.choice((*REGIONS, "*")),
                operation=operation,
                times=self.chance.choice((1, 3, None)),
                skip=self.chance.choice((0, 0, 1)),
                code="SomethingNobodyKnows",
                as_account=self.chance.choice((HUB, MEMBER, "999999999999")),
            )
            self.tally.injected[f"AWS: {fault.effect.value}"] += 1
            self.stage.aws.faults.add(fault)
            self._tell(f"fault: {fault.effect} {fault.operation} {fault.account}/{fault.region}")
        kind = self.chance.random()
        if kind < 0.12:
            self.trouble.before = self.chance.choice((0.05, 0.3, 1.0))
        elif kind < 0.24:
            self.trouble.after = self.chance.choice((0.1, 0.5))
        elif kind < 0.3:
            self.trouble.denied = self.chance.choice((0.2, 1.0))
        elif kind < 0.36:
            self.trouble.shrinks = True

    # -- its parts -------------------------------------------------------------------------------

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def _set_clock(self, *, minutes: float) -> None:
        """Somebody sets the agent's clock."""
        self.offset += timedelta(minutes=minutes)
        self.tally.injected["clock set"] += 1

    def _configure(self) -> None:
        matcher = {"name": "m", "names": [self.truth.names], "exclude_tags": {"teleport": "off"}}
        limits = {**SETTINGS["deregistration"], "max_count": self.max_count}
        text = json.dumps({**SETTINGS, "matchers": [matcher], "deregistration": limits})
        (self.directory / "cachemuster.yaml").write_text(text)

    @asynccontextmanager
    async def _edges(self) -> AsyncIterator[Edges]:
        config = load_config(self.directory / "cachemuster.yaml")
        cloud = replace(
            self.stage.cloud,
            clock=self.now,
            knowledge=Knowledge(Directories(config.aws.iam_refresh)),
        )
        ground = Ground(config=config, rules=rules_of(config, Secret), cloud=cloud, clock=self.now)
        yield Edges(ground, self.watched)

    def _clear(self) -> None:
        """The company of the seed before is gone."""
        self.stage.aws.faults.clear()
        for region, cache in list(self.truth.caches()):
            region.remove_cache(cache.name, remembered=timedelta(0))

    def _tell_deed(self, what: str) -> None:
        self.tally.deeds[what] += 1
        self._tell(f"somebody: {what}")

    def _tell(self, text: str) -> None:
        if self.verbose:
            print(f"  {text}")  # noqa: T201
