"""The last report over real HTTP: for whom it is, and what a browser may do with it."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from discovery.cli.serve import HtmlWriter
from discovery.config.fields import HostPort
from discovery.config.page import Page, PageMode, TokenPage
from discovery.model.codes import Action, Reason
from discovery.reports.document import document
from discovery.reports.report import Report
from discovery.reports.service_state import ServiceState
from discovery.service.health import HealthState, serve_health
from discovery.service.heartbeat import Heartbeat
from discovery.service.metrics import Metrics
from discovery.service.report_page import ReportPage
from tests.support.report_samples import full_report, item, report

NOW = datetime(2026, 11, 23, 9, 24, 7, tzinfo=UTC)
TOKEN = "a-token-of-many-letters"
PATHS = ["/", "/report.json", "/service.json"]


@dataclass
class Site:
    """A page that is served, and how to ask for it."""

    page: ReportPage
    client: httpx.AsyncClient
    environ: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str = "/", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)


def state() -> ServiceState:
    return ServiceState(
        now=NOW,
        running_since=NOW - timedelta(days=3),
        next_sweep_at=NOW + timedelta(minutes=3),
        last_event_at=NOW - timedelta(minutes=1),
        has_queue=True,
        waiting_scopes=2,
        waiting_since=NOW - timedelta(minutes=2),
        problems=("control plane: UNAVAILABLE",),
    )


@asynccontextmanager
async def site(access: Page, found: Report | None = None) -> AsyncIterator[Site]:
    environ = {"TOKEN": TOKEN}
    page = ReportPage(access=access, writer=HtmlWriter(), state=state, environ=environ)
    if found is not None:
        await page.show(found)
    health = HealthState(heartbeat=Heartbeat(), max_age=timedelta(hours=1))
    metrics = Metrics(scope_metrics_limit=500, version="1.2.3")
    async with (
        serve_health(HostPort("127.0.0.1", 0), health, metrics, page.answers()) as place,
        httpx.AsyncClient(base_url=f"http://{place}", trust_env=False) as client,
    ):
        yield Site(page, client, environ)


LOOPBACK = PageMode.LOOPBACK
BEARER = TokenPage(bearer="env:TOKEN")


@pytest.mark.parametrize("path", PATHS)
async def test_there_is_no_page_unless_it_is_asked_for(path: str) -> None:
    async with site(PageMode.NONE, full_report()) as there:
        answer = await there.get(path)
        assert (answer.status_code, answer.text) == (
            404,
            "nothing here; the pages are /healthz /metrics /readyz\n",
        )


async def test_the_page_is_the_report_with_the_state_of_the_service() -> None:
    async with site(LOOPBACK, full_report()) as there:
        answer = await there.get()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>cachemuster sweep</h1>" in answer.text
    assert (
        "The service has run since 2026-11-20 09:24 UTC; its next sweep is due at 09:27 UTC; "
        "the last change event came at 09:23 UTC; 2 scopes wait for a re-scan since 09:22 UTC; "
        "control plane: UNAVAILABLE." in answer.text
    )


@pytest.mark.parametrize("accepts", ["gzip", "identity"])
async def test_the_document_is_the_report_byte_for_byte(accepts: str) -> None:
    async with site(LOOPBACK, full_report()) as there:
        answer = await there.get("/report.json", **{"Accept-Encoding": accepts})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("content-encoding") == ("gzip" if accepts == "gzip" else None)
    assert answer.json() == json.loads(json.dumps(document(full_report()), default=dict))


async def test_the_state_of_the_service_is_a_document_too() -> None:
    async with site(LOOPBACK) as there:
        answer = await there.get("/service.json")
    assert answer.json() == {
        "as_of": "2026-11-23T09:24:07.000Z",
        "running_since": "2026-11-20T09:24:07.000Z",
        "next_sweep_at": "2026-11-23T09:27:07.000Z",
        "last_event_at": "2026-11-23T09:23:07.000Z",
        "waiting_scopes": 2,
        "waiting_since": "2026-11-23T09:22:07.000Z",
        "problems": ["control plane: UNAVAILABLE"],
    }


async def test_before_the_first_sweep_it_says_so() -> None:
    async with site(LOOPBACK) as there:
        page, found = await there.get(), await there.get("/report.json")
        assert (page.status_code, found.status_code) == (503, 503)
        assert "The first sweep has not come to its end." in page.text
        assert "The service has run since" in page.text
        await there.page.show(full_report())
        assert (await there.get()).status_code == 200


async def test_each_sweep_replaces_the_page() -> None:
    async with site(LOOPBACK, full_report()) as there:
        await there.page.show(report(sweep_id="another"))
        assert (await there.get("/report.json")).json()["sweep_id"] == "another"
        assert "another" in (await there.get()).text


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_may_frame_keep_or_guess_a_page(path: str) -> None:
    async with site(LOOPBACK, full_report()) as there:
        headers = (await there.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_the_policy_lets_the_page_s_own_script_and_style_run_and_no_other() -> None:
    async with site(LOOPBACK, full_report()) as there:
        header = (await there.get()).headers["content-security-policy"]
        page = (await there.get()).text
    allowed = [part for part in header.split("; ") if "-src 'sha256-" in part]
    assert [part.split()[0] for part in allowed] == ["style-src", "script-src"]
    own = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    for part in allowed:
        assert part in html.unescape(own)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_it_is_only_read(method: str) -> None:
    async with site(LOOPBACK, full_report()) as there:
        answer = await there.client.request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_has_the_headers_alone() -> None:
    async with site(LOOPBACK, full_report()) as there:
        for path in PATHS:
            answer = await there.client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")


class TestHost:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.0.0.1:80", "localhost:9808", "LOCALHOST", "[::1]:1", "127.9.9.9"]
    )
    async def test_this_machine_by_its_own_names(self, host: str) -> None:
        async with site(LOOPBACK, full_report()) as there:
            assert (await there.get(Host=host)).status_code == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.test", "evil.test:9808", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1"],
    )
    @pytest.mark.parametrize("path", PATHS)
    async def test_a_name_that_somebody_pointed_here_is_refused(self, host: str, path: str) -> None:
        async with site(LOOPBACK, full_report()) as there:
            answer = await there.get(path, Host=host)
            assert answer.status_code == 421
            assert host not in answer.text
            assert (await there.get("/healthz", Host=host)).status_code == 200

    @pytest.mark.parametrize("host", ["", "a b", "x@127.0.0.1", "127.0.0.1, evil.test", "[::1"])
    @pytest.mark.parametrize("access", [LOOPBACK, BEARER])
    async def test_what_is_no_host_is_refused(self, host: str, access: Page) -> None:
        async with site(access, full_report()) as there:
            answer = await there.get(Host=host, Authorization=f"Bearer {TOKEN}")
            assert answer.status_code == 400

    async def test_two_hosts_are_refused(self) -> None:
        async with site(LOOPBACK, full_report()) as there:
            url = there.client.base_url
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n\r\n")
            answer = await reader.read()
            writer.close()
            assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
            assert b"orders" not in answer


class TestToken:
    @pytest.mark.parametrize("path", PATHS)
    async def test_whoever_has_it_reads(self, path: str) -> None:
        async with site(BEARER, full_report()) as there:
            answer = await there.get(path, Authorization=f"Bearer {TOKEN}", Host="pages.test")
            assert answer.status_code == 200

    @pytest.mark.parametrize(
        "given",
        [None, "", "Bearer", "Bearer  x", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN,
         f"Basic {TOKEN}", "Bearer \u00e9", f"Bearer {TOKEN} {TOKEN}"],
    )  # fmt: skip
    @pytest.mark.parametrize("path", PATHS)
    async def test_nobody_else_does(self, path: str, given: str | None) -> None:
        headers = {"Authorization": given.encode("latin-1")} if given is not None else {}
        async with site(BEARER, full_report()) as there:
            answer = await there.client.get(path, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="cachemuster"'
            assert "orders" not in answer.text
            assert TOKEN not in answer.text
            assert (await there.get("/metrics")).status_code == 200

    async def test_one_that_was_changed_counts_at_once(self) -> None:
        async with site(BEARER, full_report()) as there:
            there.environ["TOKEN"] = "another-token-of-letters"
            assert (await there.get(Authorization=f"Bearer {TOKEN}")).status_code == 401

    async def test_one_that_cannot_be_read_shuts_the_page_and_is_logged_once(self) -> None:
        async with site(BEARER, full_report()) as there:
            del there.environ["TOKEN"]
            with capture_logs() as logged:
                for _ in range(3):
                    answer = await there.get(Authorization=f"Bearer {TOKEN}")
                    assert answer.status_code == 503
            assert [each["event"] for each in logged] == ["page.no_token"]


async def test_a_report_that_cannot_be_rendered_leaves_the_one_before() -> None:
    class Broken(HtmlWriter):
        def write_report(self, *_: Any) -> None:
            raise RuntimeError("broken")

    async with site(LOOPBACK, full_report()) as there:
        there.page.writer = Broken()
        with capture_logs() as logged:
            await there.page.show(report(sweep_id="another"))
        assert [each["event"] for each in logged] == ["page.not_rendered"]
        assert (await there.get("/report.json")).json()["sweep_id"] == full_report().sweep_id


async def test_a_service_that_stops_renders_no_more() -> None:
    async with site(LOOPBACK, full_report()) as there:
        await there.page.show(report(sweep_id="another"), lambda: True)
        assert (await there.get("/report.json")).json()["sweep_id"] == full_report().sweep_id


@pytest.mark.slow
async def test_twenty_thousand_items_do_not_hold_up_the_loop() -> None:
    many = [item(Action.KEEP, Reason.UNCHANGED, f"c{n}") for n in range(20_000)]
    async with site(LOOPBACK) as there:
        showing = asyncio.create_task(there.page.show(report(*many)))
        turns = 0
        while not showing.done():
            assert (await there.get("/healthz")).status_code == 200
            turns += 1
        assert turns > 10
        answer = await there.get("/report.json", **{"Accept-Encoding": "gzip"})
        assert int(answer.headers["content-length"]) < 4_000_000
        assert len(answer.json()["items"]) == 20_000
