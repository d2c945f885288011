"""What faults do to a call that is answered: pages, ARNs, lists, bodies, connections."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind
from discovery.sandbox.aws.faults import EFFECT_ERRORS, Effect, Fault
from discovery.sandbox.aws.paging import PagingFault
from discovery.sandbox.aws.wire.message import Answer

_TOKENS = ("NextToken", "Marker", "PaginationToken")
_RIGHT_PAGES = PagingFault()
_HTML = b"<html><head><title>Error</title></head><body><h1>Service unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, and what becomes of it on its way."""

    answer: Answer
    delay_s: float = 0.0
    cut_off: bool = False
    reset: bool = False
    later: "Callable[[], Awaitable[Response]] | None" = None
    """Gives the answer of a long poll; this one is the answer when time is up."""

    @property
    def abnormal_end(self) -> str | None:
        """How the answer ends when not as it should, for the call log."""
        return "(reset)" if self.reset else "(cut off)" if self.cut_off else None


def is_later_page(members: Mapping[str, Any]) -> bool:
    """Return whether the input has a page token."""
    return any(members.get(token) for token in _TOKENS)


def paging_fault(active: tuple[Fault, ...]) -> PagingFault:
    """Return how these faults change the pages."""
    if not active:
        return _RIGHT_PAGES
    effects = {fault.effect for fault in active}
    limits = [fault.page_size for fault in active if fault.effect is Effect.SHORT_PAGES]
    if Effect.LATER_PAGE_FAILS in effects:
        limits.append(1)
    if Effect.EMPTY_FIRST_PAGE in effects:
        limits.append(0)
    return PagingFault(
        limit=min(limits, default=None),
        always_more=bool(effects & {Effect.LATER_PAGE_FAILS, Effect.EMPTY_FIRST_PAGE}),
        repeat_token=Effect.REPEATED_TOKEN in effects,
    )


def other_account(active: tuple[Fault, ...]) -> str | None:
    """Return the account that STS answers as, when a fault makes it another one."""
    return next((f.as_account for f in active if f.effect is Effect.OTHER_ACCOUNT), None)


def apply_to_output(
    result: Mapping[str, Any], active: tuple[Fault, ...], account_id: str
) -> Mapping[str, Any]:
    """Return the output, changed by these faults."""
    for fault in active:
        if fault.effect is Effect.OTHER_ARNS:
            result = _with_arns_of(result, account_id, str(fault.as_account))
        if fault.effect is Effect.NO_EMPTY_LISTS:
            result = {k: v for k, v in result.items() if not (isinstance(v, list) and not v)}
        if fault.effect is Effect.MEMBER_LEFT_OUT:
            result = _without(result, str(fault.member))
        if fault.effect is Effect.MEMBER_CONTRADICTED:
            result = _contradicting(result, str(fault.member))
    return result


def _without(value: Any, member: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(each, member) for key, each in value.items() if key != member}
    if isinstance(value, list | tuple):
        return [_without(each, member) for each in value]
    return value


def _contradicting(value: Any, member: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _contradicting(each, member) for key, each in value.items()}
    if not isinstance(value, list | tuple):
        return value
    items = [_contradicting(each, member) for each in value]
    others = [
        {**each, member: f"{each[member]}x"}
        for each in items
        if isinstance(each, Mapping) and isinstance(each.get(member), str)
    ]
    return items + others


def _with_arns_of(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_arns_of(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_arns_of(each, old, new) for each in value]
    if isinstance(value, str) and value.startswith("arn:"):
        return value.replace(f":{old}:", f":{new}:")
    return value


def apply_to_answer(answer: Answer, active: tuple[Fault, ...], *, away_s: float) -> Response:
    """Return the answer with what these faults do to it on its way of `away_s` seconds."""
    slowed_s = sum(fault.delay_s for fault in active if fault.effect is Effect.LATENCY)
    outcome = Response(answer, delay_s=away_s + slowed_s)
    for fault in active:
        match fault.effect:
            case Effect.HTML:
                page = Answer(fault.status or 500, "text/html", _HTML)
                outcome = replace(outcome, answer=page)
            case Effect.EMPTY_BODY:
                bare = replace(answer, status=fault.status or 200, body=b"")
                outcome = replace(outcome, answer=bare)
            case Effect.TRUNCATED:
                half = replace(answer, body=answer.body[: len(answer.body) // 2])
                outcome = replace(outcome, answer=half)
            case Effect.CUT_OFF:
                outcome = replace(outcome, cut_off=True)
            case Effect.RESET:
                outcome = replace(outcome, reset=True)
            case _:
                pass
    return outcome


def raise_errors(active: tuple[Fault, ...], members: Mapping[str, Any]) -> None:
    """Raise the error that one of these faults answers in place of the service, if any does."""
    for fault in active:
        if fault.effect in EFFECT_ERRORS:
            raise CommonError(EFFECT_ERRORS[fault.effect])
        fails_now = fault.effect is Effect.ERROR or (
            fault.effect is Effect.LATER_PAGE_FAILS and is_later_page(members)
        )
        if fails_now and fault.code is None:
            raise CommonError(CommonErrorKind.INTERNAL)
        if fails_now:
            raise AwsError(str(fault.code), fault.message, fault.status or 400)
