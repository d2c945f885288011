"""How far a request to the simulated AWS has come: what later steps know of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from discovery.sandbox.aws.auth import Claim
from discovery.sandbox.aws.faults import Fault
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.services.service import Service
from discovery.sandbox.aws.wire.message import WireProtocol


@dataclass(slots=True)
class RequestState:
    """One request, from its signature to its result."""

    claim: Claim
    service: Service
    protocol: WireProtocol
    request_id: str
    key: Key | None = None
    """The caller's key; None until it is proved."""
    operation: str = "?"
    members: Mapping[str, Any] = field(default_factory=dict)
    """The input; empty until it is read."""
    active: tuple[Fault, ...] = ()
    """The faults that apply to it."""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def region(self) -> str:
        """The region that the request was signed for."""
        return self.claim.region

    @property
    def account_id(self) -> str | None:
        """The caller's account; None until the key is proved."""
        return self.key.account_id if self.key else None
