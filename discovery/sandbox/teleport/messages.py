"""Protobuf messages of the schema: made, filled as Teleport fills them, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from discovery.sandbox.teleport.schema import MESSAGES

_PACKAGE = "simulated"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
}

Message = Any
"""A protobuf message of the schema; its fields are the schema's JSON names."""


class InvalidDocument(ValueError):
    """A JSON document that is no message of its kind."""


class _FieldSpec(NamedTuple):
    number: int
    type: str
    name: str
    is_map: bool
    is_repeated: bool
    is_always_sent: bool


def _field_specs(message: str) -> Iterator[_FieldSpec]:
    for spelled_field in MESSAGES[message].strip().splitlines():
        number, spelled, name = spelled_field.split()
        kind = spelled.strip("{}!*")
        yield _FieldSpec(
            int(number), kind, name, "{" in spelled, spelled.endswith("*"), spelled.endswith("!")
        )


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="simulated.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )
    for name in MESSAGES:
        message = file.message_type.add(name=name)
        for field_spec in _field_specs(name):
            _describe(message, field_spec)
    return file


def _describe(message: descriptor_pb2.DescriptorProto, field_spec: _FieldSpec) -> None:
    field = message.field.add(
        name=field_spec.name, number=field_spec.number, json_name=field_spec.name
    )
    repeated = field_spec.is_repeated or field_spec.is_map
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if field_spec.is_map:
        entry = message.nested_type.add(name=f"{field_spec.name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _set_type(entry.field.add(name="key", number=1, label=_FIELD.LABEL_OPTIONAL), "string")
        _set_type(
            entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL), field_spec.type
        )
        field.type = _FIELD.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"
    elif field_spec.type == "opaque":
        # Bytes look like a message on the wire; with presence, an empty one is sent too.
        field.type = _FIELD.TYPE_BYTES
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field_spec.name}")
    else:
        _set_type(field, field_spec.type)


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _FIELD.TYPE_MESSAGE
    field.type_name = ".google.protobuf.Timestamp" if kind == "Timestamp" else f".{_PACKAGE}.{kind}"


def _classes() -> Mapping[str, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    known = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(known)
    pool.Add(known)
    pool.Add(_described())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in MESSAGES
    }


_CLASSES = _classes()
_ALWAYS_SENT = {
    name: tuple(
        (field_spec.name, field_spec.type)
        for field_spec in _field_specs(name)
        if field_spec.is_always_sent
    )
    for name in MESSAGES
}


def new(kind: str, **fields: Any) -> Message:
    """Return a message of that kind."""
    return _CLASSES[kind](**fields)


def decoded(kind: str, data: bytes) -> Message:
    """Decode a message, without the fields that the server does not know.

    Raises google.protobuf.message.DecodeError.
    """
    message = _CLASSES[kind].FromString(data)
    message.DiscardUnknownFields()
    return message


def from_document(kind: str, document: Mapping[str, Any]) -> Message:
    """Return the message that a JSON document describes. Raises InvalidDocument."""
    try:
        return ParseDict(dict(document), _CLASSES[kind]())
    except (ParseError, TypeError, ValueError) as error:
        raise InvalidDocument(f"no {kind}: {error}") from error


def to_document(message: Message) -> dict[str, Any]:
    """Return the message as JSON, without its empty parts; labels with an empty value stay."""
    lean = type(message)()
    lean.CopyFrom(message)
    _strip(lean)
    return MessageToDict(lean, preserving_proto_field_name=True)


def fill(message: Message) -> Message:
    """Add what Teleport always sends, down to the last empty message."""
    for name, kind in _ALWAYS_SENT[message.DESCRIPTOR.name]:
        if kind != "opaque":
            part = getattr(message, name)
            part.SetInParent()
            fill(part)
        elif not message.HasField(name):
            setattr(message, name, b"")
    return message


def _strip(message: Message) -> None:
    """Remove what `fill` added."""
    for name, kind in _ALWAYS_SENT[message.DESCRIPTOR.name]:
        part = getattr(message, name)
        if kind != "opaque":
            _strip(part)
        if not (part if kind == "opaque" else part.ListFields()):
            message.ClearField(name)
