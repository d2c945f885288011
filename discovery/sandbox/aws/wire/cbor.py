"""Smithy RPC v2 CBOR: the operation is in the path, members in a CBOR map.

A current AWS SDK for Go speaks it to services whose models here still say JSON, so it is the
request that decides: `Smithy-Protocol: rpc-v2-cbor`. CBOR is read and written by botocore's own
client of this protocol.
Source: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from botocore.model import DenormalizedStructureBuilder, OperationModel, Shape
from botocore.parsers import ResponseParserError, RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind, ProtocolFamily
from discovery.sandbox.aws.wire.json import typed
from discovery.sandbox.aws.wire.message import Answer, Members, Request

NAME: Final = "rpc-v2-cbor"
_PATH: Final = re.compile(r"/service/[^/?]+/operation/([^/?]+)")
_ERROR: Final = (
    DenormalizedStructureBuilder()
    .with_members({name: {"type": "string"} for name in ("__type", "message", "Message")})
    .build_model()
)


def is_cbor(request: Request) -> bool:
    """Return whether a request is in this protocol, whatever the service's own is."""
    return request.headers.get("smithy-protocol") == NAME


class CborProtocol:
    """Reads and writes RPC v2 CBOR; errors have the names that they have in JSON."""

    family = ProtocolFamily.JSON

    def operation(self, request: Request) -> str:
        """Return the last part of the path."""
        found = _PATH.search(request.path)
        if found is None:
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, "The path names no operation")
        return found[1]

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """Return the members of the CBOR map."""
        if operation.input_shape is None or not request.body:
            return {}
        parser = RpcV2CBORParser()
        try:
            sent = parser.parse_data_item(parser.get_peekable_stream_from_bytes(request.body))
        except (ResponseParserError, ValueError, RecursionError, TypeError) as error:
            raise CommonError(CommonErrorKind.MALFORMED, "The body is not CBOR") from error
        return cast("dict[str, Any]", typed(operation.input_shape, sent, "body"))

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write the members as a CBOR map."""
        shape = operation.output_shape
        known = {} if shape is None else {k: v for k, v in members.items() if k in shape.members}
        return _answer(200, known, shape or _ERROR, request_id)

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write `__type`, and the message under both `message` and `Message`."""
        del namespace
        content = {"__type": error.code, "message": error.message, "Message": error.message}
        return _answer(error.status, content, _ERROR, request_id)


def _answer(status: int, content: Mapping[str, Any], shape: Shape, request_id: str) -> Answer:
    body = bytearray()
    # It has no public way to write anything but a request.
    RpcV2CBORSerializer()._serialize_data_item(body, content, shape)  # type: ignore[attr-defined]  # noqa: SLF001
    headers = (("smithy-protocol", NAME), ("x-amzn-RequestId", request_id))
    return Answer(status, "application/cbor", bytes(body), headers)
