"""Tunnels through a forward proxy; `HTTPS_PROXY` and `NO_PROXY` are read as Go does."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohappyeyeballs import start_connection

from discovery.config.proxies import HTTPS_PROXY, https_proxy, proxy_problem
from discovery.control_plane.base import Unavailable
from discovery.control_plane.teleport.errors import NoRoute

NEXT_ADDRESS_AFTER_S: Final = 0.25
"""When the next address of a name is tried beside one that does not answer (RFC 8305)."""
_ANSWER_LIMIT_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """An HTTP proxy that opens tunnels."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """The value of `Proxy-Authorization`, empty for none."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def forward_proxy(environ: Mapping[str, str], host: str, port: int) -> ForwardProxy | None:
    """Choose the proxy for a host, None to connect directly.

    Raises: NoRoute, for a proxy that cannot be used.
    """
    text = https_proxy(environ, host, port)
    if text is None:
        return None
    problem = proxy_problem(environ, HTTPS_PROXY)
    if problem is not None:
        raise NoRoute(f"{problem}. To go straight to {host}, name it in NO_PROXY")
    url = urlsplit(text)
    if url.scheme != "http" or not url.hostname:
        raise NoRoute(
            "HTTPS_PROXY must be http://host:port; a proxy that itself is spoken to with TLS or "
            f"SOCKS cannot be used. To go straight to {host}, name it in NO_PROXY"
        )
    credentials = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    encoded = base64.b64encode(credentials.encode()).decode() if url.username else ""
    return ForwardProxy(url.hostname, url.port or 80, f"Basic {encoded}" if encoded else "")


async def open_tunnel(proxy: ForwardProxy, host: str, port: int) -> socket.socket:
    """Connect a socket to host and port through the proxy; the caller closes it.

    Raises: OSError, when the proxy cannot be reached; Unavailable, when it refuses.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    plain = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_AFTER_S)
    try:
        await loop.sock_sendall(plain, _request(proxy, host, port))
        status = await _read_status(loop, plain)
        if not status.startswith("200"):
            raise Unavailable(
                f"the proxy {proxy} of HTTPS_PROXY opens no way to {host}:{port} ({status!r}); "
                "let it pass, or name the host in NO_PROXY"
            )
    except BaseException:
        plain.close()
        raise
    return plain


def _request(proxy: ForwardProxy, host: str, port: int) -> bytes:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


async def _read_status(loop: asyncio.AbstractEventLoop, plain: socket.socket) -> str:
    """Status and reason of the answer.

    The far end is silent until spoken to, so nothing of the tunnel is read here.
    """
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = await loop.sock_recv(plain, 1024)
        answer += more
        if not more or len(answer) > _ANSWER_LIMIT_BYTES:
            break
    first = answer.split(b"\r\n", 1)[0].decode("latin-1")
    version, _, rest = first.partition(" ")
    return rest[:80] if version.startswith("HTTP/1.") else "no HTTP answer"
