"""The registry with a witness at its door: what was written, on whose ground, and what got lost.

Every write is held against the truth of its moment: whose the resource was, what the cloud held,
whether the journal knew of it. Faults are thrown in before and after the registry has acted.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from discovery.control_plane.base import ClusterInfo, Denied, Unavailable
from discovery.control_plane.embedded import Embedded
from discovery.model import Database, ResourceName, Served

OURS = {"managed-by": "cachemuster", "cachemuster/group": "prod"}
ARN = "cachemuster/arn"


def is_ours(database: Database) -> bool:
    """By its labels, and by what it says of itself; written down here once more on purpose."""
    arn = database.labels.get(ARN, "").split(":")
    if len(arn) != 7 or not OURS.items() <= database.labels.items():
        return False
    aws = database.spec.get("aws", {})
    place = (aws.get("region"), aws.get("account_id"))
    name = aws.get("elasticache_serverless", {}).get("cache_name")
    return place == (arn[3], arn[4]) and name == arn[6]


@dataclass
class Trouble:
    """How often a call goes wrong, by chance."""

    chance: random.Random
    before: float = 0.0
    """The share of calls that fail and did nothing."""
    after: float = 0.0
    """The share of writes whose answer is lost although they were done."""
    denied: float = 0.0
    shrinks: bool = False
    """The list shows less than half of what there is."""
    injected: Counter[str] = field(default_factory=Counter)

    def calm(self) -> None:
        self.before = self.after = self.denied = 0.0
        self.shrinks = False

    def strikes(self, share: float, what: str) -> bool:
        if share and self.chance.random() < share:
            self.injected[what] += 1
            return True
        return False


@dataclass
class Watched:
    """An embedded registry that is lied about now and then."""

    plane: Embedded
    trouble: Trouble
    state: Path
    may_remove: Callable[[Database, tuple[Database, ...]], str | None]
    """Why a removal is against the rules, with all that stands beside it; None when it is not."""
    violations: list[str] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    removed_now: int = 0

    async def ping(self) -> ClusterInfo:
        self._may_fail("ping")
        return await self.plane.ping()

    async def list_databases(self) -> tuple[Database, ...]:
        self._may_fail("list")
        found = await self.plane.list_databases()
        if self.trouble.shrinks:
            self.trouble.injected["list shrinks"] += 1
            return found[: len(found) // 3]
        return found

    async def get(self, name: ResourceName) -> Database | None:
        self._may_fail("get")
        return await self.plane.get(name)

    async def served(self) -> tuple[Served, ...]:
        return await self.plane.served()

    async def create(self, database: Database) -> None:
        await self._before("create", database.name)
        await self.plane.create(database)
        self._after("create")

    async def update(self, database: Database) -> None:
        await self._before("update", database.name)
        await self.plane.update(database)
        self._after("update")

    async def delete(self, name: ResourceName) -> None:
        found = await self._before("delete", name)
        if found is not None:
            why = self.may_remove(found, await self.plane.list_databases())
            if why is not None:
                self.violations.append(f"removed {name}: {why}")
            self.removed_now += 1
        await self.plane.delete(name)
        self._after("delete")

    async def _before(self, what: str, name: ResourceName) -> Database | None:
        self._may_fail(what)
        found = await self.plane.get(name)
        if what != "create" and found is not None and not is_ours(found):
            self.violations.append(f"{what} of {name}, which is not ours: {found.labels}")
        if not self._is_journaled(name):
            self.violations.append(f"{what} of {name} without an intent in the journal")
        return found

    def _after(self, what: str) -> None:
        self.writes[what] += 1
        if self.trouble.strikes(self.trouble.after, f"{what}: answer lost"):
            raise Unavailable(f"{what}: the connection was lost after the server had acted")

    def _may_fail(self, what: str) -> None:
        if self.trouble.strikes(self.trouble.before, f"{what}: unavailable"):
            raise Unavailable(f"{what}: does not answer")
        if self.trouble.strikes(self.trouble.denied, f"{what}: denied"):
            raise Denied(f"{what}: the role was narrowed")

    def _is_journaled(self, name: ResourceName) -> bool:
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as file:
            [(count,)] = file.execute(
                "SELECT count(*) FROM journal WHERE outcome IS NULL AND ? IN (name, previous_name)",
                [name],
            )
        return bool(count)
