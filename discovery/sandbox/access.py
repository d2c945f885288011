"""How the agent enters a simulated cloud: the part of a configuration that leads to its accounts,
and the variables with the external ids that their roles ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from discovery.sandbox.aws.values import Role
from discovery.sandbox.demo import AgentWorld

_VARIABLE = "EXTERNAL_ID"


def external_ids(demo: AgentWorld) -> Mapping[str, str]:
    """The external ids of all roles that let the agent in, by the variable to put each in."""
    roles = _roles(demo).values()
    found = dict.fromkeys(role.external_id for role in roles if role.external_id is not None)
    return {
        f"{_VARIABLE}_{number}" if number > 1 else _VARIABLE: external_id
        for number, external_id in enumerate(found, start=1)
    }


def section(demo: AgentWorld) -> str:
    """The part of a configuration that has every account which lets the agent in, and every region
    that is enabled there."""
    lines = "".join(f"    - {json.dumps(entry)}\n" for entry in _entries(demo))
    return f'aws:\n  accounts:\n{lines}  regions: ["*"]\n'


def _entries(demo: AgentWorld) -> list[Mapping[str, object]]:
    """One for the organization where that is enough, else one for each account."""
    roles, organization = _roles(demo), demo.world.organization
    variables = {value: name for name, value in external_ids(demo).items()}
    doors = {(role.name, role.external_id) for role in roles.values()}
    if organization is not None and organization.may_read(demo.key.account_id) and len(doors) == 1:
        [(name, external_id)] = doors
        return [{"organization": {"role_name": name, **_proof(external_id, variables)}}]
    others = (
        {"id": account_id, "role_arn": role.arn, **_proof(role.external_id, variables)}
        for account_id, role in roles.items()
    )
    return [{"id": demo.key.account_id}, *others]


def _proof(external_id: str | None, variables: Mapping[str, str]) -> Mapping[str, str]:
    return {} if external_id is None else {"external_id": f"env:{variables[external_id]}"}


def _roles(demo: AgentWorld) -> Mapping[str, Role]:
    """The role of each other account that lets the agent's own account or user in."""
    agent = {demo.key.account_id, demo.key.principal_arn}
    return {
        account.id: role
        for account in demo.world.accounts.values()
        if account.id != demo.key.account_id
        for role in list(account.roles.values())[::-1]
        if agent & set(role.trusted)
    }
