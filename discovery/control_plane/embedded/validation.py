"""Check a `db` resource as Teleport's Auth Service does, and add what it adds.

Source: teleport/README: Validation and teleport/README: Labels and origins. A refusal here is
INVALID_ARGUMENT there. Messages name the field at fault and never repeat an external id.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from discovery.control_plane.base import Rejected
from discovery.model.values import Database

ORIGIN_LABEL = "teleport.dev/origin"
ADMIN_LABEL = "teleport.dev/db-admin"

ORIGINS = frozenset(
    {
        "defaults",
        "config-file",
        "dynamic",
        "cloud",
        "kubernetes",
        "okta",
        "scim",
        "discovery-kubernetes",
        "entra-id",
        "aws-identity-center",
        "integration_awsrolesanywhere",
    }
)

PROTOCOLS = frozenset(
    {
        "postgres",
        "mysql",
        "mongodb",
        "oracle",
        "cockroachdb",
        "redis",
        "snowflake",
        "sqlserver",
        "cassandra",
        "elasticsearch",
        "opensearch",
        "dynamodb",
        "clickhouse",
        "clickhouse-http",
        "spanner",
    }
)
"""Source: Teleport's `DatabaseProtocols` (lib/defaults), read 2026-11-23."""

_NAME = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9/._:*-]+")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/\S+")
_REDIS_URI = re.compile(
    r"(?P<scheme>rediss?://)?"
    r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/?#@\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<mode>\?mode=(?:cluster|standalone))?"
)
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
}


def validated(database: Database) -> Database:
    """Check a resource and return it as the server stores it, with an origin.

    Raises: Rejected.
    """
    _check_name(database)
    labels = _checked_labels(database)
    spec = database.spec
    protocol = _text(spec, "protocol", "spec.protocol")
    if protocol not in PROTOCOLS:
        raise Rejected(
            f"spec.protocol {protocol!r} is no database protocol"
            if protocol
            else "spec.protocol is missing"
        )
    _check_uri(protocol, _text(spec, "uri", "spec.uri"))
    _check_tls(_tree(spec, "tls", "spec.tls"))
    _check_aws(_tree(spec, "aws", "spec.aws"))
    _check_admin(protocol, labels, _tree(spec, "admin_user", "spec.admin_user"))
    return replace(database, labels=labels)


def _check_name(database: Database) -> None:
    if not _NAME.fullmatch(database.name):
        raise Rejected(
            f"metadata.name {database.name!r} must start with a letter, hold only letters, "
            "digits and hyphens, and end in a letter or digit"
        )
    if database.metadata.get("namespace") not in (None, "", "default"):
        raise Rejected("metadata.namespace must be empty or `default`")


def _checked_labels(database: Database) -> dict[str, str]:
    _check_keys(database.labels, "metadata.labels")
    _check_keys(_tree(database.spec, "dynamic_labels", "spec.dynamic_labels"), "dynamic_labels")
    for key, value in database.labels.items():
        if not isinstance(value, str):
            raise Rejected(f"the label {key!r} must have a text value")
    labels = {ORIGIN_LABEL: "dynamic", **database.labels}
    if labels[ORIGIN_LABEL] not in ORIGINS:
        raise Rejected(f"the label {ORIGIN_LABEL} has the unknown value {labels[ORIGIN_LABEL]!r}")
    return labels


def _check_keys(labels: Mapping[str, Any], where: str) -> None:
    for key in labels:
        if not _LABEL_KEY.fullmatch(key):
            raise Rejected(
                f"{where} has the illegal key {key!r}: letters, digits and / . _ : * - are allowed"
            )


def _check_uri(protocol: str, uri: str) -> None:
    if not uri:
        raise Rejected("spec.uri is missing")
    if protocol == "redis" and not _is_redis_uri(uri):
        raise Rejected(
            f"spec.uri {uri!r} must be host, host:port, or redis:// or rediss:// with host, "
            "optional port and optional ?mode=cluster or ?mode=standalone"
        )


def _is_redis_uri(uri: str) -> bool:
    match = _REDIS_URI.fullmatch(uri)
    if match is None or (match["mode"] and not match["scheme"]):
        return False
    return match["port"] is None or 0 < int(match["port"]) <= 65535


def _check_tls(tls: Mapping[str, Any]) -> None:
    pem = _text(tls, "ca_cert", "spec.tls.ca_cert")
    if not pem:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise Rejected("spec.tls.ca_cert is no X.509 certificate in PEM form") from error


def _check_aws(aws: Mapping[str, Any]) -> None:
    account_id = _text(aws, "account_id", "spec.aws.account_id")
    role_arn = _text(aws, "assume_role_arn", "spec.aws.assume_role_arn")
    if account_id and not _ACCOUNT_ID.fullmatch(account_id):
        raise Rejected(f"spec.aws.account_id {account_id!r} must be 12 digits")
    if _text(aws, "external_id", "spec.aws.external_id") and not role_arn:
        raise Rejected("spec.aws.external_id is set, but spec.aws.assume_role_arn is not")
    if not role_arn:
        return
    if not account_id:
        raise Rejected("spec.aws.assume_role_arn is set, but spec.aws.account_id is not")
    role = _ROLE_ARN.fullmatch(role_arn)
    if role is None:
        raise Rejected(f"spec.aws.assume_role_arn {role_arn!r} is not the ARN of an IAM role")
    partition = _partition(_text(aws, "region", "spec.aws.region"))
    if (role["partition"], role["account"]) != (partition, account_id):
        raise Rejected(
            f"spec.aws.assume_role_arn {role_arn!r} must be in partition {partition} "
            f"and account {account_id}, like the database"
        )


def _partition(region: str) -> str:
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def _check_admin(protocol: str, labels: Mapping[str, str], admin: Mapping[str, Any]) -> None:
    by_label = labels[ORIGIN_LABEL] == "cloud" and labels.get(ADMIN_LABEL)
    if protocol == "redis" and (admin.get("name") or by_label):
        raise Rejected(
            f"a redis database has no admin user: drop spec.admin_user and the label {ADMIN_LABEL}"
        )


def _tree(document: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, Mapping):
        raise Rejected(f"{where} must be a mapping")
    return value


def _text(document: Mapping[str, Any], key: str, where: str) -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected(f"{where} must be text")
    return value
