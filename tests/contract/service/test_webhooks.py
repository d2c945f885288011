"""Messages over real HTTP to webhooks that fail, stall, redirect and hang up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from discovery.cli.vendor_logs import set_up_vendor_logs
from discovery.config.notify import NotifyFormat, NotifyKind, NotifySink
from discovery.notify.messages import Message
from discovery.notify.sender import ATTEMPTS, LONGEST_WAIT_S, NotSent, Sender
from discovery.notify.sinks import QUEUE_LIMIT, Outcome, Sinks
from discovery.sandbox.authorities import Authority
from tests.support.teleport_client import until
from tests.support.webhooks import (
    Reply,
    Webhook,
    answer,
    hang_up,
    say_nothing,
    talk_for_ever,
    webhook,
)

NOW = datetime(2026, 11, 23, 9, 24, 7, tzinfo=UTC)
HUSH = "HUSH"


def message(kind: NotifyKind = NotifyKind.REGISTERED, sweep_id: str = "s1") -> Message:
    return Message(kind=kind, group="prod", sweep_id=sweep_id, at=NOW, text="text", count=1)


def sink(**more: Any) -> NotifySink:
    return NotifySink(**{"webhook": "env:HOOK", **more})


class Pauses(list[float]):
    """The pauses that were asked for; none is made."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def send(hook: Webhook, *, limit_s: float = 5.0, environ: Any = None, **more: Any) -> Pauses:
    """Send one message; returns the pauses between the attempts."""
    pauses = Pauses()
    secrets = {"HOOK": hook.url, "AUTH": "Bearer HUSH-token", **(environ or {})}
    await Sender(sink(**more), secrets, sleep=pauses, limit_s=limit_s).send(message())
    return pauses


async def refusal(hook: Webhook, **more: Any) -> str:
    with pytest.raises(NotSent) as refused:
        await send(hook, **more)
    assert HUSH not in str(refused.value)
    assert str(hook.port) not in str(refused.value)
    return str(refused.value)


