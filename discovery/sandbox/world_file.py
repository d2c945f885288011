"""A world that a YAML file describes: accounts, roles, regions, and what is in them.

    accounts:
      - id: "111122223333"
        name: platform
        regions:
          - name: eu-central-1
            users: [{id: app, access_string: "on ~* +@read"}]
            groups: [{id: people, users: [app]}]
            caches:
              - {name: orders, group: people, tags: {env: prod}, age: 90d}
      - id: "222233334444"
        roles: [{name: cachemuster, trusted: ["111122223333"], external_id: demo}]
    organization:
      units: [{id: ou-ab12-cdef3456, accounts: ["222233334444"]}]

The first account is the agent's own, and its first region the agent's home. Without `regions` an
account has the default ones, all empty. AWS's rules are not checked: a cache may name a group that
does not exist, because that happens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from discovery.config.problems import ConfigError, Problem
from discovery.config.pydantic_messages import problems_of
from discovery.config.yaml_document import Document, Unreadable
from discovery.sandbox.agent_world import AgentWorld
from discovery.sandbox.aws.organization import ROOT
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.world import Account, World
from discovery.sandbox.clock import Clock, wall_clock
from discovery.sandbox.world_schema import (
    AccountEntry,
    RegionEntry,
    WorldDocument,
    find_contradictions,
)


class WorldError(ConfigError):
    """A file that describes no world; holds every problem, in the order of the file."""

    consequence = "No sandbox was started."


def read_world(file: Path, clock: Clock = wall_clock) -> AgentWorld:
    """Build the world in `file`, with its first account's key. Raises WorldError."""
    plan = _read_document(file)
    world = World(clock)
    for member in plan.accounts:
        _fill(world.account(member.id, regions=(), partition=member.partition), member)
    if plan.organization is not None:
        _organize(world, plan)
    hub = plan.accounts[0]
    key = world.account(hub.id).add_key("cachemuster")
    return AgentWorld(world, key, home=hub.region_names[0])


def _read_document(file: Path) -> WorldDocument:
    try:
        document = Document(file.read_text(encoding="utf-8"))
    except Unreadable as error:
        raise _error([error.problem], file) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _error([Problem(f"the file cannot be read: {reason}")], file) from error
    try:
        plan = WorldDocument.model_validate(document.data)
    except ValidationError as error:
        raise _error(
            [*document.problems, *problems_of(error, document, WorldDocument)], file
        ) from error
    wrong = [*document.problems, *(_placed(each, document) for each in find_contradictions(plan))]
    if wrong:
        raise _error(wrong, file)
    return plan


def _error(problems: Sequence[Problem], file: Path) -> WorldError:
    named = [dataclasses.replace(problem, file=str(file)) for problem in problems]
    return WorldError(named, str(file))


def _placed(problem: Problem, document: Document) -> Problem:
    line, column = document.place(problem.path)
    return dataclasses.replace(problem, line=line, column=column)


def _organize(world: World, plan: WorldDocument) -> None:
    assert plan.organization is not None  # noqa: S101 - the caller has looked
    units = plan.organization.units
    places = {account_id: unit.id for unit in units for account_id in unit.accounts}
    hub = plan.accounts[0]
    organization = world.organize(hub.id, name=hub.name)
    for unit in units:
        organization.add_unit(unit.id, parent=unit.parent or ROOT, unit_id=unit.id)
    for member in plan.accounts:
        parent = places.get(member.id, ROOT)
        organization.join(member.id, parent=parent, state=member.state, name=member.name)


def _fill(account: Account, member: AccountEntry) -> None:
    for role in member.roles:
        account.add_role(role.name, trusted=role.trusted, external_id=role.external_id)
    for name in member.region_names:
        account.enable(name)
    for part in member.regions:
        _fill_region(account.region(part.name), part)


def _fill_region(region: Region, part: RegionEntry) -> None:
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
