"""Faults that can be injected into calls of AWS: what goes wrong, where, and how often."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from botocore.exceptions import DataNotFoundError

from discovery.sandbox.aws.errors import CommonErrorKind
from discovery.sandbox.aws.models import operation_names
from discovery.sandbox.faults import ANY
from discovery.sandbox.faults import Fault as CommonFault


class Effect(StrEnum):
    """What a fault does."""

    ERROR = "error"
    """Answers `code`, `status` and `message`."""
    THROTTLED = "throttled"
    """Answers the protocol's throttling error."""
    DENIED = "denied"
    """Answers the protocol's access-denied error."""
    EXPIRED = "expired"
    """Answers the protocol's expired-token error."""
    REGION_OFF = "region-off"
    """Answers what a region answers that is not enabled."""
    INTERNAL = "internal"
    """Answers the protocol's internal error, 500."""
    LATENCY = "latency"
    """Waits `delay_s` before going on as usual."""
    TRUNCATED = "truncated"
    """Answers half of the right body as if it were whole."""
    CUT_OFF = "cut-off"
    """Sends half of the right answer's body and closes the connection."""
    RESET = "reset"
    """Resets the connection without an answer."""
    HTML = "html"
    """Answers an HTML page with `status` (500), as a proxy in between might."""
    EMPTY_BODY = "empty-body"
    """Answers `status` (200) with no body at all."""
    SHORT_PAGES = "short-pages"
    """Pages hold no more than `page_size` items."""
    EMPTY_FIRST_PAGE = "empty-first-page"
    """The first page is empty and has a token; everything comes after it."""
    REPEATED_TOKEN = "repeated-token"  # noqa: S105 - a page token
    """Every page has the token with which it was asked."""
    LATER_PAGE_FAILS = "later-page-fails"
    """The first page is short and has a token; asking with it answers `code`, or INTERNAL."""
    OTHER_ACCOUNT = "other-account"
    """AssumeRole answers keys and an ARN of `as_account`, and those keys act there;
    GetCallerIdentity names `as_account`."""
    OTHER_ARNS = "other-arns"
    """Every ARN in the answer names `as_account`."""
    NO_EMPTY_LISTS = "no-empty-lists"
    """An empty list is left out of the answer, key and all."""
    MEMBER_LEFT_OUT = "member-left-out"
    """The member named `member` is left out wherever it stands in the answer."""
    MEMBER_CONTRADICTED = "member-contradicted"
    """An item with a text `member` comes twice in its list, the second time with another text."""


EFFECT_ERRORS = {
    Effect.THROTTLED: CommonErrorKind.THROTTLED,
    Effect.DENIED: CommonErrorKind.DENIED,
    Effect.EXPIRED: CommonErrorKind.EXPIRED,
    Effect.REGION_OFF: CommonErrorKind.REGION_OFF,
    Effect.INTERNAL: CommonErrorKind.INTERNAL,
}
"""The common error that an effect answers."""


@dataclass(frozen=True, slots=True)
class CallSite:
    """The call that a fault may apply to: whose, where, which operation."""

    account: str
    """The account whose resources are asked for; of AssumeRole, the role's."""
    region: str
    service: str
    operation: str
    is_later_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(CommonFault):
    """One thing that goes wrong. `account`, `region`, `service`, `operation`: `*` is any."""

    effects: ClassVar[type[StrEnum]] = Effect

    effect: Effect
    account: str = ANY
    region: str = ANY
    service: str = ANY
    """As boto3 names it: `elasticache`, `resourcegroupstaggingapi`."""
    operation: str = ANY
    code: str | None = None
    status: int | None = None
    as_account: str | None = None
    member: str | None = None
    """As the SDK's model names it: `FullEngineVersion`."""

    def matches(self, call: CallSite) -> bool:
        """Return whether the fault applies to this call."""
        return (
            self.account in (ANY, call.account)
            and self.region in (ANY, call.region)
            and self.service in (ANY, call.service)
            and self.operation in (ANY, call.operation)
            and not (self.effect is Effect.EMPTY_FIRST_PAGE and call.is_later_page)
        )

    def counts(self, call: CallSite) -> bool:
        """Return whether the call is counted; the page before one that fails is not."""
        return call.is_later_page or self.effect is not Effect.LATER_PAGE_FAILS

    def problems(self) -> Iterator[str]:
        """List what contradicts the effect."""
        if self.effect is Effect.ERROR and not self.code:
            yield "effect error needs a code"
        if self.effect in (Effect.OTHER_ACCOUNT, Effect.OTHER_ARNS) and not self.as_account:
            yield f"effect {self.effect} needs as_account"
        if self.effect in (Effect.MEMBER_LEFT_OUT, Effect.MEMBER_CONTRADICTED) and not self.member:
            yield f"effect {self.effect} needs a member"
        if self.as_account is not None and not re.fullmatch("[0-9]{12}", self.as_account):
            yield "as_account has 12 digits"
        if self.effect is Effect.LATENCY and self.delay_s <= 0:
            yield "effect latency needs delay_s"
        yield from _unknown_names(self)


def _unknown_names(fault: Fault) -> Iterator[str]:
    if fault.service == ANY:
        if fault.operation != ANY:
            yield "an operation needs its service"
        return
    try:
        known = operation_names(fault.service)
    except DataNotFoundError:
        yield f"no service is called {fault.service!r}; names are those of boto3"
        return
    if fault.operation not in (ANY, *known):
        yield f"{fault.service} has no operation {fault.operation}"
