"""The gRPC calls on one connection to Auth: read, changed by faults, answered, logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError
from grpclib.const import Status
from grpclib.protocol import AbstractHandler, Stream
from h2.exceptions import ProtocolError

from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.calls import Call, CallLog, Handshake
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.fault_effects import (
    Dropped,
    GoAway,
    apply_faults,
    apply_to_answer,
    is_cut_off,
    paging,
)
from discovery.sandbox.teleport.faults import CallSite, Fault
from discovery.sandbox.teleport.framing import CONTENT, read_message, send_answer, send_refusal
from discovery.sandbox.teleport.messages import Message, decoded, to_document
from discovery.sandbox.teleport.service import PROCEDURES, SERVICE, Procedure, RpcCall, RpcError
from discovery.sandbox.teleport.tls import Client

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Auth:
    """What every connection to Auth shares."""

    cluster: Cluster
    faults: FaultBoard[Fault]
    calls: CallLog
    proxy_address: Callable[[], str]


class CallerConnection(Protocol):
    """The connection that the calls come through."""

    handshake: Handshake
    client: Client

    @property
    def address(self) -> str:
        """`host:port` of the client."""
        ...

    def reset(self) -> None:
        """Reset the connection at once."""
        ...

    def send_goaway(self) -> None:
        """End the connection with GOAWAY."""
        ...


class _UnsupportedVersion(RpcError):
    """A client too old to call; its connection is closed, too."""


class GrpcHandler(AbstractHandler):
    """Takes the calls of one connection."""

    def __init__(self, auth: Auth, connection: CallerConnection) -> None:
        self.tasks: dict[Stream, asyncio.Task[None]] = {}
        self._auth = auth
        self._connection = connection

    def accept(
        self, stream: Stream, headers: list[tuple[str, str]], release_stream: Callable[[], None]
    ) -> None:
        """Begin a call."""
        task = asyncio.get_running_loop().create_task(self._serve(stream, dict(headers)))
        self.tasks[stream] = task

        def done(_: asyncio.Task[None]) -> None:
            self.tasks.pop(stream, None)
            release_stream()

        task.add_done_callback(done)

    def cancel(self, stream: Stream) -> None:
        """Cancel a call whose client wants no answer any more."""
        task = self.tasks.get(stream)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Cancel every call."""
        for task in tuple(self.tasks.values()):
            task.cancel()

    async def _serve(self, stream: Stream, headers: Mapping[str, str]) -> None:
        service, _, method = headers.get(":path", "").removeprefix("/").partition("/")
        connection = self._connection
        call = Call(
            at=self._auth.cluster.clock(),
            connection=connection.handshake.number,
            port=connection.handshake.port,
            user=connection.client.user,
            method=method if service == SERVICE else f"{service}/{method}",
            headers={name: value for name, value in headers.items() if name[0] != ":"},
        )
        self._auth.calls.add(call)
        outcome = "(cancelled)"
        try:
            outcome = await self._answer(stream, call)
        except Dropped:
            outcome = "(dropped)"
            connection.reset()
        except GoAway:
            outcome = "(goodbye)"
            connection.send_goaway()
        except (ProtocolError, ConnectionError):  # h2's word for what is sent after the end
            outcome = "(gone)"
        except Exception:
            outcome = "(broken)"
            _LOG.exception("the sandbox failed on %s", call.method)
            connection.reset()
        finally:
            self._auth.calls.end(call, outcome)

    async def _answer(self, stream: Stream, call: Call) -> str:
        """Answer the call and return its outcome. Raises Dropped or GoAway."""
        version = self._auth.cluster.release.version
        try:
            procedure, request = await self._read(stream, call)
            active = self._auth.faults.consume(CallSite(call.method, call.name))
            answer = await self._act(procedure, request, call.name, active)
        except RpcError as error:
            await send_refusal(stream, error, version)
            if isinstance(error, _UnsupportedVersion):
                self._connection.send_goaway()
            return error.status.name
        cut_off = is_cut_off(active)
        await send_answer(stream, apply_to_answer(answer, active), version, cut_off=cut_off)
        return Status.OK.name

    async def _read(self, stream: Stream, call: Call) -> tuple[Procedure, Message]:
        if not call.headers.get("content-type", "").startswith(CONTENT):
            raise RpcError(Status.UNKNOWN, "the content type is not application/grpc")
        client_version = call.headers.get("version")
        if client_version is not None and not self._auth.cluster.release.accepts_client(
            client_version
        ):
            raise _UnsupportedVersion(Status.PERMISSION_DENIED, "client version is unsupported")
        procedure = PROCEDURES.get(call.method)
        if procedure is None:
            raise RpcError(Status.UNIMPLEMENTED, f"unknown method {call.method}")
        body = await read_message(stream)
        call.size_bytes = len(body)
        try:
            request = decoded(procedure.request, body)
        except DecodeError as error:
            raise RpcError(Status.INTERNAL, "grpc: error unmarshalling request") from error
        call.name = procedure.subject(request)
        call.request = to_document(request)
        return procedure, request

    async def _act(
        self, procedure: Procedure, request: Message, subject: str, active: tuple[Fault, ...]
    ) -> bytes:
        cluster = self._auth.cluster
        if self._connection.client.user in cluster.locked:
            raise RpcError(Status.PERMISSION_DENIED, "access denied")
        await apply_faults(active, cluster, subject, after=False)
        pages = paging(active)
        rpc = RpcCall(
            cluster=cluster,
            roles=self._connection.client.roles,
            request=request,
            address=self._connection.address,
            proxy=self._auth.proxy_address(),
            page_limit=pages.limit,
            repeat_token=pages.repeat_token,
        )
        try:
            answer: bytes = procedure.act(rpc).SerializeToString()
        finally:  # the answer that is lost may be a refusal, too
            await apply_faults(active, cluster, subject, after=True)
        return answer
