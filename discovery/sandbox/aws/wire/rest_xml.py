"""The REST-XML protocol of S3: members in path, query and headers; an object is the body.

Members that stand in an XML document (settings of a bucket) are not read, and none are written: no
operation that is simulated needs them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel, Shape

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind, ProtocolFamily
from discovery.sandbox.aws.wire import xml
from discovery.sandbox.aws.wire.message import Answer, Members, Request

_XML = "application/xml"
_OPERATIONS = {
    ("PUT", False): "CreateBucket",
    ("HEAD", False): "HeadBucket",
    ("GET", True): "GetObject",
    ("HEAD", True): "HeadObject",
    ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
}
"""Operation by method and whether there is a key; the query asks for nothing else."""
_HARMLESS = frozenset({"x-id", "versionId"})
_WITHOUT_BODY = frozenset({204, 304})


class RestXmlProtocol:
    """Reads and writes REST-XML where buckets are named in the path."""

    family = ProtocolFamily.REST_XML

    def operation(self, request: Request) -> str:
        """Return the operation of the method and the path."""
        path, _, query = request.path.partition("?")
        _, key = _parts(path)
        others = dict(parse_qsl(query, keep_blank_values=True)).keys() - _HARMLESS
        found = None if others else _OPERATIONS.get((request.method, bool(key)))
        if found is None:
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION)
        return found

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """Return the members of path, query and headers, and the body."""
        shape = operation.input_shape
        return {} if shape is None else dict(_sent(request, shape))

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write members as headers, and the payload as the body."""
        shape = operation.output_shape
        known = {} if shape is None else shape.members
        body = members.get(_payload(shape), b"")
        headers = [
            (member.serialization["name"], _header(member, members[name]))
            for name, member in known.items()
            if members.get(name) is not None and member.serialization.get("location") == "header"
        ]
        headers.append(("x-amz-request-id", request_id))
        status = int(operation.http.get("responseCode", 200))
        return Answer(status, "binary/octet-stream", body, tuple(headers))

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write an Error document."""
        del namespace
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{xml.escape(error.code)}</Code>"
            f"<Message>{xml.escape(error.message)}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        ).encode()
        headers = (("x-amz-request-id", request_id),)
        return Answer(error.status, _XML, b"" if error.status in _WITHOUT_BODY else body, headers)


def _payload(shape: Any) -> str:
    return "" if shape is None else str(shape.serialization.get("payload", ""))


def _parts(path: str) -> tuple[str, str]:
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    return bucket, key


def _sent(request: Request, shape: Any) -> Iterator[tuple[str, Any]]:
    path, _, query = request.path.partition("?")
    named = dict(zip(("Bucket", "Key"), _parts(path), strict=True))
    asked = dict(parse_qsl(query, keep_blank_values=True))
    places: Mapping[str, Mapping[str, str]] = {
        "uri": named,
        "querystring": asked,
        "header": request.headers,
    }
    for name, member in shape.members.items():
        location = member.serialization.get("location", "")
        wire_name = str(member.serialization.get("name", name))
        key = wire_name.lower() if location == "header" else wire_name
        if location in places and key in places[location]:
            yield name, _typed(member, places[location][key])
        elif _payload(shape) == name and member.type_name == "blob":
            yield name, request.body


def _typed(shape: Shape, text: str) -> Any:
    """Raises: CommonError(MALFORMED)."""
    try:
        return int(text) if shape.type_name in {"integer", "long"} else text
    except ValueError as error:
        raise CommonError(CommonErrorKind.MALFORMED) from error


def _header(shape: Shape, value: Any) -> str:
    if isinstance(value, datetime):
        return format_datetime(value.astimezone(UTC), usegmt=True)
    return xml.scalar(shape, value)
