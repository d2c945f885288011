"""The JSON protocols: 1.0, 1.1, query-compatible 1.0 and REST-JSON.

Source: botocore's model (`awsQueryCompatible`) and AWS's examples in the Amazon SQS API reference:
`__type` is the shape with its namespace, and `x-amzn-query-error` holds the query protocol's code,
which SDKs put in the place of the shape's name.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StructureShape,
)

from discovery.sandbox.aws.errors import (
    WIRE_ERRORS,
    AwsError,
    CommonError,
    CommonErrorKind,
    ProtocolFamily,
)
from discovery.sandbox.aws.wire.message import Answer, Members, Request

Writer = Callable[[Any], Any]
"""Puts the values of one place in the model into JSON's types."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


class JsonProtocol:
    """Reads and writes the JSON protocol: the operation in a header, members in an object."""

    family = ProtocolFamily.JSON

    def __init__(self, version: str = "1.1") -> None:
        self._content_type = f"application/x-amz-json-{version}"

    def operation(self, request: Request) -> str:
        """Return what is behind the dot of X-Amz-Target."""
        target, dot, operation = request.headers.get("x-amz-target", "").rpartition(".")
        if not (target and dot and operation):
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, "X-Amz-Target names no operation")
        return operation

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """Return the members of the JSON object."""
        try:
            sent = json.loads(request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise CommonError(CommonErrorKind.MALFORMED, "The body is not JSON") from error
        if not isinstance(sent, dict):
            raise CommonError(CommonErrorKind.MALFORMED, "The body is not a JSON object")
        if operation.input_shape is None:
            return {}
        return cast("dict[str, Any]", typed(operation.input_shape, sent, "body"))

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write the members as a JSON object."""
        content: Any = {}
        if operation.output_shape is not None:
            content = _write_structure(operation.output_shape, members)
        return self._answer(200, content, request_id)

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write `__type` and `message`."""
        del namespace
        return self._answer(
            error.status, {"__type": error.code, "message": error.message}, request_id
        )

    def _answer(self, status: int, content: Any, request_id: str) -> Answer:
        body = json.dumps(content).encode()
        return Answer(status, self._content_type, body, (("x-amzn-RequestId", request_id),))


class RestJsonProtocol(JsonProtocol):
    """REST-JSON for operations whose members are all in the body; method and path name them."""

    def __init__(self, model: ServiceModel) -> None:
        super().__init__()
        self._content_type = "application/json"
        self._operations: Mapping[tuple[str, str], str] = {
            (http["method"], http["requestUri"]): name
            for name in model.operation_names
            if (http := model.operation_model(name).http)
        }

    def operation(self, request: Request) -> str:
        """Return the operation of the method and the path."""
        path = request.path.partition("?")[0]
        operation = self._operations.get((request.method, path))
        if operation is None:
            raise CommonError(
                CommonErrorKind.UNKNOWN_ACTION, f"no operation is {request.method} {path}"
            )
        return operation

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write the message in the body, the code in a header."""
        del namespace
        answer = self._answer(error.status, {"message": error.message}, request_id)
        return replace(answer, headers=(*answer.headers, ("x-amzn-ErrorType", error.code)))


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
"""The query protocol's code of common errors, by their name in JSON."""


class QueryCompatibleJson(JsonProtocol):
    """JSON 1.0 of a service that once spoke the query protocol (SQS), with its error names."""

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write `__type` with its namespace, `message`, and the older name in a header."""
        del namespace
        is_common = error.code in _COMMON_CODES
        older = (_COMMON_CODES if is_common else _OWN_CODES).get(error.code, error.code)
        kind = f"{_COMMON if is_common else _OWN}{error.code}"
        content = {"__type": kind, "message": error.message}
        answer = self._answer(error.status, content, request_id)
        side = "Sender" if error.status < 500 else "Receiver"
        return replace(answer, headers=(*answer.headers, ("x-amzn-query-error", f"{older};{side}")))


def typed(shape: Shape, value: Any, name: str) -> Any:
    """Check what was sent against the model's types; leave out unknown members.

    Raises CommonError(MALFORMED).
    """
    if isinstance(shape, StructureShape):
        sent = _expect(dict, value, name)
        return {
            key: typed(member, sent[wire_name], key)
            for key, member in shape.members.items()
            if sent.get(wire_name := member.serialization.get("name", key)) is not None
        }
    if isinstance(shape, ListShape):
        return [typed(shape.member, each, name) for each in _expect(list, value, name)]
    if isinstance(shape, MapShape):
        return {k: typed(shape.value, v, name) for k, v in _expect(dict, value, name).items()}
    return _read_scalar(shape, value, name)


def _expect(kind: type, value: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise CommonError(CommonErrorKind.MALFORMED, f"{name} is not a {kind.__name__}")
    return value


def _read_scalar(shape: Shape, value: Any, name: str) -> Any:
    if shape.type_name == "blob":
        return _read_blob(value, name)
    allowed = _TYPES.get(shape.type_name)
    if allowed is None:
        return value
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise CommonError(CommonErrorKind.MALFORMED, f"{name} is not a {shape.type_name}")
    return value


def _read_blob(value: Any, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise CommonError(CommonErrorKind.MALFORMED, f"{name} is not Base64") from error


def _write_structure(shape: StructureShape, members: Members) -> dict[str, Any]:
    return {
        wire_name: write(value)
        for name, wire_name, write in _member_writers(shape)
        if (value := members.get(name)) is not None
    }


@cache  # what the model says of a shape is asked once, not for every value
def _member_writers(shape: StructureShape) -> tuple[tuple[str, str, Writer], ...]:
    return tuple(
        (name, member.serialization.get("name", name), _writer(member))
        for name, member in shape.members.items()
    )


def _writer(shape: Shape) -> Writer:
    if isinstance(shape, StructureShape):
        return lambda value: _write_structure(shape, value)
    if isinstance(shape, ListShape):
        write = _writer(shape.member)
        return lambda value: [write(each) for each in value]
    if isinstance(shape, MapShape):
        write = _writer(shape.value)
        return lambda value: {key: write(each) for key, each in value.items()}
    return _write_scalar


def _write_scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
