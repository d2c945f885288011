"""From a request to an answer: proves who asks, meets the faults, calls the service.

No sockets here: what must happen to the connection is said by the `Outcome`.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from discovery.sandbox.aws.auth import Claim, authenticate, claim_of
from discovery.sandbox.aws.calls import Call, CallLog
from discovery.sandbox.aws.errors import SPELLINGS, AwsError, Modelled, Refusal, Refused
from discovery.sandbox.aws.faults import REFUSALS, Effect, Fault, FaultBoard
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.models import (
    error_shape,
    operation_model,
    operation_names,
    service_model,
)
from discovery.sandbox.aws.paging import PagingFault, TokenMint
from discovery.sandbox.aws.services.catalogue import SERVICES
from discovery.sandbox.aws.services.service import Ask, Given, Service
from discovery.sandbox.aws.validation import check
from discovery.sandbox.aws.wire.message import Answer, Request, WireProtocol
from discovery.sandbox.aws.wire.protocols import protocol_of
from discovery.sandbox.aws.wire.query import QueryProtocol
from discovery.sandbox.aws.world import World

_LOG = logging.getLogger(__name__)

_PROTOCOLS: Mapping[str, WireProtocol] = {
    name: protocol_of(service_model(service.name)) for name, service in SERVICES.items()
}
_TOKENS = ("NextToken", "Marker", "PaginationToken")
_HTML = b"<html><head><title>Error</title></head><body><h1>Service unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, and what becomes of it on its way."""

    answer: Answer
    delay_s: float = 0.0
    cut_off: bool = False
    reset: bool = False


@dataclass(slots=True)
class _Progress:
    """How far a request has come, for the call log."""

    claim: Claim
    service: str
    account_id: str | None = None
    operation: str = "?"
    members: Mapping[str, Any] | None = None
    delay_s: float = 0.0


class FrontDoor:
    """Answers requests on behalf of a world."""

    def __init__(self, world: World, faults: FaultBoard, calls: CallLog) -> None:
        self._world = world
        self._faults = faults
        self._calls = calls
        self._mint = TokenMint()

    def open(self, request: Request) -> Outcome:
        """The answer to `request`, whatever it is; the call is logged."""
        request_id = str(uuid.uuid4())
        claim = claim_of(request)
        if claim is None or claim.service not in SERVICES:
            return Outcome(self._turned_away(claim, request_id))
        service, protocol = SERVICES[claim.service], _PROTOCOLS[claim.service]
        progress = _Progress(claim, service.name)
        error: AwsError | None = None
        try:
            outcome = self._serve(request, service, protocol, progress, request_id)
        except (AwsError, Modelled, Refused) as raised:
            error = spelled(raised, service, protocol)
            outcome = self._error(service, protocol, error, request_id)
        except Exception:
            _LOG.exception("the sandbox failed on %s %s", service.name, progress.operation)
            error = spelled(Refused(Refusal.INTERNAL), service, protocol)
            outcome = self._error(service, protocol, error, request_id)
        outcome = replace(outcome, delay_s=progress.delay_s)
        self._log(progress, outcome, error)
        return outcome

    def _turned_away(self, claim: Claim | None, request_id: str) -> Answer:
        protocol = QueryProtocol()
        if claim is None:
            spelling = SPELLINGS[protocol.dialect][Refusal.UNSIGNED]
            error = AwsError(spelling.code, spelling.message, spelling.status)
        else:
            error = AwsError("InvalidAction", f"the sandbox has no service {claim.service!r}", 400)
        return protocol.write_error("", error, request_id)

    def _serve(
        self,
        request: Request,
        service: Service,
        protocol: WireProtocol,
        progress: _Progress,
        request_id: str,
    ) -> Outcome:
        claim = progress.claim
        key = authenticate(claim, request, self._world.keys, self._world.front_door())
        progress.account_id = key.account_id
        progress.operation = name = protocol.operation(request)
        if name not in operation_names(service.name):
            raise Refused(Refusal.UNKNOWN_ACTION, f"Could not find operation {name}")
        model = operation_model(service.name, name)
        members = progress.members = protocol.read(request, model)
        struck = self._strike(service, key, progress)
        self._raise_faults(struck, members)
        self._check_region(key, claim.region)
        if name not in service.operations:
            raise Refused(Refusal.UNKNOWN_ACTION, f"the sandbox does not have operation {name}")
        unchecked = service.unchecked.get(name, frozenset())
        check(model.input_shape, members, unchecked=unchecked)
        result = service.operations[name](self._ask(key, progress, struck))
        result = _twisted(result, struck, key.account_id)
        answer = protocol.write(model, result, request_id)
        return _broken(answer, struck)

    def _strike(self, service: Service, key: Key, progress: _Progress) -> tuple[Fault, ...]:
        members = progress.members or {}
        subject = service.subjects.get(progress.operation)
        account = (subject(Given(members)) if subject else None) or key.account_id
        struck = self._faults.strike(
            account,
            progress.claim.region,
            service.name,
            progress.operation,
            is_later_page=_is_later_page(members),
        )
        progress.delay_s = sum(f.delay_s for f in struck if f.effect is Effect.LATENCY)
        return struck

    def _raise_faults(self, struck: tuple[Fault, ...], members: Mapping[str, Any]) -> None:
        for fault in struck:
            if fault.effect in REFUSALS:
                raise Refused(REFUSALS[fault.effect])
            fails_now = fault.effect is Effect.ERROR or (
                fault.effect is Effect.LATER_PAGE_FAILS and _is_later_page(members)
            )
            if fails_now and fault.code is None:
                raise Refused(Refusal.INTERNAL)
            if fails_now:
                raise AwsError(str(fault.code), fault.message, fault.status or 400)

    def _check_region(self, key: Key, region: str) -> None:
        account = self._world.account(key.account_id)
        if region not in account.enabled:
            raise Refused(Refusal.REGION_OFF)

    def _ask(self, key: Key, progress: _Progress, struck: tuple[Fault, ...]) -> Ask:
        account = self._world.account(key.account_id)
        region = account.region(progress.claim.region)
        now = self._world.clock()
        region.settle(now)
        return Ask(
            world=self._world,
            account=account,
            region=region,
            key=key,
            operation=progress.operation,
            given=Given(progress.members or {}),
            now=now,
            mint=self._mint,
            paging=_paging_fault(struck),
            acts_as=next((f.as_account for f in struck if f.effect is Effect.OTHER_ACCOUNT), None),
        )

    def _error(
        self, service: Service, protocol: WireProtocol, error: AwsError, request_id: str
    ) -> Outcome:
        namespace = str(service_model(service.name).metadata.get("xmlNamespace", ""))
        return Outcome(protocol.write_error(namespace, error, request_id))

    def _log(self, progress: _Progress, outcome: Outcome, error: AwsError | None) -> None:
        broken = "(reset)" if outcome.reset else "(cut off)" if outcome.cut_off else None
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=progress.account_id,
                region=progress.claim.region,
                service=progress.service,
                operation=progress.operation,
                access_key_id=progress.claim.access_key_id,
                error=error.code if error else broken,
                members=progress.members or {},
            )
        )


