"""Changes that people make while the agent works: in AWS, and in the registry.

Everything is done at once and by itself, so that it can come between any two calls of the agent.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.world import Account, World
from tests.faults.expected_state import ARN, Place, caches, name_of, owner_of
from tests.faults.invariants import InvariantChecker
from tests.faults.registries import Registry, Resource
from tests.faults.settings import HUB, REGIONS, ROLE, Settings
from tests.faults.sim_clock import SimClock

NAMES = ("orders", "carts", "sessions", "prices", "my-eu-central-1")
CHOSEN = ("shared", "Shared", "orders-db", "carts-db", "not a legal name", "orders")
READS = (
    ("elasticache:ListTagsForResource", "tag:GetResources"),
    ("elasticache:ListTagsForResource",),
    ("tag:GetResources",),
    ("elasticache:DescribeUsers", "elasticache:DescribeUserGroups"),
    ("ec2:DescribeSubnets",),
    ("ec2:DescribeRegions",),
    ("elasticache:DescribeServerlessCaches",),
)
"""What a role may lose."""
LAGS = (0, 0, 2, 45)


@dataclass
class Actors:
    """Make random changes that are not the agent's."""

    world: World
    registry: Registry
    clock: SimClock
    rng: random.Random
    checker: InvariantChecker
    settings: Callable[[], Settings]
    log: Callable[[str], None]
    did: Counter[str] = field(default_factory=Counter)
    registered_by_people: set[str] = field(default_factory=set)
    """Names under which people have registered something."""

    def change_something(self) -> None:
        """Make one change somewhere."""
        changes = {**_IN_THE_CLOUD, **_IN_THE_REGISTRY}
        [change] = self.rng.choices(list(changes), list(changes.values()))
        self.do(change)

    def change_registry(self) -> None:
        """Make one change in the registry."""
        [change] = self.rng.choices(list(_IN_THE_REGISTRY), list(_IN_THE_REGISTRY.values()))
        self.do(change)

    def do(self, change: Callable[[Actors], str | None]) -> None:
        """Make the change, if there is anything to change. The checker sees the state before it."""
        self.checker.before_change()
        text = change(self)
        if text is not None:
            self.did[change.__name__] += 1
            self.log(f"{change.__name__}: {text}")

    # -- what is changed --------------------------------------------------------------------------

    def account(self) -> Account:
        return self.world.accounts[self.rng.choice(sorted(self.settings().accounts))]

    def region(self) -> Region:
        account = self.account()
        return account.region(self.rng.choice(sorted(account.enabled)))

    def place(self) -> Place | None:
        found = sorted(caches(self.world), key=lambda place: place.cache.arn)
        return self.rng.choice(found) if found else None

    def resource(self) -> Resource | None:
        found = self.registry.all()
        return found[self.rng.choice(sorted(found))] if found else None

    def ours(self) -> Resource | None:
        """A registration of the agent's, by chance."""
        found = {
            name: each
            for name, each in self.registry.all().items()
            if owner_of(each.labels, each.spec) is not None
        }
        return found[self.rng.choice(sorted(found))] if found else None

    def put(self, resource: Resource) -> None:
        """Write a resource as a person does."""
        self.registry.put(resource)
        self.checker.changed_by_people(resource.name)

    def lag(self) -> timedelta:
        return timedelta(minutes=self.rng.choice(LAGS))

    def finish_transitions(self) -> None:
        """End every transition: caches are available or deleted, and every region is enabled."""
        for account in self.world.accounts.values():
            for region in REGIONS:
                account.enable(region)
        for place in list(caches(self.world)):
            name, status = place.cache.name, place.cache.status
            if status == "deleting":
                place.region.remove_cache(name)
            elif status in ("creating", "modifying"):
                place.region.change_cache(name, status="available")

    def restore_roles(self) -> bool:
        """Every role may do again what it could, and lets the agent in; whether one had not."""
        lessened = False
        for account in self.world.accounts.values():
            role = account.roles.get(ROLE)
            if role is not None and (account.policies or HUB not in role.trusted):
                account.policies.clear()
                account.add_role(ROLE, trusted=[HUB])
                lessened = True
        return lessened

    def tags(self) -> dict[str, str]:
        """Draw tags of a cache, some of them misleading."""
        tags = {"env": self.rng.choice(("prod", "prod", "stage", "dev"))}
        odd = (
            (0.2, "teleport", "off"),
            (0.3, "team", self.rng.choice("ab")),
            (0.2, "TeleportDatabaseName", self.rng.choice(CHOSEN)),
            (0.1, "teleport.dev/database_name", self.rng.choice(CHOSEN)),
            (0.05, "cachemuster/group", "evil"),
            (0.05, "a key!", "x"),
        )
        tags |= {key: value for share, key, value in odd if self.rng.random() < share}
        return tags if self.rng.random() < 0.85 else {}


