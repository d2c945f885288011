"""Convert a `db` between protobuf message and `Database`, keeping what is not understood.

Messages and documents are walked together, since fields are spelled alike. What the program has no
words for stays in the message that was read, kept in `opaque`, and goes back with it (R7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from discovery.control_plane.base import Malformed, Rejected
from discovery.control_plane.teleport.teleport_pb2 import DatabaseTLSMode, DatabaseV3
from discovery.model.interning import intern_mapping
from discovery.model.values import Database, ResourceName

_NANOSECONDS: Final = 1_000_000_000
_DURATION: Final = re.compile(r"(-?[0-9]{1,18})(ns|s)")
_MODES: Final = {
    DatabaseTLSMode.VERIFY_FULL: "verify-full",
    DatabaseTLSMode.VERIFY_CA: "verify-ca",
    DatabaseTLSMode.INSECURE: "insecure",
}


def database_of(message: DatabaseV3) -> Database:
    """Convert a message that was read; its `status` is the Database Services' and left out."""
    metadata = message.metadata
    expires = {"expires": _time(metadata.expires)} if metadata.HasField("expires") else {}
    return Database(
        name=ResourceName(metadata.name),
        labels=intern_mapping(metadata.labels.items()),
        description=metadata.description,
        spec=_document(message.spec),
        metadata=expires,
        revision=metadata.revision,
        opaque=message.SerializeToString(),
    )


def message_of(database: Database, *, is_new: bool) -> DatabaseV3:
    """Convert a resource to the message that writes it, on top of what was read.

    A new one carries no revision. `status` is never written (teleport/README: Messages).

    Raises: Rejected, for what no message can say.
    """
    try:
        message = DatabaseV3.FromString(database.opaque)
    except DecodeError as error:
        raise Malformed(f"what was read of database {database.name!r} is damaged") from error
    message.kind, message.version = "db", "v3"
    message.ClearField("status")
    metadata = message.metadata
    metadata.name, metadata.description = database.name, database.description
    metadata.revision = "" if is_new else database.revision
    metadata.labels.clear()
    metadata.labels.update(database.labels)
    _put_expiry(message, database.metadata.get("expires"))
    _put(message.spec, database.spec, "spec")
    return message


def _document(message: Message) -> dict[str, Any]:
    """Show what is set, in the spelling of `tctl get`. Empty and missing are the same.

    Source: teleport/README: Reads and writes.
    """
    shown = {field.name: _shown(message, field) for field in _fields(message)}
    return {key: value for key, value in shown.items() if value not in ("", 0, False, {}, [])}


def _shown(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if _is_map(field):
        return {
            key: _document(held) if isinstance(held, Message) else held
            for key, held in value.items()
        }
    if field.message_type is not None:
        return _document(value)
    if field.is_repeated:
        return list(value)
    if field.name == "mode":
        return _MODES.get(value, value) if value else ""
    if field.name == "period":
        return _duration(value) if value else ""
    return value


def _put(message: Message, document: Mapping[str, Any], where: str) -> None:
    """Set every known field of the message as the document says; unknown ones stay."""
    strange = sorted(document.keys() - message.DESCRIPTOR.fields_by_name.keys())
    if strange:
        raise Rejected(f"{where}.{strange[0]} is nothing that this version can write to a cluster")
    for field in _fields(message):
        value = document.get(field.name)
        if not _same(_shown(message, field), value):
            _put_field(message, field, value, f"{where}.{field.name}")


def _same(shown: Any, value: Any) -> bool:
    return shown == value or (not shown and not value)


def _put_field(message: Message, field: FieldDescriptor, value: Any, where: str) -> None:
    try:
        if _is_map(field):
            _put_map(getattr(message, field.name), value or {}, where)
        elif field.message_type is not None:
            _put(getattr(message, field.name), value or {}, where)
        elif field.is_repeated:
            message.ClearField(field.name)
            getattr(message, field.name).extend(value or ())
        else:
            message.ClearField(field.name)
            if value:
                setattr(message, field.name, _scalar(field.name, value))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Rejected(f"{where} has a value of the wrong kind") from error


def _put_map(held: Any, values: Mapping[str, Any], where: str) -> None:
    for key in [key for key in held if key not in values]:
        del held[key]
    for key, value in values.items():
        if isinstance(value, Mapping):
            _put(held[key], value, f"{where}.{key}")  # makes the entry when it is not there
        else:
            held[key] = value


def _scalar(name: str, value: Any) -> Any:
    if name == "mode" and isinstance(value, str):
        return {word: mode for mode, word in _MODES.items()}[value.lower()]
    if name == "period":
        return _nanoseconds(value)
    return value


def _fields(message: Message) -> Sequence[FieldDescriptor]:
    return cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def _duration(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return f"{nanoseconds}ns" if rest else f"{seconds}s"


def _nanoseconds(text: Any) -> int:
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ValueError("a duration is written 60s")
    return int(match[1]) * (_NANOSECONDS if match[2] == "s" else 1)


def _put_expiry(message: DatabaseV3, value: Any) -> None:
    metadata = message.metadata
    if metadata.HasField("expires") and value == _time(metadata.expires):
        return
    metadata.ClearField("expires")
    if value:
        try:
            metadata.expires.FromJsonString(str(value))
        except ValueError as error:
            raise Rejected(f"metadata.expires {value!r} is no time") from error


def _time(moment: Timestamp) -> str:
    try:
        return moment.ToJsonString()
    except ValueError:  # beyond the year 9999: shown, and left as it is
        return f"@{moment.seconds}"
