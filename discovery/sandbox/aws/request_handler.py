"""From request to answer: authenticate, apply faults, check permission, call the service.

No sockets here: what must happen to the connection is said by the `Response`.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from discovery.sandbox.aws.auth import Claim, authenticate, read_claim
from discovery.sandbox.aws.call_records import record
from discovery.sandbox.aws.calls import Call, CallLog
from discovery.sandbox.aws.errors import (
    WIRE_ERRORS,
    AwsError,
    CommonError,
    CommonErrorKind,
    ModeledError,
)
from discovery.sandbox.aws.event_delivery import within_a_call
from discovery.sandbox.aws.fault_effects import (
    Response,
    apply_to_answer,
    apply_to_output,
    is_later_page,
    other_account,
    paging_fault,
    raise_errors,
)
from discovery.sandbox.aws.faults import CallSite, Fault
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.long_poll import LongPoll
from discovery.sandbox.aws.models import (
    operation_model,
    operation_names,
    service_model,
)
from discovery.sandbox.aws.paging import PageTokens
from discovery.sandbox.aws.permissions import check_permission
from discovery.sandbox.aws.services.catalogue import SERVICES
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service
from discovery.sandbox.aws.services.sts import NOT_AUTHORIZED
from discovery.sandbox.aws.validation import check_members
from discovery.sandbox.aws.web_identity import anonymous_key, unsigned_claim
from discovery.sandbox.aws.wire.message import Answer, Members, Request, WireProtocol
from discovery.sandbox.aws.wire.protocols import protocol_for
from discovery.sandbox.aws.wire.query import QueryProtocol
from discovery.sandbox.aws.world import World
from discovery.sandbox.faults import FaultBoard

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far a request has come."""

    claim: Claim
    service: Service
    protocol: WireProtocol
    request_id: str
    key: Key | None = None
    """The caller's key; None until it is proved."""
    operation: str = "?"
    members: Mapping[str, Any] = field(default_factory=dict)
    active: tuple[Fault, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)


