"""One TLS context for all clients of a process.

Loading the CA bundle takes 27 ms of CPU and 760 kB, and the SDK does it anew for every client at
its first call (reference aws-elasticache §8.2). It also leaves a connection through a proxy
unverified when the proxy has no CA bundle of its own; here the same context verifies that one too.

`_create_connector` is private to aiobotocore: the version is pinned by aioboto3, and a test holds
that contexts are shared and certificates checked.
"""

from __future__ import annotations

import ssl
from functools import cache

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from botocore.httpsession import create_urllib3_context, get_cert_path


@cache
def context(ca_bundle: str | None) -> ssl.SSLContext:
    """The context that trusts the certificates of this file; None: those of the system."""
    made: ssl.SSLContext = create_urllib3_context()
    if ca_bundle:
        made.load_verify_locations(ca_bundle)
    return made


class SharedTls(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """The SDK's HTTP session with the process's context in place of one of its own."""

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        if not self._verify or self._cert_file or (proxy_url and self._proxy_config.settings):
            own: aiohttp.TCPConnector = super()._create_connector(proxy_url)
            return own
        return aiohttp.TCPConnector(
            limit=self._max_pool_connections,
            ssl=context(get_cert_path(self._verify)),
            **self._connector_args,
        )
