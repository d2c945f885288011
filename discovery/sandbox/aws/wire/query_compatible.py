"""JSON 1.0 of a service that once spoke the query protocol (SQS): errors keep their older names.

Source: botocore's model (`awsQueryCompatible`) and AWS's examples in the Amazon SQS API reference:
`__type` is the shape with its namespace, and `x-amzn-query-error` holds the query protocol's code,
which SDKs put in the place of the shape's name.
"""

from collections.abc import Mapping
from dataclasses import replace

from discovery.sandbox.aws.errors import WIRE_ERRORS, AwsError, ProtocolFamily
from discovery.sandbox.aws.wire.json import JsonProtocol
from discovery.sandbox.aws.wire.message import Answer

_OWN = "com.amazonaws.sqs#"
_COMMON = "com.amazon.coral.service#"

_PREFIX = "AWS.SimpleQueueService."
_OWN_CODES: Mapping[str, str] = {
    "QueueDoesNotExist": f"{_PREFIX}NonExistentQueue",
    "QueueDeletedRecently": f"{_PREFIX}QueueDeletedRecently",
    "QueueNameExists": "QueueAlreadyExists",
    "BatchEntryIdsNotDistinct": f"{_PREFIX}BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": f"{_PREFIX}BatchRequestTooLong",
    "EmptyBatchRequest": f"{_PREFIX}EmptyBatchRequest",
    "InvalidBatchEntryId": f"{_PREFIX}InvalidBatchEntryId",
    "MessageNotInflight": f"{_PREFIX}MessageNotInflight",
    "PurgeQueueInProgress": f"{_PREFIX}PurgeQueueInProgress",
    "TooManyEntriesInBatchRequest": f"{_PREFIX}TooManyEntriesInBatchRequest",
    "UnsupportedOperation": f"{_PREFIX}UnsupportedOperation",
    "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsDisabled": "KMS.DisabledException",
    "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
    "KmsInvalidState": "KMS.InvalidStateException",
    "KmsNotFound": "KMS.NotFoundException",
    "KmsOptInRequired": "KMS.OptInRequired",
    "KmsThrottled": "KMS.ThrottlingException",
}
"""Shapes of SQS's model whose older names differ."""

_COMMON_CODES: Mapping[str, str] = {
    "MissingRequiredParameterException": "MissingParameter",
    "InvalidParameterValueException": "InvalidParameterValue",
    **{
        spelling.code: WIRE_ERRORS[ProtocolFamily.QUERY][refusal].code
        for refusal, spelling in WIRE_ERRORS[ProtocolFamily.JSON].items()
    },
}
"""What every service has, by its name in JSON."""


class QueryCompatibleJson(JsonProtocol):
    """JSON 1.0 with the query protocol's names of errors beside its own."""

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """`__type` with its namespace, `message`, and the older name in a header."""
        del namespace
        is_common = error.code in _COMMON_CODES
        older = (_COMMON_CODES if is_common else _OWN_CODES).get(error.code, error.code)
        kind = f"{_COMMON if is_common else _OWN}{error.code}"
        content = {"__type": kind, "message": error.message}
        answer = self._answer(error.status, content, request_id)
        side = "Sender" if error.status < 500 else "Receiver"
        return replace(answer, headers=(*answer.headers, ("x-amzn-query-error", f"{older};{side}")))
