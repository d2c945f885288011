"""CloudTrail's records of calls that change or read caches, users, groups and tags."""

from collections.abc import Mapping
from typing import Any, Final

from discovery.sandbox.aws.errors import AwsError
from discovery.sandbox.aws.event_documents import Call, reads_only, to_cloudtrail
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.models import operation_model, operation_names
from discovery.sandbox.aws.world import World

RECORDED: Final[Mapping[str, str]] = {
    "elasticache": "elasticache",
    "resourcegroupstaggingapi": "tagging",
}
"""Services whose calls are recorded, with CloudTrail's name of each."""


def record(
    world: World,
    key: Key,
    *,
    region: str,
    service: str,
    operation: str,
    members: Mapping[str, Any],
    result: Mapping[str, Any],
    error: AwsError | None,
) -> None:
    """Publish CloudTrail's event of a call, if a queue wants it and the service is recorded."""
    account = world.account(key.account_id)
    if service not in RECORDED or operation not in operation_names(service):
        return
    if not world.events.is_on or region not in account.enabled:
        return
    if reads_only(operation) and not world.events.wants_reads:
        return
    model = operation_model(service, operation)
    call = Call(
        service=RECORDED[service],
        operation=operation,
        caller_arn=key.principal_arn,
        parameters=to_cloudtrail(model.input_shape, members),
        response=to_cloudtrail(model.output_shape, result),
        error=(error.code, error.message) if error else None,
    )
    world.events.publish_call(account.region(region).place, call)
