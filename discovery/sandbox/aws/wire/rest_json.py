"""The REST-JSON protocol, for operations whose members all stand in the body."""

from collections.abc import Mapping
from dataclasses import replace

from botocore.model import ServiceModel

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind
from discovery.sandbox.aws.wire.json import JsonProtocol
from discovery.sandbox.aws.wire.message import Answer, Request


class RestJsonProtocol(JsonProtocol):
    """Reads and writes REST-JSON: the operation is a method and a path."""

    def __init__(self, model: ServiceModel) -> None:
        super().__init__()
        self._content_type = "application/json"
        self._operations: Mapping[tuple[str, str], str] = {
            (http["method"], http["requestUri"]): name
            for name in model.operation_names
            if (http := model.operation_model(name).http)
        }

    def operation(self, request: Request) -> str:
        """What stands for the method and the path."""
        path = request.path.partition("?")[0]
        operation = self._operations.get((request.method, path))
        if operation is None:
            raise CommonError(
                CommonErrorKind.UNKNOWN_ACTION, f"no operation is {request.method} {path}"
            )
        return operation

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """The message in the body, the code in a header."""
        del namespace
        answer = self._answer(error.status, {"message": error.message}, request_id)
        return replace(answer, headers=(*answer.headers, ("x-amzn-ErrorType", error.code)))
