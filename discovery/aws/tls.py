"""HTTP sessions of the SDK: one TLS context, no redirects, answers of bounded size.

Loading the CA bundle takes 27 ms of CPU and 760 kB, and the SDK does it anew for every client at
its first call. It also leaves a connection through a proxy unverified when the proxy has no CA
bundle of its own; here the same context verifies that one too.

A bundle that was replaced is read anew, by connections that are made from then on.

aiobotocore follows redirects, unlike botocore: whoever answers for AWS could have a request, its
external id and session token included, sent on to anybody. AWS's own answers never redirect here.

`_create_connector`, `_get_session`, `_sessions` and `_proxy_config` are private to aiobotocore: the
version is pinned by aioboto3, and tests hold that contexts are shared, certificates checked,
redirects not followed, replaced bundles seen, and ranges in `NO_PROXY` honoured.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from botocore.httpsession import ProxyConfiguration, create_urllib3_context, get_cert_path

from discovery.config.proxies import is_exempt

Version = tuple[int, ...] | None
"""State of a file, another one when its content was replaced; None when it is not there."""


class CaBundleError(Exception):
    """The CA bundle cannot be used; the message names file, variable and remedy."""


@lru_cache(maxsize=8)
def context(ca_bundle: str | None, version: Version = None) -> ssl.SSLContext:
    """Make the context that trusts this file or directory of certificates; None: the system's.

    Raises: CaBundleError.
    """
    del version  # another one is another content of the same path
    made: ssl.SSLContext = create_urllib3_context()
    if ca_bundle:
        _trust(made, Path(ca_bundle))
    return made


def check_ca_bundle(configured: str | None) -> None:
    """Check the bundle that the AWS configuration or REQUESTS_CA_BUNDLE names, if any.

    Raises: CaBundleError.
    """
    path = configured or os.environ.get("REQUESTS_CA_BUNDLE")
    if path:
        context(path, version_of(path))


def version_of(path: str | None) -> Version:
    """Tell a replaced bundle from the earlier one."""
    try:
        found = Path(path).stat() if path else None
    except OSError:
        return None
    return found and (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _trust(made: ssl.SSLContext, path: Path) -> None:
    before = made.cert_store_stats()["x509"]
    try:
        if path.is_dir():
            for file in sorted(path.iterdir()):
                _trust_if_any(made, file)
        else:
            made.load_verify_locations(path)
    except ssl.SSLError:
        raise _unusable(path, "is no PEM file of certificates") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if made.cert_store_stats()["x509"] == before:
        raise _unusable(path, "holds no certificate")


def _trust_if_any(made: ssl.SSLContext, file: Path) -> None:
    """A directory may hold other things too."""
    if file.is_file():
        try:
            made.load_verify_locations(file)
        except ssl.SSLError:
            return


def _unusable(path: Path, why: str) -> CaBundleError:
    names = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    name = next((one for one in names if os.environ.get(one) == str(path)), None)
    source = name or "ca_bundle of the AWS profile"
    return CaBundleError(
        f"{source} names {path}, which {why}, so no connection to AWS was made; name a PEM file "
        "of CA certificates, or a directory of such files"
    )


LARGEST_ANSWER_BYTES = 32 << 20
"""Largest answer that is read.

What takes the most room is ten messages of a queue, of 1 MiB each and escaped; a full page of
tags takes about 3 MiB. The SDK needs seven times the memory of what it parses.
"""


class AnswerTooLarge(Exception):
    """An answer that did not end; the rest was not read."""

    def __init__(self) -> None:
        super().__init__(f"it is larger than {LARGEST_ANSWER_BYTES >> 20} MiB")


class _LimitedResponse:
    """An answer of which no more is read than AWS may have to say."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def read(self) -> bytes:
        """The whole body; else the connection is closed. Raises: AnswerTooLarge."""
        chunks, size = [], 0
        try:
            async for chunk in self._response.content.iter_any():
                size += len(chunk)
                if size > LARGEST_ANSWER_BYTES:
                    raise AnswerTooLarge
                chunks.append(chunk)
        except BaseException:
            self._response.close()
            raise
        return b"".join(chunks)


class _NoRedirects:
    """A client session that asks whom it is told to ask, and nobody else."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **more: Any) -> _LimitedResponse:
        return _LimitedResponse(await self._session.request(method, allow_redirects=False, **more))


class _ProxyChoice(ProxyConfiguration):
    """The SDK's choice of a proxy, with ranges in `NO_PROXY`, which it does not know.

    It is made once for each URL: the environment of a process stays as it is.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._choose = lru_cache(maxsize=64)(self._proxy_of)
        self._headers = lru_cache(maxsize=64)(super().proxy_headers_for)

    def proxy_url_for(self, url: str) -> str | None:  # type: ignore[override]  # typed too narrowly
        return self._choose(url)

    def proxy_headers_for(self, proxy_url: str) -> dict[str, str]:
        return dict(self._headers(proxy_url))

    def _proxy_of(self, url: str) -> str | None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if is_exempt(os.environ, parts.hostname or "", port):
            return None
        return super().proxy_url_for(url)


class UnproxiedSession:
    """Ask the instance's metadata directly: no proxy could answer for this machine.

    The SDK asks a proxy for it, unless `NO_PROXY` has the very address.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[AIOHTTPSession]:
        """Open a session for one request."""
        async with AIOHTTPSession(timeout=self._timeout_s, proxies={}) as session:
            yield session


class SharedTlsSession(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """The SDK's HTTP session with the process's context in place of one of its own.

    A redirect is an answer like any other, and makes no sense to who asked.
    """

    _version: Version = None
    """Of the bundle that the open connections were made with."""

    def __init__(
        self,
        *args: Any,
        proxies: Mapping[str, str] | None = None,
        proxies_config: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*args, proxies=proxies, proxies_config=proxies_config, **more)
        self._proxy_config = _ProxyChoice(proxies=proxies, proxies_settings=proxies_config)

    async def _get_session(self, proxy_url: str | None) -> _NoRedirects:
        bundle = get_cert_path(self._verify) if self._verify else None
        version = version_of(bundle)
        if version != self._version and self._is_usable(bundle, version):
            self._sessions.clear()  # what is under way on them comes to its end
            self._version = version
        return _NoRedirects(await super()._get_session(proxy_url))

    def _is_usable(self, bundle: str | None, version: Version) -> bool:
        """Tell whether a bundle can be read: half of one, just being replaced, ends no service."""
        try:
            context(bundle, version)
        except CaBundleError:
            return not self._sessions
        return True

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        if not self._verify or self._cert_file or (proxy_url and self._proxy_config.settings):
            own: aiohttp.TCPConnector = super()._create_connector(proxy_url)
            return own
        bundle = get_cert_path(self._verify)
        return aiohttp.TCPConnector(
            limit=self._max_pool_connections,
            ssl=context(bundle, self._version),
            **self._connector_args,
        )
