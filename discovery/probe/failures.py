"""What stops a login, told from the errors of sockets, TLS and the cache's replies."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from discovery.model.codes import ProbeStep
from discovery.model.foreign_text import quoted

MOST_QUOTED: Final = 120
"""Characters of an error that are repeated."""


class FailureKind(Enum):
    """What stopped a login."""

    NOT_AWS = auto()
    NO_ENDPOINT = auto()
    NAME_UNKNOWN = auto()
    LOOKUP_FAILED = auto()
    TIMED_OUT = auto()
    CONNECTION_REFUSED = auto()
    NO_ROUTE = auto()
    CONNECT_FAILED = auto()
    CERTIFICATE_UNTRUSTED = auto()
    CERTIFICATE_OF_ANOTHER_HOST = auto()
    CERTIFICATE_OUT_OF_DATE = auto()
    TLS_FAILED = auto()
    CLOSED = auto()
    NO_USER = auto()
    NO_CREDENTIALS = auto()
    WRONG_PASSWORD = auto()
    NOT_AUTHENTICATED = auto()
    THROTTLED = auto()
    SERVICE_UNAVAILABLE = auto()
    UNEXPECTED_REPLY = auto()
    ANOTHER_USER = auto()


@dataclass(frozen=True, slots=True)
class Failure:
    """What stopped a login, and at which step."""

    step: ProbeStep
    kind: FailureKind
    detail: str = ""
    """The error in its own words, on one line and without secrets."""


_K = FailureKind
_UNKNOWN_NAMES: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)})
_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})
_OF_ANOTHER_HOST: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_OUT_OF_DATE: Final = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
_SECRET: Final = re.compile("x-amz-|signature|token", re.IGNORECASE)
"""A reply that repeats some of this may repeat the token, so its text is left out."""


def failure_of(step: ProbeStep, error: Exception) -> Failure:
    """Classify what ended a step."""
    kind, detail = _kind_and_detail(step, error)
    return Failure(step, kind, detail)


def _kind_and_detail(step: ProbeStep, error: Exception) -> tuple[FailureKind, str]:
    if isinstance(error, TimeoutError):
        return _K.TIMED_OUT, ""
    if step is ProbeStep.RESOLVE:
        return _of_lookup(error), ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error.verify_code), quoted(error.verify_message, MOST_QUOTED)
    if isinstance(error, ssl.SSLError):
        return _K.TLS_FAILED, quoted(error.reason or "", MOST_QUOTED)
    if step is ProbeStep.TCP:
        return _of_connection(error)
    if step is ProbeStep.TLS:
        return _K.TLS_FAILED, ""
    return _of_answer(error)


def _of_answer(error: Exception) -> tuple[FailureKind, str]:
    """Classify the answer to a command, or that there was none."""
    code = getattr(error, "status_code", None)
    if code is not None or isinstance(error, ResponseError):
        return _of_reply(code or _first_word(error), str(error))
    # Of redis-py, ConnectionError stands for the end of the stream too.
    is_end = isinstance(error, OSError | EOFError | RedisConnectionError)
    return (_K.CLOSED if is_end else _K.UNEXPECTED_REPLY), ""


def _of_lookup(error: Exception) -> FailureKind:
    if isinstance(error, socket.gaierror) and error.errno not in _UNKNOWN_NAMES:
        return _K.LOOKUP_FAILED
    # A name that cannot be one (UnicodeError) is unknown too.
    is_unknown = isinstance(error, socket.gaierror | UnicodeError)
    return _K.NAME_UNKNOWN if is_unknown else _K.LOOKUP_FAILED


def _of_connection(error: Exception) -> tuple[FailureKind, str]:
    number = getattr(error, "errno", None)
    if number == errno.ECONNREFUSED:
        return _K.CONNECTION_REFUSED, ""
    if number in _NO_ROUTE:
        return _K.NO_ROUTE, ""
    # The error's own text names addresses, and equal troubles are to be told once.
    return _K.CONNECT_FAILED, os.strerror(number) if number else ""


def _of_certificate(verify_code: int) -> FailureKind:
    if verify_code in _OF_ANOTHER_HOST:
        return _K.CERTIFICATE_OF_ANOTHER_HOST
    return _K.CERTIFICATE_OUT_OF_DATE if verify_code in _OUT_OF_DATE else _K.CERTIFICATE_UNTRUSTED


def _of_reply(code: str, text: str) -> tuple[FailureKind, str]:
    shown = _shown(code, text)
    if code in {"WRONGPASS", "NOAUTH"}:
        return (_K.WRONG_PASSWORD if code == "WRONGPASS" else _K.NOT_AUTHENTICATED), shown
    if "service is not available" in text.lower():
        return _K.SERVICE_UNAVAILABLE, shown
    return (_K.THROTTLED if "throttl" in text.lower() else _K.UNEXPECTED_REPLY), shown


def _first_word(error: Exception) -> str:
    """The code of a reply that redis-py does not know."""
    word = str(error).split(" ", 1)[0]
    return word if _CODE.fullmatch(word) else ""


def _shown(code: str, text: str) -> str:
    """A reply in the cache's words, or its code alone where more could repeat the token."""
    if _SECRET.search(text):
        return code
    return quoted(text if text.startswith(code) else f"{code} {text}", MOST_QUOTED)
