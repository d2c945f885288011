"""A service that tells people: once for each beginning and end, whatever is restarted between."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.support.scenario import FRANKFURT, LISTING, VIRGINIA, Scenario
from tests.support.service_process import ServiceProcess, service_process, until

pytestmark = pytest.mark.slow

QUIET = {"interval": "1h", "jitter": "0s", "listen": "127.0.0.1:0", "page": "loopback"}
HUSH = "HUSH-0123456789"


@dataclass
class Receiver:
    """A webhook in a thread of this process."""

    url: str = ""
    status: int = 204
    events: list[Any] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [each["data"]["kind"] for each in self.events]

    def data(self, kind: str) -> Any:
        """Of the last event of a kind."""
        return next(each["data"] for each in reversed(self.events) if each["data"]["kind"] == kind)


@contextmanager
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.events.append(json.loads(body))
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_address[1]}/{HUSH}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@contextmanager
def service(scenario: Scenario, hook: Receiver, **more: str) -> Iterator[ServiceProcess]:
    environment: dict[str, Any] = {"HOOK": hook.url, "AUTH": f"Bearer {HUSH}", **more}
    with service_process(scenario, "-vv", **environment) as process:
        process.until("sweep.finished", kind="sweep")
        yield process
        assert process.ended() == 0
    assert HUSH not in process.output


@pytest.fixture
def notifying(scenario: Scenario) -> Scenario:
    sink = {"webhook": "env:HOOK", "authorization": "env:AUTH"}
    scenario.configure(aws={"regions": [FRANKFURT, VIRGINIA]}, service={**QUIET, "notify": [sink]})
    scenario.cache("orders")
    return scenario


def test_beginnings_and_ends_are_told_once_also_across_restarts(
    notifying: Scenario, hook: Receiver
) -> None:
    notifying.fault(Effect.DENIED, region=VIRGINIA, **LISTING)
    with service(notifying, hook):
        pass
    assert hook.kinds == ["registered", "scope_failing", "not_ready"]
    assert hook.data("scope_failing")["first"][0]["reason"] == "DENIED"
    assert hook.data("registered")["first"][0]["cache"] == "orders"
    hook.events.clear()
    with service(notifying, hook):
        pass
    assert hook.kinds == []
    notifying.healed()
    notifying.sweep()  # it finds the end, and is not the one who tells
    assert hook.kinds == []
    with service(notifying, hook):
        pass
    assert hook.kinds == ["scope_back"]
    assert hook.data("scope_back")["first"][0]["name"].endswith(VIRGINIA)


def test_a_webhook_that_fails_delays_no_sweep_and_is_counted(
    notifying: Scenario, hook: Receiver
) -> None:
    hook.status = 404
    with service(notifying, hook) as process:
        failed = process.until("notify.failed", 2)
        assert {each["webhook"] for each in failed} == {"env:HOOK"}
        assert len(notifying.registry) == 1
        metrics = process.get("/metrics")[1]
        assert 'notifications_total{outcome="failed",sink="1"} 2.0' in metrics


def test_the_page_and_status_show_the_service(notifying: Scenario, hook: Receiver) -> None:
    with service(notifying, hook) as process:
        until(lambda: process.get("/")[0] == 200)
        assert "orders" in process.get("/")[1]
        report = json.loads(process.get("/report.json")[1])
        assert [item["cache"] for item in report["items"]] == ["orders"]
        due = until(lambda: json.loads(process.get("/service.json")[1])["next_sweep_at"])
        shown = notifying.run("status", "--format", "json").document["service"]
        assert shown["running"] is True
        assert shown["pid"] == process.process.pid
        assert shown["next_sweep_at"] == due
        assert "A service has run since" in notifying.run("status").out


def test_a_service_that_was_killed_is_not_shown_as_running(
    notifying: Scenario, hook: Receiver
) -> None:
    environment: dict[str, Any] = {"HOOK": hook.url, "AUTH": "x"}
    with service_process(notifying, **environment) as process:
        process.until("sweep.finished", kind="sweep")
        process.send(signal.SIGKILL)
        process.process.wait(timeout=30)
    shown = notifying.run("status", "--format", "json").document["service"]
    assert shown == {
        "running": False, "since": None, "next_sweep_at": None, "host": None, "pid": None
    }  # fmt: skip


def test_without_its_secrets_it_does_not_start(notifying: Scenario) -> None:
    run = notifying.run("run")
    assert run.code == 78
    assert "the environment variable HOOK is not set" in run.err


def test_doctor_sends_a_test_only_when_asked(notifying: Scenario, hook: Receiver) -> None:
    environment = {**notifying.environment, "HOOK": hook.url, "AUTH": f"Bearer {HUSH}"}
    run = notifying.cli.run("doctor", **environment)
    assert (run.code, hook.events) == (0, [])
    run = notifying.cli.run("-vv", "doctor", "--notify", **environment)
    assert (run.code, hook.kinds) == (0, ["test"])
    assert "1 (env:HOOK): took the test as cloudevents" in " ".join(run.out.split())
    hook.status = 302
    run = notifying.cli.run("doctor", "--notify", **environment)
    assert run.code == 1
    assert "it answers 302, a redirect" in " ".join(run.out.split())
    assert HUSH not in run.out + run.err
    del environment["AUTH"]
    run = notifying.cli.run("doctor", **environment)
    assert run.code == 1
    assert "the environment variable AUTH is not set" in " ".join(run.out.split())
