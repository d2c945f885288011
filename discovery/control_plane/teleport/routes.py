"""Routes to an Auth Service, and which one an address is (teleport/README: Routes)."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Final

import httpx

from discovery.config.control_plane import Route
from discovery.config.fields import HostPort
from discovery.control_plane.base import Unavailable
from discovery.control_plane.teleport.errors import SERVER_NAME
from discovery.control_plane.teleport.http_proxy import ForwardProxy
from discovery.model.descriptors import causes, exhaustion

ALPN_H2: Final = "h2"
FIND_DEADLINE_S: Final = 15.0
_ANSWER_LIMIT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class DialTarget:
    """How to dial an Auth Service: the address, and directly or through the Proxy Service."""

    address: HostPort
    route: Route
    """`auth` or `proxy`."""
    remark: str = ""
    """What is known to make it unlikely to work; for the sentence of a failure."""

    def alpn(self, cluster: str) -> tuple[str, ...]:
        """Protocols that the TLS handshake offers, in order: the Proxy routes on the first."""
        if self.route is Route.PROXY:
            return (f"teleport-auth@{cluster.encode().hex()}.{SERVER_NAME}", ALPN_H2)
        return (ALPN_H2,)

    def __str__(self) -> str:
        if self.route is Route.PROXY:
            return f"the Auth Service through the Proxy Service at {self.address}"
        return f"the Auth Service at {self.address}"


@dataclass(frozen=True, slots=True)
class ProxyInfo:
    """What a Proxy Service says of itself."""

    cluster: str
    has_tls_routing: bool


class NoProxyService(Exception):
    """What answers is not a Proxy Service's web port; it may be an Auth Service."""


async def find(address: HostPort, proxy: ForwardProxy | None) -> ProxyInfo:
    """Ask `GET /webapi/find` once; whoever calls Auth retries.

    It is a web port, so the system's roots verify it.

    Raises: NoProxyService; Unavailable, when nothing answers.
    """
    try:
        async with asyncio.timeout(FIND_DEADLINE_S):
            return await _find(address, proxy)
    except TimeoutError as error:
        raise Unavailable(f"{address} did not answer within {FIND_DEADLINE_S:g} s") from error


async def _find(address: HostPort, proxy: ForwardProxy | None) -> ProxyInfo:
    url = f"https://{address}/webapi/find"
    through = None
    if proxy is not None:
        authorization = {"Proxy-Authorization": proxy.authorization}
        through = httpx.Proxy(
            f"http://{proxy}", headers=authorization if proxy.authorization else None
        )
    try:
        async with (
            httpx.AsyncClient(
                verify=ssl.create_default_context(), proxy=through, trust_env=False, timeout=5.0
            ) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code in (429, 502, 503, 504):
                raise Unavailable(f"{url} answers {response.status_code}")
            if response.status_code != 200:
                raise NoProxyService(f"GET /webapi/find answers {response.status_code}")
            return _parse(await _body(response))
    except httpx.TransportError as error:
        raise _error_of(error, address) from error


def _error_of(error: httpx.TransportError, address: HostPort) -> Exception:
    tls = next((each for each in causes(error) if isinstance(each, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return NoProxyService(
            f"its web certificate is not trusted here ({tls.verify_message}); SSL_CERT_FILE names "
            "a file of roots"
        )
    if tls is not None or isinstance(error, httpx.ProtocolError):
        return NoProxyService("it does not speak HTTPS")
    why = exhaustion(error) or error or type(error).__name__
    return Unavailable(f"{address} cannot be reached ({why})")


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _ANSWER_LIMIT_BYTES:
            raise NoProxyService("GET /webapi/find answers far too much")
    return body


def _parse(body: bytes) -> ProxyInfo:
    try:
        answer = json.loads(body)
        proxy, cluster = answer["proxy"], answer.get("cluster_name", "")
        return ProxyInfo(str(cluster), proxy.get("tls_routing_enabled") is True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoProxyService("GET /webapi/find does not answer as a Proxy Service does") from error
