"""Unmodified clients log in to a cache of the sandbox: redis-cli and redis-py."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.exceptions import AuthenticationError, ResponseError

from tests.support.simulated_caches import CACHE, LOOPBACK, REGION, USER, DataPlane, sign

CLI = shutil.which("redis-cli")
needs_cli = pytest.mark.skipif(CLI is None, reason="no redis-cli here: apt-get install redis-tools")


async def run(*words: str, **environment: str) -> tuple[str, str]:
    """Output and errors of a process."""
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return output.decode().strip(), errors.decode().strip()


async def redis_cli(plane: DataPlane, directory: Path, *words: str, **more: str) -> tuple[str, str]:
    assert CLI is not None
    ca_file = directory / "ca.pem"
    ca_file.write_text(plane.caches.ca_pem)
    there = ["-h", LOOPBACK, "-p", str(plane.port), "--sni", plane.cache.host]
    return await run(CLI, *there, "--tls", "--cacert", str(ca_file), *words, **more)


@pytest.mark.slow
@needs_cli
async def test_a_token_of_our_command_gets_a_pong(plane: DataPlane, tmp_path: Path) -> None:
    key = plane.key
    token, _ = await run(
        *(sys.executable, "-m", "discovery", "token", CACHE, USER, "--region", REGION),
        AWS_ACCESS_KEY_ID=key.access_key_id,
        AWS_SECRET_ACCESS_KEY=key.secret,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    login = ["--user", USER, "PING"]
    assert await redis_cli(plane, tmp_path, *login, REDISCLI_AUTH=token) == ("PONG", "")
    output, errors = await redis_cli(plane, tmp_path, *login, REDISCLI_AUTH=f"{token}0")
    assert output == "NOAUTH Authentication required."
    assert errors.startswith("AUTH failed: WRONGPASS")


@needs_cli
@pytest.mark.parametrize("protocol", ["-2", "-3"])
async def test_redis_cli_asks_who_it_is(plane: DataPlane, tmp_path: Path, protocol: str) -> None:
    login = [protocol, "--user", USER, "--no-auth-warning"]
    words = [*login, "--pass", sign(plane.key)]
    assert await redis_cli(plane, tmp_path, *words, "ACL", "WHOAMI") == (f"{USER}", "")
    output, _ = await redis_cli(plane, tmp_path, *words, "SET", "k", "v")
    assert output == "ERR unknown command 'SET', with args beginning with: 'k' 'v'"


class ByServerName(SSLConnection):
    """redis-py's TLS, with another name for TLS than the address to connect to."""

    server_name = ""

    def _connection_arguments(self) -> Any:
        return {**super()._connection_arguments(), "server_hostname": self.server_name}


@asynccontextmanager
async def redis_py(plane: DataPlane, **settings: Any) -> AsyncIterator[Redis]:
    kind = type("Connection", (ByServerName,), {"server_name": plane.cache.host})
    pool = ConnectionPool(
        connection_class=kind,
        host=LOOPBACK,
        port=plane.port,
        ssl_ca_data=plane.caches.ca_pem,
        ssl_check_hostname=True,
        decode_responses=True,
        **settings,
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py_logs_in(plane: DataPlane, protocol: int) -> None:
    login = {"username": USER, "password": sign(plane.key), "protocol": protocol}
    async with redis_py(plane, **login) as client:
        assert await client.ping() is True
        assert await client.acl_whoami() == USER
        with pytest.raises(ResponseError, match="unknown command 'GET'"):
            await client.get("k")


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py_is_refused(plane: DataPlane, protocol: int) -> None:
    login = {"username": USER, "password": sign(plane.key, User="ops"), "protocol": protocol}
    async with redis_py(plane, **login) as client:
        with pytest.raises(AuthenticationError, match="invalid username-password pair"):
            await client.ping()


async def test_commands_may_be_sent_before_replies_are_read(plane: DataPlane) -> None:
    async with plane.connect() as client:
        sent = f"AUTH {USER} {sign(plane.key)}\r\n" + "PING\r\n" * 500 + "QUIT\r\n"
        answer = await client.ask_all(sent.encode())
        assert answer == b"+OK\r\n" + b"+PONG\r\n" * 500 + b"+OK\r\n"


async def test_many_clients_are_served_at_once(plane: DataPlane) -> None:
    token = sign(plane.key)

    async def ask() -> bytes:
        async with plane.connect() as client:
            await client.ask("AUTH", USER, token)
            return await client.ask("PING")

    assert await asyncio.gather(*(ask() for _ in range(20))) == [b"+PONG"] * 20
