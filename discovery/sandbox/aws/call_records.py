"""CloudTrail's records of calls that change or read caches, users, groups and tags."""

from collections.abc import Mapping
from typing import Final

from discovery.sandbox.aws.errors import AwsError
from discovery.sandbox.aws.event_documents import Call, reads_only, to_cloudtrail
from discovery.sandbox.aws.models import operation_model, operation_names
from discovery.sandbox.aws.request_state import RequestState
from discovery.sandbox.aws.world import World

RECORDED: Final[Mapping[str, str]] = {
    "elasticache": "elasticache",
    "resourcegroupstaggingapi": "tagging",
}
"""Services whose calls are recorded, with CloudTrail's name of each."""


def record(world: World, request: RequestState, error: AwsError | None) -> None:
    """Publish CloudTrail's event of a call, if a queue wants it and the service is recorded."""
    service, operation, key = request.service.name, request.operation, request.key
    if key is None or service not in RECORDED or operation not in operation_names(service):
        return
    account = world.account(key.account_id)
    if not world.events.is_on or request.region not in account.enabled:
        return
    if reads_only(operation) and not world.events.wants_reads:
        return
    model = operation_model(service, operation)
    call = Call(
        service=RECORDED[service],
        operation=operation,
        caller_arn=key.principal_arn,
        parameters=to_cloudtrail(model.input_shape, request.members),
        response=to_cloudtrail(model.output_shape, request.result),
        error=(error.code, error.message) if error else None,
    )
    world.events.publish_call(account.region(request.region).place, call)
