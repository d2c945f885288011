"""A cloud that a YAML file describes: accounts, roles, regions, and what lies in them.

    accounts:
      - id: "111122223333"
        regions:
          - name: eu-central-1
            users: [{id: app, access_string: "on ~* +@read"}]
            groups: [{id: people, users: [app]}]
            caches:
              - {name: orders, group: people, tags: {env: prod}, age: 90d}
      - id: "222233334444"
        roles: [{name: cachemuster, trusted: ["111122223333"], external_id: demo}]

The first account is the agent's own, and its first region the agent's home. Without `regions` an
account has the default ones, all empty. Nothing is held against AWS's rules: a cache may name a
group that does not exist, because that happens.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StrictBool, ValidationError

from discovery.config.document import Document
from discovery.config.fields import AccountIdText, OneOrMany, Section, Span
from discovery.config.messages import problems_of
from discovery.config.nodes import Unreadable
from discovery.config.problems import ConfigError, Problem
from discovery.config.problems import Path as Place
from discovery.sandbox.aws.clock import Clock, wall_clock
from discovery.sandbox.aws.geography import PARTITIONS
from discovery.sandbox.aws.region import FULL_VERSIONS, Region
from discovery.sandbox.aws.world import Account, World
from discovery.sandbox.demo import Demo

Text = Annotated[str, Field(min_length=1, max_length=2048)]
Entry = TypeVar("Entry")
Many = Annotated[tuple[Entry, ...], OneOrMany(may_be_empty=True)]


class WorldError(ConfigError):
    """The file describes no cloud. It holds every problem, in the order of the file."""

    def __str__(self) -> str:
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = [str(problem) for problem in self.problems]
        return "\n".join((*lines, f"{count} {noun} in {self.file}. No sandbox was started."))


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
    age: Annotated[timedelta, Span()] = timedelta(days=90)


class Part(Section):
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


class Member(Section):
    """One account."""

    id: AccountIdText
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = "aws"
    roles: Many[RoleToAssume] = ()
    regions: Many[Part] = ()

    @property
    def region_names(self) -> Sequence[str]:
        named = tuple(part.name for part in self.regions)
        return named or PARTITIONS[self.partition].default_regions


class Plan(Section):
    """The whole file."""

    accounts: Annotated[tuple[Member, ...], OneOrMany()]


def read_world(file: Path, clock: Clock = wall_clock) -> Demo:
    """The cloud in `file`, and its first account's key to it. Raises: WorldError."""
    plan = _plan(file)
    world = World(clock)
    for member in plan.accounts:
        _furnish(world.account(member.id, regions=(), partition=member.partition), member)
    hub = plan.accounts[0]
    key = world.account(hub.id).add_key("cachemuster")
    return Demo(world, key, home=hub.region_names[0])


def _plan(file: Path) -> Plan:
    try:
        document = Document(file.read_text(encoding="utf-8"))
    except Unreadable as error:
        raise _error([error.problem], file) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _error([Problem(f"the file cannot be read: {reason}")], file) from error
    try:
        plan = Plan.model_validate(document.data)
    except ValidationError as error:
        raise _error([*document.problems, *problems_of(error, document, Plan)], file) from error
    wrong = [*document.problems, *(_placed(each, document) for each in _contradictions(plan))]
    if wrong:
        raise _error(wrong, file)
    return plan


def _error(problems: Sequence[Problem], file: Path) -> WorldError:
    named = [dataclasses.replace(problem, file=str(file)) for problem in problems]
    return WorldError(named, str(file))


def _placed(problem: Problem, document: Document) -> Problem:
    line, column = document.place(problem.path)
    return dataclasses.replace(problem, line=line, column=column)


def _contradictions(plan: Plan) -> Iterator[Problem]:
    """What fits the model and still cannot be."""
    ids = [member.id for member in plan.accounts]
    yield from _twice(ids, ("accounts",), "id")
    for number, member in enumerate(plan.accounts):
        here: Place = ("accounts", number, "regions")
        yield from _twice([part.name for part in member.regions], here, "name")
        known = PARTITIONS[member.partition].regions
        for place, part in enumerate(member.regions):
            if part.name not in known:
                message = f"partition {member.partition} has no region {part.name}"
                yield Problem(message, (*here, place, "name"))
            yield from _in_region(part, (*here, place))


def _in_region(part: Part, here: Place) -> Iterator[Problem]:
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


def _furnish(account: Account, member: Member) -> None:
    for role in member.roles:
        account.add_role(role.name, trusted=role.trusted, external_id=role.external_id)
    for name in member.region_names:
        account.enable(name)
    for part in member.regions:
        _furnish_region(account.region(part.name), part)


def _furnish_region(region: Region, part: Part) -> None:
    for subnet in part.subnets:
        region.add_subnet(subnet.id, vpc=subnet.vpc)
    for user in part.users:
        region.add_user(
            user.id,
            name=user.name,
            engine=user.engine,
            authentication=user.authentication,
            access_string=user.access_string,
            status=user.status,
        )
    for group in part.groups:
        region.add_user_group(group.id, users=group.users, engine=group.engine, status=group.status)
    for cache in part.caches:
        region.add_cache(
            cache.name,
            engine=cache.engine,
            version=cache.version,
            status=cache.status,
            group=cache.group,
            tags=cache.tags,
            subnets=cache.subnets,
            public=cache.public,
            created_at=region.place.clock() - cache.age,
        )
