"""A served Teleport, and raw clients for it: ssl, grpclib with plain bytes, httpx."""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.identity import Identity
from discovery.sandbox.teleport.roles import Role, bot_role
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from tests.support.protobuf_messages import Fields, message

GROUP = "prod"
OURS = {"managed-by": "cachemuster", "cachemuster/group": GROUP}
AUTH_NAME = "teleport.cluster.local"
CLUSTER = "teleport.example.com"
TO_AUTH = "teleport-auth@74656c65706f72742e6578616d706c652e636f6d.teleport.cluster.local"
"""For `CLUSTER`, spelled out by hand."""

HOST = "orders-abc123.serverless.euc1.cache.amazonaws.com"
ACCOUNT = "111122223333"


class Plain(CodecBase):
    """Messages as the bytes that they are."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


def blocks(identity: Identity) -> list[str]:
    """The PEM blocks of an identity file, in order."""
    pattern = r"-----BEGIN [A-Z ]+-----\n.*?-----END [A-Z ]+-----\n"
    return re.findall(pattern, identity.text, re.DOTALL)


def tls(
    identity: Identity | None,
    *,
    alpn: tuple[str, ...] = (TO_AUTH, "h2"),
    trust: Identity | None = None,
    whole_file: bool = False,
) -> ssl.SSLContext:
    """A client's context with the identity's key and leaf; `trust`: another one's CAs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = trust or identity
    assert trusted is not None
    context.load_verify_locations(cadata="".join(blocks(trusted)[2:]))
    context.set_alpn_protocols(list(alpn))
    if identity is not None:
        chain = identity.text if whole_file else "".join(blocks(identity)[:2])
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(chain)
            file.flush()
            context.load_cert_chain(file.name)
    return context


class Caller:
    """Calls Auth's methods with hand-made bytes."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def call(
        self,
        method: str,
        request: bytes = b"",
        *,
        metadata: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - of the call, sent along
    ) -> Fields:
        """The answer's fields. Raises GRPCError, or what a broken connection raises."""
        rpc = UnaryUnaryMethod(self.channel, f"/proto.AuthService/{method}", bytes, bytes)
        return Fields(await rpc(request, timeout=timeout, metadata=metadata))

    async def refused(self, method: str, request: bytes = b"", **kwargs: Any) -> tuple[Status, str]:
        """Status and words with which the call is refused."""
        try:
            await self.call(method, request, **kwargs)
        except GRPCError as error:
            return error.status, error.message or ""
        raise AssertionError(f"{method} was not refused")

    async def create(self, name: str, **changes: Any) -> None:
        """The database is created."""
        await self.call("CreateDatabase", database(name, **changes))

    async def names(self) -> list[str]:
        """All names that `ListDatabases` gives, to the last page."""
        found, token = [], ""
        while True:
            page = await self.call("ListDatabases", message((2, token)) if token else b"")
            found += [Fields(one).part(4).text(1) for one in page.every(1)]
            token = page.text(2)
            if not token:
                return found

    async def get(self, name: str) -> Fields:
        """The database of that name."""
        return await self.call("GetDatabase", message((1, name)))


class Simulation:
    """A served Teleport and what tests want of it."""

    def __init__(self, teleport: SimulatedTeleport, at: Addresses, stack: AsyncExitStack) -> None:
        self.teleport = teleport
        self.cluster = teleport.cluster
        self.at = at
        self._stack = stack
        self.bot = self.cluster.issue("bot-cachemuster", bot_role(GROUP))

    def caller(
        self,
        identity: Identity | None = None,
        *,
        port: str = "proxy",
        context: ssl.SSLContext | None = None,
        server_name: str = AUTH_NAME,
    ) -> Caller:
        """A channel of its own, as that identity (the bot's)."""
        alpn = (TO_AUTH, "h2") if port == "proxy" else ("h2",)
        host, number = getattr(self.at, port).split(":")
        channel = Channel(
            host,
            int(number),
            ssl=context or tls(identity or self.bot, alpn=alpn),
            codec=Plain(),
            config=Configuration(ssl_target_name_override=server_name),
        )
        self._stack.callback(channel.close)
        return Caller(channel)

    def as_role(self, role: Role) -> Caller:
        """A caller who has just that role."""
        return self.caller(self.cluster.issue("somebody", role))

    @property
    def person(self) -> Caller:
        """Somebody who may do everything."""
        return self.caller(self.cluster.issue("alice", "editor"))

    async def web(self) -> httpx.AsyncClient:
        """A client that trusts the web's authority and nothing else."""
        context = ssl.create_default_context(cadata=self.cluster.web_ca.pem)
        client = httpx.AsyncClient(base_url=self.at.web, verify=context, trust_env=False)
        return await self._stack.enter_async_context(client)


@asynccontextmanager
async def served(cluster: Cluster | None = None) -> AsyncIterator[Simulation]:
    """A Teleport that is served inside the `async with`."""
    teleport = SimulatedTeleport(cluster or Cluster(CLUSTER))
    async with teleport.serve() as at, AsyncExitStack() as stack:
        yield Simulation(teleport, at, stack)


def database(
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    uri: str = f"{HOST}:6379",
    protocol: str = "redis",
    description: str = "",
    namespace: str = "",
    revision: str = "",
    aws: bytes | None = None,
    spec: bytes = b"",
    extra: bytes = b"",
) -> bytes:
    """A `DatabaseV3`, from the field numbers of teleport/README: Messages."""
    if aws is None:
        aws = message((1, "eu-central-1"), (4, ACCOUNT), (17, message((1, "orders"))))
    metadata = message(
        (1, name), (2, namespace), (3, description), (5, OURS if labels is None else labels)
    )
    if revision:
        metadata += message((8, revision))
    body = message((1, protocol), (2, uri), (5, aws)) + spec
    return message((1, "db"), (3, "v3"), (4, metadata), (5, body)) + extra


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another task brings about; the test's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 - it is the server's doing
        await asyncio.sleep(0.002)
