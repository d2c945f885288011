"""The rules of the house can be broken, and who breaks one is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BREAKERS = """
import asyncio
import socket

KEPT = []


async def test_leaves_a_task():
    KEPT.append(asyncio.create_task(asyncio.sleep(60)))


def test_leaves_a_task_in_a_loop_of_its_own():
    async def main():
        KEPT.append(asyncio.create_task(asyncio.sleep(60)))

    asyncio.run(main())


async def test_lets_a_task_fail_unseen():
    async def fail():
        raise ValueError

    asyncio.create_task(fail())
    await asyncio.sleep(0)


async def test_leaves_a_socket():
    socket.socket()


async def test_leaves_a_socket_in_a_circle():
    circle = [socket.socket()]
    circle.append(circle)


async def test_leaves_a_server_and_its_client():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    await asyncio.open_connection(*server.sockets[0].getsockname())


def test_leaves_this_machine():
    try:
        socket.create_connection(("192.0.2.1", 443), timeout=0.1)
    except OSError:
        pass


async def test_asks_for_a_name():
    try:
        await asyncio.get_running_loop().getaddrinfo("sts.amazonaws.com", 443)
    except OSError:
        pass


async def test_keeps_them():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "localhost", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    for each in (writer, server):
        each.close()
        await each.wait_closed()


def test_a_name_that_is_none_is_not_asked_for():
    try:
        socket.getaddrinfo("teleport.invalid", 443)
    except socket.gaierror:
        pass
"""


def test_whoever_breaks_a_rule_fails(tmp_path: Path) -> None:
    (tmp_path / "test_breakers.py").write_text(BREAKERS)
    options = ["-n0", "-rA", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    places = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    summary = done.stdout.rpartition("short test summary info")[2]
    shown = {line.split("::")[1].split()[0] for line in summary.splitlines() if "::" in line}
    broken = {
        line.split("::")[1].split()[0]
        for line in summary.splitlines()
        if line.startswith(("FAILED", "ERROR"))
    }
    assert shown - broken == {"test_keeps_them", "test_a_name_that_is_none_is_not_asked_for"}, (
        done.stdout + done.stderr
    )
    assert len(broken) == BREAKERS.count("def test_") - 2
