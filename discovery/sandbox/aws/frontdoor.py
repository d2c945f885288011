"""From a request to an answer: proves who asks, meets the faults, calls the service.

No sockets here: what must happen to the connection is said by the `Outcome`.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from discovery.sandbox.aws.auth import Claim, authenticate, claim_of
from discovery.sandbox.aws.calls import Call, CallLog
from discovery.sandbox.aws.distortion import (
    Outcome,
    broken,
    is_later_page,
    other_account,
    paging_fault,
    twisted,
)
from discovery.sandbox.aws.errors import SPELLINGS, AwsError, Modelled, Refusal, Refused
from discovery.sandbox.aws.faults import REFUSALS, Effect, Fault, FaultBoard
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.models import (
    error_shape,
    operation_model,
    operation_names,
    service_model,
)
from discovery.sandbox.aws.paging import TokenMint
from discovery.sandbox.aws.permissions import check_permission
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


@dataclass(slots=True)
class _Progress:
    """How far a request has come, for the call log."""

    claim: Claim
    service: str
    account_id: str | None = None
    operation: str = "?"
    members: Mapping[str, Any] = field(default_factory=dict)
    struck: tuple[Fault, ...] = ()


class FrontDoor:
    """Answers requests on behalf of a world."""

    def __init__(
        self,
        world: World,
        faults: FaultBoard,
        calls: CallLog,
        latencies: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._world = world
        self._faults = faults
        self._calls = calls
        self._latencies = latencies
        self._mint = TokenMint()

    def open(self, request: Request) -> Outcome:
        """The answer to `request`, whatever it is; the call is logged."""
        request_id = str(uuid.uuid4())
        claim = claim_of(request)
        if claim is None or claim.service not in SERVICES:
            return self._turned_away(claim, request_id)
        service, protocol = SERVICES[claim.service], _PROTOCOLS[claim.service]
        progress = _Progress(claim, service.name)
        error: AwsError | None = None
        try:
            answer = self._serve(request, service, protocol, progress, request_id)
        except (AwsError, Modelled, Refused) as raised:
            error = spelled(raised, service, protocol)
            answer = _error_answer(service, protocol, error, request_id)
        except Exception:
            _LOG.exception("the sandbox failed on %s %s", service.name, progress.operation)
            error = spelled(Refused(Refusal.INTERNAL), service, protocol)
            answer = _error_answer(service, protocol, error, request_id)
        away_s = self._latencies.get(claim.region, 0.0)
        outcome = broken(answer, progress.struck, away_s=away_s)
        self._log(progress, error.code if error else outcome.ending)
        return outcome

    def _turned_away(self, claim: Claim | None, request_id: str) -> Outcome:
        protocol = QueryProtocol()
        if claim is None:
            spelling = SPELLINGS[protocol.dialect][Refusal.UNSIGNED]
            error = AwsError(spelling.code, spelling.message, spelling.status)
        else:
            error = AwsError("InvalidAction", f"the sandbox has no service {claim.service!r}", 400)
        unproved = claim or Claim("", "", "?", "?", (), "")
        self._log(_Progress(unproved, unproved.service), error.code)
        return Outcome(protocol.write_error("", error, request_id))

    def _serve(
        self,
        request: Request,
        service: Service,
        protocol: WireProtocol,
        progress: _Progress,
        request_id: str,
    ) -> Answer:
        claim = progress.claim
        key = authenticate(claim, request, self._world.keys, self._world.front_door())
        progress.account_id = key.account_id
        progress.operation = name = protocol.operation(request)
        if name not in operation_names(service.name):
            raise Refused(Refusal.UNKNOWN_ACTION, f"Could not find operation {name}")
        model = operation_model(service.name, name)
        members = progress.members = protocol.read(request, model)
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
        result = service.operations[name](self._ask(key, progress))
        return protocol.write(model, twisted(result, struck, key.account_id), request_id)

    def _strike(self, service: Service, key: Key, progress: _Progress) -> tuple[Fault, ...]:
        subject = service.subjects.get(progress.operation)
        account = (subject(Given(progress.members)) if subject else None) or key.account_id
        return self._faults.strike(
            account,
            progress.claim.region,
            service.name,
            progress.operation,
            is_later_page=is_later_page(progress.members),
        )

    def _check_region(self, key: Key, region: str) -> None:
        account = self._world.account(key.account_id)
        if region not in account.enabled:
            raise Refused(Refusal.REGION_OFF)

    def _ask(self, key: Key, progress: _Progress) -> Ask:
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
            given=Given(progress.members),
            now=now,
            mint=self._mint,
            paging=paging_fault(progress.struck),
            acts_as=other_account(progress.struck),
        )

    def _log(self, progress: _Progress, error: str | None) -> None:
        self._calls.add(
            Call(
                at=self._world.clock(),
                account_id=progress.account_id,
                region=progress.claim.region,
                service=progress.service,
                operation=progress.operation,
                access_key_id=progress.claim.access_key_id,
                error=error,
                members=progress.members,
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


def _error_answer(
    service: Service, protocol: WireProtocol, error: AwsError, request_id: str
) -> Answer:
    namespace = str(service_model(service.name).metadata.get("xmlNamespace", ""))
    return protocol.write_error(namespace, error, request_id)


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
