"""Members of the service model as XML: the same for the query and the ec2 protocol."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_SPECIAL = re.compile('[<>&"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]')
_NAMED: Mapping[str, str] = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;"}


def escape(text: str) -> str:
    """Return `text` as XML content.

    What XML 1.0 cannot hold (control characters) becomes a character reference, as AWS does; most
    readers then refuse the document.
    """
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#x{ord(found[0]):X};", text)


def timestamp(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds: `2026-01-15T12:34:56.789Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def structure(shape: StructureShape, members: Mapping[str, Any]) -> str:
    """Return a structure's members in the model's order, without an element around them."""
    return "".join(
        _element(member.serialization.get("name", name), member, members[name])
        for name, member in shape.members.items()
        if members.get(name) is not None
    )


def _element(name: str, shape: Shape, value: Any) -> str:
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        item = shape.member.serialization.get("name", name)
        return "".join(_element(item, shape.member, each) for each in value)
    return f"<{name}>{_content(shape, value)}</{name}>"


def _content(shape: Shape, value: Any) -> str:
    if isinstance(shape, StructureShape):
        return structure(shape, value)
    if isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        return "".join(_element(item, shape.member, each) for each in value)
    if isinstance(shape, MapShape):
        return "".join(_entries(shape, value))
    return escape(scalar(shape, value))


def _entries(shape: MapShape, value: Mapping[str, Any]) -> Iterator[str]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    for key, each in value.items():
        entry = _element(key_name, shape.key, key) + _element(value_name, shape.value, each)
        yield f"<entry>{entry}</entry>"


def scalar(shape: Shape, value: Any) -> str:
    """Return a value that is no structure, list or map as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return timestamp(value)
    if shape.type_name == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