class RequestHandler:
    """Answers the requests to a world."""

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
        self._page_tokens = PageTokens()

    def handle(self, request: Request) -> Response:
        """Answer a request, whatever it is, and log the call."""
        request_id = str(uuid.uuid4())
        claim = read_claim(request) or unsigned_claim(request)
        if claim is None or claim.service not in SERVICES:
            return self._reject_unsigned(claim, request_id)
        service = SERVICES[claim.service]
        progress = _Progress(claim, service, protocol_for(service.name, request), request_id)
        error: AwsError | None = None
        poll: LongPoll | None = None
        try:
            found = self._serve(request, progress)
            if isinstance(found, LongPoll):
                poll, found = found, found.empty
            answer = self._write_answer(found, progress)
        except Exception as raised:
            error = _error_of(raised, progress)
            answer = _error_answer(error, progress)
        outcome = self._to_response(answer, progress)
        self._log(progress, error.code if error else outcome.abnormal_end)
        self._record(progress, error)
        return outcome if poll is None else replace(outcome, later=self._later(poll, progress))

    def _reject_unsigned(self, claim: Claim | None, request_id: str) -> Response:
        protocol = QueryProtocol()
        if claim is None:
            spelling = WIRE_ERRORS[protocol.family][CommonErrorKind.UNSIGNED]
            error = AwsError(spelling.code, spelling.message, spelling.status)
        else:
            error = AwsError("InvalidAction", f"the sandbox has no service {claim.service!r}", 400)
        unproved = claim or Claim("", "", "?", "?", (), "")
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=None,
                region=unproved.region,
                service=unproved.service,
                operation="?",
                access_key_id=unproved.access_key_id,
                error=error.code,
                members={},
            )
        )
        return Response(protocol.write_error("", error, request_id))

    def _serve(self, request: Request, progress: _Progress) -> Members | LongPoll:
        claim, service = progress.claim, progress.service
        if claim.access_key_id:
            key = authenticate(claim, request, self._world.keys, self._world.auth_clock())
            progress.key = key
        progress.operation = name = progress.protocol.operation(request)
        if name not in operation_names(service.name):
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, f"Could not find operation {name}")
        model = operation_model(service.name, name)
        members = progress.members = progress.protocol.read(request, model)
        if not claim.access_key_id:
            return self._serve_token(request, progress)
        active = progress.active = self._consume_faults(service, key, progress)
        raise_errors(active, members)
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
            raise CommonError(
                CommonErrorKind.UNKNOWN_ACTION, f"the sandbox does not have operation {name}"
            )
        unchecked = service.unchecked.get(name, frozenset())
        check_members(model.input_shape, members, unchecked=unchecked)
        with within_a_call():
            found = service.operations[name](self._api_call(key, progress, request))
        if not isinstance(found, LongPoll):
            progress.result = found
        return found

    def _serve_token(self, request: Request, progress: _Progress) -> Members:
        """Answer a request that has a token in place of a key, so no account of its own."""
        key, service, name = anonymous_key(progress.members), progress.service, progress.operation
        active = progress.active = self._consume_faults(service, key, progress)
        raise_errors(active, progress.members)
        check_members(
            operation_model(service.name, name).input_shape, progress.members, unchecked=frozenset()
        )
        if key.account_id not in self._world.accounts:
            raise AwsError("AccessDenied", NOT_AUTHORIZED, 403)
        found = service.operations[name](self._api_call(key, progress, request))
        assert not isinstance(found, LongPoll)  # noqa: S101 - no operation of STS waits
        progress.key, progress.result = key, found
        return found

    def _write_answer(self, members: Members, progress: _Progress) -> Answer:
        account_id = progress.key.account_id if progress.key else ""
        model = operation_model(progress.service.name, progress.operation)
        shown = apply_to_output(members, progress.active, account_id)
        return progress.protocol.write(model, shown, progress.request_id)

    def _to_response(self, answer: Answer, progress: _Progress) -> Response:
        away_s = self._latencies.get(progress.claim.region, 0.0)
        return apply_to_answer(answer, progress.active, away_s=away_s)

    def _later(self, poll: LongPoll, progress: _Progress) -> Callable[[], Awaitable[Response]]:
        async def wait() -> Response:
            try:
                answer = self._write_answer(await poll.answer(), progress)
            except (AwsError, ModeledError, CommonError) as raised:
                answer = _error_answer(_error_of(raised, progress), progress)
            return self._to_response(answer, progress)

        return wait

    def _consume_faults(self, service: Service, key: Key, progress: _Progress) -> tuple[Fault, ...]:
        subject = service.subjects.get(progress.operation)
        account = (subject(Parameters(progress.members)) if subject else None) or key.account_id
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
            raise CommonError(CommonErrorKind.REGION_OFF)

    def _api_call(self, key: Key, progress: _Progress, request: Request) -> ApiCall:
        account = self._world.account(key.account_id)
        requested = progress.claim.region
        region = account.region(requested if requested in account.enabled else min(account.enabled))
        now = self._world.clock()
        region.advance(now)
        return ApiCall(
            world=self._world,
            account=account,
            region=region,
            key=key,
            operation=progress.operation,
            params=Parameters(progress.members),
            now=now,
            page_tokens=self._page_tokens,
            paging=paging_fault(progress.active),
            acts_as=other_account(progress.active),
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
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=progress.key.account_id if progress.key else None,
                region=progress.claim.region,
                service=progress.service.name,
                operation=progress.operation,
                access_key_id=progress.claim.access_key_id,
                error=error,
                members=progress.members,
            )
        )


def _error_of(raised: Exception, progress: _Progress) -> AwsError:
    """Return the error to answer; log it when the sandbox itself failed."""
    if not isinstance(raised, AwsError | ModeledError | CommonError):
        where = (progress.service.name, progress.operation)
        _LOG.error("the sandbox failed on %s %s", *where, exc_info=raised)
        raised = CommonError(CommonErrorKind.INTERNAL)
    return progress.service.wire_error(raised, progress.protocol.family)


def _error_answer(error: AwsError, progress: _Progress) -> Answer:
    namespace = str(service_model(progress.service.name).metadata.get("xmlNamespace", ""))
    return progress.protocol.write_error(namespace, error, progress.request_id)
