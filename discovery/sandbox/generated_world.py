"""Worlds of any size, generated: what a region holds is made when it is first asked for.

The same size and seed make the same world. Every account but the first trusts the first, whose key
the agent has and who manages the organization that all are in; every region with caches has users
and groups to go with them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from itertools import cycle

from discovery.sandbox.agent_world import AgentWorld
from discovery.sandbox.aws.partitions import PARTITIONS
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.world import World
from discovery.sandbox.clock import Clock, wall_clock
from discovery.sandbox.demo import EXTERNAL_ID, HOME, ROLE_NAME

_DEFAULT_REGIONS = PARTITIONS["aws"].default_regions
REGIONS = (HOME, *(region for region in _DEFAULT_REGIONS if region != HOME))
"""The regions of a generated world, the agent's own first; one of R regions has the first R."""

MOST_ACCOUNTS = 10_000
_FIRST_ACCOUNT = 100_000_000_001
_EVERY = 5
"""In a `typical` world one scope in so many has caches."""

_UNITS = ("production", "development")
_NOUNS = ("orders", "sessions", "carts", "prices", "search", "profiles", "limits", "feeds")
_TEAMS = ("checkout", "identity", "edge", "ml", "games", "web")
_ENVIRONMENTS = ("prod", "prod", "staging", "dev")
_YOUNGEST, _OLDEST = timedelta(days=30), timedelta(days=900)
_ONE_UNTAGGED_IN = 20
_ONE_REDIS_IN = 4


class Spread(StrEnum):
    """How caches are spread over a world."""

    EVEN = "even"
    """Equally many in every scope."""
    TYPICAL = "typical"
    """Equally many in one scope of five, chosen by the seed; none in the others."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a generated world is. Raises ValueError when it cannot be."""

    accounts: int
    regions: int
    caches: int
    spread: Spread = Spread.TYPICAL
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.accounts <= MOST_ACCOUNTS:
            raise ValueError(f"a world has 1 to {MOST_ACCOUNTS} accounts, not {self.accounts}")
        if not 1 <= self.regions <= len(REGIONS):
            raise ValueError(f"a world has 1 to {len(REGIONS)} regions, not {self.regions}")
        if self.caches < 0:
            raise ValueError(f"a world cannot have {self.caches} caches")

    @property
    def region_names(self) -> Sequence[str]:
        """The regions, the agent's own first."""
        return REGIONS[: self.regions]

    @property
    def account_ids(self) -> Sequence[str]:
        """The account ids, the agent's own first."""
        return tuple(str(_FIRST_ACCOUNT + n) for n in range(self.accounts))


def generate(size: Size, clock: Clock = wall_clock) -> AgentWorld:
    """Generate the world of that size and the agent's key to it; its regions are filled later."""
    fill_region = _RegionFiller(size)
    world = World(clock, populate=fill_region)
    hub, *members = size.account_ids
    world.account(hub, regions=size.region_names)
    organization = world.organize(hub, name="platform")
    units = cycle([(name, organization.add_unit(name)) for name in _UNITS])
    nouns = cycle(noun for noun in _NOUNS for _ in _UNITS)
    for number, account_id in enumerate(members):
        account = world.account(account_id, regions=size.region_names)
        account.add_role(ROLE_NAME, trusted=(hub,), external_id=EXTERNAL_ID)
        unit, parent = next(units)
        name = f"{next(nouns)}-{unit}-{1 + number // (len(_NOUNS) * len(_UNITS))}"
        organization.join(account_id, parent=parent, name=name)
    return AgentWorld(world, world.account(hub).add_key("cachemuster"), HOME)


class _RegionFiller:
    """Fills a region when it is first asked for."""

    def __init__(self, size: Size) -> None:
        self._size = size

    def __call__(self, region: Region) -> None:
        """Add the region's caches, users and groups."""
        count = self._shares.get(self._number(region), 0)
        if not count:
            return
        chance = random.Random(f"{self._size.seed} {region.place.account_id} {region.place.name}")  # noqa: S311 - reproducible on purpose
        region.add_user("teleport-people", access_string="on ~* -@all +@read +@connection")
        region.add_user_group("people", users=("teleport-people",))
        region.add_user(
            "teleport-legacy", engine="redis", access_string="on ~* -@all +@read +@connection"
        )
        region.add_user_group("legacy", engine="redis", users=("default", "teleport-legacy"))
        for number in range(count):
            _place(region, number, chance)

    def _number(self, region: Region) -> int:
        account = int(region.place.account_id) - _FIRST_ACCOUNT
        return account * self._size.regions + REGIONS.index(region.place.name)

    @cached_property
    def _shares(self) -> Mapping[int, int]:
        """Number of caches by number of scope; scopes without any are left out."""
        size = self._size
        scopes: Sequence[int] = range(size.accounts * size.regions)
        if size.spread is Spread.TYPICAL:
            chance = random.Random(size.seed)  # noqa: S311 - reproducible on purpose
            scopes = sorted(chance.sample(scopes, -(-len(scopes) // _EVERY)))
        each, rest = divmod(size.caches, len(scopes))
        shares = {scope: each + (place < rest) for place, scope in enumerate(scopes)}
        return {scope: share for scope, share in shares.items() if share}


def _place(region: Region, number: int, chance: random.Random) -> None:
    noun, team = chance.choice(_NOUNS), chance.choice(_TEAMS)
    is_redis = chance.randrange(_ONE_REDIS_IN) == 0
    tags = {
        "env": chance.choice(_ENVIRONMENTS),
        "team": team,
        "owner": f"{team}@example.com",
        "cost-center": str(chance.randrange(1000, 10_000)),
    }
    age = _YOUNGEST + chance.random() * (_OLDEST - _YOUNGEST)
    region.add_cache(
        f"{team}-{noun}-{number}",
        engine="redis" if is_redis else "valkey",
        group="legacy" if is_redis else "people",
        tags=tags if chance.randrange(_ONE_UNTAGGED_IN) else {},
        created_at=region.place.clock() - age,
    )
