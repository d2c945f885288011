"""From a request to an answer: proves who asks, meets the faults, calls the service.

No sockets here: what must happen to the connection is said by the `Outcome`.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from discovery.sandbox.aws.auth import Claim, authenticate, claim_of
from discovery.sandbox.aws.call_records import record
from discovery.sandbox.aws.calls import Call, CallLog
from discovery.sandbox.aws.errors import SPELLINGS, AwsError, Dialect, Modelled, Refusal, Refused
from discovery.sandbox.aws.event_delivery import within_a_call
from discovery.sandbox.aws.fault_effects import (
    Response,
    broken,
    distort,
    is_later_page,
    other_account,
    paging_fault,
)
from discovery.sandbox.aws.faults import REFUSALS, CallSite, Effect, Fault
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.long_poll import Poll
from discovery.sandbox.aws.models import (
    error_shape,
    operation_model,
    operation_names,
    service_model,
)
from discovery.sandbox.aws.paging import PageTokens
from discovery.sandbox.aws.permissions import check_permission
from discovery.sandbox.aws.services.catalogue import SERVICES
from discovery.sandbox.aws.services.service import Ask, Given, Service
from discovery.sandbox.aws.services.sts import NOT_AUTHORIZED
from discovery.sandbox.aws.validation import check
from discovery.sandbox.aws.web_identity import stranger, unsigned_claim
from discovery.sandbox.aws.wire.cbor import CborProtocol, is_cbor
from discovery.sandbox.aws.wire.message import Answer, Members, Request, WireProtocol
from discovery.sandbox.aws.wire.protocols import protocol_of
from discovery.sandbox.aws.wire.query import QueryProtocol
from discovery.sandbox.aws.world import World
from discovery.sandbox.faults import FaultBoard

_LOG = logging.getLogger(__name__)

_PROTOCOLS: Mapping[str, WireProtocol] = {
    name: protocol_of(service_model(service.name)) for name, service in SERVICES.items()
}

_CBOR = CborProtocol()


@dataclass(slots=True)
class _Progress:
    """How far a request has come."""

    claim: Claim
    service: Service
    protocol: WireProtocol
    request_id: str
    key: Key | None = None
    """Whose it is; None until that is proved."""
    operation: str = "?"
    members: Mapping[str, Any] = field(default_factory=dict)
    struck: tuple[Fault, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)


class RequestHandler:
    """Answers requests on behalf of a world."""

    def __init__(
        self,
        world: World,
        faults: FaultBoard[Fault],
        calls: CallLog,
        latencies: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._world = world
        self._faults = faults
        self._calls = calls
        self._latencies = latencies
        self._mint = PageTokens()

    def open(self, request: Request) -> Response:
        """The answer to `request`, whatever it is; the call is logged."""
        request_id = str(uuid.uuid4())
        claim = claim_of(request) or unsigned_claim(request)
        if claim is None or claim.service not in SERVICES:
            return self._turned_away(claim, request_id)
        service, protocol = SERVICES[claim.service], _PROTOCOLS[claim.service]
        if is_cbor(request) and protocol.dialect is Dialect.JSON:
            protocol = _CBOR
        progress = _Progress(claim, service, protocol, request_id)
        error: AwsError | None = None
        poll: Poll | None = None
        try:
            found = self._serve(request, progress)
            if isinstance(found, Poll):
                poll, found = found, found.nothing
            answer = self._written(found, progress)
        except Exception as raised:
            error = _error_of(raised, progress)
            answer = _error_answer(error, progress)
        outcome = self._sent_off(answer, progress)
        self._log(progress, error.code if error else outcome.ending)
        self._record(progress, error)
        return outcome if poll is None else replace(outcome, later=self._later(poll, progress))

    def _turned_away(self, claim: Claim | None, request_id: str) -> Response:
        protocol = QueryProtocol()
        if claim is None:
            spelling = SPELLINGS[protocol.dialect][Refusal.UNSIGNED]
            error = AwsError(spelling.code, spelling.message, spelling.status)
        else:
            error = AwsError("InvalidAction", f"the sandbox has no service {claim.service!r}", 400)
        unproved = claim or Claim("", "", "?", "?", (), "")
        self._log_call(unproved, unproved.service, error=error.code)
        return Response(protocol.write_error("", error, request_id))

    def _serve(self, request: Request, progress: _Progress) -> Members | Poll:
        claim, service = progress.claim, progress.service
        if claim.access_key_id:
            key = authenticate(claim, request, self._world.keys, self._world.front_door())
            progress.key = key
        progress.operation = name = progress.protocol.operation(request)
        if name not in operation_names(service.name):
            raise Refused(Refusal.UNKNOWN_ACTION, f"Could not find operation {name}")
        model = operation_model(service.name, name)
        members = progress.members = progress.protocol.read(request, model)
        if not claim.access_key_id:
            return self._serve_token(request, progress)
        struck = progress.struck = self._strike(service, key, progress)
        _raise_faults(struck, members)
        self._check_region(key, claim.region)
        check_permission(
            self._world.account(key.account_id),
            key,
            service=service.name,
            operation=name,
            region=claim.region,
            members=members,
        )
        if name not in service.operations:
            raise Refused(Refusal.UNKNOWN_ACTION, f"the sandbox does not have operation {name}")
        unchecked = service.unchecked.get(name, frozenset())
        check(model.input_shape, members, unchecked=unchecked)
        with within_a_call():
            found = service.operations[name](self._ask(key, progress, request))
        if not isinstance(found, Poll):
            progress.result = found
        return found

    def _serve_token(self, request: Request, progress: _Progress) -> Members:
        """A request that proves itself by a token has no key, and asks in no account of its own."""
        key, service, name = stranger(progress.members), progress.service, progress.operation
        struck = progress.struck = self._strike(service, key, progress)
        _raise_faults(struck, progress.members)
        check(
            operation_model(service.name, name).input_shape, progress.members, unchecked=frozenset()
        )
        if key.account_id not in self._world.accounts:
            raise AwsError("AccessDenied", NOT_AUTHORIZED, 403)
        found = service.operations[name](self._ask(key, progress, request))
        assert not isinstance(found, Poll)  # noqa: S101 - no operation of STS waits
        progress.key, progress.result = key, found
        return found

    def _written(self, members: Members, progress: _Progress) -> Answer:
        account_id = progress.key.account_id if progress.key else ""
        model = operation_model(progress.service.name, progress.operation)
        shown = distort(members, progress.struck, account_id)
        return progress.protocol.write(model, shown, progress.request_id)

    def _sent_off(self, answer: Answer, progress: _Progress) -> Response:
        away_s = self._latencies.get(progress.claim.region, 0.0)
        return broken(answer, progress.struck, away_s=away_s)

    def _later(self, poll: Poll, progress: _Progress) -> Callable[[], Awaitable[Response]]:
        async def wait() -> Response:
            try:
                answer = self._written(await poll.answer(), progress)
            except (AwsError, Modelled, Refused) as raised:
                answer = _error_answer(_error_of(raised, progress), progress)
            return self._sent_off(answer, progress)

        return wait

    def _strike(self, service: Service, key: Key, progress: _Progress) -> tuple[Fault, ...]:
        subject = service.subjects.get(progress.operation)
        account = (subject(Given(progress.members)) if subject else None) or key.account_id
        later = is_later_page(progress.members)
        return self._faults.consume(
            CallSite(account, progress.claim.region, service.name, progress.operation, later)
        )

    def _check_region(self, key: Key, region: str) -> None:
        account = self._world.account(key.account_id)
        is_old_token = key.is_session and key.token_version == 1
        if region not in account.enabled or (
            is_old_token and region in account.partition.opt_in_regions
        ):
            raise Refused(Refusal.REGION_OFF)

    def _ask(self, key: Key, progress: _Progress, request: Request) -> Ask:
        account = self._world.account(key.account_id)
        asked = progress.claim.region
        region = account.region(asked if asked in account.enabled else min(account.enabled))
        now = self._world.clock()
        region.settle(now)
        return Ask(
            world=self._world,
            account=account,
            region=region,
            key=key,
            operation=progress.operation,
            given=Given(progress.members),
            now=now,
            mint=self._mint,
            paging=paging_fault(progress.struck),
            acts_as=other_account(progress.struck),
            origin=f"http://{request.headers.get('host', '')}",
        )

    def _record(self, progress: _Progress, error: AwsError | None) -> None:
        if progress.key is not None:
            record(
                self._world,
                progress.key,
                region=progress.claim.region,
                service=progress.service.name,
                operation=progress.operation,
                members=progress.members,
                result=progress.result,
                error=error,
            )

    def _log(self, progress: _Progress, error: str | None) -> None:
        self._log_call(
            progress.claim,
            progress.service.name,
            account_id=progress.key.account_id if progress.key else None,
            operation=progress.operation,
            error=error,
            members=progress.members,
        )

    def _log_call(
        self,
        claim: Claim,
        service: str,
        *,
        account_id: str | None = None,
        operation: str = "?",
        error: str | None,
        members: Members = MappingProxyType({}),
    ) -> None:
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=account_id,
                region=claim.region,
                service=service,
                operation=operation,
                access_key_id=claim.access_key_id,
                error=error,
                members=members,
            )
        )


def _raise_faults(struck: tuple[Fault, ...], members: Mapping[str, Any]) -> None:
    for fault in struck:
        if fault.effect in REFUSALS:
            raise Refused(REFUSALS[fault.effect])
        fails_now = fault.effect is Effect.ERROR or (
            fault.effect is Effect.LATER_PAGE_FAILS and is_later_page(members)
        )
        if fails_now and fault.code is None:
            raise Refused(Refusal.INTERNAL)
        if fails_now:
            raise AwsError(str(fault.code), fault.message, fault.status or 400)


def _error_of(raised: Exception, progress: _Progress) -> AwsError:
    """What is answered for it; that the sandbox itself failed is logged."""
    if not isinstance(raised, AwsError | Modelled | Refused):
        where = (progress.service.name, progress.operation)
        _LOG.error("the sandbox failed on %s %s", *where, exc_info=raised)
        raised = Refused(Refusal.INTERNAL)
    return spelled(raised, progress.service, progress.protocol)


def _error_answer(error: AwsError, progress: _Progress) -> Answer:
    namespace = str(service_model(progress.service.name).metadata.get("xmlNamespace", ""))
    return progress.protocol.write_error(namespace, error, progress.request_id)


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