# -- in the cloud ----------------------------------------------------------------------------------


def create_cache(actors: Actors) -> str | None:
    region = actors.region()
    free = [name for name in NAMES if region.caches.get(name) is None]
    if not free:
        return None
    days = actors.rng.choice((0, 0, 30))
    made = _make(actors, region, actors.rng.choice(free), days=days)
    return f"{made} in {region.place.account_id}/{region.place.name}, {days} days old"


def _make(actors: Actors, region: Region, name: str, *, days: int = 0) -> str:
    rng = actors.rng
    engine = rng.choice(("valkey", "valkey", "redis"))
    tags = actors.tags()
    status = rng.choice(("available",) * 8 + ("creating", "create-failed"))
    public, is_mute = rng.random() < 0.08, rng.random() < 0.03
    cache = region.add_cache(
        name,
        engine=engine if rng.random() < 0.95 else "memcached",
        group=f"people-{engine}" if rng.random() < 0.8 else None,
        # A status that nobody knows may come without an endpoint; an available cache has one.
        status="repairing" if is_mute else status,
        public=public,
        created_at=actors.clock.world() - timedelta(days=days),
        indexed=False,
        wire={"Endpoint": None} if is_mute else {},
    )
    region.tags[cache.arn] = tags
    lag = timedelta(0) if days else actors.lag()
    region.tag_index.record(cache.arn, tags, visible_at=actors.clock.world() + lag)
    return f"{name} {tags} {cache.status} {engine}"


