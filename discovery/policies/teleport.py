"""Teleport resources for the agent: roles, a bot with its token, and tbot's configuration.

Source: teleport/README: Roles. A bot whose role has `db_labels` that only its own resources carry
can neither see nor change anybody else's.
"""

from __future__ import annotations

from typing import Final

from discovery.config.control_plane import Route
from discovery.config.control_plane import Teleport as Settings
from discovery.model.ownership import GROUP_LABEL, IAM_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from discovery.policies.document import Json
from discovery.policies.usage import AwsUsage, NotApplicable
from matchers.matcher import IamUsers

DB_VERBS: Final = ("list", "read", "create", "update", "delete")
"""Verbs on `db` that the agent needs."""
_READ: Final = ("list", "read")


def name_of(usage: AwsUsage) -> str:
    """Name of the bot, its role and its token: one per group."""
    return f"cachemuster-{usage.config.group}"


def bot_role(usage: AwsUsage) -> Json:
    """Role of the agent: what it may do, and to which databases."""
    return {
        "kind": "role",
        "version": "v7",
        "metadata": {
            "name": name_of(usage),
            "description": f"cachemuster registers the databases of group {usage.config.group}",
        },
        "spec": {
            "allow": {
                "db_labels": label_scope(usage),
                # Beside the rule: without it the list of Database Services is empty, and no error.
                "db_service_labels": {"*": "*"},
                "rules": [
                    {"resources": ["db"], "verbs": list(DB_VERBS)},
                    # Read by `sweep` and `doctor` to say what nobody would serve.
                    {"resources": ["db_server", "db_service"], "verbs": list(_READ)},
                ],
            }
        },
    }


def access_role(usage: AwsUsage) -> Json:
    """Role of people who connect: to caches with a working IAM login, as users of their traits."""
    verdicts = ["ready"]
    if any(each.iam_users is IamUsers.IGNORE for each in usage.config.matchers):
        verdicts.append("unknown")  # nobody judged those
    return {
        "kind": "role",
        "version": "v7",
        "metadata": {
            "name": f"{name_of(usage)}-access",
            "description": f"Connect to the caches of cachemuster's group {usage.config.group}",
        },
        "spec": {
            "allow": {
                "db_labels": {**label_scope(usage), IAM_LABEL: verdicts},
                "db_users": ["{{internal.db_users}}"],
            }
        },
    }


def bot(usage: AwsUsage) -> tuple[Json, ...]:
    """The bot, and the token by which the agent's AWS identity joins as it."""
    name = name_of(usage)
    return (
        {
            "kind": "bot",
            "version": "v1",
            "metadata": {"name": name},
            "spec": {"roles": [name]},
        },
        {
            "kind": "token",
            "version": "v2",
            "metadata": {"name": name},
            "spec": {
                "roles": ["Bot"],
                "bot_name": name,
                "join_method": "iam",
                "allow": [{"aws_account": usage.hub.account_id, "aws_arn": _caller_arn(usage)}],
            },
        },
    )


def tbot(usage: AwsUsage) -> Json:
    """Configuration of tbot, which renews the identity file. Raises: NotApplicable."""
    settings = teleport_settings(usage)
    server, address = cluster_address(settings)
    return {
        "version": "v2",
        server: address,
        "onboarding": {"join_method": "iam", "token": name_of(usage)},
        "storage": {"type": "directory", "path": "/var/lib/teleport/bot"},
        "credential_ttl": "1h",
        "renewal_interval": "20m",
        "outputs": [
            {
                "type": "identity",
                "destination": {"type": "directory", "path": str(settings.identity_file.parent)},
                "ssh_config": "off",
            }
        ],
    }


def teleport_settings(usage: AwsUsage) -> Settings:
    """Settings of the Teleport cluster. Raises: NotApplicable when it is another control plane."""
    settings = usage.config.control_plane
    if not isinstance(settings, Settings):
        raise NotApplicable(
            "Databases are registered in a local file, not in a Teleport cluster. Set "
            "control_plane: {kind: teleport} with its address first"
        )
    return settings


def cluster_address(settings: Settings) -> tuple[str, str]:
    """Key and value by which a process of Teleport finds its cluster."""
    key = "auth_server" if settings.route is Route.AUTH else "proxy_server"
    return key, str(settings.address)


def label_scope(usage: AwsUsage) -> Json:
    """Labels that everything has which this group registers."""
    return {MANAGED_BY_LABEL: MANAGED_BY, GROUP_LABEL: usage.config.group}


def _caller_arn(usage: AwsUsage) -> str:
    """ARN by which AWS names the agent: of a role, that of any of its sessions."""
    hub = usage.hub
    if not hub.is_role:
        return hub.arn
    return f"arn:{hub.partition}:sts::{hub.account_id}:assumed-role/{hub.name}/*"
