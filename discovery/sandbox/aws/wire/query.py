"""The query protocol (STS, ElastiCache) and that of EC2: a form goes in, XML comes out."""

from typing import Any, ClassVar

from botocore.model import OperationModel, Shape

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind, ProtocolFamily
from discovery.sandbox.aws.wire import form, xml
from discovery.sandbox.aws.wire.message import Answer, Members, Request

_XML = "text/xml"
_EC2_XML = "text/xml;charset=UTF-8"


class _FormProtocol:
    """The requests of both: a form whose `Action` is the operation."""

    reader: ClassVar[form.FormReader]
    without_action: ClassVar[str]
    """What is answered to a form without an `Action`."""

    def operation(self, request: Request) -> str:
        """Return the `Action` of the form."""
        action = form.fields(request.body).get("Action")
        if not action:
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, self.without_action)
        return action

    def read(self, request: Request, operation: OperationModel) -> dict[str, Any]:
        """Return the form's members."""
        if operation.input_shape is None:
            return {}
        return self.reader.structure(operation.input_shape, form.tree(form.fields(request.body)))


def _member_name(name: str, shape: Shape) -> str:
    return str(shape.serialization.get("name", name))


def _ec2_member_name(name: str, shape: Shape) -> str:
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    wire_name = str(shape.serialization.get("name", name))
    return wire_name[0].upper() + wire_name[1:]


class QueryProtocol(_FormProtocol):
    """Reads and writes the query protocol: a result wrapper around the members."""

    family = ProtocolFamily.QUERY
    reader = form.FormReader(_member_name, lists_are_flat=False)
    without_action = "Missing Action"

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write the members inside the result wrapper, with the request id after it."""
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
        """Write an ErrorResponse; below 500 the sender is at fault."""
        side = "Sender" if error.status < 500 else "Receiver"
        body = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{side}</Type>'
            f"<Code>{xml.escape(error.code)}</Code><Message>{xml.escape(error.message)}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Answer(error.status, _XML, body.encode(), (("x-amzn-RequestId", request_id),))


class Ec2Protocol(_FormProtocol):
    """Reads and writes the ec2 protocol: no wrapper, names and errors of its own."""

    family = ProtocolFamily.EC2
    reader = form.FormReader(_ec2_member_name, lists_are_flat=True)
    without_action = "The request must contain the parameter Action"

    def write(self, operation: OperationModel, members: Members, request_id: str) -> Answer:
        """Write the request id and the members, without a wrapper."""
        content = ""
        if operation.output_shape is not None:
            content = xml.structure(operation.output_shape, members)
        namespace = str(operation.service_model.metadata.get("xmlNamespace", ""))
        body = (
            f'<{operation.name}Response xmlns="{namespace.rstrip("/")}/">'
            f"<requestId>{request_id}</requestId>{content}</{operation.name}Response>"
        )
        return Answer(200, _EC2_XML, body.encode())

    def write_error(self, namespace: str, error: AwsError, request_id: str) -> Answer:
        """Write a Response with the error in a list of one."""
        del namespace
        body = (
            f"<Response><Errors><Error><Code>{xml.escape(error.code)}</Code>"
            f"<Message>{xml.escape(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Answer(error.status, _EC2_XML, body.encode())
