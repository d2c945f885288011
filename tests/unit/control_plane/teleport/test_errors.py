"""Every status has its fault, and every fault a sentence that says what to do."""

from __future__ import annotations

import ssl

import pytest
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
from discovery.control_plane.teleport.errors import (
    Attempt,
    ChangedMeanwhile,
    Unsupported,
    error_of_call,
    error_of_status,
)

CREATE = Attempt("creating database orders", "create", name="orders").as_user("bot-x", "Auth")

RETRYABLE = {
    Status.UNAVAILABLE: Unavailable,
    Status.RESOURCE_EXHAUSTED: Unavailable,
    Status.DEADLINE_EXCEEDED: Unavailable,
    Status.CANCELLED: Unavailable,
    Status.ABORTED: Unavailable,
    Status.FAILED_PRECONDITION: ChangedMeanwhile,
}
FINAL = {
    Status.ALREADY_EXISTS: AlreadyExists,
    Status.NOT_FOUND: NotFound,
    Status.INVALID_ARGUMENT: Rejected,
    Status.PERMISSION_DENIED: Denied,
    Status.UNAUTHENTICATED: Denied,
    Status.UNIMPLEMENTED: Unsupported,
}


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.OK])
def test_each_status_has_one_fault(status: Status) -> None:
    expected = {**RETRYABLE, **FINAL}.get(status, ControlPlaneError)
    found = error_of_status(GRPCError(status, "the server's words"), CREATE)
    assert type(found) is expected
    assert found.retryable is (status in RETRYABLE)
    assert str(found).startswith("creating database orders")
    assert 'It says: "the server\'s words"' in str(found)


DENIALS = [
    (
        'access denied to perform action "create" on "db"',
        "allows the verb `create` on `db`; add it to the role's rules "
        "({resources: [db], verbs: [list, read, create, update, delete]})",
    ),
    ("access denied to perform action read on db_server", "{resources: [db_server], verbs: [list,"),
    ("access to database denied. Confirm database labels.", "its db_labels do not match"),
    ("access denied: intermediaries are not supported", "`tctl auth rotate`"),
]


@pytest.mark.parametrize(("said", "advice"), DENIALS, ids=[each[1][:20] for each in DENIALS])
def test_a_denial_says_what_is_lacking(said: str, advice: str) -> None:
    assert advice in str(error_of_status(GRPCError(Status.PERMISSION_DENIED, said), CREATE))


def test_a_long_message_is_cut() -> None:
    said = "so it goes\n" * 1000
    found = str(error_of_status(GRPCError(Status.UNKNOWN, said), CREATE))
    assert len(found) < 600
    assert "\n" not in found


def test_no_message_is_no_quotation() -> None:
    assert "It says" not in str(error_of_status(GRPCError(Status.NOT_FOUND, None), CREATE))


ENDS: list[tuple[Exception, type[Exception]]] = [
    (TimeoutError(), Unavailable),
    (StreamTerminatedError("gone"), Unavailable),
    (ConnectionResetError(), Unavailable),
    (ProtocolError("odd"), Malformed),
    (DecodeError(), Malformed),
    (KeyError("ours"), KeyError),
]


@pytest.mark.parametrize(("error", "kind"), ENDS, ids=[type(each[0]).__name__ for each in ENDS])
def test_a_call_that_ends_without_a_status(error: Exception, kind: type[Exception]) -> None:
    assert type(error_of_call(error, CREATE, None)) is kind


def test_a_refused_certificate_is_told_from_a_lost_connection() -> None:
    alert = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")
    found = error_of_call(StreamTerminatedError("Connection lost"), CREATE, alert)
    assert isinstance(found, Denied)
    assert "does not accept the certificate of bot-x" in str(found)
