"""What a simulated service is: a botocore model and a function for each operation.

A new service is one file that makes a `Service` and a line in `services/catalogue.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from discovery.sandbox.aws.errors import (
    WIRE_ERRORS,
    AwsError,
    CommonError,
    CommonErrorKind,
    ModeledError,
    ProtocolFamily,
    WireError,
)
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.long_poll import LongPoll
from discovery.sandbox.aws.models import error_shape
from discovery.sandbox.aws.paging import (
    START,
    ExpiredToken,
    InvalidToken,
    Page,
    PageTokens,
    PagingFault,
    cut_page,
)
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.world import Account, World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The input of an operation, checked by the model; each member in the type asked for."""

    members: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        return str(self.members.get(name, default))

    def optional_text(self, name: str) -> str | None:
        """Return a string; None when it is missing or empty."""
        return self.members.get(name) or None

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        return int(self.members.get(name, default))

    def flag(self, name: str) -> bool:
        """Return a truth value, false when it is missing."""
        return bool(self.members.get(name, False))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, empty when it is missing."""
        return tuple(self.members.get(name, ()))

    def structure(self, name: str) -> "Parameters":
        """Return a structure, empty when it is missing."""
        return Parameters(self.members.get(name, {}))

    def structures(self, name: str) -> "tuple[Parameters, ...]":
        """Return a list of structures, empty when it is missing."""
        return tuple(Parameters(each) for each in self.members.get(name, ()))

    def pairs(self, name: str) -> Mapping[str, str]:
        """Return a map of strings, empty when it is missing."""
        return dict(self.members.get(name, {}))


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One authenticated request to an operation."""

    world: World
    account: Account
    region: Region
    key: Key
    operation: str
    params: Parameters
    now: datetime
    page_tokens: PageTokens
    paging: PagingFault
    acts_as: str | None
    """For STS: the account that a fault makes it answer as."""
    origin: str
    """The URL that the request came to, without a path."""

    def page(
        self,
        items: Sequence[T],
        *,
        key: Callable[[T], str],
        size: int,
        token: str | None,
        invalid: Exception,
        expired: Exception | None = None,
    ) -> Page[T]:
        """Return the requested page of `items`. Raises `invalid` or `expired` for such a token."""
        listing = f"{self.operation} {self.account.id} {self.region.place.name}"
        try:
            after = self.page_tokens.read(listing, token, self.now) if token else START
        except InvalidToken as error:
            raise invalid from error
        except ExpiredToken as error:
            raise expired or invalid from error
        return cut_page(
            sorted(items, key=key),
            key=key,
            size=size,
            after=after,
            token=token,
            fault=self.paging,
            issue=lambda last: self.page_tokens.issue(listing, last, self.now),
        )


Answer = Mapping[str, Any]
Operation = Callable[[ApiCall], Answer | LongPoll]
Subject = Callable[[Parameters], str | None]


@dataclass(slots=True)
class Service:
    """A service by the name that boto3 gives it, with the operations it has here."""

    name: str
    signing_name: str
    wire_errors: Mapping[CommonErrorKind, WireError] = field(default_factory=dict)
    """Where this service's errors are not its protocol's usual ones."""
    unchecked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Members whose ranges and patterns the real service does not hold, by operation."""
    operations: dict[str, Operation] = field(default_factory=dict)
    subjects: dict[str, Subject] = field(default_factory=dict)

    def operation(
        self, name: str, *, subject: Subject | None = None
    ) -> Callable[[Operation], Operation]:
        """Register the decorated function as the operation.

        `subject` names the account that the call is about, for faults, when it is not the caller's.
        """

        def register(function: Operation) -> Operation:
            self.operations[name] = function
            if subject is not None:
                self.subjects[name] = subject
            return function

        return register

    def wire_error(
        self, raised: AwsError | ModeledError | CommonError, family: ProtocolFamily
    ) -> AwsError:
        """Return the error with the code and status that it has on the wire."""
        if isinstance(raised, AwsError):
            return raised
        if isinstance(raised, ModeledError):
            code, status = error_shape(self.name, raised.shape)
            return AwsError(code, raised.message, status)
        usual = WIRE_ERRORS[family][raised.kind]
        spelled = self.wire_errors.get(raised.kind, usual)
        return AwsError(spelled.code, raised.message or spelled.message, spelled.status)


def denied(call: ApiCall, action: str, resource: str) -> AwsError:
    """Return AWS's error for a missing permission, in the query protocol's code and status."""
    return AwsError(
        "AccessDenied",
        f"User: {call.key.principal_arn} is not authorized to perform: {action} "
        f"on resource: {resource}",
        403,
    )
