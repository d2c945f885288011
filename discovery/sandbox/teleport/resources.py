"""A `db` on its way in: what the server adds, what it refuses, what it has no field for.

Source: teleport/README: Validation. The rules are those of the embedded registry, written once.
"""

from __future__ import annotations

from typing import Any

from discovery.control_plane.embedded.validation import ORIGIN_LABEL, accepted
from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.endpoints import parse_endpoint
from discovery.sandbox.teleport.messages import Message, fill, to_document

KIND, VERSION, NAMESPACE = "db", "v3", "default"


def prepare_database(sent: Message, *, knows_serverless: bool) -> Message:
    """The resource as it is stored. Raises: control_plane.base.Rejected."""
    message = type(sent)()
    message.CopyFrom(sent)
    if ORIGIN_LABEL not in message.metadata.labels:
        message.metadata.labels[ORIGIN_LABEL] = "dynamic"
    accepted(database_of(message))
    message.kind, message.version, message.metadata.namespace = KIND, VERSION, NAMESPACE
    if knows_serverless:
        _read_endpoint(message)
    else:
        message.spec.aws.ClearField("elasticache_serverless")
        message.status.aws.ClearField("elasticache_serverless")
    return fill(message)


def database_of(message: Message) -> Database:
    """The resource as the rules read it."""
    document = to_document(message)
    metadata: dict[str, Any] = document.get("metadata", {})
    return Database(
        name=ResourceName(metadata.get("name", "")),
        labels=metadata.get("labels", {}),
        description=metadata.get("description", ""),
        spec=document.get("spec", {}),
        metadata={"namespace": metadata.get("namespace", "")},
    )


def _read_endpoint(message: Message) -> None:
    """What the address of a serverless cache says stands where nothing was said."""
    endpoint = parse_endpoint(message.spec.uri)
    if endpoint is None:
        return
    aws = message.spec.aws
    aws.region = aws.region or endpoint.region
    serverless = aws.elasticache_serverless
    serverless.cache_name = serverless.cache_name or endpoint.cache_name
