"""The query protocol: a form goes in, XML with a result wrapper comes out (STS, ElastiCache)."""

from typing import Any

from botocore.model import OperationModel, Shape

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind, ProtocolFamily
from discovery.sandbox.aws.wire import form, xml
from discovery.sandbox.aws.wire.message import Answer, Members, Request

_XML = "text/xml"


def _member_name(name: str, shape: Shape) -> str:
    return str(shape.serialization.get("name", name))


class QueryProtocol:
    """Reads and writes the query protocol."""

    family = ProtocolFamily.QUERY
    _reader = form.FormReader(_member_name, lists_are_flat=False)

    def operation(self, request: Request) -> str:
        """The `Action` of the form."""
        action = form.fields(request.body).get("Action")
        if not action:
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, "Missing Action")
        return action

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """The form's members."""
        if operation.input_shape is None:
            return {}
        return self._reader.structure(operation.input_shape, form.tree(form.fields(request.body)))

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """The members inside the result wrapper, with the request id after it."""
        result = ""
        if operation.output_shape is not None:
            shape = operation.output_shape
            wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
            content = xml.structure(shape, members)
            result = f"<{wrapper}>{content}</{wrapper}>" if content else f"<{wrapper}/>"
        namespace = operation.service_model.metadata.get("xmlNamespace", "")
        body = (
            f'<{operation.name}Response xmlns="{namespace}">{result}'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            f"</{operation.name}Response>"
        )
        return Answer(200, _XML, body.encode(), (("x-amzn-RequestId", request_id),))

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """An ErrorResponse; below 500 the sender is at fault."""
        side = "Sender" if error.status < 500 else "Receiver"
        body = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{side}</Type>'
            f"<Code>{xml.escape(error.code)}</Code><Message>{xml.escape(error.message)}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Answer(error.status, _XML, body.encode(), (("x-amzn-RequestId", request_id),))
