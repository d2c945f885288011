"""Connect to the Auth Service of an identity's cluster, or say precisely why not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from discovery.config.control_plane import Route
from discovery.control_plane.base import ControlPlaneError, Unavailable
from discovery.control_plane.teleport.errors import SERVER_NAME, NoRoute, Untrusted, reason_of
from discovery.control_plane.teleport.grpc_channel import GrpcConnection
from discovery.control_plane.teleport.http_proxy import ForwardProxy, open_tunnel
from discovery.control_plane.teleport.identity import Identity
from discovery.control_plane.teleport.routes import ALPN_H2, DialTarget
from discovery.model.descriptors import exhaustion

DIAL_DEADLINE_S: Final = 10.0
_PROBE_ALPN: Final = "teleport-reversetunnel"
_HOSTNAME_MISMATCH: Final = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH


@dataclass(frozen=True, slots=True)
class Dialer:
    """Connect by one route, with a forward proxy or without."""

    target: DialTarget
    proxy: ForwardProxy | None = None

    async def connect(self, identity: Identity) -> GrpcConnection:
        """Connect to an Auth Service of the identity's cluster.

        Raises: Untrusted, NoRoute, IdentityUnusable, Unavailable.
        """
        context = identity.context(self.target.alpn(identity.cluster))
        try:
            async with asyncio.timeout(DIAL_DEADLINE_S):
                connection = await GrpcConnection.open(
                    self.target.address, context, self._open_socket
                )
        except TimeoutError as error:
            raise Unavailable(f"{self} did not answer within {DIAL_DEADLINE_S:g} s") from error
        except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as error:
            raise await self._explain(error, identity) from error
        except OSError as error:
            why = exhaustion(error) or error.strerror or error
            raise Unavailable(f"{self} cannot be reached ({why})") from error
        if connection.alpn != ALPN_H2:
            connection.close()
            raise NoRoute(f"{self} does not speak gRPC: no HTTP/2 was agreed on")
        return connection

    def __str__(self) -> str:
        return f"{self.target}, by the proxy {self.proxy}," if self.proxy else str(self.target)

    @property
    def _open_socket(self) -> Any:
        if self.proxy is None:
            return None
        return partial(open_tunnel, self.proxy, self.target.address.host, self.target.address.port)

    async def _explain(self, error: OSError, identity: Identity) -> ControlPlaneError:
        """Translate a failed handshake."""
        remark = f". {self.target.remark}" if self.target.remark else ""
        if self.target.route is Route.PROXY and await self._ends_tls():
            return NoRoute(
                f"{self.target.address} is behind a load balancer that ends TLS, so the Proxy "
                "Service never sees the agent's own connection. Use one that passes TCP on (on "
                "AWS a Network Load Balancer with a TCP listener), or reach the Auth Service "
                f"itself: `route: auth` and its address, with port 3025{remark}"
            )
        if not isinstance(error, ssl.SSLError):
            return Unavailable(
                f"{self} hung up in the handshake{self._why_it_hangs_up(identity)}{remark}"
            )
        if not isinstance(error, ssl.SSLCertVerificationError):
            return Unavailable(f"{self} broke off the handshake ({reason_of(error)}){remark}")
        if error.verify_code == _HOSTNAME_MISMATCH:
            return Untrusted(
                f"{self} shows a certificate of cluster {identity.cluster} that does not name "
                f"{SERVER_NAME}: it is another service of that cluster{remark}"
            )
        return Untrusted(
            f"{self} shows a certificate that no authority in the identity file has signed "
            f"({reason_of(error)}): either the address leads to another cluster than "
            f"{identity.cluster}, or the cluster's CA was rotated and tbot has yet to write the "
            f"new one{remark}"
        )

    def _why_it_hangs_up(self, identity: Identity) -> str:
        """Say why a Proxy Service hangs up, besides being restarted."""
        if self.target.route is not Route.PROXY:
            return ""
        return (
            f": it does so when it knows no cluster {identity.cluster}, of which the identity file "
            "is"
        )

    async def _ends_tls(self) -> bool:
        """Tell whether a load balancer in front of the Proxy Service ends TLS.

        As Teleport's own clients find out: where TLS is passed on, a protocol is agreed on that
        only the Proxy Service knows (teleport/README: Connection upgrade).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is said or shown on this connection
        context.set_alpn_protocols([_PROBE_ALPN])
        address = self.target.address
        where: dict[str, Any] = {"host": address.host, "port": address.port}
        try:
            async with asyncio.timeout(DIAL_DEADLINE_S):
                if self._open_socket is not None:
                    where = {"sock": await self._open_socket()}
                _, writer = await asyncio.open_connection(
                    **where, ssl=context, server_hostname=address.host
                )
        except ssl.SSLError as error:
            return "no application protocol" in reason_of(error)
        except (OSError, TimeoutError, ControlPlaneError):
            return False
        alpn = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await writer.wait_closed()
        return bool(alpn != _PROBE_ALPN)
