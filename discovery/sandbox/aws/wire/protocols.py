"""Which protocol a service model asks for."""

from botocore.model import ServiceModel

from discovery.sandbox.aws.wire.ec2 import Ec2Protocol
from discovery.sandbox.aws.wire.json import JsonProtocol
from discovery.sandbox.aws.wire.message import WireProtocol
from discovery.sandbox.aws.wire.query import QueryProtocol
from discovery.sandbox.aws.wire.query_compatible import QueryCompatibleJson
from discovery.sandbox.aws.wire.rest_json import RestJsonProtocol


def protocol_of(model: ServiceModel) -> WireProtocol:
    """The protocol that botocore's model names. Raises ValueError for one not spoken here."""
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
        case other:
            raise ValueError(f"the sandbox does not speak {other}")
