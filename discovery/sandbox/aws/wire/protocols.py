"""Choice of the wire protocol of a request."""

from functools import cache

from botocore.model import ServiceModel

from discovery.sandbox.aws.errors import ProtocolFamily
from discovery.sandbox.aws.models import service_model
from discovery.sandbox.aws.wire.cbor import CborProtocol, is_cbor
from discovery.sandbox.aws.wire.json import JsonProtocol, QueryCompatibleJson, RestJsonProtocol
from discovery.sandbox.aws.wire.message import Request, WireProtocol
from discovery.sandbox.aws.wire.query import Ec2Protocol, QueryProtocol
from discovery.sandbox.aws.wire.rest_xml import RestXmlProtocol


def protocol_of(model: ServiceModel) -> WireProtocol:
    """Return the protocol that botocore's model names. Raises ValueError for another one."""
    match model.metadata["protocol"]:
        case "query":
            return QueryProtocol()
        case "ec2":
            return Ec2Protocol()
        case "json":
            version = model.metadata.get("jsonVersion", "1.1")
            is_younger = "awsQueryCompatible" in model.metadata
            return QueryCompatibleJson(version) if is_younger else JsonProtocol(version)
        case "rest-json":
            return RestJsonProtocol(model)
        case "rest-xml":
            return RestXmlProtocol()
        case other:
            raise ValueError(f"the sandbox does not speak {other}")


@cache
def _usual(service: str) -> WireProtocol:
    return protocol_of(service_model(service))


def protocol_for(service: str, request: Request) -> WireProtocol:
    """Return the protocol of a service (as boto3 names it), or CBOR when the request speaks it."""
    usual = _usual(service)
    if is_cbor(request) and usual.family is ProtocolFamily.JSON:
        return CborProtocol()
    return usual
