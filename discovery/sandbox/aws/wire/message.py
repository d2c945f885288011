"""Requests and answers as a protocol reads and writes them, without the server's machinery."""

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
    """One of AWS's protocols. Reading raises CommonError with MALFORMED or UNKNOWN_ACTION."""

    family: ProtocolFamily

    def operation(self, request: Request) -> str:
        """Return the name of the operation that is asked for."""
        ...

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """Return the members that were sent, typed as the model says, without unknown ones."""
        ...

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write the answer with these members, without those that the model does not know."""
        ...

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write the answer for an error; `namespace` is the service model's XML namespace."""
        ...
