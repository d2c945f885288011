"""What botocore writes we read, and what we write botocore reads: for every simulated operation."""

import string
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.sandbox.aws.models import operation_model, service_model
from discovery.sandbox.aws.services.catalogue import SERVICES
from discovery.sandbox.aws.wire.message import Request
from discovery.sandbox.aws.wire.protocols import protocol_of

OPERATIONS = [
    pytest.param(service.name, operation, id=f"{service.name} {operation}")
    for service in SERVICES.values()
    if service.name != "s3"  # most of its members are settings that no simulated operation has
    for operation in sorted(service.operations)
]

# Whatever XML 1.0 holds, but for the carriage return, which readers turn into a line feed.
TEXT = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[chr(n) for n in range(32)] + ["\x7f", "\ufffe", "\uffff"],
    ),
    min_size=1,
    max_size=20,
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**53), 2**53),
    "boolean": st.booleans(),
    "timestamp": MOMENTS,
    "double": st.floats(-1e9, 1e9),
    "float": st.floats(-1e9, 1e9, width=32),
    "blob": st.binary(max_size=20),
}


def values(shape: Shape, *, flat: bool = False) -> st.SearchStrategy[Any]:
    """Values of the shape; `flat` leaves out empty structures, which a form cannot hold."""
    if isinstance(shape, StructureShape):
        members = {name: values(member, flat=flat) for name, member in shape.members.items()}
        found = st.fixed_dictionaries({}, optional=members)
        return found.filter(bool) if flat and members else found
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member, flat=flat), min_size=1 if flat else 0, max_size=3)
    if isinstance(shape, MapShape):
        keys = st.text(string.ascii_letters, min_size=1, max_size=5)
        return st.dictionaries(keys, values(shape.value, flat=flat), max_size=3)
    return SCALARS[shape.type_name]


def model_of(service: str, operation: str) -> OperationModel:
    return operation_model(service, operation)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_requests(service: str, operation: str, data: st.DataObject) -> None:
    model = model_of(service, operation)
    protocol = protocol_of(service_model(service))
    given_members = {}
    if model.input_shape is not None:
        given_members = data.draw(values(model.input_shape, flat=True))
    sent = create_serializer(
        service_model(service).metadata["protocol"], include_validation=False
    ).serialize_to_request(given_members, model)
    body = sent["body"]
    if isinstance(body, dict):
        body = encoded(body)
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    request = Request(sent["method"], sent["url_path"], headers, body)
    assert protocol.operation(request) == operation
    assert protocol.read(request, model) == given_members


def encoded(form: dict[str, Any]) -> bytes:
    from botocore.compat import urlencode  # noqa: PLC0415 - botocore's own way to encode a form

    return bytes(urlencode(form, doseq=True).encode())


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_answers(service: str, operation: str, data: st.DataObject) -> None:
    model = model_of(service, operation)
    metadata = service_model(service).metadata
    protocol = protocol_of(service_model(service))
    members = {}
    if model.output_shape is not None:
        members = data.draw(values(model.output_shape, flat=metadata["protocol"] != "json"))
    answer = protocol.write(model, members, "a-request")
    parsed = create_parser(metadata["protocol"]).parse(
        {
            "body": answer.body,
            "headers": {name.lower(): value for name, value in answer.headers},
            "status_code": answer.status,
        },
        cast("Shape", model.output_shape),
    )
    about = parsed.pop("ResponseMetadata")
    assert about["RequestId"] == "a-request"
    assert parsed == members
