"""Translate errors of gRPC, TLS and the network into `ControlPlaneError`s with advice.

Source: teleport/README: Errors and teleport/README: Roles.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlaneError,
    Denied,
    Malformed,
    NotFound,
    Rejected,
    Unavailable,
)
from discovery.model import foreign_text

SERVER_NAME: Final = "teleport.cluster.local"
"""Name in every Auth Service's certificate, whatever the address (teleport/README: TLS)."""


class IdentityUnusable(ControlPlaneError):
    """The identity file cannot be read, is incomplete, or has expired."""

    code = "IDENTITY_UNUSABLE"


class IdentityExpired(IdentityUnusable):
    """The identity file is whole, and has expired."""


class Untrusted(ControlPlaneError):
    """What answered is not the Auth Service of the identity's cluster."""

    code = "UNTRUSTED"


class NoRoute(ControlPlaneError):
    """The address leads to something that does not pass the agent on to an Auth Service."""

    code = "NO_ROUTE"


class TooOld(ControlPlaneError):
    """The cluster's version lacks ElastiCache Serverless."""

    code = "TOO_OLD"


class Unsupported(ControlPlaneError):
    """The server does not know this call."""

    code = "UNSUPPORTED"


class ChangedMeanwhile(ControlPlaneError):
    """Somebody else wrote the resource at the same moment; worth another try."""

    code = "CHANGED_MEANWHILE"
    retryable = True


class ReadsLag(ControlPlaneError):
    """The cluster says that a resource is not there which it accepted a moment ago."""

    code = "READS_LAG"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was asked, of whom, as whom; for the sentence of an error."""

    doing: str
    """Such as `creating database orders`."""
    verb: str
    kind: str = "db"
    name: str = ""
    place: str = ""
    user: str = ""

    def as_user(self, user: str, place: str) -> Attempt:
        """Add who asks whom."""
        return replace(self, user=user, place=place)


_MESSAGE_LIMIT: Final = 400
_LACKS_VERB: Final = re.compile(r"""perform action ["'`]?(\w+)["'`]? on ["'`]?(\w+)""")
_BUSY: Final = (Unavailable, "the cluster could not answer just now")
_FAILED: Final = (
    ControlPlaneError,
    "the cluster failed ({status}); the log of its Auth Service says why",
)
_MEANING: Final[dict[Status, tuple[type[ControlPlaneError], str]]] = {
    Status.ALREADY_EXISTS: (AlreadyExists, "it already exists"),
    Status.NOT_FOUND: (NotFound, "it doesn't exist"),
    Status.INVALID_ARGUMENT: (Rejected, "the cluster does not accept it"),
    Status.FAILED_PRECONDITION: (ChangedMeanwhile, "somebody else changed it at the same moment"),
    Status.UNIMPLEMENTED: (Unsupported, "this version of Teleport does not know the call"),
    Status.RESOURCE_EXHAUSTED: (Unavailable, "the cluster asks for fewer calls"),
    Status.UNAVAILABLE: _BUSY,
    Status.DEADLINE_EXCEEDED: _BUSY,
    Status.CANCELLED: _BUSY,
    Status.ABORTED: _BUSY,
}


def error_of_status(error: GRPCError, attempt: Attempt) -> ControlPlaneError:
    """Translate a gRPC status."""
    message = error.message or ""
    if error.status in (Status.PERMISSION_DENIED, Status.UNAUTHENTICATED):
        return Denied(_denied(message, attempt) + quoted(message))
    fault, text = _MEANING.get(error.status, _FAILED)
    meaning = text.format(status=error.status.name)
    return fault(f"{attempt.doing}: {meaning}{quoted(message)}")


def error_of_call(error: Exception, attempt: Attempt, lost: BaseException | None) -> Exception:
    """Translate what ended a call; `lost` is why the connection ended."""
    if isinstance(error, GRPCError):
        return error_of_status(error, attempt)
    if isinstance(error, TimeoutError):
        return Unavailable(f"{attempt.doing}: no answer in time from {attempt.place}")
    if isinstance(lost, ssl.SSLError):
        return error_of_alert(lost, attempt)
    if isinstance(error, (StreamTerminatedError, OSError)):
        return Unavailable(
            f"{attempt.doing}: the connection to {attempt.place} ended before an answer"
        )
    if isinstance(error, (ProtocolError, DecodeError, NotImplementedError)):
        return Malformed(f"{attempt.doing}: {attempt.place} answered something that is no answer")
    return error


def error_of_alert(error: ssl.SSLError, attempt: Attempt) -> ControlPlaneError:
    """Translate a refusal of our certificate; TLS 1.3 says so after the handshake."""
    return Denied(
        f"{attempt.place} does not accept the certificate of {attempt.user} "
        f"({reason_of(error)}): the identity is of another cluster, has been locked, or was made "
        "before the cluster's CA was rotated. Let tbot write a new one"
    )


def reads_lag(doing: str) -> str:
    """Compose the message of ReadsLag."""
    return (
        f"{doing}: the cluster says that there is none, and accepted it within the last half "
        "minute. Its reads lag, or somebody removed it since; the next sweep looks"
    )


def reason_of(error: ssl.SSLError) -> str:
    """OpenSSL's own short reason."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (getattr(error, "reason", None) or "TLS failed").replace("_", " ").lower()


def quoted(message: str) -> str:
    """Quote the server's message, to stand at the end of ours."""
    text = foreign_text.quoted(message, _MESSAGE_LIMIT)
    return f'. It says: "{text}"' if text else ""


def too_many_certificates(place: str) -> str:
    """Explain that Auth got two certificates, of which it takes one only.

    Source: teleport/README: TLS.
    """
    return (
        f"{place} got more than one client certificate and takes one only. The authorities of the "
        "cluster are so old that they have no key identifiers, so that OpenSSL sends one along; "
        "`tctl auth rotate` makes new ones"
    )


def _denied(message: str, attempt: Attempt) -> str:
    if "intermediaries" in message:
        return too_many_certificates(attempt.place)
    if attempt.kind == "cluster":
        return (
            f"{attempt.place} refuses {attempt.user}: the user may be locked (`tctl get locks`), "
            "gone, or without any role"
        )
    lacking = _LACKS_VERB.search(message)
    if lacking:
        verb, kind = lacking.groups()
        return (
            f"{attempt.doing}: no role of {attempt.user} allows the verb `{verb}` on `{kind}`; "
            f"add it to the role's rules ({_rule(kind)})"
        )
    if attempt.kind == "db" and attempt.name:
        return (
            f"{attempt.doing}: no role of {attempt.user} allows it; either the role's rules lack "
            f"`{attempt.verb}` on `db`, or its db_labels do not match the labels of "
            f"{attempt.name} (they have to match `managed-by: cachemuster` and "
            "`cachemuster/group`)"
        )
    return f"{attempt.doing}: no role of {attempt.user} allows it ({_rule(attempt.kind)} is needed)"


def _rule(kind: str) -> str:
    verbs = "list, read, create, update, delete" if kind == "db" else "list, read"
    return f"{{resources: [{kind}], verbs: [{verbs}]}}"
