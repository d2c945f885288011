"""Notices to systemd over real sockets, and the silence where nobody listens."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from discovery.service.systemd import Notifier


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(5)
        yield listener


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(place: str) -> Iterator[socket.socket]:
    with listening(place) as listener:
        yield listener


@pytest.fixture
def notifier(systemd: socket.socket, place: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": place})


def heard(listener: socket.socket) -> str:
    return listener.recv(65536).decode()


def test_the_life_of_a_service(notifier: Notifier, systemd: socket.socket) -> None:
    for say, message in {
        notifier.ready: "READY=1",
        notifier.watchdog: "WATCHDOG=1",
        notifier.stopping: "STOPPING=1",
    }.items():
        say()
        assert heard(systemd) == message


def test_reloading_says_since_when(notifier: Notifier, systemd: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = heard(systemd).splitlines()
    assert first == "RELOADING=1"
    name, _, moment = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(moment) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("312 caches; next at 09:14 UTC", "312 caches; next at 09:14 UTC", id="plain"),
        pytest.param("done\nREADY=1\nMAINPID=1", r"done\x0aREADY=1\x0aMAINPID=1", id="lines"),
        pytest.param("\x1b[2J\u202eevil\x00", r"\x1b[2J\u202eevil\x00", id="control"),
        pytest.param("größer – 5 %", "größer – 5 %", id="unicode"),
        pytest.param("a\udcff", r"a\udcff", id="surrogate"),
    ],
)
def test_a_status_is_one_line_whatever_it_says(
    notifier: Notifier, systemd: socket.socket, text: str, shown: str
) -> None:
    notifier.status(text)
    assert heard(systemd) == f"STATUS={shown}"


def test_a_long_status_is_cut(notifier: Notifier, systemd: socket.socket) -> None:
    notifier.status("x" * 100_000)
    assert len(heard(systemd)) < 300


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="abstract sockets are Linux's own")
def test_a_socket_in_the_abstract_namespace() -> None:
    name = f"cachemuster-{secrets.token_hex(8)}"
    with listening(f"\0{name}") as listener:
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard(listener) == "READY=1"


EVERYTHING = (
    Notifier.ready,
    Notifier.reloading,
    Notifier.watchdog,
    Notifier.stopping,
    lambda notifier: notifier.status("well"),
)


def say_everything(notifier: Notifier) -> None:
    for say in EVERYTHING:
        say(notifier)


@pytest.mark.parametrize("place", ["", "@", "relative", "vsock:2:1234", "/gone/notify", "/x" * 200])
def test_where_nobody_listens_nothing_happens(place: str) -> None:
    say_everything(Notifier({"NOTIFY_SOCKET": place}))
    say_everything(Notifier({}))


def test_a_listener_that_went_away_hurts_nobody(place: str) -> None:
    with listening(place):
        notifier = Notifier({"NOTIFY_SOCKET": place})
    say_everything(notifier)  # refused
    Path(place).unlink()
    say_everything(notifier)  # gone


def test_a_listener_that_does_not_listen_holds_nobody_up(
    notifier: Notifier, systemd: socket.socket
) -> None:
    systemd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(2000):  # far more than any queue holds
        notifier.watchdog()
    assert heard(systemd) == "WATCHDOG=1"


OWN = str(os.getpid())


@pytest.mark.parametrize(
    ("environ", "every_s"),
    [
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": OWN}, 15, id="ours"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 15, id="anybody's"),
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None, id="another's"),
        pytest.param({}, None, id="none"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="off"),
        pytest.param({"WATCHDOG_USEC": "-1"}, None, id="negative"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="no-number"),
    ],
)
def test_how_often_the_watchdog_is_fed(
    place: str, environ: dict[str, str], every_s: float | None
) -> None:
    every = timedelta(seconds=every_s) if every_s is not None else None
    assert Notifier({"NOTIFY_SOCKET": place, **environ}).watchdog_every == every
    assert Notifier(environ).watchdog_every is None  # nobody to feed