class TestSending:
    async def test_a_message_arrives_as_a_cloud_event_with_its_authorization(self) -> None:
        async with webhook() as hook:
            assert await send(hook, authorization="env:AUTH") == []
        received = hook.received[0]
        assert received.path == "/hook/HUSH-in-the-path"
        assert received.headers["content-type"].startswith("application/cloudevents+json")
        assert received.headers["authorization"] == "Bearer HUSH-token"
        assert received.json["id"] == "s1.registered"

    async def test_slack_gets_its_own_format_and_no_authorization(self) -> None:
        async with webhook(answer(200, body=b"ok")) as hook:
            await send(hook, format=NotifyFormat.SLACK)
        assert "authorization" not in hook.received[0].headers
        assert "blocks" in hook.received[0].json

    @pytest.mark.parametrize("reply", [answer(500), answer(429), answer(503), hang_up])
    async def test_what_passes_is_tried_again_with_the_same_id(self, reply: Reply) -> None:
        async with webhook(reply, reply) as hook:
            pauses = await send(hook)
        assert len(hook.received) == len(pauses) + 1 == 3
        assert {each.body for each in hook.received} == {hook.received[0].body}

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    async def test_what_does_not_pass_is_not(self, status: int) -> None:
        async with webhook(answer(status, body=b"HUSH")) as hook:
            assert await refusal(hook) == f"it answers {status}"
        assert len(hook.received) == 1

    async def test_it_is_given_up_after_so_many_attempts(self) -> None:
        async with webhook(*[answer(500)] * 20) as hook:
            assert await refusal(hook) == "it answers 500"
        assert len(hook.received) == ATTEMPTS

    @pytest.mark.parametrize(
        ("said", "waited"),
        [("7", 7.0), ("86400", LONGEST_WAIT_S), ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST_WAIT_S)],
    )
    async def test_retry_after_is_waited_for_within_bounds(self, said: str, waited: float) -> None:
        async with webhook(answer(429, f"Retry-After: {said}")) as hook:
            (pause,) = await send(hook)
        assert pause == pytest.approx(waited)

    @pytest.mark.parametrize("said", ["soon", "-1", "١", "Mon, 01 Jan 2001 00:00:00 GMT"])
    async def test_a_retry_after_that_says_nothing_is_ignored(self, said: str) -> None:
        async with webhook(answer(503, f"Retry-After: {said}")) as hook:
            (pause,) = await send(hook)
        assert pause < 2

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_not_followed(self, status: int) -> None:
        async with webhook() as other, webhook() as hook:
            hook.replies.append(answer(status, f"Location: {other.url}"))
            assert (await refusal(hook)).startswith(f"it answers {status}, a redirect")
        assert not other.received
        assert len(hook.received) == 1

    async def test_one_that_stalls_is_left_in_time(self) -> None:
        async with webhook(*[say_nothing] * ATTEMPTS) as hook:
            assert await refusal(hook, limit_s=0.2) == "no answer within 0.2 s"

    async def test_an_answer_without_end_is_not_read(self) -> None:
        async with webhook(talk_for_ever) as hook:
            await send(hook)
        assert hook.connections == 1

    async def test_nobody_there(self) -> None:
        async with webhook() as hook:
            pass
        assert await refusal(hook) == "it cannot be reached: Connection refused"

    @pytest.mark.slow
    async def test_a_name_that_does_not_resolve_is_not_repeated(self) -> None:
        environ = {"HOOK": "https://HUSH.invalid/x"}
        async with webhook() as hook:
            assert await refusal(hook, environ=environ) == "its host name cannot be resolved"

    async def test_a_secret_that_is_gone_is_named_by_its_reference(self) -> None:
        async with webhook() as hook:
            said = await refusal(hook, webhook="file:/nowhere/hook")
        assert said == "the file /nowhere/hook cannot be read: No such file or directory"

    async def test_a_rotated_secret_is_used_at_once(self, tmp_path: Path) -> None:
        where = tmp_path / "hook"
        async with webhook() as first, webhook() as second:
            for hook in (first, second):
                where.write_text(hook.url + "\n")
                await send(hook, webhook=f"file:{where}")
        assert (len(first.received), len(second.received)) == (1, 1)

    async def test_this_machine_is_not_asked_through_a_proxy(self) -> None:
        async with webhook() as proxy, webhook() as hook:
            await send(hook, environ={"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url})
        assert not proxy.connections

    async def test_a_proxy_that_is_none_is_not_repeated(self) -> None:
        environ = {"HOOK": "https://hooks.invalid/x", "HTTPS_PROXY": "http://u:HUSH#@p:1"}
        async with webhook() as hook:
            assert "HTTPS_PROXY is no URL of a proxy" in await refusal(hook, environ=environ)


class TestTls:
    @pytest.fixture
    def authority(self) -> Authority:
        return Authority("HUSH roots", datetime.now(UTC))

    def server(self, authority: Authority, directory: Path, name: str) -> ssl.SSLContext:
        leaf = authority.issue(x509.Name([]), datetime.now(UTC), timedelta(hours=1), names=(name,))
        file = directory / "server.pem"
        file.write_text(leaf.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    @pytest.fixture
    def trusted(
        self, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        roots = tmp_path / "roots.pem"
        roots.write_text(authority.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        return iter((None,))

    @pytest.mark.usefixtures("trusted")
    async def test_a_certificate_that_is_trusted(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        async with webhook(tls=self.server(authority, tmp_path, "127.0.0.1")) as hook:
            await send(hook)
        assert len(hook.received) == 1

    async def test_one_that_is_not(self, authority: Authority, tmp_path: Path) -> None:
        async with webhook(tls=self.server(authority, tmp_path, "127.0.0.1")) as hook:
            assert "its certificate is not trusted here" in await refusal(hook)
        assert not hook.received

    @pytest.mark.usefixtures("trusted")
    async def test_one_of_another_host_does_not_name_it(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        async with webhook(tls=self.server(authority, tmp_path, "hush.test")) as hook:
            assert "(it is for another host)" in await refusal(hook)
        assert not hook.received


class Outcomes(dict[tuple[int, str], int]):
    """What became of messages, by sink."""

    def __call__(self, sink: int, outcome: Outcome, count: int) -> None:
        self[sink, outcome] = self.get((sink, outcome), 0) + count


def sinks_for(environ: dict[str, str], outcomes: Outcomes) -> Sinks:
    async def no_pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    return Sinks(outcomes, lambda sink: Sender(sink, environ, sleep=no_pause))


class TestQueues:
    async def test_each_sink_gets_what_it_wants_in_order(self) -> None:
        outcomes = Outcomes()
        async with webhook() as first, webhook() as second:
            sinks = sinks_for({"HOOK": first.url, "OTHER": second.url}, outcomes)
            sinks.use([sink(), sink(webhook="env:OTHER", on="refused")])
            assert sinks.kinds == set(NotifyKind)
            sinks.enqueue([message(kind) for kind in NotifyKind])
            await sinks.close(60)
        assert [each.json["data"]["kind"] for each in first.received] == list(NotifyKind)
        assert [each.json["data"]["kind"] for each in second.received] == ["refused"]
        assert outcomes[1, Outcome.SENT] == len(NotifyKind)
        assert (outcomes[2, Outcome.SENT], outcomes[2, Outcome.FAILED]) == (1, 0)

    async def test_one_that_stalls_holds_up_no_other(self) -> None:
        outcomes = Outcomes()
        async with webhook(say_nothing) as stuck, webhook() as well:
            sinks = sinks_for({"HOOK": stuck.url, "OTHER": well.url}, outcomes)
            sinks.use([sink(), sink(webhook="env:OTHER")])
            sinks.enqueue([message()])
            await until(lambda: bool(well.received) and bool(stuck.received))
            await sinks.close(0.05)
        assert outcomes[1, Outcome.DROPPED] == 1
        assert outcomes[2, Outcome.SENT] == 1

    async def test_a_full_queue_drops_and_says_so_once(self) -> None:
        outcomes = Outcomes()
        async with webhook(say_nothing) as stuck:
            sinks = sinks_for({"HOOK": stuck.url}, outcomes)
            sinks.use([sink()])
            sinks.enqueue([message()])
            await until(lambda: bool(stuck.received))
            with capture_logs() as logged:
                sinks.enqueue([message()] * (QUEUE_LIMIT + 7))
            assert outcomes[1, Outcome.DROPPED] == 7
            assert [each["event"] for each in logged] == ["notify.queue_full"]
            with capture_logs() as logged:
                await sinks.close(0.01)
        assert outcomes[1, Outcome.DROPPED] == 7 + 1 + QUEUE_LIMIT
        assert [(each["event"], each["count"]) for each in logged] == [
            ("notify.not_sent", 1 + QUEUE_LIMIT)
        ]

    async def test_a_reload_keeps_what_is_as_it_was_and_ends_the_rest(self) -> None:
        outcomes = Outcomes()
        async with webhook() as first, webhook() as second:
            sinks = sinks_for({"HOOK": first.url, "OTHER": second.url}, outcomes)
            sinks.use([sink(), sink(webhook="env:OTHER")])
            sinks.enqueue([message()])
            sinks.use([sink()])
            sinks.enqueue([message(sweep_id="s2")])
            await sinks.close(60)
        assert [each.json["id"] for each in first.received] == ["s1.registered", "s2.registered"]
        assert [each.json["id"] for each in second.received] == ["s1.registered"]

    async def test_no_log_has_a_secret_in_it(
        self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(0)
        set_up_vendor_logs(shows_debug=True)
        replies = (answer(404, body=b"HUSH"), answer(302, "Location: http://HUSH/"), hang_up)
        outcomes = Outcomes()
        async with webhook(*replies) as hook:
            sinks = sinks_for({"HOOK": hook.url, "AUTH": "HUSH"}, outcomes)
            sinks.use([sink(authorization="env:AUTH")])
            with capture_logs() as logged:
                sinks.enqueue([message()] * 3)
                await sinks.close(60)
        assert [each["event"] for each in logged] == [
            "notify.failed",
            "notify.failed",
            "notify.sent_again",
        ]
        set_up_vendor_logs(shows_debug=False)
        everything = repr(logged) + caplog.text + "".join(capsys.readouterr())
        assert HUSH not in everything
        assert f":{hook.port}" not in everything
