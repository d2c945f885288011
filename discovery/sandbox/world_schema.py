"""The schema of a world file, and checks across its entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StrictBool

from discovery.config.fields import AccountIdText, DurationRange, Matching, OneOrMany, Section
from discovery.config.problems import Path as Place
from discovery.config.problems import Problem
from discovery.sandbox.aws.organization import ROOT
from discovery.sandbox.aws.partitions import PARTITIONS
from discovery.sandbox.aws.region import FULL_VERSIONS

Text = Annotated[str, Field(min_length=1, max_length=2048)]
Entry = TypeVar("Entry")
Many = Annotated[tuple[Entry, ...], OneOrMany(may_be_empty=True)]
UnitId = Annotated[
    str, Matching(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}", "a unit's id: ou-ab12-cdef3456")
]


class User(Section):
    """A user of Valkey or Redis OSS."""

    id: Text
    name: Text | None = None
    engine: Literal["redis", "valkey"] = "valkey"
    authentication: Literal["iam", "password", "no-password"] = "iam"
    access_string: Text = "on ~* +@all"
    status: Text = "active"


class Group(Section):
    """A group of users."""

    id: Text
    users: Many[Text] = ()
    engine: Literal["redis", "valkey"] = "valkey"
    status: Text = "active"


class Subnet(Section):
    """A subnet beside those of the default VPC."""

    id: Text
    vpc: Text


class Cache(Section):
    """A serverless cache."""

    name: Text
    engine: Literal["redis", "valkey", "memcached"] = "valkey"
    version: Text | None = None
    """The major one."""
    status: Text = "available"
    group: Text | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    subnets: Many[Text] | None = None
    public: StrictBool = False
    age: Annotated[timedelta, DurationRange()] = timedelta(days=90)


class RegionEntry(Section):
    """One region of an account."""

    name: Text
    users: Many[User] = ()
    groups: Many[Group] = ()
    subnets: Many[Subnet] = ()
    caches: Many[Cache] = ()


class RoleToAssume(Section):
    """A role and who may assume it."""

    name: Text
    trusted: Annotated[tuple[Text, ...], OneOrMany()]
    """Account ids, or ARNs of users and roles."""
    external_id: Text | None = None


class AccountEntry(Section):
    """One account."""

    id: AccountIdText
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = "aws"
    name: Text | None = None
    """What its organization calls it."""
    state: Literal["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"] = (
        "ACTIVE"
    )
    """What its organization says of it."""
    roles: Many[RoleToAssume] = ()
    regions: Many[RegionEntry] = ()

    @property
    def region_names(self) -> Sequence[str]:
        """The account's regions; without any in the file the default ones."""
        named = tuple(part.name for part in self.regions)
        return named or PARTITIONS[self.partition].default_regions


class Unit(Section):
    """A unit of the organization."""

    id: UnitId
    parent: UnitId | None = None
    """The root, unless it is another unit."""
    accounts: Many[AccountIdText] = ()
    """Those directly in it."""


class Organization(Section):
    """The organization whose management account is the first one, and in which all are."""

    units: Many[Unit] = ()
    """Accounts that are in none of them are in the root."""


class WorldDocument(Section):
    """The whole file."""

    organization: Organization | None = None
    accounts: Annotated[tuple[AccountEntry, ...], OneOrMany()]


def find_contradictions(plan: WorldDocument) -> Iterator[Problem]:
    """List what fits the schema and still cannot be."""
    ids = [member.id for member in plan.accounts]
    yield from _twice(ids, ("accounts",), "id")
    yield from _in_organization(plan.organization or Organization(), ids)
    for number, member in enumerate(plan.accounts):
        here: Place = ("accounts", number, "regions")
        yield from _twice([part.name for part in member.regions], here, "name")
        known = PARTITIONS[member.partition].regions
        for place, part in enumerate(member.regions):
            if part.name not in known:
                message = f"partition {member.partition} has no region {part.name}"
                yield Problem(message, (*here, place, "name"))
            yield from _in_region(part, (*here, place))


def _in_organization(organization: Organization, ids: Sequence[str]) -> Iterator[Problem]:
    here: Place = ("organization", "units")
    yield from _twice([unit.id for unit in organization.units], here, "id")
    placed: Counter[str] = Counter()
    above = {ROOT}
    for number, unit in enumerate(organization.units):
        if (unit.parent or ROOT) not in above:
            message = f"there is no unit {unit.parent} before this one"
            yield Problem(message, (*here, number, "parent"))
        above.add(unit.id)
        for place, account_id in enumerate(unit.accounts):
            placed[account_id] += 1
            if placed[account_id] == 2:
                message = f"{account_id} is in a unit already"
                yield Problem(message, (*here, number, "accounts", place))
            if account_id not in ids:
                message = f"{account_id} is not among the accounts"
                yield Problem(message, (*here, number, "accounts", place))


def _in_region(part: RegionEntry, here: Place) -> Iterator[Problem]:
    yield from _twice([user.id.lower() for user in part.users], (*here, "users"), "id")
    yield from _twice([group.id.lower() for group in part.groups], (*here, "groups"), "id")
    yield from _twice([cache.name.lower() for cache in part.caches], (*here, "caches"), "name")
    for number, cache in enumerate(part.caches):
        versions = FULL_VERSIONS[cache.engine]
        if cache.version is not None and cache.version not in versions:
            message = f"the versions of {cache.engine} are {', '.join(versions)}"
            yield Problem(message, (*here, "caches", number, "version"))


def _twice(names: Sequence[str], here: Place, field: str) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] == 2:
            yield Problem(f"{name} is there twice", (*here, number, field))
