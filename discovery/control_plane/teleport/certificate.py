"""The few facts of an X.509 certificate that the agent needs: its end, its issuer, its subject.

A reader of its own, because Teleport's subjects carry attributes that strict parsers refuse
(teleport/README: Identity file) and the standard library shows certificates of peers only. Nothing
is verified here: that is OpenSSL's part, in the handshake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_OID: Final = 0x06
_UTC_TIME: Final = 0x17
_OCTETS: Final = 0x04
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_KEY_ID_OF_AUTHORITY: Final = 0x80
_SUBJECT_KEY: Final = bytes((0x55, 0x1D, 0x0E))
_AUTHORITY_KEY: Final = bytes((0x55, 0x1D, 0x23))
_ORGANISATION: Final = bytes((0x55, 0x04, 0x0A))
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one certificate says."""

    expires_at: datetime
    issuer: str
    """The issuer's first organisation: a Teleport certificate's cluster."""
    subject: str
    """The subject's common name: the Teleport user."""
    issuer_name: bytes
    subject_name: bytes
    """Both as they are encoded, to be compared."""
    issuer_key: bytes
    key: bytes
    """Identifiers of the issuer's key and its own; empty in old certificates."""

    def may_be_of(self, authority: Certificate) -> bool:
        """True when OpenSSL takes `authority` for its issuer, as it sends certificates along."""
        is_another = self.issuer_key and authority.key and self.issuer_key != authority.key
        return self.issuer_name == authority.subject_name and not is_another


def read_certificate(der: bytes) -> Certificate:
    """The certificate's facts. Raises: ValueError, when it is none."""
    try:
        to_be_signed = _children(_only(der, _SEQUENCE))[0]
        fields = _children(to_be_signed[1])
        if fields[0][0] == _VERSION:
            fields = fields[1:]
        _serial, _algorithm, issuer, validity, subject = fields[:5]
        extensions = _extensions(dict(fields[6:]).get(_EXTENSIONS, b""))
        return Certificate(
            expires_at=_time(*_children(validity[1])[1]),
            issuer=_attribute(issuer[1], _ORGANISATION),
            subject=_attribute(subject[1], _COMMON_NAME),
            issuer_name=issuer[1],
            subject_name=subject[1],
            issuer_key=_authority_key(extensions.get(_AUTHORITY_KEY, b"")),
            key=_only(extensions[_SUBJECT_KEY], _OCTETS) if _SUBJECT_KEY in extensions else b"",
        )
    except (IndexError, ValueError) as error:
        raise ValueError("it is no X.509 certificate") from error


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element that stands in `data`, one after another."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            if not 1 <= width <= 4:
                raise ValueError("a length of an unknown form")
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + length > len(data):
            raise ValueError("an element that is longer than what holds it")
        yield tag, data[at : at + length]
        at += length


def _children(data: bytes) -> list[tuple[int, bytes]]:
    return list(_elements(data))


def _only(data: bytes, tag: int) -> bytes:
    [(found, content)] = _children(data)
    if found != tag:
        raise ValueError("another element than expected")
    return content


def _attribute(name: bytes, oid: bytes) -> str:
    """The first value of an attribute in a distinguished name; empty when there is none."""
    for _set, relative in _elements(name):
        for _sequence, pair in _elements(relative):
            (kind, key), (_text, value) = _children(pair)[:2]
            if (kind, key) == (_OID, oid):
                return value.decode("utf-8", "replace")
    return ""


def _extensions(wrapped: bytes) -> dict[bytes, bytes]:
    """The extensions' values by object identifier."""
    if not wrapped:
        return {}
    parts = [_children(content) for _, content in _elements(_only(wrapped, _SEQUENCE))]
    return {each[0][1]: each[-1][1] for each in parts}


def _authority_key(value: bytes) -> bytes:
    if not value:
        return b""
    return dict(_children(_only(value, _SEQUENCE))).get(_KEY_ID_OF_AUTHORITY, b"")


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 50 to 99 are of the last century (RFC 5280)
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
