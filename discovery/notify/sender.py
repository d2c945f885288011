"""Send one message to one webhook, with retries. Its URL is a secret and stands in no text here.

Certificates are verified, redirects are not followed, answers are not read. `HTTPS_PROXY` and
`NO_PROXY` are read as for AWS and Teleport.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
)
from tenacity.wait import wait_random_exponential

from discovery.config.notify import NotifyFormat, NotifySink, read_authorization, read_webhook
from discovery.config.proxies import HTTPS_PROXY, https_proxy, proxy_problem
from discovery.config.secrets import Secret, SecretError
from discovery.model.descriptors import causes, exhaustion
from discovery.notify import cloudevents, slack
from discovery.notify.messages import Message

ATTEMPTS: Final = 5
ANSWER_LIMIT_S: Final = 10.0
"""How long one attempt may take, from looking up the host to the status of the answer."""
RETRY_LIMIT_S: Final = 120.0
"""How long one message is tried. A sink that is away for longer misses it."""
LONGEST_WAIT_S: Final = 60.0
"""How long is waited at most, whatever `Retry-After` says."""
_RETRYABLE: Final = frozenset({408, 425, 429})
_OTHER_HOST: Final = frozenset({62, 64})
"""OpenSSL's codes of a certificate for another name or address; its words repeat the host."""
_WAIT: Final = wait_random_exponential(multiplier=0.5, max=30)

Environ = Mapping[str, str]


class NotSent(Exception):
    """A sink did not take a message. `str()` says why, without the URL and what it answered."""

    def __init__(
        self, why: str, *, is_retryable: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(why)
        self.is_retryable = is_retryable
        self.wait_s = wait_s
        """What `Retry-After` asks for; None: nothing."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Send messages to one sink."""

    sink: NotifySink
    environ: Environ = field(default_factory=lambda: os.environ)
    attempts: int = ATTEMPTS
    limit_s: float = ANSWER_LIMIT_S
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep

    async def send(self, message: Message) -> None:
        """Send a message and wait until the sink took it. Raises: NotSent."""
        if self.sink.format is NotifyFormat.SLACK:
            body, content_type = slack.slack_body(message), slack.CONTENT_TYPE
        else:
            body, content_type = cloudevents.event_body(message), cloudevents.CONTENT_TYPE
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.attempts) | stop_before_delay(RETRY_LIMIT_S),
            wait=_wait_s,
            retry=retry_if_exception(
                lambda error: isinstance(error, NotSent) and error.is_retryable
            ),
            sleep=self.sleep,
            reraise=True,
        )
        await retrying(self._attempt, body, content_type)

    async def _attempt(self, body: bytes, content_type: str) -> None:
        """Try once. Raises: NotSent, and never what holds the URL."""
        url, authorization = await asyncio.to_thread(self._read_secrets)
        headers = {"Content-Type": content_type, "User-Agent": "cachemuster"}
        if authorization is not None:
            headers["Authorization"] = authorization.reveal()
        try:
            async with asyncio.timeout(self.limit_s):
                answer = await _post(url.reveal(), body, headers, self.environ)
        except NotSent:
            raise
        except Exception as error:
            raise _not_sent(error, self.limit_s) from None
        _check(answer)

    def _read_secrets(self) -> tuple[Secret, Secret | None]:
        try:
            reference = self.sink.authorization
            url = read_webhook(self.sink.webhook, self.environ)
            return url, read_authorization(reference, self.environ) if reference else None
        except SecretError as error:
            raise NotSent(str(error)) from None


async def _post(
    url: str, body: bytes, headers: Mapping[str, str], environ: Environ
) -> httpx.Response:
    """Post a body, and return the answer without its content. Raises: NotSent; of httpx and ssl."""
    proxy = _proxy(url, environ)
    if url.startswith("https:"):
        tls = await asyncio.to_thread(ssl.create_default_context)
    else:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is not used
    async with (
        httpx.AsyncClient(
            verify=tls, proxy=proxy, trust_env=False, timeout=ANSWER_LIMIT_S
        ) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer


def _proxy(url: str, environ: Environ) -> httpx.Proxy | None:
    """Choose the proxy for a URL, None to connect directly. Raises: NotSent."""
    place = urlsplit(url)
    if place.scheme != "https":
        return None
    proxy = https_proxy(environ, place.hostname or "", place.port or 443)
    if proxy is None:
        return None
    problem = proxy_problem(environ, HTTPS_PROXY)
    if problem is not None:
        raise NotSent(problem)
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise NotSent("HTTPS_PROXY is neither http:// nor https://")
    return httpx.Proxy(proxy)


def _check(answer: httpx.Response) -> None:
    """Check what the sink answered. Raises: NotSent."""
    status = answer.status_code
    if answer.is_success:
        return
    if 300 <= status < 400:
        raise NotSent(
            f"it answers {status}, a redirect, and those are not followed: write the URL that it "
            "leads to where the reference points"
        )
    retry_after = _seconds(answer.headers.get("Retry-After", ""))
    is_retryable = status >= 500 or status in _RETRYABLE
    raise NotSent(f"it answers {status}", is_retryable=is_retryable, wait_s=retry_after)


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.wait_s if isinstance(error, NotSent) else None
    return min(LONGEST_WAIT_S, max(_WAIT(state), asked or 0.0))


def _not_sent(error: Exception, limit_s: float) -> NotSent:
    """Word an exception without repeating its message, which may hold the host or the URL."""
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return NotSent(f"no answer within {limit_s:g} s", is_retryable=True)
    for each in causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            is_other = each.verify_code in _OTHER_HOST
            why = "it is for another host" if is_other else each.verify_message
            hint = "SSL_CERT_FILE names a file of roots"
            return NotSent(f"its certificate is not trusted here ({why}); {hint}")
        if isinstance(each, ssl.SSLError):
            return NotSent("it does not speak TLS as this machine does", is_retryable=True)
        if isinstance(each, socket.gaierror):
            return NotSent("its host name cannot be resolved", is_retryable=True)
        if isinstance(each, OSError) and each.errno is not None:
            why = exhaustion(each) or os.strerror(each.errno)
            return NotSent(f"it cannot be reached: {why}", is_retryable=True)
    if isinstance(error, httpx.ProxyError):
        return NotSent("the proxy of HTTPS_PROXY does not let it pass", is_retryable=True)
    if isinstance(error, httpx.TransportError):
        return NotSent("the connection ended before an answer", is_retryable=True)
    return NotSent(f"it cannot be asked ({type(error).__name__})")
