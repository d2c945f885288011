"""What Teleport's Database Service needs: its role's policy, and its teleport.yaml.

Source: control_plane/README: Permissions; Teleport, lib/srv/db and `teleport db configure create`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from discovery.policies.aws import connect_statements
from discovery.policies.document import Json, Statement
from discovery.policies.teleport import cluster_address, label_scope, teleport_settings
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage

TOKEN_FILE: Final = "/etc/teleport-token"  # noqa: S105 - where a token is, not one
"""File in which the service finds the token that it joins with."""


def service_statements(
    usage: AwsUsage, account_id: str | None, *, via: str | None = None
) -> tuple[Statement, ...]:
    """Statements that the Database Service's own role needs.

    Args:
        usage: What the configuration needs of AWS.
        account_id: The service's own account; None: any.
        via: ARN of the role that it assumes first, which then needs these statements without it.
    """
    return tuple(_service_statements(usage, account_id or ANY_ACCOUNT, via))


def _service_statements(usage: AwsUsage, account_id: str, via: str | None) -> Iterator[Statement]:
    matchers = usage.config.matchers
    if usage.connect_roles:
        yield Statement(
            sid="AssumeConnectRoles",
            actions=("sts:AssumeRole",),
            resources=usage.connect_roles if via is None else (via,),
            without="nobody can connect to caches whose matcher names a role to connect with",
        )
    without_role = tuple(each for each in matchers if each.connect is None)
    if without_role or not matchers:
        yield from connect_statements(usage, account_id, without_role)


def service_configuration(usage: AwsUsage) -> Json:
    """The teleport.yaml of a Database Service for what this group registers, and nothing else.

    Raises: NotApplicable.
    """
    key, address = cluster_address(teleport_settings(usage))
    return {
        "version": "v3",
        "teleport": {
            "data_dir": "/var/lib/teleport",
            key: address,
            "join_params": {"method": "token", "token_name": TOKEN_FILE},
        },
        "auth_service": {"enabled": False},
        "proxy_service": {"enabled": False},
        "ssh_service": {"enabled": False},
        "db_service": {"enabled": True, "resources": [{"labels": label_scope(usage)}]},
    }


def configure_command(usage: AwsUsage) -> str:
    """Teleport's own command that writes such a configuration. Raises: NotApplicable."""
    _, address = cluster_address(teleport_settings(usage))
    labels = ",".join(f"{key}={value}" for key, value in label_scope(usage).items())
    words = ("teleport", "db", "configure", "create", "--output=file", f"--proxy={address}")
    return shlex.join((*words, f"--token={TOKEN_FILE}", f"--dynamic-resources-labels={labels}"))
