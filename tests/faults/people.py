"""People who change things behind the agent's back, in the cloud and in the registry."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from discovery.model import Database, Region, ResourceName, Scope
from discovery.sandbox.aws.region import Region as Place
from discovery.sandbox.aws.values import Cache
from discovery.service.foundation import Foundation
from state.store import Store
from tests.faults.stage import HUB, MEMBER, NAMES, REGIONS, Stage
from tests.faults.truth import Truth
from tests.faults.watched import Watched, is_ours

NO_TIME, _LONG = timedelta(0), timedelta(minutes=45)


class People(ABC):
    """What somebody may do, by chance."""

    stage: Stage
    directory: Path
    chance: random.Random
    truth: Truth
    watched: Watched
    rows: tuple[int, int]
    by_hand: set[str]
    """Names of resources that people have put there; a copy is shown and never written to."""

    @abstractmethod
    def now(self) -> datetime:
        """The agent's time."""

    @abstractmethod
    def _configure(self) -> None:
        """The configuration is written anew."""

    @abstractmethod
    def _tell_deed(self, what: str) -> None:
        """Somebody has done something."""

    @property
    def state(self) -> Path:
        return self.directory / "state.db"

    async def _somebody_does_something(self, foundation: Foundation) -> None:
        deeds = {
            self._create_cache: 8, self._remove_cache: 8, self._recreate_cache: 3,
            self._retag: 6, self._rename: 5, self._change_status: 4, self._change_users: 2,
            self._edit_registration: 3, self._delete_registration: 2, self._copy_registration: 3,
            self._take_over: 3, self._put_foreign: 3, self._lose_state: 1, self._pause: 2,
            self._edit_matcher: 2,
        }  # fmt: skip
        [deed] = self.chance.choices(list(deeds), list(deeds.values()))
        self._tell_deed(deed.__name__.strip("_"))
        outcome = deed()
        if asyncio.iscoroutine(outcome):
            await outcome
        if deed == self._edit_matcher:
            await foundation.renew()

    def _create_cache(self) -> None:
        region = self._a_region()
        free = [name for name in NAMES if name not in {c.name for c in region.caches.values()}]
        if free:
            name = self.chance.choice(free)
            age = self.chance.choice((timedelta(minutes=1), timedelta(days=30)))
            region.add_cache(name, tags=self._tags(), created_at=self.now() - age)

    def _remove_cache(self) -> None:
        if (found := self._a_cache()) is not None:
            region, cache = found
            region.remove_cache(cache.name, remembered=timedelta(hours=3))

    def _recreate_cache(self) -> None:
        if (found := self._a_cache()) is not None:
            region, cache = found
            region.remove_cache(cache.name)
            region.add_cache(cache.name, tags=self._tags(), created_at=self.now())

    def _retag(self) -> None:
        if (found := self._a_cache()) is not None:
            region, cache = found
            region.set_tags(cache.arn, self._tags(), lag=self.chance.choice((NO_TIME, _LONG)))

    def _rename(self) -> None:
        if (found := self._a_cache()) is not None:
            region, cache = found
            name = self.chance.choice(("shared", "alpha", "beta", "gamma"))
            region.set_tags(cache.arn, {"TeleportDatabaseName": name}, lag=NO_TIME)

    def _change_status(self) -> None:
        if (found := self._a_cache()) is not None:
            region, cache = found
            status = self.chance.choice(("modifying", "available", "available", "deleting"))
            region.change_cache(cache.name, status=status)

    def _change_users(self) -> None:
        users = self.chance.choice(((), ("app",)))
        self._a_region().add_user_group("people", users=users)

    async def _edit_registration(self) -> None:
        if (database := await self._a_registration()) is not None:
            await self._put(replace(database, labels={**database.labels, "edited": "yes"}))

    async def _delete_registration(self) -> None:
        if (database := await self._a_registration()) is not None:
            await self.watched.plane.delete(database.name)

    async def _copy_registration(self) -> None:
        if (database := await self._a_registration()) is not None:
            await self._put(replace(database, name=ResourceName(f"copy-of-{database.name}")))

    async def _take_over(self) -> None:
        if (database := await self._a_registration()) is not None:
            await self._put(replace(database, labels={"managed-by": "somebody-else"}))

    async def _put_foreign(self) -> None:
        if (database := await self._a_registration()) is not None:
            name = self.chance.choice(("shared", "alpha", "beta"))
            foreign = replace(database, name=ResourceName(name), labels={"team": "x"})
            await self._put(foreign)

    def _lose_state(self) -> None:
        for file in self.directory.glob("state.db*"):
            if not file.name.endswith(".lock"):
                file.unlink()
        self.rows = (0, 0)

    def _pause(self) -> None:
        if self.state.exists():
            with Store.open(self.state) as store:
                store.pause(self.now() + timedelta(minutes=self.chance.choice((4, 20))))

    def _resume(self) -> None:
        if self.state.exists():
            with Store.open(self.state) as store:
                store.resume()

    def _edit_matcher(self) -> None:
        self.truth.names = self.chance.choice(("*", "*", "*s", "orders"))
        self._configure()

    # -- whom it concerns --------------------------------------------------------------------------

    def _tags(self) -> dict[str, str]:
        tags = {"env": self.chance.choice(("prod", "dev"))}
        if self.chance.random() < 0.15:
            tags["teleport"] = "off"
        return tags if self.chance.random() < 0.85 else {}

    def _a_region(self) -> Place:
        account = self.stage.aws.world.account(self.chance.choice((HUB, MEMBER)))
        return account.region(self.chance.choice(REGIONS))

    def _a_scope(self) -> Scope:
        account = self.chance.choice((HUB, MEMBER))
        return Scope(account, Region(self.chance.choice(REGIONS)))  # type: ignore[arg-type]

    def _a_cache(self) -> tuple[Place, Cache] | None:
        caches = list(self.truth.caches())
        return self.chance.choice(caches) if caches else None

    def _any_arn(self, scope: Scope) -> str | None:
        arns = [
            c.arn for _, c in self.truth.caches() if f"{scope.region}:{scope.account_id}" in c.arn
        ]
        return self.chance.choice(arns) if arns else None

    async def _ours(self) -> list[Database]:
        return [each for each in await self.watched.plane.list_databases() if is_ours(each)]

    async def _a_registration(self) -> Database | None:
        found = await self.watched.plane.list_databases()
        return self.chance.choice(found) if found else None

    async def _put(self, database: Database) -> None:
        plane = self.watched.plane
        self.by_hand.add(database.name)
        if await plane.get(database.name) is None:
            await plane.create(database)
        else:
            await plane.update(database)
