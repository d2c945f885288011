"""How requests leave: one TLS context for all clients of a process, and no redirects.

Loading the CA bundle takes 27 ms of CPU and 760 kB, and the SDK does it anew for every client at
its first call (reference aws-elasticache §8.2). It also leaves a connection through a proxy
unverified when the proxy has no CA bundle of its own; here the same context verifies that one too.

aiobotocore follows redirects, unlike botocore: whoever answers for AWS could have a request, its
external id and session token included, sent on to anybody. AWS's own answers never redirect here.

`_create_connector` and `_get_session` are private to aiobotocore: the version is pinned by
aioboto3, and tests hold that contexts are shared, certificates checked, redirects not followed.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

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


class _Straight:
    """A client session that asks whom it is told to ask, and nobody else."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **more: Any) -> aiohttp.ClientResponse:
        return await self._session.request(method, allow_redirects=False, **more)


class SharedTls(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """The SDK's HTTP session with the process's context in place of one of its own.

    A redirect is an answer like any other, and makes no sense to who asked.
    """

    async def _get_session(self, proxy_url: str | None) -> _Straight:
        return _Straight(await super()._get_session(proxy_url))

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        if not self._verify or self._cert_file or (proxy_url and self._proxy_config.settings):
            own: aiohttp.TCPConnector = super()._create_connector(proxy_url)
            return own
        return aiohttp.TCPConnector(
            limit=self._max_pool_connections,
            ssl=context(get_cert_path(self._verify)),
            **self._connector_args,
        )
