"""The last report as a page and as its document, for whoever may read them.

A report is rendered once, in a thread, when its sweep has ended, and only what came of it is kept:
the page as it is sent, the document compressed (that of 20,000 items has 40 MB, and 1 MB then).
The state of the service is put in at each request.
"""

from __future__ import annotations

import asyncio
import gzip
import hmac
import io
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TextIO

import structlog
from aiohttp import hdrs, web

from discovery.config.page import Page, PageMode, TokenPage, read_token
from discovery.config.proxies import is_loopback
from discovery.config.secrets import SecretError
from discovery.reports.document import document_text
from discovery.reports.report import Report
from discovery.reports.service_state import ServiceState, state_document
from discovery.service.read_only_server import Answer, page, text_page

log = structlog.get_logger()

_CHUNK: Final = 1 << 12
"""Compressed bytes that are unpacked at a time."""
_HOST: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_.-]+))(?::[0-9]{1,5})?"
)
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)
_BODY: Final = "<body>\n"
_CLOSED: Final = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'"
"""Of what is no page: nothing runs."""


class PageWriter(Protocol):
    """Makes the markup; the service renders none itself."""

    @property
    def policy(self) -> str:
        """The policy under which nothing runs or styles but what its pages have in them."""
        ...

    def write_report(self, report: Report, stream: TextIO) -> None:
        """Write the page of a report."""
        ...

    def banner(self, state: ServiceState) -> str:
        """Make the part that shows the state of the service."""
        ...

    def waiting_page(self, state: ServiceState) -> str:
        """Make the page before the first report."""
        ...


@dataclass(frozen=True, slots=True)
class _Rendered:
    """One report, ready to be sent."""

    head: bytes
    """The page up to the state of the service."""
    tail: bytes
    document: bytes
    """The JSON document, compressed by gzip."""


@dataclass(slots=True, kw_only=True)
class ReportPage:
    """The pages `/`, `/report.json` and `/service.json`."""

    access: Page
    writer: PageWriter
    state: Callable[[], ServiceState]
    environ: Mapping[str, str]
    _rendered: _Rendered | None = field(default=None, init=False)
    _token_trouble: str | None = field(default=None, init=False)

    @property
    def is_shown(self) -> bool:
        """Whether there is a page at all."""
        return self.access != PageMode.NONE

    async def show(self, report: Report, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Render a report and show it from now on. Never raises: sweeps do not depend on it.

        `is_stopping`: once it is true, the rest is not rendered.
        """
        if not self.is_shown:
            return
        try:
            self._rendered = await asyncio.to_thread(_render, report, self.writer, is_stopping)
        except _Stopped:
            return
        except Exception as error:
            log.error("page.not_rendered", sweep_id=report.sweep_id, exc_info=error)

    def answers(self) -> Mapping[str, Answer]:
        """Return the pages by their path; none where there are none."""
        if not self.is_shown:
            return {}
        pages = {"/": self._page, "/report.json": self._document, "/service.json": self._service}
        return {path: _Guarded(self, answer) for path, answer in pages.items()}

    def refuse(self, request: web.BaseRequest) -> web.Response | None:
        """Return the refusal of a request that may not read the pages; None when it may."""
        hosts = request.headers.getall(hdrs.HOST, [])
        host = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return text_page(400, "the Host header is missing, or names no host")
        if isinstance(self.access, TokenPage):
            return self._refuse_token(request, self.access.bearer)
        if not is_loopback((host["six"] or host["host"]).lower()):
            # A name that somebody has pointed at this machine, so that a browser asks for it.
            return text_page(421, "this page is for 127.0.0.1, [::1] and localhost alone")
        return None

    def _refuse_token(self, request: web.BaseRequest, reference: str) -> web.Response | None:
        try:
            wanted = read_token(reference, self.environ)
        except SecretError as error:
            if self._token_trouble != str(error):
                log.error("page.no_token", why=str(error), next="nobody can read the page")
            self._token_trouble = str(error)
            return text_page(503, "the token of this page cannot be read")
        self._token_trouble = None
        given = _BEARER.fullmatch(request.headers.get(hdrs.AUTHORIZATION, ""))
        text = given[1] if given is not None else ""
        if hmac.compare_digest(text.encode(), wanted.reveal().encode()):
            return None
        refusal = text_page(401, "this page needs its token, as `Authorization: Bearer …`")
        refusal.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="cachemuster"'
        return refusal

    def _page(self, request: web.BaseRequest) -> web.Response:
        del request
        state, shown = self.state(), self._rendered
        if shown is None:
            text = self.writer.waiting_page(state).encode()
            return _closed(page(503, text, "text/html; charset=utf-8"), self.writer.policy)
        body = b"".join((shown.head, self.writer.banner(state).encode(), shown.tail))
        return _closed(page(200, body, "text/html; charset=utf-8"), self.writer.policy)

    def _document(self, request: web.BaseRequest) -> web.Response:
        if self._rendered is None:
            return _closed(text_page(503, "the first sweep has not come to its end"), _POLICY)
        document = self._rendered.document
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
            answer = page(200, document, "application/json")
            answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
        else:
            answer = page(200, _unpacked(document), "application/json")
        answer.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        return _closed(answer, _POLICY)

    def _service(self, request: web.BaseRequest) -> web.Response:
        del request
        text = json.dumps(state_document(self.state()), indent=2) + "\n"
        return _closed(page(200, text.encode(), "application/json"), _POLICY)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A page that is refused to whoever may not read it."""

    of: ReportPage
    answer: Answer

    def __call__(self, request: web.BaseRequest) -> web.Response:
        return self.of.refuse(request) or self.answer(request)


class _Stopped(Exception):
    """The service is to stop, and nobody will read the page."""


class _Page(io.StringIO):
    """What is written of a page; a thread cannot be cancelled, so it looks whether to go on."""

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        super().__init__()
        self._is_stopping = is_stopping

    def write(self, text: str) -> int:
        """Keep a piece. Raises: _Stopped."""
        if self._is_stopping():
            raise _Stopped
        return super().write(text)


def _render(report: Report, writer: PageWriter, is_stopping: Callable[[], bool]) -> _Rendered:
    """Make everything that is sent of a report. Raises: _Stopped."""
    html = _Page(is_stopping)
    writer.write_report(report, html)
    head, body, tail = html.getvalue().partition(_BODY)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=3, mtime=0) as stream:
        for piece in document_text(report):
            if is_stopping():
                raise _Stopped
            stream.write(piece.encode("ascii"))
    return _Rendered((head + body).encode("ascii"), tail.encode("ascii"), packed.getvalue())


def _closed(answer: web.Response, policy: str) -> web.Response:
    """Add the headers that keep a page out of frames and other sites."""
    policy += "; frame-ancestors 'none'"
    answer.headers.update({**_CLOSED, "Content-Security-Policy": policy})
    return answer


async def _unpacked(packed: bytes) -> AsyncIterator[bytes]:
    """Yield what was compressed in pieces, so that a slow reader costs no memory."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for start in range(0, len(packed), _CHUNK):
        yield unpacking.decompress(packed[start : start + _CHUNK])
    yield unpacking.flush()
