"""From request to answer: authenticate, apply faults, check permission, call the service.

No sockets here: what must happen to the connection is said by the `Response`.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

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
from discovery.sandbox.aws.request_state import RequestState
from discovery.sandbox.aws.services.catalogue import SERVICES
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service
from discovery.sandbox.aws.services.sts import NOT_AUTHORIZED
from discovery.sandbox.aws.validation import check_members
from discovery.sandbox.aws.web_identity import anonymous_key, unsigned_claim
from discovery.sandbox.aws.wire.message import Answer, Members, Request
from discovery.sandbox.aws.wire.protocols import protocol_for
from discovery.sandbox.aws.wire.query import QueryProtocol
from discovery.sandbox.aws.world import World
from discovery.sandbox.faults import FaultBoard

_LOG = logging.getLogger(__name__)


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
        state = RequestState(claim, service, protocol_for(service.name, request), request_id)
        error: AwsError | None = None
        poll: LongPoll | None = None
        try:
            found = self._serve(request, state)
            if isinstance(found, LongPoll):
                poll, found = found, found.empty
            answer = self._write_answer(found, state)
        except Exception as raised:
            error = _error_of(raised, state)
            answer = _error_answer(error, state)
        outcome = self._to_response(answer, state)
        self._log(state, error.code if error else outcome.abnormal_end)
        record(self._world, state, error)
        return outcome if poll is None else replace(outcome, later=self._later(poll, state))

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

    def _serve(self, request: Request, state: RequestState) -> Members | LongPoll:
        claim, service = state.claim, state.service
        if claim.access_key_id:
            key = authenticate(claim, request, self._world.keys, self._world.auth_clock())
            state.key = key
        state.operation = name = state.protocol.operation(request)
        if name not in operation_names(service.name):
            raise CommonError(CommonErrorKind.UNKNOWN_ACTION, f"Could not find operation {name}")
        model = operation_model(service.name, name)
        members = state.members = state.protocol.read(request, model)
        if not claim.access_key_id:
            return self._serve_token(request, state)
        active = state.active = self._consume_faults(service, key, state)
        raise_errors(active, members)
        self._check_region(key, claim.region)
        check_permission(self._world.account(key.account_id), key, state)
        if name not in service.operations:
            raise CommonError(
                CommonErrorKind.UNKNOWN_ACTION, f"the sandbox does not have operation {name}"
            )
        unchecked = service.unchecked.get(name, frozenset())
        check_members(model.input_shape, members, unchecked=unchecked)
        with within_a_call():
            found = service.operations[name](self._api_call(key, state, request))
        if not isinstance(found, LongPoll):
            state.result = found
        return found

    def _serve_token(self, request: Request, state: RequestState) -> Members:
        """Answer a request that has a token in place of a key, so no account of its own."""
        key, service, name = anonymous_key(state.members), state.service, state.operation
        active = state.active = self._consume_faults(service, key, state)
        raise_errors(active, state.members)
        check_members(
            operation_model(service.name, name).input_shape, state.members, unchecked=frozenset()
        )
        if key.account_id not in self._world.accounts:
            raise AwsError("AccessDenied", NOT_AUTHORIZED, 403)
        found = service.operations[name](self._api_call(key, state, request))
        assert not isinstance(found, LongPoll)  # noqa: S101 - no operation of STS waits
        state.key, state.result = key, found
        return found

    def _write_answer(self, members: Members, state: RequestState) -> Answer:
        model = operation_model(state.service.name, state.operation)
        shown = apply_to_output(members, state.active, state.account_id or "")
        return state.protocol.write(model, shown, state.request_id)

    def _to_response(self, answer: Answer, state: RequestState) -> Response:
        away_s = self._latencies.get(state.region, 0.0)
        return apply_to_answer(answer, state.active, away_s=away_s)

    def _later(self, poll: LongPoll, state: RequestState) -> Callable[[], Awaitable[Response]]:
        async def wait() -> Response:
            try:
                answer = self._write_answer(await poll.answer(), state)
            except (AwsError, ModeledError, CommonError) as raised:
                answer = _error_answer(_error_of(raised, state), state)
            return self._to_response(answer, state)

        return wait

    def _consume_faults(self, service: Service, key: Key, state: RequestState) -> tuple[Fault, ...]:
        subject = service.subjects.get(state.operation)
        account = (subject(Parameters(state.members)) if subject else None) or key.account_id
        later = is_later_page(state.members)
        return self._faults.consume(
            CallSite(account, state.region, service.name, state.operation, later)
        )

    def _check_region(self, key: Key, region: str) -> None:
        account = self._world.account(key.account_id)
        is_old_token = key.is_session and key.token_version == 1
        if region not in account.enabled or (
            is_old_token and region in account.partition.opt_in_regions
        ):
            raise CommonError(CommonErrorKind.REGION_OFF)

    def _api_call(self, key: Key, state: RequestState, request: Request) -> ApiCall:
        account = self._world.account(key.account_id)
        requested = state.region
        region = account.region(requested if requested in account.enabled else min(account.enabled))
        now = self._world.clock()
        region.advance(now)
        return ApiCall(
            world=self._world,
            account=account,
            region=region,
            key=key,
            operation=state.operation,
            params=Parameters(state.members),
            now=now,
            page_tokens=self._page_tokens,
            paging=paging_fault(state.active),
            acts_as=other_account(state.active),
            origin=f"http://{request.headers.get('host', '')}",
        )

    def _log(self, state: RequestState, error: str | None) -> None:
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=state.account_id,
                region=state.region,
                service=state.service.name,
                operation=state.operation,
                access_key_id=state.claim.access_key_id,
                error=error,
                members=state.members,
            )
        )


def _error_of(raised: Exception, state: RequestState) -> AwsError:
    """Return the error to answer; log it when the sandbox itself failed."""
    if not isinstance(raised, AwsError | ModeledError | CommonError):
        where = (state.service.name, state.operation)
        _LOG.error("the sandbox failed on %s %s", *where, exc_info=raised)
        raised = CommonError(CommonErrorKind.INTERNAL)
    return state.service.wire_error(raised, state.protocol.family)


def _error_answer(error: AwsError, state: RequestState) -> Answer:
    namespace = str(service_model(state.service.name).metadata.get("xmlNamespace", ""))
    return state.protocol.write_error(namespace, error, state.request_id)
