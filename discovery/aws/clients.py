"""The AWS clients of a process: one per (service, region), whoever's credentials sign.

A fresh client costs 50 ms of CPU, a call through a warm one 2 ms (aws/README: SDK costs),
so no client belongs to an account. Credentials come with each request: a context variable holds
those of the scope at work, and a hook before the signer puts them into the request. The session
behind the clients has credentials that refuse to be used, so a missing hook sends nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Protocol

import aioboto3
from aiobotocore.config import AioConfig
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.fast_path import FastPath
from discovery.aws.sdk_session import (
    ATTEMPTS,
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SDK_NAMES,
    Unsigned,
    refusing_session,
    tolerant_parsers,
)
from discovery.aws.tls import SharedTlsSession

CALL_DEADLINE_S = 60.0
"""Longest that a call may take, attempts and renewal of credentials included.

Whoever sends a byte now and then never runs into the time for one read.
"""
_LONG_POLL_S = 20
"""SQS may say nothing for so long and is well; that comes on top of the time to answer."""
_UNCOUNTED = frozenset({"sts", "sqs"})
"""Not among the requests that are under way at once: a request may be waiting for its role to be
assumed anew, and a long poll is no work."""


class CredentialSource(Protocol):
    """What can sign a request: an SDK's credentials, or an assumed role's."""

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Give what is valid now. Raises: AwsCallFailed."""
        ...


class Renewable(Protocol):
    """Credentials that can be renewed when AWS does not know those at hand any more."""

    generation: int

    async def renew_since(self, generation: int) -> bool:
        """Renew credentials of that generation, once for all who ask.

        Returns: True when others than of that generation are at hand.
        Raises: AwsCallFailed.
        """


@dataclass(slots=True)
class Signer:
    """Whose credentials sign, and how many requests left with them, retries included."""

    credentials: CredentialSource
    requests: int = 0


_signer: ContextVar[Signer] = ContextVar("cachemuster_signer")


@contextmanager
def signing_as(signer: Signer) -> Iterator[None]:
    """Sign requests with these credentials within the block, and in tasks started in it."""
    token = _signer.set(signer)
    try:
        yield
    finally:
        _signer.reset(token)


def _put_credentials(request: Any, **_: object) -> None:
    signer = _signer.get(None)
    if signer is None:
        raise Unsigned("a request was about to leave while no account was at work; it was not sent")
    request.context.setdefault("signing", {})["request_credentials"] = signer.credentials


def _count_request() -> None:
    _signer.get().requests += 1


class Clients:
    """Clients that are made once, at their first use, and closed by `open_clients`."""

    def __init__(
        self, profile: str | None, pool: int, stack: AsyncExitStack, call_deadline_s: float
    ) -> None:
        self._session = aioboto3.Session(botocore_session=refusing_session(profile))
        self._stack = stack
        self._made: dict[tuple[str, str], Any] = {}
        self._fast_paths: dict[tuple[str, str], FastPath] = {}
        self._making: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pool = pool
        self._slots = asyncio.Semaphore(pool)
        self._call_deadline_s = call_deadline_s

    def deadline_s(self, service: str) -> float:
        """How long one call to the service may take in all, in seconds."""
        return self._call_deadline_s + _long_poll_s(service)

    def slot(self, service: str) -> AbstractAsyncContextManager[object]:
        """Limit how many requests are under way at once, except to STS and SQS.

        More of them at once than a process can send and read in the time of one answer only open
        connections, each with a handshake and memory of its own.
        """
        return nullcontext() if service in _UNCOUNTED else self._slots

    async def get(self, service: str, region: str) -> Any:
        """Get the client of one service in one region; `service` is one of `SERVICES`."""
        key = (service, region)
        if key not in self._made:
            async with self._making[key]:
                if key not in self._made:
                    self._made[key] = await self._make(service, region)
        return self._made[key]

    async def call(
        self, service: str, region: str, method: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Make one call, signed as `signing_as` says. Raises: what the SDK raises."""
        fast_path = self._fast_paths[service, region]
        return await fast_path.call(method, parameters, _signer.get().credentials)

    async def _make(self, service: str, region: str) -> Any:
        name = SDK_NAMES.get(service, service)
        config = _config(self._pool, READ_TIMEOUT_S + _long_poll_s(service))
        making = self._session.client(name, region_name=region, config=config)
        client = await self._stack.enter_async_context(making)
        # On the shorter `request-created` it ran after the signer and did nothing.
        event = f"request-created.{client.meta.service_model.service_id.hyphenize()}"
        client.meta.events.register_first(event, _put_credentials)
        self._fast_paths[service, region] = FastPath(client, tolerant_parsers(), _count_request)
        return client


@asynccontextmanager
async def open_clients(
    profile: str | None, *, pool: int, call_deadline_s: float = CALL_DEADLINE_S
) -> AsyncIterator[Clients]:
    """Open clients that share connections.

    At most `pool` of them to one service in one region, and about so many in all, because not more
    requests are under way at once (`Clients.slot`).
    """
    async with AsyncExitStack() as stack:
        yield Clients(profile, pool, stack, call_deadline_s)


def _long_poll_s(service: str) -> int:
    return _LONG_POLL_S if service == "sqs" else 0


def _config(pool: int, read_timeout_s: int) -> AioConfig:
    return AioConfig(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=pool,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent=_user_agent(),
        http_session_cls=SharedTlsSession,
    )


@cache
def _user_agent() -> str:
    """User agent as a whole: the SDK puts its own together twice a call, a fifth of the call."""
    programs = ("cachemuster", "aiobotocore", "botocore")
    return " ".join(f"{name}/{metadata.version(name)}" for name in programs)
