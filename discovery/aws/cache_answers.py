"""Read answers of `DescribeServerlessCaches` from their bytes, as the SDK's parser would.

Only what looks exactly as AWS writes it is read; for anything else the result is None, and the
SDK's own parser decides what it is. A property test holds both to the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

_XMLNS = rb"http://elasticache\.amazonaws\.com/doc/2015-02-02/"
_EMPTY = re.compile(
    rb'(?:<\?xml [^<>]*\?>)?\s*<DescribeServerlessCachesResponse xmlns="' + _XMLNS + rb'">'
    rb"\s*<DescribeServerlessCachesResult>"
    rb"\s*(?:<ServerlessCaches\s*/>|<ServerlessCaches>\s*</ServerlessCaches>)"
    rb"\s*</DescribeServerlessCachesResult>"
    rb"\s*<ResponseMetadata>\s*<RequestId>([0-9A-Za-z-]+)</RequestId>\s*</ResponseMetadata>"
    rb"\s*</DescribeServerlessCachesResponse>\s*"
)


class _Unusual(Exception):
    """The answer has a form that is left to the SDK."""


def read_caches(body: bytes) -> dict[str, Any] | None:
    """Read caches, page token and request id; None when the SDK has to read it."""
    if empty := _EMPTY.fullmatch(body):
        return _answer({"ServerlessCaches": []}, empty[1].decode())
    if b"<!" in body:  # a document type, comment or CDATA section
        return None
    try:
        root = ET.XML(body)
        name, members = _members(root)
        if name != "DescribeServerlessCachesResponse":
            return None
        request_id = _structure(members["ResponseMetadata"], _METADATA)["RequestId"]
        if not request_id:
            return None
        return _answer(_structure(members["DescribeServerlessCachesResult"], _RESULT), request_id)
    except (_Unusual, ET.ParseError, ValueError, LookupError):
        return None


def _answer(result: dict[str, Any], request_id: str) -> dict[str, Any]:
    return {**result, "ResponseMetadata": {"RequestId": request_id, "HTTPStatusCode": 200}}


Reader = Callable[[ET.Element], Any]


def _structure(element: ET.Element, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Read the children that are known; AWS may add others. Raises: _Unusual."""
    _, members = _members(element)
    return {name: read(members[name]) for name, read in readers.items() if name in members}


def _members(element: ET.Element) -> tuple[str, dict[str, ET.Element]]:
    """The element's name, and its children by theirs. Raises: _Unusual when one comes twice."""
    members = {_name(child.tag): child for child in element}
    if len(members) != len(element):
        raise _Unusual
    return _name(element.tag), members


@lru_cache(maxsize=256)
def _name(tag: str) -> str:
    """Raises: _Unusual for another namespace than that of the service."""
    namespace, _, name = tag.rpartition("}")
    if namespace.encode() != b"{http://elasticache.amazonaws.com/doc/2015-02-02/":
        raise _Unusual
    return name


def _text(element: ET.Element) -> str:
    if len(element):
        raise _Unusual
    return element.text or ""


def _number(element: ET.Element) -> int:
    text = _text(element)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _Unusual
    return int(text)


def _time(element: ET.Element) -> datetime:
    """Read a time. Raises: ValueError, for a form that Python does not know."""
    found = datetime.fromisoformat(_text(element))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _texts(element: ET.Element) -> list[str]:
    return [_text(child) for child in element]


def _endpoint(element: ET.Element) -> dict[str, Any]:
    return _structure(element, {"Address": _text, "Port": _number})


MEMBERS: Mapping[str, Reader] = {
    "ServerlessCacheName": _text,
    "CreateTime": _time,
    "Status": _text,
    "Engine": _text,
    "MajorEngineVersion": _text,
    "FullEngineVersion": _text,
    "Endpoint": _endpoint,
    "ARN": _text,
    "UserGroupId": _text,
    "SubnetIds": _texts,
}
"""The members of a cache that `discovery.aws.caches` looks at."""


def _caches(element: ET.Element) -> list[dict[str, Any]]:
    return [_structure(child, MEMBERS) for child in element]


_RESULT: Mapping[str, Reader] = {"ServerlessCaches": _caches, "NextToken": _text}
_METADATA: Mapping[str, Reader] = {"RequestId": _text}
