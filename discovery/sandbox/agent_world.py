"""A simulated AWS as the agent finds it: its key and home region, and what leads there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.values import Role
from discovery.sandbox.aws.world import World

QUEUE = "cachemuster"
"""Name of the queue for change events, in the agent's own account and region."""

_VARIABLE = "EXTERNAL_ID"
_NEAREST, _FARTHEST = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class AgentWorld:
    """A simulated AWS with the agent's access key and home region."""

    world: World
    key: Key
    home: str
    """The agent's own region."""


def environment(prepared: AgentWorld, url: str) -> Mapping[str, str]:
    """Return the variables with which an AWS SDK or the AWS CLI talks to the world at `url`."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": prepared.key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": prepared.key.secret,
        "AWS_REGION": prepared.home,
        "AWS_DEFAULT_REGION": prepared.home,  # what boto3 and the first AWS CLI read instead
    }


def publish_changes(prepared: AgentWorld, url: str) -> str:
    """Send every change event to a new queue in the agent's account; return the queue's URL."""
    hub = prepared.key.account_id
    queue = prepared.world.account(hub).region(prepared.home).add_queue(QUEUE)
    queue.set_attributes({"VisibilityTimeout": "300", "Policy": json.dumps(_policy(queue.arn))})
    prepared.world.events.deliver_to(queue)
    return f"{url}/{hub}/{queue.name}"


def _policy(queue_arn: str) -> Mapping[str, object]:
    """Return the queue policy that lets EventBridge in; only `doctor` reads it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def latencies(prepared: AgentWorld, mean_s: float) -> Mapping[str, float]:
    """Return the least duration of a call to each region, in seconds.

    It is `mean_s` on average: half of it in the agent's own region, half as much again in the last;
    the others lie evenly between.
    """
    enabled = {region for account in prepared.world.accounts.values() for region in account.enabled}
    others = sorted(enabled - {prepared.home})
    if not mean_s or not others:
        return dict.fromkeys((prepared.home, *others), mean_s)
    step = (_FARTHEST - _NEAREST) / len(others)
    return {
        region: mean_s * (_NEAREST + step * place)
        for place, region in enumerate((prepared.home, *others))
    }


def external_ids(prepared: AgentWorld) -> Mapping[str, str]:
    """Return the external ids of all roles that trust the agent, by environment variable."""
    roles = _roles(prepared).values()
    found = dict.fromkeys(role.external_id for role in roles if role.external_id is not None)
    return {
        f"{_VARIABLE}_{number}" if number > 1 else _VARIABLE: external_id
        for number, external_id in enumerate(found, start=1)
    }


def section(prepared: AgentWorld) -> str:
    """Return the sections of a configuration that covers every account and enabled region."""
    lines = "".join(f"    - {json.dumps(entry)}\n" for entry in _entries(prepared))
    return f'aws:\n  accounts:\n{lines}  regions: ["*"]\nreports: {{owner_tag: team}}\n'


def _entries(prepared: AgentWorld) -> list[Mapping[str, object]]:
    """Return one entry for the organization where that is enough, else one for each account."""
    roles, organization = _roles(prepared), prepared.world.organization
    variables = {value: name for name, value in external_ids(prepared).items()}
    doors = {(role.name, role.external_id) for role in roles.values()}
    if (
        organization is not None
        and organization.may_read(prepared.key.account_id)
        and len(doors) == 1
    ):
        [(name, external_id)] = doors
        return [{"organization": {"role_name": name, **_proof(external_id, variables)}}]
    others = (
        {"id": account_id, "role_arn": role.arn, **_proof(role.external_id, variables)}
        for account_id, role in roles.items()
    )
    return [{"id": prepared.key.account_id}, *others]


def _proof(external_id: str | None, variables: Mapping[str, str]) -> Mapping[str, str]:
    return {} if external_id is None else {"external_id": f"env:{variables[external_id]}"}


def _roles(prepared: AgentWorld) -> Mapping[str, Role]:
    """Return the role of each other account that trusts the agent's own account or user."""
    agent = {prepared.key.account_id, prepared.key.principal_arn}
    return {
        account.id: role
        for account in prepared.world.accounts.values()
        if account.id != prepared.key.account_id
        for role in list(account.roles.values())[::-1]
        if agent & set(role.trusted)
    }
