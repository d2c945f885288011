"""The AWS clients of a process: one per (service, region), whoever's credentials sign.

A fresh client costs 50 ms of CPU, a call through a warm one 2 ms (aws/README: SDK costs),
so no client belongs to an account. Credentials come with each request: a context variable holds
those of the scope at work, and a hook before the signer puts them into the request. The session
behind the clients has credentials that refuse to be used, so a missing hook sends nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib import metadata
from typing import Any, NoReturn, Protocol, runtime_checkable
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.parsers import AioResponseParserFactory
from aiobotocore.session import AioSession
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.credentials import ReadOnlyCredentials
from botocore.utils import parse_timestamp

from discovery.aws.errors import AwsCallFailed, AwsError
from discovery.aws.tls import SharedTlsSession
from discovery.model.codes import ScopeReason
from discovery.model.foreign_text import without_passwords

SERVICES = ("sts", "elasticache", "resource-groups-tagging-api", "ec2", "organizations", "sqs")
"""Every AWS service that is asked, as `AWS_ENDPOINT_URL_…` spells it."""

_SDK_NAMES = {"resource-groups-tagging-api": "resourcegroupstaggingapi"}
_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 20
CALL_DEADLINE_S = 60.0
"""How long a call may take in all, attempts and the renewal of its credentials included: whoever
sends a byte now and then never runs into the time for one read."""
_LONG_POLL_S = 20
"""SQS may say nothing for so long and is well; that comes on top of the time to answer."""
_ATTEMPTS = 3
_UNCOUNTED = frozenset({"sts", "sqs"})
"""Not among the requests that are under way at once: a request may be waiting for its role to be
assumed anew, and a long poll is no work."""


class CredentialSource(Protocol):
    """What can sign a request: an SDK's credentials, or an assumed role's."""

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Give what is valid now. Raises: AwsCallFailed."""
        ...


@runtime_checkable
class Renewable(Protocol):
    """Credentials that can be renewed when AWS does not know those at hand any more."""

    generation: int

    async def renew_since(self, generation: int) -> bool:
        """Renew credentials of that generation, once for all who ask.

        Returns: True when others than of that generation are at hand.
        Raises: AwsCallFailed.
        """


class Unsigned(RuntimeError):
    """A request was about to leave without credentials of its own; it did not leave."""


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
    signer.requests += 1
    request.context.setdefault("signing", {})["request_credentials"] = signer.credentials


class _RefusingCredentials(AioCredentials):  # type: ignore[misc]  # aiobotocore is untyped
    """Credentials that refuse to be used, and the provider that finds them."""

    def __init__(self) -> None:
        super().__init__("", "", method="nobody")

    async def load_credentials(self) -> _RefusingCredentials:
        return self

    async def get_frozen_credentials(self) -> NoReturn:
        raise Unsigned("a request carried no account's credentials; it was not sent")


class Clients:
    """Clients that are made once, at their first use, and closed by `open_clients`."""

    def __init__(
        self, profile: str | None, pool: int, stack: AsyncExitStack, call_deadline_s: float
    ) -> None:
        self._session = aioboto3.Session(botocore_session=_refusing_session(profile))
        self._stack = stack
        self._made: dict[tuple[str, str], Any] = {}
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

    async def _make(self, service: str, region: str) -> Any:
        name = _SDK_NAMES.get(service, service)
        config = _config(self._pool, _READ_TIMEOUT_S + _long_poll_s(service))
        making = self._session.client(name, region_name=region, config=config)
        client = await self._stack.enter_async_context(making)
        # On the shorter `request-created` it ran after the signer and did nothing.
        event = f"request-created.{client.meta.service_model.service_id.hyphenize()}"
        client.meta.events.register_first(event, _put_credentials)
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
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=pool,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        user_agent=_user_agent(),
        http_session_cls=SharedTlsSession,
    )


@cache
def _user_agent() -> str:
    """User agent as a whole: the SDK puts its own together twice a call, a fifth of the call."""
    programs = ("cachemuster", "aiobotocore", "botocore")
    return " ".join(f"{name}/{metadata.version(name)}" for name in programs)