def spelled(
    raised: AwsError | Modelled | Refused, service: Service, protocol: WireProtocol
) -> AwsError:
    """The error with the code and status that it has on the wire."""
    if isinstance(raised, AwsError):
        return raised
    if isinstance(raised, Modelled):
        code, status = error_shape(service.name, raised.shape)
        return AwsError(code, raised.message, status)
    usual = SPELLINGS[protocol.dialect][raised.refusal]
    spelling = service.spellings.get(raised.refusal, usual)
    return AwsError(spelling.code, raised.message or spelling.message, spelling.status)


def _is_later_page(members: Mapping[str, Any]) -> bool:
    return any(members.get(token) for token in _TOKENS)


def _paging_fault(struck: tuple[Fault, ...]) -> PagingFault:
    effects = {fault.effect for fault in struck}
    limits = [fault.page_size for fault in struck if fault.effect is Effect.SHORT_PAGES]
    if Effect.LATER_PAGE_FAILS in effects:
        limits.append(1)
    if Effect.EMPTY_FIRST_PAGE in effects:
        limits.append(0)
    return PagingFault(
        limit=min(limits, default=None),
        always_more=bool(effects & {Effect.LATER_PAGE_FAILS, Effect.EMPTY_FIRST_PAGE}),
        repeat_token=Effect.REPEATED_TOKEN in effects,
    )


def _twisted(
    result: Mapping[str, Any], struck: tuple[Fault, ...], account_id: str
) -> Mapping[str, Any]:
    for fault in struck:
        if fault.effect is Effect.OTHER_ARNS:
            result = _with_arns_of(result, account_id, str(fault.as_account))
        if fault.effect is Effect.NO_EMPTY_LISTS:
            result = {k: v for k, v in result.items() if not (isinstance(v, list) and not v)}
    return result


def _with_arns_of(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_arns_of(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_arns_of(each, old, new) for each in value]
    if isinstance(value, str) and value.startswith("arn:"):
        return value.replace(f":{old}:", f":{new}:")
    return value


def _broken(answer: Answer, struck: tuple[Fault, ...]) -> Outcome:
    outcome = Outcome(answer)
    for fault in struck:
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
