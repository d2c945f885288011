"""What a protocol reads and writes: plain HTTP, without the server's machinery."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.model import OperationModel

from discovery.sandbox.aws.errors import AwsError, ProtocolFamily

Members = Mapping[str, Any]
"""A structure of the service model: member names to values."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in. Header names are in lower case."""

    method: str
    path: str
    """Path and query as sent, still percent-encoded."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it goes out."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class WireProtocol(Protocol):
    """One of AWS's protocols. Reading raises `CommonError` with MALFORMED or UNKNOWN_ACTION."""

    family: ProtocolFamily

    def operation(self, request: Request) -> str:
        """The name of the operation that is asked for."""
        ...

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """The members that were sent, unknown ones left out, typed as the model says."""
        ...

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """The answer with these members; members that the model does not know are left out."""
        ...

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """The answer for an error; `namespace` is the service model's XML namespace."""
        ...
