"""Faults on demand: what goes wrong, where, and how often."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import DataNotFoundError

from discovery.sandbox.aws.errors import Refusal
from discovery.sandbox.aws.models import operation_names

ANY = "*"


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
    """What has a text `member` comes twice in its list, the second time with another text."""


REFUSALS = {
    Effect.THROTTLED: Refusal.THROTTLED,
    Effect.DENIED: Refusal.DENIED,
    Effect.EXPIRED: Refusal.EXPIRED,
    Effect.REGION_OFF: Refusal.REGION_OFF,
    Effect.INTERNAL: Refusal.INTERNAL,
}
"""The effects that answer a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. `account`, `region`, `service`, `operation`: `*` is any.

    The account is the one whose things are asked for; of AssumeRole, the role's.
    """

    effect: Effect
    account: str = ANY
    region: str = ANY
    service: str = ANY
    """As boto3 names it: `elasticache`, `resourcegroupstaggingapi`."""
    operation: str = ANY
    times: int | None = None
    """For how many calls; None: for ever."""
    skip: int = 0
    """How many matching calls pass before it begins."""
    code: str | None = None
    status: int | None = None
    message: str = "injected by a test"
    delay_s: float = 0.0
    page_size: int = 1
    as_account: str | None = None
    member: str | None = None
    """As the SDK's model names it: `FullEngineVersion`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", Effect(self.effect))
        problem = next(_problems(self), None)
        if problem:
            raise ValueError(problem)

    def matches(self, account: str, region: str, service: str, operation: str) -> bool:
        """Whether a call is one that this fault is for."""
        return (
            self.account in (ANY, account)
            and self.region in (ANY, region)
            and self.service in (ANY, service)
            and self.operation in (ANY, operation)
        )


def _problems(fault: Fault) -> Iterator[str]:
    if fault.effect is Effect.ERROR and not fault.code:
        yield "effect error needs a code"
    if fault.effect in (Effect.OTHER_ACCOUNT, Effect.OTHER_ARNS) and not fault.as_account:
        yield f"effect {fault.effect} needs as_account"
    if fault.effect in (Effect.MEMBER_LEFT_OUT, Effect.MEMBER_CONTRADICTED) and not fault.member:
        yield f"effect {fault.effect} needs a member"
    if fault.as_account is not None and not re.fullmatch("[0-9]{12}", fault.as_account):
        yield "as_account has 12 digits"
    if fault.effect is Effect.LATENCY and fault.delay_s <= 0:
        yield "effect latency needs delay_s"
    if fault.page_size < 1:
        yield "page_size is at least 1"
    if (fault.times is not None and fault.times < 1) or fault.skip < 0:
        yield "times is at least 1, skip at least 0"
    yield from _unknown_names(fault)


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


class FaultBoard:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._matched: dict[int, int] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[tuple[int, Fault]]:
        return iter(tuple(self._faults.items()))

    def add(self, fault: Fault) -> int:
        """The fault is in force; answers its number."""
        number = next(self._numbers)
        self._faults[number] = fault
        self._matched[number] = 0
        return number

    def remove(self, number: int) -> bool:
        """The fault is not in force; answers whether it was."""
        self._matched.pop(number, None)
        return self._faults.pop(number, None) is not None

    def clear(self) -> None:
        """No fault is in force."""
        self._faults.clear()
        self._matched.clear()

    def strike(
        self, account: str, region: str, service: str, operation: str, *, is_later_page: bool
    ) -> tuple[Fault, ...]:
        """The faults that this call meets; each has been used once more."""
        if not self._faults:
            return ()
        return tuple(
            fault
            for number, fault in tuple(self._faults.items())
            if fault.matches(account, region, service, operation)
            and self._use(number, fault, is_later_page=is_later_page)
        )

    def _use(self, number: int, fault: Fault, *, is_later_page: bool) -> bool:
        if fault.effect is Effect.EMPTY_FIRST_PAGE and is_later_page:
            return False
        if fault.effect is Effect.LATER_PAGE_FAILS and not is_later_page:
            return True  # the page before the one that fails is not what is counted
        used = self._matched[number] = self._matched[number] + 1
        if used <= fault.skip:
            return False
        if fault.times is not None and used >= fault.skip + fault.times:
            self.remove(number)
        return True
