"""A simulated AWS with one cache that people log in to, served; and raw clients for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from discovery.sandbox.aws.keys import Key, new_id, new_secret, new_token
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.aws.world import World
from discovery.sandbox.data_plane.calls import Call
from discovery.sandbox.data_plane.server import SimulatedCaches

ACCOUNT, OTHER_ACCOUNT = "111122223333", "222233334444"
REGION = "eu-central-1"
CACHE, USER = "orders", "app"
LOOPBACK = "127.0.0.1"


def sign(
    key: Key,
    *,
    host: str = CACHE,
    region: str = REGION,
    service: str = "elasticache",
    expires: int = 900,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **changes: str,
) -> str:
    """A token, right in all that is not given otherwise; `changes` are of the query."""
    asked = {"Action": "connect", "User": USER, "ResourceType": "ServerlessCache", **changes}
    request = AWSRequest("GET", f"https://{host}/?{urlencode(asked if query is None else query)}")
    for name, value in (headers or {}).items():
        request.headers[name] = value
    credentials = ReadOnlyCredentials(key.access_key_id, key.secret, key.token)
    SigV4QueryAuth(credentials, service, region, expires=expires).add_auth(request)
    return str(request.url).removeprefix("https://")


class Conversation:
    """A connection on which commands are sent and bytes are read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, *words: str | bytes) -> bytes:
        """Send one command, and return its reply of one line."""
        self.send(words)
        return (await self._reader.readuntil(b"\r\n")).removesuffix(b"\r\n")

    async def ask_all(self, raw: bytes) -> bytes:
        """Send bytes, and return all that comes until the other side ends."""
        self._writer.write(raw)
        return await self._reader.read(-1)

    def send(self, words: tuple[str | bytes, ...]) -> None:
        """Send one command."""
        self._writer.write(pack(*words))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def pack(*words: str | bytes) -> bytes:
    """A command as clients send it."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


class DataPlane:
    """A world with the cache `orders`, whose group has the IAM user `app`, behind a server."""

    def __init__(self) -> None:
        self.world = World()
        self.account = self.world.account(ACCOUNT)
        self.region = self.account.region(REGION)
        self.region.add_user(USER)
        self.region.add_user_group("people", users=(USER,))
        self.region.add_cache(CACHE, group="people")
        self.key = self.account.add_key("teleport")
        self.caches = SimulatedCaches(self.world)
        self.address = ""

    @property
    def cache(self) -> Cache:
        """The cache `orders`."""
        found = self.region.caches.get(CACHE)
        assert found is not None
        return found

    @property
    def port(self) -> int:
        """Where the caches listen."""
        return int(self.address.rpartition(":")[2])

    @property
    def calls(self) -> tuple[Call, ...]:
        """What was asked, connections included."""
        return tuple(self.caches.calls)

    def session(self, *, name: str = "connect") -> Key:
        """A session of a role of the account."""
        role = self.account.add_role(name, trusted=(ACCOUNT,))
        return self.world.keys.add(
            Key(
                access_key_id=new_id("ASIA"),
                secret=new_secret(),
                account_id=ACCOUNT,
                principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test",
                user_id="AROA:test",
                token=new_token(),
                expires_at=self.world.auth_clock() + timedelta(hours=1),
                role_arn=role.arn,
            )
        )

    def tls(self) -> ssl.SSLContext:
        """A context that trusts the caches' authority and nobody else."""
        return ssl.create_default_context(cadata=self.caches.ca_pem)

    @asynccontextmanager
    async def connect(
        self, host: str | None = None, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[Conversation]:
        """A verified connection to the cache at a host, by default `orders`."""
        reader, writer = await asyncio.open_connection(
            LOOPBACK,
            self.port,
            ssl=context or self.tls(),
            server_hostname=host or self.cache.host,
        )
        conversation = Conversation(reader, writer)
        try:
            yield conversation
        finally:
            await conversation.close()


@asynccontextmanager
async def served() -> AsyncIterator[DataPlane]:
    """A data plane that is served inside the `async with`."""
    plane = DataPlane()
    async with plane.caches.serve() as plane.address:
        yield plane