def remove_cache(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    remembered = timedelta(hours=actors.rng.choice((0, 0, 3)))
    place.region.remove_cache(place.cache.name, remembered=remembered)
    return place.cache.arn


def recreate_cache(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    remembered = timedelta(hours=actors.rng.choice((0, 3)))
    place.region.remove_cache(place.cache.name, remembered=remembered)
    return f"{_make(actors, place.region, place.cache.name)} at {place.key}"


def change_status(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    status = actors.rng.choice(("available", "available", "modifying", "deleting"))
    place.region.change_cache(place.cache.name, status=status, wire={})
    return f"{place.cache.arn} is {status}"


def retag(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    tags = actors.tags()
    place.region.set_tags(place.cache.arn, tags, lag=actors.lag())
    return f"{place.cache.arn} {tags}"


def name_by_tag(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    tags = {**place.tags, "TeleportDatabaseName": actors.rng.choice(CHOSEN)}
    place.region.set_tags(place.cache.arn, tags, lag=actors.lag())
    return f"{place.cache.arn} {tags}"


def regroup(actors: Actors) -> str | None:
    place = actors.place()
    if place is None:
        return None
    group = actors.rng.choice((None, f"people-{place.cache.engine}", "nobody-knows"))
    place.region.change_cache(place.cache.name, user_group_id=group)
    return f"{place.cache.arn} has group {group}"


def edit_user(actors: Actors) -> str | None:
    region, engine = actors.region(), actors.rng.choice(("valkey", "redis"))
    how: Mapping[str, Any] = actors.rng.choice(
        ({}, {}, {"authentication": "password"}, {"access_string": "off"}, {"name": "another"})
    )
    region.add_user(f"app-{engine}", engine=engine, **how)
    return f"app-{engine} {how} in {region.place.account_id}/{region.place.name}"


def edit_group(actors: Actors) -> str | None:
    region, engine = actors.region(), actors.rng.choice(("valkey", "redis"))
    members = actors.rng.choice(((), (f"app-{engine}",), (f"app-{engine}", f"default-{engine}")))
    region.add_user_group(f"people-{engine}", users=members, engine=engine)
    return f"people-{engine} {members} in {region.place.account_id}/{region.place.name}"


def narrow_role(actors: Actors) -> str | None:
    account = actors.account()
    role = account.roles.get(ROLE)
    if role is None:
        return None
    lost = actors.rng.choice(READS)
    account.allow(role.arn, _policy("Allow", ["*"]), _policy("Deny", list(lost)))
    return f"in {account.id} without {', '.join(lost)}"


def widen_role(actors: Actors) -> str | None:
    restored = actors.restore_roles()
    return "every role" if restored else None


def close_account(actors: Actors) -> str | None:
    account = actors.account()
    if ROLE not in account.roles:
        return None
    account.add_role(ROLE, trusted=["999988887777"])
    return account.id


def switch_region(actors: Actors) -> str | None:
    account, region = actors.account(), REGIONS[1]
    if region in account.enabled:
        account.disable(region)
        return f"{region} off in {account.id}"
    account.enable(region)
    return f"{region} on in {account.id}"


def _policy(effect: str, actions: list[str]) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


# -- in the registry -------------------------------------------------------------------------------


def edit_labels(actors: Actors) -> str | None:
    found = actors.ours()
    if found is None:
        return None
    edit = actors.rng.choice(
        (
            {"owner-team": "them"},
            {"env": "forged"},
            {"cachemuster/iam-auth": "ready"},
            {"vpc-id": "vpc-0"},
            {"teleport.internal/x": "y"},
        )
    )
    actors.put(replace(found, labels={**found.labels, **edit}))
    return f"{found.name} {edit}"


def edit_spec(actors: Actors) -> str | None:
    found = actors.ours()
    if found is None:
        return None
    spec = {**found.spec, "uri": "elsewhere.example.com:6379"}
    actors.put(replace(found, spec=spec, description="edited"))
    return found.name


def take_over(actors: Actors) -> str | None:
    found = actors.ours()
    if found is None:
        return None
    theirs: Mapping[str, str] = actors.rng.choice(
        ({"managed-by": "terraform"}, {"cachemuster/group": "staging"}, {ARN: "arn:of:nothing"})
    )
    actors.put(replace(found, labels={**found.labels, **theirs}))
    actors.registered_by_people.add(found.name)
    return f"{found.name} {theirs}"


def copy(actors: Actors) -> str | None:
    found = actors.ours()
    if found is None:
        return None
    name = f"{found.name}-copy"
    actors.put(replace(found, name=name))
    actors.registered_by_people.add(name)
    return name


def unregister(actors: Actors) -> str | None:
    found = actors.resource()
    if found is None:
        return None
    actors.registry.remove(found.name)
    actors.checker.changed_by_people(found.name)
    return found.name


def register_foreign(actors: Actors) -> str | None:
    """In a name that some cache wants."""
    place = actors.place()
    if place is None:
        return None
    name, _ = name_of(place, actors.settings())
    if not name.replace("-", "").isalnum():
        return None
    labels: Mapping[str, str] = actors.rng.choice(
        ({"team": "x"}, {"managed-by": "cachemuster", "cachemuster/group": "staging"})
    )
    actors.put(Resource(name, labels, "", {"protocol": "redis", "uri": "other.example.com:6379"}))
    actors.registered_by_people.add(name)
    return name


_IN_THE_CLOUD: dict[Callable[[Actors], str | None], int] = {
    create_cache: 10, remove_cache: 7, recreate_cache: 4, change_status: 4, retag: 7,
    name_by_tag: 5, regroup: 2, edit_user: 2, edit_group: 2, narrow_role: 2, widen_role: 2,
    close_account: 1, switch_region: 1,
}  # fmt: skip
_IN_THE_REGISTRY: dict[Callable[[Actors], str | None], int] = {
    edit_labels: 3, edit_spec: 2, take_over: 3, copy: 2, unregister: 3, register_foreign: 3,
}  # fmt: skip