class _CredentialRequests(AioConfig):  # type: ignore[misc]  # aiobotocore is untyped
    """Settings of the SDK's own requests for credentials: like all others, no redirects.

    The SDK merges this with what each of them needs, and forgets the HTTP session on the way.
    """

    def merge(self, other_config: Any) -> AioConfig:
        merged = super().merge(other_config)
        merged.http_session_cls = getattr(other_config, "http_session_cls", SharedTlsSession)
        if merged.http_session_cls is AIOHTTPSession:
            merged.http_session_cls = SharedTlsSession
        return merged


def sdk_session(profile: str | None, region: str | None = None) -> AioSession:
    """Make a session of the user's own configuration: profile, region, credentials, endpoints.

    Args:
        profile: Its name, None for the SDK's own choice.
        region: Where the SDK asks STS for credentials. Without one it is AWS_REGION, which the AWS
            CLI reads first and the SDK for Python not at all.
    """
    session = AioSession(profile=profile)
    if named := region or os.environ.get("AWS_REGION"):
        session.set_config_variable("region", named)
    session.set_default_client_config(
        _CredentialRequests(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            http_session_cls=SharedTlsSession,
        )
    )
    return session


def endpoint_overrides(profile: str | None) -> Mapping[str, str]:
    """Configured URLs that replace AWS's own, by service; empty when there are none.

    Signed requests go there, so they are reported. A password in a URL is masked.

    Raises: botocore's ProfileNotFound; AwsCallFailed for one that is no URL, which the SDK would
    repeat.
    """
    session = sdk_session(profile)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return {}
    found = {service: _endpoint_override(session, service) for service in SERVICES}
    for service, url in found.items():
        if url and not _is_endpoint(url):
            raise AwsCallFailed(AwsError(ScopeReason.UNREACHABLE, _no_endpoint(service)))
    return {service: without_passwords(url) for service, url in found.items() if url}


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    # An at sign behind the host: the host is the beginning of a user and a password.
    is_whole = "@" not in url or "@" in parts.netloc
    return parts.scheme in {"http", "https"} and has_place and is_whole


def _no_endpoint(service: str) -> str:
    variable = service.replace("-", "_").upper()
    return (
        f"the endpoint override for {service} (AWS_ENDPOINT_URL_{variable}, AWS_ENDPOINT_URL, or "
        "endpoint_url of the profile) is no URL such as https://vpce.example.com; leave user and "
        "password out of it. Nothing was asked"
    )


def _endpoint_override(session: AioSession, service: str) -> str | None:
    provider = ConfiguredEndpointProvider(
        full_config=session.full_config,
        scoped_config=session.get_scoped_config(),
        client_name=_SDK_NAMES.get(service, service),
    )
    url = provider.provide()
    return str(url) if url else None


def _refusing_session(profile: str | None) -> AioSession:
    session = sdk_session(profile)
    session.register_component("credential_provider", _RefusingCredentials())
    parsers = _TolerantParsers()
    parsers.set_parser_defaults(timestamp_parser=_utc)
    session.register_component("response_parser_factory", parsers)
    return session


class _TolerantParsers(AioResponseParserFactory):  # type: ignore[misc]  # aiobotocore is untyped
    """Parsers that leave a number that is none as its text: it is one member of one item (R8).

    `_handle_integer` is private to botocore, whose version is pinned by aioboto3.
    """

    def create_parser(self, protocol_name: str) -> Any:
        parser = super().create_parser(protocol_name)
        if read := getattr(parser, "_handle_integer", None):  # JSON has numbers of its own
            parser._handle_integer = partial(_number_or_text, read)  # noqa: SLF001
        return parser


def _number_or_text(read: Callable[[Any, Any], int], shape: Any, node: Any) -> int | str:
    try:
        return read(shape, node)
    except ValueError:  # Python, too, reads no more than 4,300 digits
        return str(getattr(node, "text", node) or "")


def _utc(value: Any) -> datetime:
    """Parse a time; a third of the time of a big page is spent in the SDK's own parser."""
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = parse_timestamp(value)
    else:
        parsed = parse_timestamp(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
