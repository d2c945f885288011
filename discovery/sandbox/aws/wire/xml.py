"""Members of the service model as XML: the same for the query and the ec2 protocol."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

Writer = Callable[[Any], str]
"""Writes the values of one place in the model."""

_SPECIAL = re.compile('[<>&"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]')
_NAMED: Mapping[str, str] = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;"}


def escape(text: str) -> str:
    """Return `text` as XML content.

    What XML 1.0 cannot hold (control characters) becomes a character reference, as AWS does; most
    readers then refuse the document.
    """
    if text.isprintable() and not ("<" in text or ">" in text or "&" in text or '"' in text):
        return text
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0]) or f"&#x{ord(found[0]):X};", text)


def timestamp(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds: `2026-01-15T12:34:56.789Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def structure(shape: StructureShape, members: Mapping[str, Any]) -> str:
    """Return a structure's members in the model's order, without an element around them."""
    return "".join(
        [
            write(value)
            for name, write in _member_writers(shape)
            if (value := members.get(name)) is not None
        ]
    )


@cache  # what the model says of a shape is asked once, not for every value
def _member_writers(shape: StructureShape) -> tuple[tuple[str, Writer], ...]:
    return tuple(
        (name, _element_writer(member.serialization.get("name", name), member))
        for name, member in shape.members.items()
    )


def _element_writer(name: str, shape: Shape) -> Writer:
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        item = shape.member.serialization.get("name", name)
        return _items_writer(item, shape)
    write, start, end = _content_writer(shape), f"<{name}>", f"</{name}>"
    return lambda value: f"{start}{write(value)}{end}"


def _content_writer(shape: Shape) -> Writer:
    if isinstance(shape, StructureShape):
        return lambda value: structure(shape, value)
    if isinstance(shape, ListShape):
        return _items_writer(shape.member.serialization.get("name", "member"), shape)
    if isinstance(shape, MapShape):
        return _map_writer(shape)
    return lambda value: escape(value if type(value) is str else scalar(shape, value))


def _items_writer(name: str, shape: ListShape) -> Writer:
    write = _element_writer(name, shape.member)
    return lambda value: "".join([write(each) for each in value])


def _map_writer(shape: MapShape) -> Writer:
    write_key = _element_writer(shape.key.serialization.get("name", "key"), shape.key)
    write_value = _element_writer(shape.value.serialization.get("name", "value"), shape.value)

    def write(value: Mapping[str, Any]) -> str:
        return "".join(
            f"<entry>{write_key(key)}{write_value(each)}</entry>" for key, each in value.items()
        )

    return write


def scalar(shape: Shape, value: Any) -> str:
    """Return a value that is no structure, list or map as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return timestamp(value)
    if shape.type_name == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
